"""POST /api/videos/multipart: a large file in parts, interrupted or not."""
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway import DEFAULT_BUCKET as BUCKET
from web import request, wait_for

MIB = 1 << 20
PART = 8 * MIB
PATH = "/api/videos/multipart"
NOT_FOUND = {"error": "Upload not found or access denied"}
LIMIT = 524288000
DATA = bytes(range(256)) * (PART * 2 // 256) + b"the rest"  # three parts


def act(user, action, upload=None, **more):
    body = {"action": action, **more}
    if upload:
        body = {"key": upload["key"], "uploadId": upload["uploadId"], **body}
    return user.post(PATH, body)


def create(user, size=len(DATA), name="a.mp4", kind="video/mp4"):
    answer = act(user, "create", fileName=name, fileType=kind, fileSize=size)
    assert answer.status == 200, answer.body
    return answer.json


def sign(user, upload, numbers):
    answer = act(user, "sign", upload, partNumbers=numbers)
    assert answer.status == 200, answer.body
    return {p["partNumber"]: p for p in answer.json["parts"]}


def send(user, upload, numbers, data=DATA):
    """Puts these parts; what the client then knows of them."""
    known = []
    for number, part in sign(user, upload, numbers).items():
        start = (number - 1) * upload["partSize"]
        answer = request("PUT", part["url"], data[start:start + part["size"]])
        assert answer.status == 200, answer.body
        known.append({"partNumber": number, "etag": answer.headers["ETag"]})
    return known


def jobs_of(stack, video):
    return sorted(r[0] for r in stack.sql(
        f"SELECT type FROM job_queue WHERE video_id = '{video}'"))


# ---- create -----------------------------------------------------------------

def test_create_has_exactly_the_documented_members(user):
    upload = create(user, 20 * MIB, "My film.mov", "video/quicktime")
    assert set(upload) == {"uploadId", "key", "bucket", "fileName", "fileType",
                           "fileSize", "partSize", "partCount", "expiresAt"}
    assert re.fullmatch(
        rf"uploads/{user.id}/\d{{13}}-[0-9a-f]{{16}}-My_film\.mov",
        upload["key"])
    assert upload["bucket"] == BUCKET
    assert (upload["fileName"], upload["fileType"], upload["fileSize"]) == (
        "My film.mov", "video/quicktime", 20 * MIB)
    assert (upload["partSize"], upload["partCount"]) == (PART, 3)


@pytest.mark.parametrize("size,parts", [
    (1, 1), (PART - 1, 1), (PART, 1), (PART + 1, 2), (LIMIT, 63)])
def test_create_cuts_the_file_in_parts(user, size, parts):
    assert create(user, size)["partCount"] == parts


def test_create_makes_larger_parts_of_a_huge_file(own_stack):
    size = 5 << 40
    s = own_stack(MAX_UPLOAD_BYTES=str(size), REELGATE_USER_INFLIGHT_BYTES="0")
    user = s.user()
    answer = act(user, "create", fileName="a.mp4", fileType="video/mp4",
                 fileSize=200 << 30)
    if answer.status != 507:  # the disk at hand may be too small
        upload = answer.json
        assert upload["partSize"] == 21 * MIB
        assert upload["partCount"] == -(-(200 << 30) // (21 * MIB)) <= 10000


@pytest.mark.parametrize("body,error", [
    ({}, "Missing required fields: fileName, fileType"),
    ({"fileName": "a.mp4", "fileType": "video/mp4"},
     "Missing required fields: fileSize"),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": 0},
     "Missing required fields: fileSize"),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": -5},
     "fileSize must be a number of bytes"),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": "5"},
     "fileSize must be a number of bytes"),
    ({"fileName": "a.mp4", "fileType": "text/plain", "fileSize": 5},
     "Only video files are allowed"),
    ({"fileName": "n" * 1025, "fileType": "video/mp4", "fileSize": 5},
     "fileName is too long"),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": LIMIT + 1},
     "File size exceeds 500MB limit"),
])
def test_create_refuses(user, body, error):
    answer = act(user, "create", **body)
    assert (answer.status, answer.json) == (400, {"error": error})


@pytest.mark.parametrize("action", [None, "", "created", "CREATE", 5, ["list"]],
                         ids=str)
