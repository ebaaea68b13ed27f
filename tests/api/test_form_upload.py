"""POST /api/videos/upload: a small video in a browser's form."""
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from form import BOUNDARY
from gateway import DEFAULT_BUCKET as BUCKET
from web import request, wait_for

PATH = "/api/videos/upload"
MAX = 4718592
BAD_FORM = "Request body must be multipart/form-data with a file `video`"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name, value, filename=None, kind=None):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if kind is not None:
        head += f"\r\nContent-Type: {kind}"
    return head.encode() + b"\r\n\r\n" + value + b"\r\n"


def form(data=b"not really a video", name="a.mp4", kind="video/mp4", before=b"",
         after=b"", field="video"):
    return (before + part(field, data, name, kind) + after +
            f"--{BOUNDARY}--\r\n".encode())


def send(user, body, kind=TYPE, **headers):
    return request("POST", user.stack.api + PATH, body, {
        "Authorization": f"Bearer {user.token}", "Content-Type": kind,
        **headers})


def refused(answer, status, error):
    assert (answer.status, answer.json) == (status, {"error": error})


def test_form_answers_exactly_the_documented_members(stack, user):
    answer = send(user, form(b"12345", "My clip.mp4"))
    assert answer.status == 201
    assert set(answer.json) == {"success", "message", "video"}
    assert answer.json["success"] is True
    video = answer.json["video"]
    assert set(video) == {"id", "title", "filename", "status", "progress",
                          "file_size", "created_at", "url", "storage_path",
                          "uploadedAt"}
    assert (video["title"], video["filename"]) == ("My clip.mp4",) * 2
    assert (video["file_size"], video["status"], video["progress"]) == (
        5, "queued", 0)
    assert video["uploadedAt"] == video["created_at"]
    assert request("GET", video["url"]).body == b"12345"
    stack.relayed()
    assert sorted(r[0] for r in stack.sql(
        "SELECT type FROM job_queue WHERE video_id = "
        f"'{video['id']}'")) == ["ai_analysis", "process_video"]


def test_form_keeps_what_a_signed_put_keeps(stack, user):
    """Both objects have the same record, but for the times."""
    data = b"the same bytes"
    stored = [send(user, form(data)).json["video"]["storage_path"],
              user.upload(data=data)["key"]]
    heads = [stack.client().head_object(Bucket=BUCKET, Key=key)
             for key in stored]
    for name in ("ContentType", "ContentLength", "ETag"):
        assert heads[0][name] == heads[1][name], name
    for head in heads:
        assert head["Metadata"].pop("upload-time").endswith("Z")
    assert heads[0]["Metadata"] == heads[1]["Metadata"] == {
        "user-id": user.id}


def test_form_takes_a_title_before_the_file(user):
    title = part("title", "Ferien am Meer: größer".encode())
    body = form(before=title + part("other", b"x"))
    assert send(user, body).json["video"]["title"] == "Ferien am Meer: größer"
    # what follows the file is not read
    assert send(user, form(after=title)).json["video"]["title"] == "a.mp4"


def test_form_is_read_however_it_is_cut(user):
    content = bytes(range(256)) * 40 + f"\r\n--{BOUNDARY[:-1]}".encode()
    body = form(content)

    def pieces():
        for i in range(0, len(body), 997):
            yield body[i:i + 997]
    answer = send(user, pieces())
    assert answer.status == 201
    assert request("GET", answer.json["video"]["url"]).body == content


@pytest.mark.parametrize("name,filename", [
    (r"C:\fakepath\a.mp4", "a.mp4"), ("../../etc/passwd", "passwd"),
    ("\u202e4pm.exe", "\u202e4pm.exe"), ("\U0001f3ac.mp4", "\U0001f3ac.mp4")],
    ids=ascii)
def test_form_takes_any_file_name(user, name, filename):
    body = form(name="NAME").replace(b"NAME", name.encode())
    video = send(user, body).json["video"]
    assert video["filename"] == filename
    assert video["storage_path"].isascii()
    assert video["storage_path"].count("/") == 2


