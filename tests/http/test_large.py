"""Objects and parts of 8 MiB and more, which are written past the page
cache: whole, in parts, many at once, and given up on the way."""

import concurrent.futures
import hashlib
import random
import socket

import pytest

from sigv4 import Signer, head
from web import wait_for

MIB = 1 << 20
FROM = 8 * MIB  # here the other way begins
DATA = random.Random(7).randbytes(FROM + 3 * MIB)
STREAMS = 8  # more of them go through the cache


def expect(client, bucket, key, data):
    got = client.get_object(Bucket=bucket, Key=key)
    assert got["ContentLength"] == len(data)
    assert got["Body"].read() == data
    cut = client.get_object(Bucket=bucket, Key=key,
                            Range=f"bytes={FROM - 4100}-{FROM - 4001}")
    assert cut["Body"].read() == data[FROM - 4100:FROM - 4000]


@pytest.mark.parametrize("size", [
    FROM - 1, FROM, FROM + 1, FROM + 4095, FROM + 4096, FROM + MIB + 4097])
def test_object_comes_back_whole(client, bucket, size):
    data = DATA[:size]
    put = client.put_object(Bucket=bucket, Key="o", Body=data)
    assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    expect(client, bucket, "o", data)


def test_parts_come_back_whole(client, bucket):
    upload = client.create_multipart_upload(Bucket=bucket,
                                            Key="o")["UploadId"]
    pieces = [DATA[:FROM + 5], DATA[100:FROM + 2 * MIB], DATA[:77]]
    parts = [{"PartNumber": n, "ETag": client.upload_part(
        Bucket=bucket, Key="o", UploadId=upload, PartNumber=n,
        Body=piece)["ETag"]} for n, piece in enumerate(pieces, 1)]
    client.complete_multipart_upload(Bucket=bucket, Key="o", UploadId=upload,
                                     MultipartUpload={"Parts": parts})
    expect(client, bucket, "o", b"".join(pieces))


def test_more_at_once_than_there_are_streams(client, bucket):
    sizes = [FROM + 1000 * i for i in range(STREAMS + 2)]
    with concurrent.futures.ThreadPoolExecutor(len(sizes)) as pool:
        list(pool.map(lambda n: client.put_object(
            Bucket=bucket, Key=str(n), Body=DATA[:n]), sizes))
    for n in sizes:
        expect(client, bucket, str(n), DATA[:n])


def blobs(gateway):
    return sum(p.is_file() for p in (gateway.data / "blobs").rglob("*"))


def test_upload_that_breaks_off_leaves_nothing(own_gateway):
    gateway = own_gateway()
    client = gateway.client()
    client.create_bucket(Bucket="large")
    for _ in range(STREAMS + 1):
        signer = Signer()
        headers = signer.headers("PUT", "/large/o", f"127.0.0.1:{gateway.port}",
                                 "UNSIGNED-PAYLOAD")
        headers["Content-Length"] = str(len(DATA))
        with socket.create_connection(("127.0.0.1", gateway.port)) as s:
            s.sendall(head("PUT", "/large/o", headers) + DATA[:5 * MIB + 3])
    wait_for("end of the files", lambda: blobs(gateway) == 0)
    assert "Contents" not in client.list_objects_v2(Bucket="large")
    client.put_object(Bucket="large", Key="o", Body=DATA)
    expect(client, "large", "o", DATA)