def test_unknown_action_is_400(user, action):
    answer = user.post(PATH, {"action": action} if action is not None else {})
    assert (answer.status, answer.json) == (400, {
        "error": "action must be create, sign, list, complete or abort"})


# ---- sign -------------------------------------------------------------------

def test_sign_binds_key_part_length_and_an_hour(stack, user):
    upload = create(user)
    answer = act(user, "sign", upload, partNumbers=[3, 1])
    assert set(answer.json) == {"key", "uploadId", "method", "expiresAt",
                                "parts"}
    assert [(p["partNumber"], p["size"]) for p in answer.json["parts"]] == [
        (3, 8), (1, PART)]
    for part in answer.json["parts"]:
        url = urlsplit(part["url"])
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        assert f"{url.scheme}://{url.netloc}" == stack.s3
        assert url.path == f"/{BUCKET}/{upload['key']}"
        assert query["partNumber"] == str(part["partNumber"])
        assert query["uploadId"] == upload["uploadId"]
        assert query["X-Amz-SignedHeaders"] == "content-length;host"
        assert query["X-Amz-Expires"] == "3600"


def test_a_part_is_put_as_signed_and_no_other_way(user):
    upload = create(user)
    url = sign(user, upload, [3])[3]["url"]
    for other in (url.replace("partNumber=3", "partNumber=2"),
                  url.replace(upload["uploadId"],
                              upload["uploadId"][::-1]),
                  url.replace("-a.mp4?", "-b.mp4?")):
        assert other != url
        assert request("PUT", other, b"the rest").status == 403
    assert request("PUT", url, b"the rest!").status == 403
    assert request("PUT", url, b"the res").status == 403
    assert request("PUT", url, b"the rest").status == 200


@pytest.mark.parametrize("numbers", [
    None, [], 1, "1", {}, [0], [4], [1.5], [-1], ["1"], [1, None], [1e300],
    [1] * 1001], ids=lambda n: str(n)[:20])
def test_sign_of_bad_numbers_is_400(user, numbers):
    answer = act(user, "sign", create(user), partNumbers=numbers)
    assert (answer.status, answer.json) == (400, {
        "error": "partNumbers must be a list of 1 to 1000 whole numbers "
                 "from 1 to 3"})


def test_curl_sends_a_part_as_the_manual_says(user, tmp_path):
    upload = create(user)
    url = sign(user, upload, [2])[2]["url"]
    film = tmp_path / "film.mp4"
    film.write_bytes(DATA)
    done = subprocess.run(
        f"dd if={film} bs={PART} skip=1 count=1 status=none | "
        f"curl -sSD- -X PUT --data-binary @- '{url}'", shell=True, check=True,
        capture_output=True, text=True)
    assert " 200 OK" in done.stdout and "ETag: " in done.stdout
    assert [p["partNumber"] for p in act(user, "list", upload).json["parts"]
            ] == [2]


# ---- list -------------------------------------------------------------------

def test_list_shows_the_parts_that_are_there(user):
    upload = create(user)
    empty = act(user, "list", upload).json
    assert empty == {
        "key": upload["key"], "uploadId": upload["uploadId"],
        "fileName": "a.mp4", "fileSize": len(DATA), "partSize": PART,
        "partCount": 3, "expiresAt": upload["expiresAt"], "parts": []}
    known = send(user, upload, [3, 1])
    assert act(user, "list", upload).json == {**empty, "parts": [
        {"partNumber": 1, "size": PART, "etag": known[1]["etag"]},
        {"partNumber": 3, "size": 8, "etag": known[0]["etag"]}]}


def test_list_without_a_key_shows_ones_own_unfinished_uploads(stack):
    user, other = stack.user(), stack.user()
    assert act(user, "list").json == {"uploads": []}
    made = [create(user, 5), create(user, 20 * MIB)]
    create(other)
    user.upload_url()  # not in parts
    done = create(user, 8)
    send(user, done, [1], b"12345678")
    assert act(user, "complete", done).status == 201
    gone = create(user)
    assert act(user, "abort", gone).status == 200
    assert act(user, "list").json == {"uploads": made[::-1]}


# ---- complete ---------------------------------------------------------------

