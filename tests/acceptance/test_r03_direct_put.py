"""R3: the direct PUT, by any client, durable when it is answered."""
import json
import socket
import subprocess
from urllib.parse import urlsplit

from gateway import DEFAULT_BUCKET as BUCKET
from machine import ffmpeg
from web import request

ORIGIN = "https://app.example.org"
ETAG = '"5d41402abc4b2a76b9719d911017c592"'  # of "hello"


def test_R3_curl_uploads(user, tmp_path):
    path = tmp_path / "hello.mp4"
    path.write_bytes(b"hello")
    upload = user.upload_url("hello.mp4", 5)
    done = subprocess.run(
        ["curl", "-sS", "-D-", "-T", path, "-H", "Content-Type: video/mp4",
         upload["uploadUrl"]], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(("HTTP/1.1 200 ", "HTTP/1.1 100 "))
    assert f"ETag: {ETAG}" in done.stdout
    assert user.complete(upload).json["video"]["file_size"] == 5


def test_R3_fetch_uploads(node, machine, tmp_path):
    """A page's whole flow, to the end of its polling, under node's fetch."""
    user = machine.user()
    path = ffmpeg(tmp_path / "My clip.mp4", "-f", "lavfi", "-i",
                  "testsrc2=size=320x180:rate=25:duration=2")
    machine.processor()
    page = node("upload.mjs", machine, path, "Holiday", TOKEN=user.token)
    out, err = page.communicate(timeout=180)
    assert page.returncode == 0, err
    shown = json.loads(out)
    video = shown["uploaded"]["video"]
    assert (video["title"], video["filename"], video["file_size"]) == (
        "Holiday", "My clip.mp4", path.stat().st_size)
    assert set(shown["uploaded"]["jobs"]) == {"processing", "ai_analysis"}
    status = shown["status"]
    assert (status["id"], status["status"], status["progress"]) == (
        video["id"], "completed", 100)
    assert (status["width"], status["height"]) == (320, 180)


def test_R3_an_aws_sdk_uploads_beside_the_signed_urls(stack, user):
    key = f"uploads/{user.id}/sdk.mp4"
    done = stack.client().put_object(Bucket=BUCKET, Key=key, Body=b"hello",
                                     ContentType="video/mp4")
    assert done["ETag"] == ETAG


def test_R3_a_page_of_another_origin_may_put_and_see_the_etag(user):
    upload = user.upload_url(size=5)
    asked = request("OPTIONS", upload["uploadUrl"], None, {
        "Origin": ORIGIN, "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type"})
    assert asked.status == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
    assert "content-type" in \
        asked.headers["Access-Control-Allow-Headers"].lower()
    answer = user.put(upload, b"hello", Origin=ORIGIN)
    assert (answer.status, answer.headers["ETag"]) == (200, ETAG)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "etag" in answer.headers["Access-Control-Expose-Headers"].lower()


def test_R3_kill_in_the_middle_of_a_put_leaves_no_object(own_stack):
    s = own_stack()
    user = s.user()
    size = 8 << 20
    upload = user.upload_url(size=size)
    at = urlsplit(upload["uploadUrl"])
    with socket.create_connection((at.hostname, at.port), timeout=30) as c:
        c.sendall((f"PUT {at.path}?{at.query} HTTP/1.1\r\nHost: {at.netloc}\r\n"
                   "Content-Type: video/mp4\r\n"
                   f"Content-Length: {size}\r\n\r\n").encode() +
                  b"x" * (size - 1))
        s.kill()
    s.start()
    assert s.client().list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert user.complete(upload).status == 409
    assert s.ready()["relay"]["lag"] == 0
    blobs = sum(f.stat().st_size for f in (s.data / "blobs").rglob("*")
                if f.is_file())
    assert blobs < size // 2  # nor do its bytes stay
    again = user.upload_url(size=5)
    assert user.put(again, b"hello").status == 200
    s.kill()  # what was answered is there
    s.start()
    assert user.complete(again).status == 201
