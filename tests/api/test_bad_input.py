"""Requests as attackers and broken clients send them: other people's and
hostile ids, texts full of SQL and JSON, methods and bodies that do not fit,
a database that is away. Every operation is in the tables; every answer is
also held against the description (tests/lib/openapi.py)."""
import copy
import json
import uuid
from urllib.parse import quote

import pytest

import calls
from calls import CALLS, DOC, OPERATIONS, Named, Own, call, credentials, send
from gateway import Gateway
from stack import JOB_TOKEN, JWT_SECRET, WEBHOOK_SECRET
from web import request

NO_NOTIFICATION = "Not a notification of S3, SNS, SQS or EventBridge"
NOT_JSON = {"error": "Request body must be a JSON object"}
VIDEO = {"error": "Video not found or access denied"}
TASK = {"error": "No such task of this video"}
CLIP = {"error": "Clip not found or access denied"}
UPLOAD = {"error": "Upload not found or access denied"}


@pytest.fixture(scope="module")
def owner(stack):
    return stack.user()


@pytest.fixture(scope="module")
def own(owner):
    return Own(owner)


# ---- every operation works, and its tables are complete -----------------------

def test_every_operation_has_a_call():
    assert {operation for operation, _, _ in CALLS.values()} == set(OPERATIONS)


def test_good_call_of_every_operation(stack):
    user = stack.user()
    own = Own(user)
    for name, (_, status, _) in CALLS.items():
        answer = call(stack, name, own, credentials(name, user))
        assert (name, answer.status) == (name, status), answer.body


# ---- somebody else's ----------------------------------------------------------

# What each call says of a thing that is not the caller's. A list that is
# narrowed to somebody else's video is empty.
FOREIGN = {
    "multipart sign": (404, UPLOAD),
    "multipart list": (404, UPLOAD),
    "multipart complete": (404, UPLOAD),
    "multipart abort": (404, UPLOAD),
    "complete-upload": (404, UPLOAD),
    "status by query": (404, VIDEO),
    "video": (404, VIDEO),
    "video status": (404, VIDEO),
    "video events": (404, VIDEO),
    "files": (404, VIDEO),
    "file": (404, VIDEO),
    "tasks": (404, VIDEO),
    "task": (404, VIDEO),
    "task cancel": (404, TASK),
    "clips of a video": (200, {"clips": [], "pagination": {
        "page": 1, "limit": 20, "total": 0, "pages": 0}}),
    "clip": (404, VIDEO),
    "generate": (404, VIDEO),
    "clip status": (404, CLIP),
}


def test_every_call_that_names_a_thing_has_its_row():
    assert set(FOREIGN) == set(calls.names_things())


def counts(stack):
    stack.relayed()  # what was put before may still become a video
    return stack.sql("""SELECT (SELECT count(*) FROM videos),
        (SELECT count(*) FROM clips), (SELECT count(*) FROM job_queue),
        (SELECT count(*) FROM upload_intents WHERE completed_at IS NULL)""")


@pytest.mark.parametrize("name", FOREIGN)
def test_somebody_elses_is_as_if_it_did_not_exist(stack, own, name):
    status, body = FOREIGN[name]
    thief = stack.user()
    before = counts(stack)
    stolen = call(stack, name, own, credentials(name, thief))
    absent = call(stack, name, Named(str(uuid.uuid4())),
                  credentials(name, thief))
    assert (stolen.status, stolen.json) == (status, body)
    assert (absent.status, absent.body) == (stolen.status, stolen.body)
    assert counts(stack) == before


HOSTILE = [
    "' OR '1'='1", "'; DROP TABLE videos; --", "\" OR \"\"=\"", "$1", "%s%n",
    "1) UNION SELECT secret FROM accounts --", "\\'; SELECT pg_sleep(9); --",
    "{\"$ne\": null}", "\",\"admin\":true,\"x\":\"", "</script><script>",
    "../../../etc/passwd", "..\\..\\x", "a/b", "x\r\nSet-Cookie: a=b",
    "\u202egnp.4pm", "\u0000".replace("\0", "\u0001"), "\ud83d\ude00".encode(
        "utf-16", "surrogatepass").decode("utf-16"), "%00", "%2e%2e%2f",
    "00000000-0000-0000-0000-000000000000", "{id}", "*", " ", "null", "-1",
    "9" * 400, "n" * 1024, "\u00e9" * 512,
]


