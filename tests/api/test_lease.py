"""The lease socket: descriptors of stored objects for local processors."""
import base64
import hashlib
import json
import os
import socket
import stat
import subprocess
import time

import pytest

from blobs import blobs, flip
from stack import BUCKET

pytestmark = pytest.mark.local_store("leases files of objects")


def connect(stack):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(os.path.join(stack.data, "run", "lease.sock"))
    return s


def ask(stack, line):
    """The answer and the descriptors that came with it."""
    with connect(stack) as s:
        s.sendall(line)
        data, fds = b"", []
        while not data.endswith(b"\n"):
            more, some, flags, _ = socket.recv_fds(s, 65536, 253)
            assert more and not flags & socket.MSG_CTRUNC, data
            data += more
            fds += some
        return json.loads(data), fds


def lease(stack, key, bucket=BUCKET, **more):
    return ask(stack, json.dumps(
        {"bucket": bucket, "key": key, **more}).encode() + b"\n")


def read_all(answer, fds):
    try:
        return b"".join(os.pread(fd, e["size"], e["offset"])
                        for fd, e in zip(fds, answer["extents"]))
    finally:
        for fd in fds:
            os.close(fd)


@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 65537, 3 << 20])
def test_lease_gives_the_bytes(stack, user, size):
    data = os.urandom(size)
    upload = user.upload_url()
    assert user.put(upload, data).status == 200
    answer, fds = lease(stack, upload["key"])
    assert answer["size"] == size
    assert answer["etag"] == hashlib.md5(data).hexdigest()
    assert answer["version_id"] == "null"
    assert len(fds) == len(answer["extents"])
    for fd in fds:
        with pytest.raises(OSError):
            os.pwrite(fd, b"x", 0)
    assert read_all(answer, fds) == data


def test_lease_of_a_damaged_object_is_refused(stack, user):
    data = os.urandom((3 << 20) + 5)
    upload = user.upload_url()
    before = blobs(stack.data)
    assert user.put(upload, data).status == 200
    [path] = blobs(stack.data) - before
    flip(path, len(data) - 1)
    assert lease(stack, upload["key"]) == ({"error": "BadDigest"}, [])
    path.write_bytes(data)
    assert read_all(*lease(stack, upload["key"])) == data


def test_lease_outlives_the_object(stack, user):
    upload = user.upload(data=b"a" * 200000)
    answer, fds = lease(stack, upload["key"])
    again = user.put(user.upload_url(), b"")  # others go on
    assert again.status == 200
    assert user.put(user.upload_url(size=3), b"abc").status == 200
    assert read_all(answer, fds) == b"a" * 200000


def test_lease_of_a_key_in_base64(stack, user):
    upload = user.upload(data=b"123")
    line = json.dumps({"bucket": BUCKET, "key_b64": base64.b64encode(
        upload["key"].encode()).decode()}).encode() + b"\n"
    assert read_all(*ask(stack, line)) == b"123"


@pytest.mark.parametrize("line,code", [
    (b'{"bucket":"socialitix-videos","key":"none"}\n', "NoSuchKey"),
    (b'{"bucket":"no-such-bucket","key":"k"}\n', "NoSuchBucket"),
    (b'{"bucket":"socialitix-videos"}\n', "InvalidRequest"),
    (b'{"bucket":"b","key":"k","key_b64":"aw=="}\n', "InvalidRequest"),
    (b'{"bucket":"b","key_b64":"!"}\n', "InvalidRequest"),
    (b"not json\n", "InvalidRequest"),
    (b"[]\n", "InvalidRequest"),
    (b"\n", "InvalidRequest"),
    (b"x" * 20000 + b"\n", "InvalidRequest"),
], ids=["no key", "no bucket", "key missing", "two keys", "bad base64",
        "no JSON", "array", "empty", "endless"])
def test_lease_refuses(stack, line, code):
    try:
        answer, fds = ask(stack, line)
    except ConnectionResetError:
        assert len(line) > 8192  # refused before it was read to its end
        return
    assert (answer, fds) == ({"error": code}, [])


def test_lease_server_survives_peers_that_leave_or_dawdle(stack, user):
    upload = user.upload(data=b"123")
    connect(stack).close()
    dawdler = connect(stack)
    dawdler.sendall(b'{"bucket":')
    start = time.monotonic()
    assert read_all(*lease(stack, upload["key"])) == b"123"
    assert time.monotonic() - start < 20
    dawdler.close()


def test_lease_socket_is_for_our_own_uid(stack):
    path = os.path.join(stack.data, "run", "lease.sock")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    if os.getuid() != 0:
        pytest.skip("needs root to try another uid")
    os.chmod(path, 0o666)
    for part in (stack.data, os.path.dirname(path)):
        os.chmod(part, 0o755)
    try:
        done = subprocess.run(
            ["setpriv", "--reuid=nobody", "--regid=nogroup",
             "--clear-groups", "/usr/bin/python3", "-c",
             "import socket,sys\n"
             "s = socket.socket(socket.AF_UNIX)\n"
             "s.connect(sys.argv[1])\n"
             "try:\n"
             "    s.sendall(b'{}\\n')\n"
             "    print(s.recv(100))\n"
             "except OSError:\n"
             "    print(b'')\n", path],
            capture_output=True, text=True, timeout=30, cwd="/")
        assert done.stdout.strip() == "b''", done
    finally:
        os.chmod(path, 0o600)


PIECE = 5 << 20


def make_of_pieces(stack, key, n):
    """An object of n parts, each a copy of one of two objects of 5 MiB."""
    client = stack.client()
    data = [os.urandom(PIECE) for _ in range(2)]
    for i in range(2):
        client.put_object(Bucket=BUCKET, Key=f"pieces/{i}", Body=data[i])
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    parts = []
    for number in range(1, n + 1):
        answer = client.upload_part_copy(
            Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number,
            CopySource={"Bucket": BUCKET, "Key": f"pieces/{number % 2}"})
        parts.append({"PartNumber": number,
                      "ETag": answer["CopyPartResult"]["ETag"]})
    done = client.complete_multipart_upload(
        Bucket=BUCKET, Key=key, UploadId=upload,
        MultipartUpload={"Parts": parts})
    return data, done["ETag"].strip('"')


def test_lease_of_more_extents_than_a_message_carries(stack):
    data, etag = make_of_pieces(stack, "pieces/all", 300)
    answer, fds = lease(stack, "pieces/all")
    try:
        assert answer["size"] == 300 * PIECE
        assert answer["etag"] == etag and etag.endswith("-300")
        assert len(fds) == len(answer["extents"]) == 300
        for i, (fd, extent) in enumerate(zip(fds, answer["extents"])):
            assert extent["size"] == PIECE
            for at in (0, PIECE - 16):
                assert os.pread(fd, 16, extent["offset"] + at) == \
                    data[(i + 1) % 2][at:at + 16]
    finally:
        for fd in fds:
            os.close(fd)
    for most, code in ((299, "EntityTooLarge"), (0, "InvalidRequest")):
        assert lease(stack, "pieces/all", extents_max=most) == (
            {"error": code}, [])
