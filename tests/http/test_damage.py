"""Damaged blob files: never a wrong byte, an error wherever a damaged block is
touched, and the right bytes everywhere else."""

import contextlib
import random
import time

import pytest
from botocore.exceptions import ClientError

from blobs import blobs, flip
from sigv4 import Signer, head
from wire import Wire, request

pytestmark = pytest.mark.local_store("harms files of objects")

MIB = 1 << 20
PART = 5 * MIB
SMALL = random.Random(1).randbytes(100_000)
MIDDLE = random.Random(2).randbytes(3 * MIB + 500_000)
LARGE = random.Random(3).randbytes(12 * MIB + 77)


@contextlib.contextmanager
def flipped(path, at):
    flip(path, at)
    yield
    flip(path, at)


@pytest.fixture
def put(gateway, client, bucket):
    """Puts the object "o": its one file."""
    def one(data, key="o"):
        before = blobs(gateway.data)
        client.put_object(Bucket=bucket, Key=key, Body=data)
        [path] = blobs(gateway.data) - before
        return path
    return one


@pytest.fixture
def put_parts(gateway, client, bucket):
    """Puts "o" in parts: their files in order."""
    def all_of(*parts):
        upload = client.create_multipart_upload(Bucket=bucket,
                                                Key="o")["UploadId"]
        files, named = [], []
        for n, data in enumerate(parts, 1):
            before = blobs(gateway.data)
            etag = client.upload_part(Bucket=bucket, Key="o", UploadId=upload,
                                      PartNumber=n, Body=data)["ETag"]
            files += blobs(gateway.data) - before
            named.append({"PartNumber": n, "ETag": etag})
        client.complete_multipart_upload(Bucket=bucket, Key="o",
                                         UploadId=upload,
                                         MultipartUpload={"Parts": named})
        return files
    return all_of


@pytest.fixture
def get(gateway, bucket):
    def send(method="GET", key="o", query="", **headers):
        path = f"/{bucket}/{key}"
        pairs = [tuple(query.split("="))] if query else []
        h = Signer().headers(method, path, f"127.0.0.1:{gateway.port}",
                             query=pairs)
        h.update({n.replace("_", "-"): v for n, v in headers.items()})
        return request(gateway.port,
                       head(method, path + "?" * bool(query) + query, h),
                       head_request=method == "HEAD")
    return send


@pytest.fixture
def get_cut(gateway, bucket):
    """Status and the bytes that come before the connection ends."""
    def send(key="o"):
        path = f"/{bucket}/{key}"
        h = Signer().headers("GET", path, f"127.0.0.1:{gateway.port}")
        with Wire(gateway.port) as w:
            w.send(head("GET", path, h))
            status, headers = w.read_head()
            body = [w.rest]
            left = int(headers["content-length"]) - len(w.rest)
            while left > 0:
                piece = w.sock.recv(MIB)
                if not piece:
                    break
                body.append(piece)
                left -= len(piece)
            return status, b"".join(body), left
    return send


def is_plain_error(r):
    """Of the object it says nothing."""
    return (r.status, r.code) == (500, "InternalError") and not (
        {"etag", "last-modified", "content-range", "accept-ranges"}
        & set(r.headers))


@pytest.mark.parametrize("data,at", [
    (SMALL, 0), (SMALL, 50_000), (SMALL, len(SMALL) - 1),
    (MIDDLE, 0), (MIDDLE, MIB - 1), (MIDDLE, MIB), (MIDDLE, len(MIDDLE) - 1)])
def test_damage_is_an_error_and_repair_is_seen(get, put, data, at):
    path = put(data)
    with flipped(path, at):
        assert is_plain_error(get())
        assert is_plain_error(get(Range="bytes=0-"))
        r = get("HEAD")
        assert r.status == 200
        assert r.headers["content-length"] == str(len(data))
    assert get().body == data


@pytest.mark.parametrize("first,last,status", [
    (0, 0, 206), (0, MIB - 1, 206), (MIB - 10, MIB - 1, 206),
    (0, MIB, 500), (MIB, MIB, 500), (MIB + 5, MIB + 70_000, 500),
    (2 * MIB - 1, 2 * MIB - 1, 500), (2 * MIB - 1, 2 * MIB, 500),
    (2 * MIB, len(MIDDLE) - 1, 206), (0, len(MIDDLE) - 1, 500)])