def test_complete_makes_a_video_as_complete_upload_does(stack, user):
    upload = create(user)
    known = send(user, upload, [1, 2, 3])
    answer = act(user, "complete", upload, parts=known, fileName="a.mp4",
                 title="Holiday")
    assert answer.status == 201
    assert set(answer.json) == {"message", "video", "jobs"}
    video = answer.json["video"]
    assert (video["title"], video["filename"], video["file_size"]) == (
        "Holiday", "a.mp4", len(DATA))
    assert request("GET", video["url"]).body == DATA
    stack.relayed()
    assert jobs_of(stack, video["id"]) == ["ai_analysis", "process_video"]
    head = stack.client().head_object(Bucket=BUCKET, Key=upload["key"])
    assert head["ContentType"] == "video/mp4"
    assert head["Metadata"]["user-id"] == user.id
    assert head["ETag"].endswith('-3"')


def test_complete_needs_neither_parts_nor_names(user):
    upload = create(user, name="From the intent.mp4")
    send(user, upload, [1, 2, 3])
    video = act(user, "complete", upload).json["video"]
    assert video["title"] == video["filename"] == "From the intent.mp4"


def test_complete_twice_and_at_once_makes_one_video(stack, user):
    upload = create(user)
    known = send(user, upload, [1, 2, 3])
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(
            lambda i: act(user, "complete", upload,
                          **({"parts": known} if i % 2 else {})), range(24)))
    answers.append(act(user, "complete", upload, parts=known))
    answers.append(user.complete(upload))
    assert {a.status for a in answers} == {201}
    assert len({a.json["video"]["id"] for a in answers}) == 1
    assert len({str(a.json["jobs"]) for a in answers}) == 1
    stack.relayed()
    video = answers[0].json["video"]["id"]
    assert jobs_of(stack, video) == ["ai_analysis", "process_video"]


def test_the_event_alone_makes_the_video(stack, user):
    """Completed by an S3 client with the parts of the API's upload."""
    upload = create(user, name="by event.mp4")
    known = send(user, upload, [1, 2, 3])
    stack.client().complete_multipart_upload(
        Bucket=BUCKET, Key=upload["key"], UploadId=upload["uploadId"],
        MultipartUpload={"Parts": [
            {"PartNumber": p["partNumber"], "ETag": p["etag"]}
            for p in known]})
    row = wait_for("video", lambda: stack.sql(
        "SELECT id, user_id, filename FROM videos "
        f"WHERE s3_key = '{upload['key']}'"))[0]
    assert row[1:] == [user.id, "by event.mp4"]
    assert act(user, "complete", upload, parts=known).json["video"]["id"] == \
        row[0]


def test_a_lost_part_is_named_and_the_upload_goes_on(user):
    upload = create(user)
    send(user, upload, [2])
    answer = act(user, "complete", upload)
    assert (answer.status, answer.json) == (
        409, {"error": "Parts are missing: 1, 3"})
    # the page was closed: all it has kept is key and uploadId
    there = {p["partNumber"] for p in act(user, "list", upload).json["parts"]}
    lost = [n for n in range(1, upload["partCount"] + 1) if n not in there]
    assert lost == [1, 3]
    send(user, upload, lost)
    video = act(user, "complete", upload).json["video"]
    assert request("GET", video["url"]).body == DATA


def test_many_lost_parts_are_counted(user):
    answer = act(user, "complete", create(user, LIMIT))
    assert answer.status == 409
    assert answer.json["error"] == (
        "Parts are missing: " + ", ".join(map(str, range(1, 21))) +
        " and 43 more")


def test_a_part_may_be_sent_again(user):
    upload = create(user)
    first = send(user, upload, [1, 2, 3], b"z" * len(DATA))
    known = send(user, upload, [1, 2, 3])
    answer = act(user, "complete", upload, parts=first)
    assert (answer.status, answer.json) == (
        400, {"error": "Part 1 has another ETag"})
    done = act(user, "complete", upload, parts=known)
    assert request("GET", done.json["video"]["url"]).body == DATA


@pytest.mark.parametrize("parts", [
    5, "x", {}, [5], [{}], [{"partNumber": 1}], [{"etag": "x"}],
    [{"partNumber": 0, "etag": "x"}], [{"partNumber": 4, "etag": "x"}],
    [{"partNumber": "1", "etag": "x"}]], ids=str)
def test_complete_with_a_bad_list_is_400(user, parts):
    upload = create(user)
    send(user, upload, [1, 2, 3])
    answer = act(user, "complete", upload, parts=parts)
    assert (answer.status, answer.json) == (
        400, {"error": "parts must be a list of {partNumber, etag}"})


