"""R4: 524,288,000 bytes and the type hold at signing, at the PUT and at the
end; what the bytes are the media worker decides."""
import http.client
import os
from urllib.parse import urlsplit

import pytest

import form
from gateway import DEFAULT_BUCKET as BUCKET
from sigv4 import Signer
from stack import Stack
from web import request

LIMIT = 524288000
SMALL = 6 << 20  # where the bytes are sent in many ways
LARGE = {"error": "File size exceeds 500MB limit"}


def put_zeros(upload, size):
    """The status of a PUT of that many bytes; sends until it is answered."""
    at = urlsplit(upload["uploadUrl"])
    c = http.client.HTTPConnection(at.netloc, timeout=300)
    c.putrequest("PUT", f"{at.path}?{at.query}")
    c.putheader("Content-Type", "video/mp4")
    c.putheader("Content-Length", str(size))
    c.endheaders()
    piece = bytes(1 << 20)
    try:
        for start in range(0, size, len(piece)):
            c.send(piece[:size - start])
    except (BrokenPipeError, ConnectionResetError):
        pass
    answer = c.getresponse()
    body = answer.read()
    c.close()
    return answer.status, body


def test_R4_signing_takes_the_limit_and_no_byte_more(user):
    body = {"fileName": "a.mp4", "fileType": "video/mp4"}
    path = "/api/videos/upload-url"
    assert user.post(path, {**body, "fileSize": LIMIT}).status == 200
    answer = user.post(path, {**body, "fileSize": LIMIT + 1})
    assert (answer.status, answer.json) == (400, LARGE)


# Half a gigabyte once is enough of a short run.
@pytest.mark.parametrize("stated", [
    True, *([False] if os.environ.get("REELGATE_TEST_LONG") else [])])
def test_R4_put_takes_524288000_bytes(own_stack, stated):
    s = own_stack()
    user = s.user()
    upload = user.upload_url(size=LIMIT if stated else None)
    assert put_zeros(upload, LIMIT)[0] == 200
    assert user.complete(upload).json["video"]["file_size"] == LIMIT


def test_R4_put_of_a_byte_more_is_refused(user):
    upload = user.upload_url()  # a size is not signed
    status, body = put_zeros(upload, LIMIT + 1)
    assert status == 400 and b"<Code>EntityTooLarge</Code>" in body
    assert user.complete(upload).status == 409


@pytest.fixture(scope="module")
def small(postgres):
    s = Stack(postgres, MAX_UPLOAD_BYTES=str(SMALL))
    yield s
    s.close()


def test_R4_body_of_unknown_length_is_refused(small):
    """As on AWS: no length, no upload."""
    user = small.user()
    upload = user.upload_url()

    def pieces():
        yield from (bytes(1 << 20) for _ in range(8))
    try:
        answer = user.put(upload, pieces())
        assert answer.status in (411, 501)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert user.complete(upload).status == 409


@pytest.mark.parametrize("decoded,status,code", [
    (None, 411, b"MissingContentLength"),
    (SMALL + 1, 400, b"EntityTooLarge"),
    (SMALL, 400, b"IncompleteBody"),  # more comes than was said
    (1000, 400, b"IncompleteBody")])
def test_R4_chunks_cannot_hide_a_length(small, decoded, status, code):
    user = small.user()
    key = f"uploads/{user.id}/chunks.mp4"
    signer = Signer()
    extra = {"content-encoding": "aws-chunked"}
    if decoded is not None:
        extra["x-amz-decoded-content-length"] = str(decoded)
    headers = signer.headers(
        "PUT", f"/{BUCKET}/{key}", f"127.0.0.1:{small.port}",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", extra=extra)
    body = signer.chunks(bytes(SMALL + 1))
    answer = request("PUT", f"{small.s3}/{BUCKET}/{key}", body, headers)
    assert answer.status == status, answer.body
    assert b"<Code>" + code + b"</Code>" in answer.body
    assert small.client().list_objects_v2(
        Bucket=BUCKET, Prefix=key)["KeyCount"] == 0


def test_R4_form_is_cut_at_the_limit(small):
    key = f"uploads/{small.user().id}/form.mp4"
    for size, status in ((SMALL, 204), (SMALL + 1, 400)):
        content = form.body(form.sign_fields(BUCKET, {"key": key}),
                            bytes(size))
        answer = form.send(small.port, BUCKET, content)
        assert answer.status == status
        assert (b"EntityTooLarge" in answer.body) == (status == 400)


def test_R4_parts_together_hold_the_limit(small):
    key = f"uploads/{small.user().id}/parts.mp4"
    client = small.client()
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    parts = [{"PartNumber": n, "ETag": client.upload_part(
        Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=n,
        Body=bytes(5 << 20))["ETag"]} for n in (1, 2)]
    with pytest.raises(client.exceptions.ClientError) as refused:
        client.complete_multipart_upload(
            Bucket=BUCKET, Key=key, UploadId=upload,
            MultipartUpload={"Parts": parts})
    assert refused.value.response["Error"]["Code"] == "EntityTooLarge"


def test_R4_complete_looks_at_the_object_not_at_the_claim(small):
    """Put by the store's own keys with another type."""
    user = small.user()
    upload = user.upload_url(size=5)
    small.client().put_object(Bucket=BUCKET, Key=upload["key"], Body=b"hello",
                              ContentType="text/html")
    answer = user.complete(upload)
    assert (answer.status, answer.json) == (
        400, {"error": "Only video files are allowed"})


def test_R4_a_program_named_mp4_fails_as_unsupported_media(machine):
    machine.processor()
    user = machine.user()
    program = b"MZ\x90\x00\x03" + bytes(55) + b"\x80\x00\x00\x00" + bytes(64) + \
        b"PE\x00\x00\x64\x86" + os.urandom(50000)
    upload = user.upload("setup.exe", program)
    video = user.complete(upload, "setup.exe").json["video"]["id"]
    machine.wait_video(video, "failed")
    status = user.get(f"/api/videos/{video}/status").json
    assert (status["status"], status["error"]) == (
        "failed", "unsupported_media")
    assert machine.job(video) == ["failed", "1", "unsupported_media"]