def test_range_is_judged_by_its_blocks(get, put, first, last, status):
    path = put(MIDDLE)
    with flipped(path, MIB + 4711):
        r = get(Range=f"bytes={first}-{last}")
        assert r.status == status
        if status == 206:
            assert r.body == MIDDLE[first:last + 1]
            assert r.headers["content-range"] == \
                f"bytes {first}-{last}/{len(MIDDLE)}"


def test_hot_object_is_refused_at_once(get, put):
    path = put(MIDDLE)
    time.sleep(0.1)
    for _ in range(3):
        assert get().body == MIDDLE
    with flipped(path, 2 * MIB):
        assert is_plain_error(get())
    assert get().body == MIDDLE


@pytest.mark.parametrize("block", [1, 5, 11])
def test_large_object_ends_before_the_damaged_block(get, get_cut, put, block):
    path = put(LARGE)
    for _ in range(2):
        with flipped(path, block * MIB + 1000):
            status, body, left = get_cut()
            assert (status, body) == (200, LARGE[:block * MIB])
            assert left == len(LARGE) - block * MIB
            assert is_plain_error(get(
                Range=f"bytes={block * MIB}-{block * MIB}"))
        time.sleep(0.1)
        assert get_cut() == (200, LARGE, 0)
        assert get_cut() == (200, LARGE, 0)  # verified by now


def test_large_object_with_a_damaged_first_block_is_a_plain_error(get, put):
    with flipped(put(LARGE), 77):
        assert is_plain_error(get())
        assert get(Range=f"bytes={MIB}-").body == LARGE[MIB:]


@pytest.mark.parametrize("size,whole_blocks", [
    (len(LARGE) - 1, 12), (12 * MIB, 12), (5 * MIB + 10, 5), (MIB, 1)])
def test_truncated_file(get, get_cut, put, size, whole_blocks):
    path = put(LARGE)
    with open(path, "r+b") as f:
        f.truncate(size)
    assert get_cut()[:2] == (200, LARGE[:whole_blocks * MIB])
    assert is_plain_error(get(Range="bytes=-1"))
    assert get(Range="bytes=5-9").body == LARGE[5:10]


def test_missing_file(get, put):
    path = put(MIDDLE)
    path.unlink()
    assert is_plain_error(get())
    assert is_plain_error(get(Range="bytes=0-0"))
    assert get("HEAD").status == 200
    put(SMALL)
    assert get().body == SMALL


def test_parts_are_judged_apart(get, get_cut, put_parts):
    first, second, third = LARGE[:PART], LARGE[PART:2 * PART], LARGE[2 * PART:]
    files = put_parts(first, second, third)
    assert get_cut() == (200, LARGE, 0)
    with flipped(files[1], 3 * MIB):
        assert get_cut()[:2] == (200, LARGE[:PART + 3 * MIB])
        assert get(query="partNumber=1").body == first
        assert is_plain_error(get(query="partNumber=2"))
        assert get(query="partNumber=3").body == third
        assert get("HEAD", query="partNumber=2").status == 206
        assert get(Range=f"bytes={2 * PART - 9}-").body == LARGE[2 * PART - 9:]
    assert get_cut() == (200, LARGE, 0)


def test_copies(get, put, client, bucket):
    path = put(MIDDLE)
    source = {"Bucket": bucket, "Key": "o"}
    upload = client.create_multipart_upload(Bucket=bucket,
                                            Key="p")["UploadId"]
    with flipped(path, MIB):
        # Shares the bytes and looks at none.
        client.copy_object(Bucket=bucket, Key="same", CopySource=source)
        assert is_plain_error(get(key="same"))
        # These read them.
        with pytest.raises(ClientError) as error:
            client.copy_object(Bucket=bucket, Key="other", CopySource=source,
                               ChecksumAlgorithm="SHA256")
        assert error.value.response["Error"]["Code"] == "InternalError"
        assert get(key="other").status == 404
        with pytest.raises(ClientError) as error:
            client.upload_part_copy(Bucket=bucket, Key="p", UploadId=upload,
                                    PartNumber=1, CopySource=source,
                                    CopySourceRange=f"bytes={MIB - 1}-{MIB}")
        assert error.value.response["Error"]["Code"] == "InternalError"
        client.upload_part_copy(Bucket=bucket, Key="p", UploadId=upload,
                                PartNumber=1, CopySource=source,
                                CopySourceRange=f"bytes=0-{MIB - 1}")
    assert get(key="same").body == MIDDLE


def test_damage_is_logged_with_its_place(gateway, get, put):
    path = put(MIDDLE)
    with flipped(path, 2 * MIB):
        get()
    assert f"blob {path.name}, block 2: its CRC-32C differs" in gateway.log()
