"""R1: a URL and an intent for exactly one object of the user's own."""
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway import DEFAULT_BUCKET as BUCKET
from web import request

PATH = "/api/videos/upload-url"
MISSING = (400, {"error": "Missing required fields: fileName, fileType"})
TYPE = (400, {"error": "Only video files are allowed"})
LARGE = (400, {"error": "File size exceeds 500MB limit"})
SIZE = (400, {"error": "fileSize must be a number of bytes"})
OBJECT = (400, {"error": "Request body must be a JSON object"})


@pytest.mark.parametrize("body,golden", [
    ({}, MISSING),
    ({"fileName": "a.mp4"}, MISSING),
    ({"fileType": "video/mp4"}, MISSING),
    ({"fileName": "", "fileType": ""}, MISSING),
    ({"fileName": None, "fileType": []}, MISSING),
    ({"fileName": "a.exe", "fileType": "application/x-msdownload"}, TYPE),
    ({"fileName": "a.mp4", "fileType": "video"}, TYPE),
    ({"fileName": "a.mp4", "fileType": "video/"}, TYPE),
    ({"fileName": "a.mp4", "fileType": "xvideo/mp4"}, TYPE),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": 524288001},
     LARGE),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": True}, SIZE),
    ({"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": "9"}, SIZE),
    ({"fileName": "n" * 1025, "fileType": "video/mp4"},
     (400, {"error": "fileName is too long"})),
    ("", OBJECT), ("[]", OBJECT), ("{", OBJECT), ("\"text\"", OBJECT),
    ('{"fileName": "a\\u0000.mp4", "fileType": "video/mp4"}', OBJECT),
    (b'{"fileName": "\xff.mp4", "fileType": "video/mp4"}', OBJECT),
    ("x" * 65537, (413, {"error": "Request body too large"})),
], ids=range(20))
def test_R1_refusals_are_golden(user, body, golden):
    answer = user.post(PATH, body)
    assert (answer.status, answer.json) == golden


def test_R1_without_a_token_is_401(stack):
    answer = request("POST", stack.api + PATH, "{}")
    assert (answer.status, answer.json) == (401, {
        "error": "Unauthorized", "message": "Missing bearer token"})
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_R1_other_methods_are_405(user):
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = user.call(method, PATH)
        assert (answer.status, answer.json) == (405, {
            "message": "Method not allowed"})
        assert answer.headers["Allow"] == "POST, OPTIONS"


def test_R1_answer_is_golden(stack, user):
    upload = user.upload_url("My clip.mp4", 1234)
    url, time = upload["uploadUrl"], upload["fields"]["x-amz-meta-upload-time"]
    assert upload == {
        "uploadUrl": url, "key": upload["key"], "bucket": BUCKET,
        "fields": {"Content-Type": "video/mp4", "x-amz-meta-user-id": user.id,
                   "x-amz-meta-upload-time": time},
        "method": "PUT", "headers": {"Content-Type": "video/mp4"},
        "expiresAt": upload["expiresAt"], "uploadId": upload["uploadId"]}
    assert url.startswith(f"{stack.s3}/{BUCKET}/{upload['key']}?")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)


def test_R1_intent_holds_user_key_size_type_and_expiry(stack, user):
    upload = user.upload_url("My clip.mp4", 1234, "video/webm")
    assert stack.sql(
        "SELECT user_id, bucket, key, file_name, content_type, size, "
        "round(extract(epoch FROM expires_at - created_at)) "
        f"FROM upload_intents WHERE id = '{upload['uploadId']}'") == [[
            user.id, BUCKET, upload["key"], "My clip.mp4", "video/webm",
            "1234", "3600"]]


def test_R1_100_requests_of_one_name_give_100_keys(user):
    with ThreadPoolExecutor(100) as pool:
        keys = list(pool.map(lambda _: user.upload_url(size=5)["key"],
                             range(100)))
    assert len(set(keys)) == 100
    # and would in one and the same millisecond
    assert len({re.sub(r"/\d{13}-", "/0-", key) for key in keys}) == 100


@pytest.mark.parametrize("name", [
    "../../../etc/passwd", "..\\..\\windows\\system32\\a.mp4", "/etc/passwd",
    "a/../../b.mp4", "\u202egnp.4pm", "\u2066\u200f\u0645.mp4",
    "n" * 1020 + ".mp4", "\U0001f3ac" * 256, "a\r\nX-Evil: 1.mp4",
    "%2e%2e%2f%00.mp4", "a b+c&d=e?f#g;h.mp4", "'; DROP TABLE videos; --.mp4",
    "$(reboot)`reboot`.mp4", ".", "..", " ", "con", "\x7f\x1b[31m.mp4"],
    ids=ascii)
def test_R1_hostile_names_are_safe(stack, user, name):
    upload = user.upload_url(name, 3)
    prefix = f"uploads/{user.id}/"
    assert upload["key"].startswith(prefix)
    assert re.fullmatch(r"\d{13}-[0-9a-f]{16}-[A-Za-z0-9._-]{1,100}",
                        upload["key"][len(prefix):])
    assert user.put(upload, b"abc").status == 200
    video = user.complete(upload, name).json["video"]
    assert video["filename"] == video["title"] == name
    assert request("GET", video["url"]).body == b"abc"
    listed = user.get("/api/videos").json["videos"]
    assert [v["filename"] for v in listed] == [name]