@pytest.mark.parametrize("body,error", [
    (b"", BAD_FORM),
    (b"no form", BAD_FORM),
    (f"--{BOUNDARY}--\r\n".encode(), BAD_FORM),
    (form(field="file"), BAD_FORM),
    (form(after=part("video", b"x", "b.mp4", "video/mp4")), BAD_FORM),
    (form()[:-4], BAD_FORM),
    (form()[:-40], BAD_FORM),
    (form(name=None), "The file has no name"),
    (form(name=""), "The file has no name"),
    (form(name="NAME").replace(b"NAME", b"\xff\xfe"), "The file has no name"),
    (form(kind=None), "Only video files are allowed"),
    (form(kind="image/png"), "Only video files are allowed"),
    (form(kind="application/octet-stream"), "Only video files are allowed"),
    (form(b""), "The file is empty"),
    (form(name="n" * 1025), "fileName is too long"),
    (form(before=part("title", b"t" * 1025)),
     "fileName or title is too long"),
    (form(before=part("x", b"x" * 30000)), "Too much stands before the file"),
], ids=range(17))
def test_form_refuses(stack, body, error):
    user = stack.user()
    refused(send(user, body), 400, error)
    assert user.get("/api/videos").json["videos"] == []
    keys = stack.client().list_objects_v2(
        Bucket=BUCKET, Prefix=f"uploads/{user.id}/")
    assert keys["KeyCount"] == 0
    assert stack.sql("SELECT count(*) FROM upload_intents WHERE user_id = "
                     f"'{user.id}'") == [["0"]]


@pytest.mark.parametrize("kind", [
    "application/json", "multipart/mixed; boundary=x", "multipart/form-data",
    "multipart/form-data; boundary=", "multipart/form-data; boundary=" +
    "b" * 71])
def test_form_of_another_type_is_400(user, kind):
    refused(send(user, form(), kind), 400, BAD_FORM)


def test_form_limit_is_on_the_file_and_exact(user):
    answer = send(user, form(b"x" * MAX))
    assert answer.status == 201
    assert answer.json["video"]["file_size"] == MAX
    refused(send(user, form(b"x" * (MAX + 1))), 413,
            f"File size exceeds {MAX} bytes limit")


def test_form_far_too_large_is_refused_before_it_is_sent(stack, user):
    at = urlsplit(stack.api)
    with socket.create_connection((at.hostname, at.port), timeout=20) as s:
        s.sendall((f"POST {PATH} HTTP/1.1\r\nHost: x\r\n"
                   f"Authorization: Bearer {user.token}\r\n"
                   f"Content-Type: {TYPE}\r\nExpect: 100-continue\r\n"
                   "Content-Length: 500000000\r\n\r\n").encode())
        assert s.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("where", ["file", "epilogue", "preamble"])
def test_form_without_length_is_capped(user, where):
    def pieces():
        start, end = form(b"@").split(b"@")
        if where != "preamble":
            yield start
        if where == "epilogue":
            yield end
        for _ in range(200):
            yield b"x" * 100000
        yield start + end
    try:
        answer = send(user, pieces())
    except (BrokenPipeError, ConnectionResetError):
        return  # cut off while it was still sending
    assert answer.status == (400 if where == "preamble" else 413)


def test_form_holds_a_smaller_bound_of_uploads(own_stack):
    s = own_stack(MAX_UPLOAD_BYTES="1M")
    user = s.user()
    assert send(user, form(b"x" * (1 << 20))).status == 201
    refused(send(user, form(b"x" * ((1 << 20) + 1))), 413,
            "File size exceeds 1MB limit")


def test_form_counts_against_the_users_bound(own_stack):
    s = own_stack(REELGATE_USER_INFLIGHT_BYTES="1M")
    user = s.user()
    assert user.upload_url(size=1)
    refused(send(user, form()), 429, "Too many bytes in your unfinished "
            "uploads")
    assert send(s.user(), form()).status == 201


def test_forms_at_once(stack, user):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(
            lambda i: send(user, form(b"%d" % i * 1000)), range(32)))
    assert {a.status for a in answers} == {201}
    assert len({a.json["video"]["id"] for a in answers}) == 32


def test_form_of_a_client_that_goes_away_leaves_nothing(stack):
    user = stack.user()
    at = urlsplit(stack.api)
    body = form(b"x" * 100000)
    with socket.create_connection((at.hostname, at.port), timeout=20) as s:
        s.sendall((f"POST {PATH} HTTP/1.1\r\nHost: x\r\n"
                   f"Authorization: Bearer {user.token}\r\n"
                   f"Content-Type: {TYPE}\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() +
                  body[:50000])
    assert user.get("/api/videos").json["videos"] == []
    wait_for("forgotten intent", lambda: stack.sql(
        f"SELECT count(*) FROM upload_intents WHERE user_id = '{user.id}'")
        == [["0"]])


def test_form_needs_a_token(stack):
    for headers in ({}, {"Authorization": "Bearer x"},
                    {"Cookie": "reelgate-token=x"}):
        answer = request("POST", stack.api + PATH, form(),
                         {"Content-Type": TYPE, **headers})
        assert answer.status == 401