def test_parts_put_past_the_signature_are_not_taken(stack, user):
    """Whoever has the store's keys is not bound by our URLs."""
    upload = create(user)
    send(user, upload, [2, 3])
    stack.client().upload_part(
        Bucket=BUCKET, Key=upload["key"], UploadId=upload["uploadId"],
        PartNumber=1, Body=b"short")
    answer = act(user, "complete", upload)
    assert (answer.status, answer.json) == (
        409, {"error": f"Part 1 has 5 bytes instead of {PART}"})


def test_complete_holds_the_bound_of_today(own_stack):
    s = own_stack(MAX_UPLOAD_BYTES="20M")
    user = s.user()
    upload = create(user)
    send(user, upload, [1, 2, 3])
    s.stop()
    s.settings["MAX_UPLOAD_BYTES"] = "16M"
    s.start()
    answer = act(user, "complete", upload)
    assert (answer.status, answer.json) == (
        400, {"error": "File size exceeds 16MB limit"})


# ---- abort ------------------------------------------------------------------

def test_abort_frees_the_parts_and_the_users_bytes(own_stack):
    s = own_stack(REELGATE_USER_INFLIGHT_BYTES=str(len(DATA)))
    user = s.user()
    upload = create(user)
    send(user, upload, [1])
    assert act(user, "create", fileName="a.mp4", fileType="video/mp4",
               fileSize=1).status == 429
    answer = act(user, "abort", upload)
    assert (answer.status, answer.json) == (200, {"message": "Upload aborted"})
    assert "Uploads" not in s.client().list_multipart_uploads(Bucket=BUCKET)
    assert create(user)
    for action in ("abort", "list", "complete", "sign"):
        answer = act(user, action, upload, partNumbers=[1])
        assert (answer.status, answer.json) == (404, NOT_FOUND), action


def test_abort_of_a_completed_upload_is_409(user):
    upload = create(user, 8)
    send(user, upload, [1], b"12345678")
    video = act(user, "complete", upload).json["video"]
    answer = act(user, "abort", upload)
    assert (answer.status, answer.json) == (
        409, {"error": "The upload has been completed"})
    assert request("GET", video["url"]).body == b"12345678"
    for action in ("list", "sign"):
        answer = act(user, action, upload, partNumbers=[1])
        assert (answer.status, answer.json) == (404, NOT_FOUND), action


def test_what_nobody_comes_back_for_is_aborted(stack, user):
    upload = create(user)
    send(user, upload, [3])
    stack.sql("UPDATE upload_intents SET expires_at = now() - interval '61 min'"
              f" WHERE key = '{upload['key']}'")
    create(user)
    uploads = stack.client().list_multipart_uploads(
        Bucket=BUCKET, Prefix=upload["key"]).get("Uploads", [])
    assert uploads == []
    assert act(user, "list", upload).status == 404


# ---- whose it is ------------------------------------------------------------

@pytest.mark.parametrize("action", ["sign", "list", "complete", "abort"])
def test_another_users_upload_is_404(stack, user, action):
    upload = create(user)
    mine = create(stack.user())
    single = user.upload_url()
    for key, upload_id, caller in (
            (upload["key"], upload["uploadId"], stack.user()),
            (upload["key"], mine["uploadId"], user),
            (mine["key"], upload["uploadId"], user),
            (single["key"], single["uploadId"], user),
            ("uploads/none", upload["uploadId"], user),
            (upload["key"], "x" * 5000, user)):
        answer = act(caller, action, {"key": key, "uploadId": upload_id},
                     partNumbers=[1])
        assert (answer.status, answer.json) == (404, NOT_FOUND)
    assert act(user, "list", upload).status == 200


@pytest.mark.parametrize("body", [
    {}, {"key": "x"}, {"uploadId": "x"}, {"key": "", "uploadId": "x"},
    {"key": 1, "uploadId": 2}], ids=str)
@pytest.mark.parametrize("action", ["sign", "complete", "abort"])
def test_an_action_without_key_or_id_is_400(user, action, body):
    answer = user.post(PATH, {"action": action, **body})
    assert (answer.status, answer.json) == (
        400, {"error": "Missing required fields: key, uploadId"})
