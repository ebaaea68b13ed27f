"""upload-url, the PUT it signs, complete-upload, and the object's event."""
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest

import form
from stack import BUCKET
from web import request, wait_for

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
LIMIT = 524288000


def query_of(upload):
    return {k: v[0] for k, v in parse_qs(
        urlsplit(upload["uploadUrl"]).query, keep_blank_values=True).items()}


# ---- upload-url -------------------------------------------------------------

def test_upload_url_has_exactly_the_documented_members(stack, user):
    before = time.time()
    upload = user.upload_url("My clip.mp4", 1234)
    assert set(upload) == {"uploadUrl", "key", "bucket", "fields", "method",
                           "headers", "expiresAt", "uploadId"}
    assert upload["bucket"] == BUCKET
    assert upload["method"] == "PUT"
    assert upload["headers"] == {"Content-Type": "video/mp4"}
    assert set(upload["fields"]) == {
        "Content-Type", "x-amz-meta-user-id", "x-amz-meta-upload-time"}
    assert upload["fields"]["Content-Type"] == "video/mp4"
    assert upload["fields"]["x-amz-meta-user-id"] == user.id
    assert re.fullmatch(UUID, upload["uploadId"])
    found = re.fullmatch(
        rf"uploads/{user.id}/(\d{{13}})-[0-9a-f]{{16}}-My_clip\.mp4",
        upload["key"])
    after = time.time()
    assert found and before - 1 < int(found[1]) / 1000 < after + 1
    expires = datetime.fromisoformat(upload["expiresAt"].replace("Z", "+00:00"))
    assert before - 1 < expires.timestamp() - 3600 < after + 1


def test_upload_url_signs_the_endpoint_type_and_length(stack, user):
    upload = user.upload_url(size=1234)
    parts = urlsplit(upload["uploadUrl"])
    query = query_of(upload)
    assert f"{parts.scheme}://{parts.netloc}" == stack.s3
    assert parts.path == f"/{BUCKET}/{upload['key']}"
    assert query["X-Amz-Expires"] == "3600"
    assert query["X-Amz-SignedHeaders"] == "content-length;content-type;host"
    assert query["x-amz-meta-user-id"] == user.id
    assert query["x-amz-meta-upload-time"] == \
        upload["fields"]["x-amz-meta-upload-time"]
    unsized = query_of(user.upload_url())
    assert unsized["X-Amz-SignedHeaders"] == "content-type;host"


def test_upload_url_names_the_public_url(own_stack):
    s = own_stack(S3_PUBLIC_URL="https://s3.example.org/, http://other:9000")
    upload = s.user().upload_url()
    assert upload["uploadUrl"].startswith(
        f"https://s3.example.org/{BUCKET}/uploads/")


def test_upload_url_of_a_wildcard_address_follows_the_host(own_stack):
    s = own_stack(args=("--s3-listen", "0.0.0.0:0"))
    port = urlsplit(s.s3).port
    u = s.user()
    for host, expected in (("media.example.org:9001", "media.example.org"),
                           ("[2001:db8::1]:9001", "[2001:db8::1]"),
                           ("plain", "plain")):
        answer = u.post("/api/videos/upload-url",
                        {"fileName": "a.mp4", "fileType": "video/mp4"},
                        Host=host)
        url = answer.json["uploadUrl"]
        assert url.startswith(f"http://{expected}:{port}/{BUCKET}/")


@pytest.mark.parametrize("body,error", [
    ({}, "Missing required fields: fileName, fileType"),
    ({"fileName": "a.mp4"}, "Missing required fields: fileName, fileType"),
    ({"fileType": "video/mp4"},
     "Missing required fields: fileName, fileType"),
    ({"fileName": "", "fileType": "video/mp4"},
     "Missing required fields: fileName, fileType"),
    ({"fileName": 5, "fileType": "video/mp4"},
     "Missing required fields: fileName, fileType"),
    ({"fileName": "a.png", "fileType": "image/png"},
     "Only video files are allowed"),
    ({"fileName": "a.mp4", "fileType": "video/mp4\r\nX-Evil: 1"},
     "Only video files are allowed"),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": LIMIT + 1},
     "File size exceeds 500MB limit"),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": 1e300},
     "fileSize must be a number of bytes"),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": -1},
     "fileSize must be a number of bytes"),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": "12"},
     "fileSize must be a number of bytes"),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": 1.5},
     "fileSize must be a number of bytes"),
    ({"fileName": "n" * 1025, "fileType": "video/mp4"},
     "fileName is too long"),
])
def test_upload_url_refuses(user, body, error):
    answer = user.post("/api/videos/upload-url", body)
    assert (answer.status, answer.json) == (400, {"error": error})


