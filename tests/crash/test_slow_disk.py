"""A disk that takes long for a commit: the client of a completion is kept
waiting with signs of life, and a failure that comes late is told in the body."""

import hashlib
import os
import pathlib
import re
import socket
import subprocess
import threading
import urllib.parse

import pytest

from gateway import Gateway
from signed import signed
from sigv4 import Signer, head
from web import wait_for
from wire import request

SHIM = pathlib.Path(__file__).parents[1] / "lib" / "slow_sync.c"


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Makes gateways whose commits do not end while gateway.marker exists."""
    where = tmp_path_factory.mktemp("slow")
    shim, made = where / "slow_sync.so", []
    subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1",
                    "-D_GNU_SOURCE", "-o", shim, SHIM], check=True)

    def start():
        marker = where / f"slow{len(made)}"
        made.append(Gateway({"LD_PRELOAD": str(shim),
                             "SLOW_SYNC_FILE": str(marker)}))
        made[-1].marker = marker
        return made[-1].start()
    yield start
    for g in made:
        g.marker.unlink(missing_ok=True)
        g.close()


@pytest.fixture(scope="module")
def slow(make):
    return make()


@pytest.fixture
def upload(slow):
    """Bucket, upload id and ETag of an upload with one part."""
    slow.marker.unlink(missing_ok=True)
    bucket = "slow"
    signed(slow, "PUT", f"/{bucket}")
    made = signed(slow, "POST", f"/{bucket}/k?uploads")
    upload = made.element("UploadId")
    part = signed(slow, "PUT", f"/{bucket}/k?partNumber=1&uploadId={upload}",
                  b"data")
    return bucket, upload, part.headers["etag"]


def in_commit(gateway):
    """Waits until one is under way that does not end."""
    asleep = gateway.marker.with_name(gateway.marker.name + ".asleep")
    wait_for("commit that lasts", asleep.exists)


def complete(gateway, bucket, upload, etag, headers=None):
    """The socket after a completion was sent while the disk is slow."""
    body = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>").encode()
    h = Signer().headers("POST", f"/{bucket}/k", f"127.0.0.1:{gateway.port}",
                         hashlib.sha256(body).hexdigest(),
                         [("uploadId", upload)], headers)
    h["Content-Length"] = str(len(body))
    gateway.marker.touch()
    s = socket.create_connection(("127.0.0.1", gateway.port), 20)
    s.sendall(head("POST", f"/{bucket}/k?uploadId={upload}", h) + body)
    return s


def read_chunked(s):
    """The head of an answer in chunks, then its pieces as they come."""
    data = b""

    def more():
        got = s.recv(65536)
        assert got, "the answer broke off"
        return got
    while b"\r\n\r\n" not in data:
        data += more()
    top, data = data.split(b"\r\n\r\n", 1)
    yield top.decode()
    n = -1
    while n:
        while b"\r\n" not in data:
            data += more()
        size, data = data.split(b"\r\n", 1)
        n = int(size, 16)
        while len(data) < n + 2:
            data += more()
        if n:
            yield data[:n]
        data = data[n + 2:]


def test_long_completion_is_kept_alive(slow, upload):
    with complete(slow, *upload) as s:
        answer = read_chunked(s)
        top, *pieces = [next(answer) for _ in range(4)]  # before its end
        slow.marker.unlink()
        pieces += answer
        text = b"".join(pieces).decode()
        assert top.startswith("HTTP/1.1 200 ")
        assert "Content-Type: application/xml" in top
        assert pieces[0].startswith(b"<?xml")
        blanks = pieces[1:-1]
        assert len(blanks) >= 2 and all(p == b" " for p in blanks)
        assert "<CompleteMultipartUploadResult" in text
        assert hashlib.md5(hashlib.md5(b"data").digest()).hexdigest() in text
        # The connection serves the next request.
        h = Signer().headers("GET", "/slow/k", f"127.0.0.1:{slow.port}")
        s.sendall(head("GET", "/slow/k", h))
        assert s.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_late_failure_is_an_error_in_the_body(slow, upload):
    """A condition is decided in the commit, which waits for the one before."""
    bucket, _, _ = upload
    assert signed(slow, "PUT", f"/{bucket}/k", b"there").status == 200
    slow.marker.touch()
    before = threading.Thread(
        target=lambda: signed(slow, "PUT", f"/{bucket}/other", b"x"))
    before.start()
    in_commit(slow)
    with complete(slow, *upload, {"If-None-Match": "*"}) as s:
        answer = read_chunked(s)
        top, *pieces = next(answer), next(answer)  # it is kept alive
        slow.marker.unlink()
        pieces += answer
    before.join()
    text = b"".join(pieces).decode()
    assert top.startswith("HTTP/1.1 200 ")
    assert "<Error><Code>PreconditionFailed</Code>" in text
    assert "<RequestId>" in text
    assert signed(slow, "GET", f"/{bucket}/k").body == b"there"


def test_client_that_leaves_does_not_undo_the_completion(slow, upload):
    bucket, upload_id, etag = upload
    with complete(slow, *upload):
        in_commit(slow)
    slow.marker.unlink()
    wait_for("end of the upload", lambda: signed(
        slow, "GET", f"/{bucket}/k?uploadId={upload_id}"
    ).code == "NoSuchUpload")
    assert signed(slow, "GET", f"/{bucket}/k").body == b"data"


# ---- a commit that takes longer than threads should wait ----------------------

def before_body(gateway, method, target):
    """The answer to the head of a request whose body waits to be asked for."""
    path, _, query = target.partition("?")
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    h = Signer().headers(method, path, f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD", pairs)
    h.update({"Content-Length": "5", "Expect": "100-continue"})
    return request(gateway.port, head(method, target, h))


def test_nothing_new_is_let_in_while_a_commit_takes_over_5_s(make):
    gateway = make()
    bucket = "behind"
    signed(gateway, "PUT", f"/{bucket}")
    assert signed(gateway, "PUT", f"/{bucket}/there", b"v").status == 200
    made = signed(gateway, "POST", f"/{bucket}/k?uploads")
    part = f"/{bucket}/k?partNumber=1&uploadId={made.element('UploadId')}"
    assert before_body(gateway, "PUT", part).status == 100
    gateway.marker.touch()
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(
        signed(gateway, "PUT", f"/{bucket}/waiting", b"w")))
    waiting.start()
    in_commit(gateway)
    wait_for("refusal", lambda: before_body(
        gateway, "PUT", f"/{bucket}/new").status == 503)
    for refused in (before_body(gateway, "PUT", f"/{bucket}/new"),
                    before_body(gateway, "PUT", part),
                    signed(gateway, "DELETE", f"/{bucket}/there"),
                    signed(gateway, "POST", f"/{bucket}/new?uploads"),
                    signed(gateway, "PUT", "/another-bucket")):
        assert (refused.status, refused.code) == (503, "SlowDown")
    assert signed(gateway, "GET", f"/{bucket}/there").body == b"v"
    gateway.marker.unlink()
    waiting.join()
    assert answers[0].status == 200
    assert signed(gateway, "PUT", f"/{bucket}/new", b"n").status == 200
    listing = signed(gateway, "GET", f"/{bucket}?list-type=2").text
    assert re.findall("<Key>(.*?)</Key>", listing) == ["new", "there",
                                                       "waiting"]