@pytest.mark.parametrize("name", FOREIGN)
def test_hostile_ids_are_not_found_or_refused(stack, owner, name):
    before = counts(stack)
    for text in HOSTILE:
        answer = call(stack, name, Named(text), credentials(name, owner))
        assert answer.status in (400, 404) or (
            name, answer.status) == ("clips of a video", 200), text
        assert set(answer.json) == {"error"} or answer.status == 200
    assert counts(stack) == before


# ---- texts --------------------------------------------------------------------

def text_places(value, path=()):
    """Where texts stand in a body."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from text_places(item, (*path, key))


def with_text(body, path, text):
    body = copy.deepcopy(body)
    at = body
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = text
    return body


def json_calls():
    return [name for name in CALLS if "application/json" in calls.operation(
        name)[2].get("requestBody", {}).get("content", {})]


@pytest.mark.parametrize("name", json_calls())
def test_hostile_texts_in_every_member_break_nothing(stack, name):
    user = stack.user()
    method, path, body = CALLS[name][2](Own(user))
    places = list(text_places(body))
    assert places
    for place in places:
        for text in HOSTILE:
            answer = send(stack, method, path, with_text(body, place, text),
                          authorization=credentials(name, user))
            # 429: a user's uploads are bounded; 503: so are waiting jobs
            assert answer.status < 500 or answer.status == 503, (place, text)
    assert stack.ready()["status"] == "ready"
    assert int(stack.sql("SELECT count(*) FROM videos")[0][0]) > 0


@pytest.mark.parametrize("name", json_calls())
def test_members_of_another_type_break_nothing(stack, name):
    user = stack.user()
    method, path, body = CALLS[name][2](Own(user))
    for key in body:
        for value in (None, True, 0, -1, 1e308, [], {}, [[]], {"a": {}},
                      "", 2**63, 0.1, ["x"] * 100):
            answer = send(stack, method, path, {**body, key: value},
                          authorization=credentials(name, user))
            assert answer.status < 500 or answer.status == 503, (key, value)


@pytest.mark.parametrize("name", [n for n in CALLS if "?" in CALLS[n][2](
    Named("x"))[1]])
def test_hostile_query_parameters_break_nothing(stack, owner, own, name):
    method, path = CALLS[name][2](own)[:2]
    base, query = path.split("?")
    parameters = dict(p.split("=") for p in query.split("&"))
    for key in parameters:
        for text in HOSTILE:
            changed = {**parameters, key: quote(text, safe="")}
            answer = send(stack, method, base + "?" + "&".join(
                f"{k}={v}" for k, v in changed.items()),
                authorization=credentials(name, owner))
            assert answer.status in (200, 400, 404), (key, text)
    for query in ("", "&", "&&=&", "=", "%", "%zz=%zz", "a=%ff", "=".join(
            parameters), "&".join(f"{k}=%00" for k in parameters)):
        answer = send(stack, method, f"{base}?{query}",
                      authorization=credentials(name, owner))
        assert answer.status in (200, 400, 404), query


def test_texts_are_stored_and_answered_literally(stack):
    user = stack.user()
    own = Own(user)
    for text in HOSTILE:
        if not text.strip() or len(text.encode()) > 1024:
            continue
        upload = user.upload(text)
        assert upload["key"].isascii() and ".." not in upload["key"].split("/")
        video = user.complete(upload, text, title=text).json["video"]
        assert (video["title"], video["filename"]) == (text, text)
        seen = user.get(f"/api/videos/{video['id']}").json["video"]
        assert (seen["title"], seen["filename"]) == (text, text)
        clip = user.post("/api/clips", {
            "video_id": own.video, "start_time": 1, "end_time": 2,
            "title": text, "description": text}).json["clip"]
        assert (clip["title"], clip["description"]) == (text, text)
        status = user.get(f"/api/clips/status?clipId={clip['id']}").json
        assert (status["title"], status["description"]) == (text, text)


@pytest.mark.parametrize("text", ["a\0b", "\0", "a.mp4\0.png"])
@pytest.mark.parametrize("name", json_calls())
def test_nul_in_any_text_is_refused(stack, owner, own, name, text):
    method, path, body = CALLS[name][2](own)
    for place in text_places(body):
        answer = send(stack, method, path, with_text(body, place, text),
                      authorization=credentials(name, owner))
        assert (answer.status, answer.json) == (400, NOT_JSON)


def test_lone_surrogates_are_refused(stack, owner):
    for text in (r"\ud800", r"\udc00x", r"\ud800A", r"\ud83dA"):
        answer = send(stack, "POST", "/api/videos/upload-url", (
            '{"fileName":"' + text + '","fileType":"video/mp4"}').encode(),
            authorization=credentials("upload-url", owner))
        assert (answer.status, answer.json) == (400, NOT_JSON), text


# ---- bodies and methods that do not fit ---------------------------------------

BODIES = [b"", b"{", b"[]", b"null", b'"x"', b"{} {}", b'{"a":"\xff"}',
          b"[" * 60000, b'{"a":' * 10000, b'{"a":' * 33 + b"1" + b"}" * 33,
          b'{"a":1e99999999}x', b"\xef\xbb\xbf{", b"{'a':1}", b'{"a":01}x',
          b"\0", b'{"a":"\n"}x']


@pytest.mark.parametrize("name", json_calls())
def test_bodies_that_are_no_json_object_are_400(stack, owner, own, name):
    method, path, _ = CALLS[name][2](own)
    for body in BODIES:
        answer = send(stack, method, path, body,
                      authorization=credentials(name, owner))
        assert (answer.status, answer.json) == (400, NOT_JSON), body[:40]


@pytest.mark.parametrize("name", json_calls())
def test_bodies_over_64_kib_are_413(stack, owner, own, name):
    method, path, _ = CALLS[name][2](own)
    answer = send(stack, method, path, b'{"a":"' + b"x" * 65536 + b'"}',
                  authorization=credentials(name, owner))
    assert (answer.status, answer.json) == (
        413, {"error": "Request body too large"})


@pytest.mark.parametrize("path", DOC["paths"])
def test_other_methods_are_405_with_what_is_allowed(stack, owner, own, path):
    have = {m.upper() for m in DOC["paths"][path]}
    allow = have | {"OPTIONS"} | ({"HEAD"} if "GET" in have else set())
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "LINK"):
        if method in have:
            continue
        for authorization in ({}, {"Authorization": f"Bearer {owner.token}"}):
            answer = send(stack, method, path.replace("{id}", own.video),
                          authorization=authorization)
            assert answer.status == 405, method
            assert answer.json == {"message": "Method not allowed"}
            assert set(answer.headers["Allow"].split(", ")) == allow


# ---- golden answers -----------------------------------------------------------

MISSING_UPLOAD = "Missing required fields: fileName, fileType"
MISSING_CLIP = "Missing required fields: video_id, start_time, end_time"
CLIP_BOUNDS = "end_time must be greater than start_time, and start_time not " \
    "negative"
# call, what is changed in its body or the path instead, status, error
GOLDEN = [
    ("upload-url", {"fileName": None}, 400, MISSING_UPLOAD),
    ("upload-url", {"fileType": ""}, 400, MISSING_UPLOAD),
    ("upload-url", {"fileType": "text/html"}, 400,
     "Only video files are allowed"),
    ("upload-url", {"fileName": "n" * 1025}, 400, "fileName is too long"),
    ("upload-url", {"fileSize": -1}, 400,
     "fileSize must be a number of bytes"),
    ("upload-url", {"fileSize": 524288001}, 400,
     "File size exceeds 500MB limit"),
    ("multipart create", {"fileSize": None}, 400,
     "Missing required fields: fileSize"),
    ("multipart create", {"fileName": None}, 400, MISSING_UPLOAD),
    ("multipart sign", {"uploadId": None}, 400,
     "Missing required fields: key, uploadId"),
    ("multipart sign", {"key": "uploads/x"}, 404, UPLOAD["error"]),
    ("multipart complete", {}, 409, "Parts are missing: 1"),
    ("complete-upload", {"key": None}, 400,
     "Missing required fields: key, fileName"),
    ("complete-upload", {"fileName": ""}, 400,
     "Missing required fields: key, fileName"),
    ("complete-upload", {"title": "t" * 1025}, 400,
     "fileName or title is too long"),
    ("complete-upload", {"title": 1}, 400, "title must be a text"),
    ("complete-upload", {"key": "uploads/x"}, 404, UPLOAD["error"]),
    ("status by query", "/api/videos/status", 400, "Video ID is required"),
    ("status by query", "/api/videos/status?videoId=1", 404, VIDEO["error"]),
    ("videos", "/api/videos?page=0", 400, "Invalid page or limit"),
    ("video", "/api/videos/", 400, "Video ID is required"),
    ("video", "/api/videos/1", 404, VIDEO["error"]),
    ("video status", "/api/videos//status", 400, "Video ID is required"),
    ("video status", "/api/videos/1/status", 404, VIDEO["error"]),
    ("video events", "/api/videos//events", 400, "Video ID is required"),
    ("video events", "/api/videos/1/events", 404, VIDEO["error"]),
    ("files", "/api/videos/1/files", 404, VIDEO["error"]),
    ("file", "/api/videos/1/files/poster.jpg", 404, VIDEO["error"]),
    ("tasks", "/api/videos/1/tasks", 404, VIDEO["error"]),
    ("task", "/api/videos/1/tasks", 404, VIDEO["error"]),
    ("task", {"type": "dance"}, 400,
     "type must be hls, captions, thumbnails or storyboard"),
    ("task", {"times": []}, 400,
     "times must be a list of 1 to 10 numbers of seconds"),
    ("task", {"times": [-1]}, 400,
     "times must be from 0 to below the video's duration of 60.000 s"),
    ("task", {"exact": "no"}, 400, "exact must be true or false"),
    ("task cancel", f"/api/videos/{uuid.UUID(int=0)}/tasks/1", 404,
     TASK["error"]),
    ("clips", "/api/clips?limit=101", 400, "Invalid page or limit"),
    ("clips", "/api/clips?videoId=1", 400, "videoId must be a UUID"),
    ("clip", {"video_id": None}, 400, MISSING_CLIP),
    ("clip", {"end_time": "2"}, 400, MISSING_CLIP),
    ("clip", {"end_time": 1}, 400, CLIP_BOUNDS),
    ("clip", {"start_time": -1}, 400, CLIP_BOUNDS),
    ("clip", {"end_time": 61}, 400,
     "end_time is beyond the video's duration of 60.000 s"),
    ("clip", {"title": "t" * 1025}, 400, "title or description is too long"),
    ("clip", {"description": ["d"]}, 400, "description must be a text"),
    ("clip", {"video_id": "1"}, 404, VIDEO["error"]),
    ("generate", {"videoId": None}, 400, "Video ID is required"),
    ("generate", {"settings": 1}, 400, "settings must be an object"),
    ("generate", {"settings": {"viralThreshold": 49}}, 400,
     "viralThreshold must be a whole number from 50 to 95"),
    ("generate", {"settings": {"maxClips": 4}}, 400,
     "maxClips must be 3, 5, 8 or 10"),
    ("generate", {"settings": {"clipDuration": 20}}, 400,
     "clipDuration must be 15, 30, 60 or 90"),
    ("generate", {"settings": {"platforms": ["myspace"]}}, 400,
     "platforms must be a list of tiktok, instagram, youtube, twitter"),
    ("generate", {"settings": {"autoGenerate": 1}}, 400,
     "autoGenerate must be true or false"),
    ("generate", {"videoId": "1"}, 404, VIDEO["error"]),
    ("clip status", "/api/clips/status", 400, "Clip ID is required"),
    ("clip status", "/api/clips/status?clipId=1", 404, CLIP["error"]),
    ("process", "/api/jobs/process", 503, "No processor is running"),
    ("webhook", {"jobId": 1}, 400, "Invalid message"),
    ("webhook", {"jobId": "1"}, 400, "Invalid jobId"),
    ("webhook", {"attempt": None}, 400, "Invalid attempt"),
    ("webhook", {"result": {"width": 0}}, 400, "Invalid result"),
    ("webhook", {}, 404, "No such job"),
    ("s3 events", {"Records": None}, 400, NO_NOTIFICATION),
    ("s3 events", {"Records": "a"}, 400, NO_NOTIFICATION),
    ("s3 events", {"Records": [{}] * 101}, 400,
     "Too many events in one request"),
]


@pytest.mark.parametrize(
    "name,change,status,error", GOLDEN,
    ids=[f"{g[0]}: {g[3]}"[:60] for g in GOLDEN])
def test_golden_errors(stack, owner, own, name, change, status, error):
    method, path, *rest = CALLS[name][2](own)
    if isinstance(change, str):
        path = change
    else:
        rest[0] = {**rest[0], **change}
    answer = send(stack, method, path, *rest,
                  authorization=credentials(name, owner))
    assert (answer.status, answer.json) == (status, {"error": error})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_golden_errors_of_states(stack, owner):
    """409: not uploaded, not processed; 400 with the best there was."""
    absent = owner.upload_url()
    answer = owner.complete(absent)
    assert (answer.status, answer.json) == (
        409, {"error": "The file has not been uploaded yet"})
    video = owner.complete(owner.upload()).json["video"]["id"]
    for path, body in (("/api/clips", {"video_id": video, "start_time": 0,
                                       "end_time": 1}),
                       ("/api/clips/generate", {"videoId": video}),
                       (f"/api/videos/{video}/tasks", {"type": "hls"})):
        answer = owner.post(path, body)
        assert (answer.status, answer.json) == (
            409, {"error": "The video has not been processed yet"})
    own = Own(owner)
    path = f"/api/videos/{own.video}/tasks/{own.task}"
    assert owner.call("DELETE", path).status == 204
    answer = owner.call("DELETE", path)
    assert (answer.status, answer.json) == (
        409, {"error": "The task has ended"})
    answer = owner.post("/api/clips/generate", {
        "videoId": own.video, "settings": {"viralThreshold": 95}})
    assert (answer.status, answer.json) == (
        400, {"error": "No clips meet the specified criteria",
              "bestViralPotential": 90})


# Forms have goldens of their own (test_form_upload.py), limits too
# (test_limits.py): 429, 501 and 507 have no case here.
ELSEWHERE = {("uploadForm", "400"), *(
    (name, status) for name in OPERATIONS for status in (
        "401", "413", "429", "500", "501", "503", "507"))}


def test_every_error_of_the_description_has_a_golden_answer():
    have = {(CALLS[name][0], str(status)) for name, _, status, _ in GOLDEN}
    have |= {("completeUpload", "409"), ("createClip", "409"),
             ("generateClips", "409"), ("createVideoTask", "409"),
             ("cancelVideoTask", "409")}  # test_golden_errors_of_states
    want = {(name, status) for name, (_, _, o) in OPERATIONS.items()
            for status in o["responses"] if status >= "400"}
    assert want - have - ELSEWHERE == set()


# ---- without a database -------------------------------------------------------

@pytest.fixture(scope="module")
def stranded():
    """A gateway that has no database at all."""
    g = Gateway({"JWT_SECRET": JWT_SECRET, "JOB_PROCESSOR_TOKEN": JOB_TOKEN,
                 "WEBHOOK_SECRET": WEBHOOK_SECRET,
                 "REELGATE_INDEX_MAP_SIZE": "1G"})
    g.start()
    g.api = g.api_url
    yield g
    g.close()


# Events of a bucket that is not ours need no database.
@pytest.mark.parametrize("name", [n for n in CALLS if calls.is_secured(n)
                                  and n != "s3 events"])
def test_database_away_is_503_with_retry_after(stranded, owner, name):
    known = Named(str(uuid.uuid4()))
    answer = call(stranded, name, known, credentials(name, owner))
    assert (answer.status, answer.json) == (503, {
        "error": "No processor is running" if name == "process"
        else "The database is not available"})
    assert int(answer.headers["Retry-After"]) > 0


def test_ready_without_a_database_is_503_and_says_so(stranded):
    answer = request("GET", stranded.api + "/health/ready")
    assert answer.status == 503
    ready = answer.json
    assert (ready["status"], ready["store"], ready["database"],
            ready["migrations"]) == ("unavailable", "ok", "unavailable",
                                     "unknown")


def test_public_calls_need_no_database(stranded):
    for name in CALLS:
        if not calls.is_secured(name) and name != "ready":
            assert call(stranded, name, Named("x"), {}).status == 200