def test_upload_url_takes_the_limit_itself_and_no_size(user):
    assert user.upload_url(size=LIMIT)["key"]
    assert user.upload_url(size=0)["key"]


def test_same_name_100_times_gives_distinct_keys(user):
    with ThreadPoolExecutor(20) as pool:
        keys = list(pool.map(lambda _: user.upload_url(size=5)["key"],
                             range(100)))
    assert len(set(keys)) == 100


@pytest.mark.parametrize("name", [
    "../../../etc/passwd", "..\\..\\x.mp4", "a/b/c.mp4", "\u202e4pm.exe",
    "\u0645\u0642\u0637\u0639.mp4", "x" * 1020 + ".mp4", "a\r\nb: c.mp4",
    "%2e%2e%2f.mp4", "\"';--<script>.mp4", " ", ".", "\U0001f3ac.mp4",
    "a?b&c=d#e.mp4"], ids=ascii)
def test_nasty_names_are_safe_and_work(user, name):
    upload = user.upload_url(name, 3)
    prefix = f"uploads/{user.id}/"
    assert upload["key"].startswith(prefix)
    rest = upload["key"][len(prefix):]
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,140}", rest)
    assert user.put(upload, b"abc").status == 200
    done = user.complete(upload, name)
    assert done.status == 201
    assert done.json["video"]["filename"] == name


# ---- the signed PUT ---------------------------------------------------------

def test_put_answers_200_and_etag_readable_cross_origin(user):
    upload = user.upload_url(size=5)
    answer = user.put(upload, b"hello", Origin="https://app.example.org")
    assert answer.status == 200
    assert answer.headers["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "etag" in answer.headers["Access-Control-Expose-Headers"].lower()


def test_put_takes_the_metadata_also_as_headers(user):
    upload = user.upload_url(size=5)
    assert user.put(upload, b"hello", **upload["fields"]).status == 200


@pytest.mark.parametrize("kind", [
    'video/webm; codecs="vp9, opus"', "Video/MP4",
    "video/x-matroska;a=b;  c=d"])
def test_put_with_type_parameters_works(user, kind):
    upload = user.upload_url(size=5, kind=kind)
    assert user.put(upload, b"hello").status == 200
    assert user.complete(upload).status == 201


def test_put_other_than_signed_is_403(user):
    upload = user.upload_url(size=5)
    other_key = upload["uploadUrl"].replace("-a.mp4?", "-b.mp4?")
    other_user = upload["uploadUrl"].replace("user-id=", "user-id=0", 1)
    later = upload["uploadUrl"].replace("X-Amz-Expires=3600",
                                        "X-Amz-Expires=86400")
    kind = {"Content-Type": "video/mp4"}
    assert other_key != upload["uploadUrl"]
    for name, answer in {
        "longer": user.put(upload, b"hello!"),
        "shorter": user.put(upload, b"hell"),
        "type": user.put(upload, b"hello", **{"Content-Type": "text/html"}),
        "no type": request("PUT", upload["uploadUrl"], b"hello"),
        "GET": request("GET", upload["uploadUrl"], None, kind),
        "DELETE": request("DELETE", upload["uploadUrl"], None, kind),
        "key": request("PUT", other_key, b"hello", kind),
        "metadata": request("PUT", other_user, b"hello", kind),
        "expiry": request("PUT", later, b"hello", kind),
    }.items():
        assert answer.status == 403, name
    assert request("POST", upload["uploadUrl"], b"hello", kind).status == 405
    assert user.complete(upload).status == 409  # nothing was stored
    assert user.put(upload, b"hello").status == 200


def test_put_of_unstated_length_is_capped(own_stack):
    s = own_stack(MAX_UPLOAD_BYTES="1M")
    u = s.user()
    answer = u.post("/api/videos/upload-url", {
        "fileName": "a.mp4", "fileType": "video/mp4",
        "fileSize": (1 << 20) + 1})
    assert answer.json == {"error": "File size exceeds 1MB limit"}
    over = u.upload_url()
    answer = u.put(over, b"x" * ((1 << 20) + 1))
    assert answer.status == 400 and b"EntityTooLarge" in answer.body
    assert u.complete(over).status == 409
    exact = u.upload_url()
    assert u.put(exact, b"x" * (1 << 20)).status == 200


# ---- complete-upload --------------------------------------------------------

def jobs_of(stack, video):
    return sorted(stack.sql("SELECT type, id FROM job_queue "
                            f"WHERE video_id = '{video}'"))


def test_complete_upload_has_exactly_the_documented_members(stack, user):
    upload = user.upload("My clip.mp4", b"12345")
    answer = user.complete(upload, "My clip.mp4", title="Holiday")
    assert answer.status == 201
    assert set(answer.json) == {"message", "video", "jobs"}
    video, jobs = answer.json["video"], answer.json["jobs"]
    assert set(video) == {"id", "title", "filename", "status", "progress",
                          "file_size", "created_at", "url", "storage_path"}
    assert re.fullmatch(UUID, video["id"])
    assert video["title"] == "Holiday"
    assert video["filename"] == "My clip.mp4"
    assert video["status"] == "queued"
    assert video["progress"] == 0
    assert video["file_size"] == 5
    assert video["storage_path"] == upload["key"]
    assert request("GET", video["url"]).body == b"12345"
    assert jobs_of(stack, video["id"]) == [
        ["ai_analysis", jobs["ai_analysis"]],
        ["process_video", jobs["processing"]]]


def test_complete_upload_without_title_takes_the_file_name(user):
    answer = user.complete(user.upload("b.mp4"), "b.mp4")
    assert answer.json["video"]["title"] == "b.mp4"


@pytest.mark.parametrize("body", [
    {}, {"key": "uploads/x"}, {"fileName": "a.mp4"},
    {"key": "", "fileName": "a.mp4"}, {"key": 1, "fileName": "a.mp4"}])
def test_complete_upload_without_key_or_name_is_400(user, body):
    answer = user.post("/api/videos/complete-upload", body)
    assert answer.status == 400
    assert answer.json == {"error": "Missing required fields: key, fileName"}


def test_complete_upload_of_another_users_key_is_404(stack, user):
    upload = user.upload()
    for body in (upload, {"key": "uploads/none"}, {"key": "derived/x"},
                 {"key": "x" * 2000}):
        answer = stack.user().complete(body)
        assert answer.status == 404
        assert answer.json == {"error": "Upload not found or access denied"}
    assert user.complete(upload).status == 201


def test_complete_upload_before_the_put_is_409(user):
    upload = user.upload_url(size=5)
    answer = user.complete(upload)
    assert answer.status == 409
    assert "error" in answer.json
    assert user.put(upload, b"hello").status == 200
    assert user.complete(upload).status == 201


def test_complete_upload_50_times_and_the_event_make_one_video(stack, user):
    upload = user.upload()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: user.complete(upload), range(50)))
    assert {a.status for a in answers} <= {200, 201}
    assert len({a.json["video"]["id"] for a in answers}) == 1
    assert len({str(a.json["jobs"]) for a in answers}) == 1
    stack.relayed()
    videos = stack.sql(
        f"SELECT id FROM videos WHERE s3_key = '{upload['key']}'")
    assert len(videos) == 1
    assert [row[0] for row in jobs_of(stack, videos[0][0])] == [
        "ai_analysis", "process_video"]


def test_event_alone_makes_the_video_and_complete_finds_it(stack, user):
    upload = user.upload("tab-closed.mp4")
    key = upload["key"]
    row = wait_for("video", lambda: stack.sql(
        "SELECT id, user_id, filename, analysis_status FROM videos "
        f"WHERE s3_key = '{key}'"))[0]
    assert row[1:] == [user.id, "tab-closed.mp4", "queued"]
    jobs = jobs_of(stack, row[0])
    assert [j[0] for j in jobs] == ["ai_analysis", "process_video"]
    done = user.complete(upload, "tab-closed.mp4").json
    assert done["video"]["id"] == row[0]
    assert done["jobs"] == {"ai_analysis": jobs[0][1],
                            "processing": jobs[1][1]}


def test_event_record_is_kept_with_the_event(stack, user):
    upload = user.upload(data=b"12345")
    stack.relayed()
    rows = stack.sql("SELECT record, seq FROM object_events "
                     f"WHERE key = '{upload['key']}'")
    assert len(rows) == 1
    record = json.loads(rows[0][0])
    assert record["eventSource"] == "aws:s3"
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["bucket"]["name"] == BUCKET
    assert record["s3"]["object"]["size"] == 5
    assert record["s3"]["object"]["sequencer"] == f"{int(rows[0][1]):016X}"
    assert record["requestParameters"]["sourceIPAddress"] == "127.0.0.1"


def test_form_upload_becomes_a_video(stack, user):
    key = f"uploads/{user.id}/form.mp4"
    content = form.body(form.sign_fields(BUCKET, {"key": key}), b"12345")
    assert form.send(stack.port, BUCKET, content).status == 204
    stack.relayed()
    rows = stack.sql(f"SELECT record FROM object_events WHERE key = '{key}'")
    assert [json.loads(r[0])["eventName"] for r in rows] == [
        "ObjectCreated:Post"]
    video = stack.sql("SELECT id, user_id, file_size FROM videos "
                      f"WHERE s3_key = '{key}'")
    assert len(video) == 1 and video[0][1] == user.id
    assert [j[0] for j in jobs_of(stack, video[0][0])] == [
        "ai_analysis", "process_video"]
