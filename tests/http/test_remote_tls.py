"""The other S3 behind TLS: only a certificate that is believed is talked to,
and a streamed body leaves with a checksum of its own instead of signatures."""

import hashlib

import botocore.exceptions
import pytest

from gateway import Gateway, Upstream
from tls_front import TlsFront
from web import request, wait_for

pytestmark = pytest.mark.local_store("starts its own pairs")

LARGE = bytes(range(251)) * 12000  # streamed: 3 MB


@pytest.fixture(scope="module")
def upstream():
    g = Upstream().start()
    yield g
    g.close()


@pytest.fixture(scope="module")
def front(upstream):
    front = TlsFront(upstream.url, recording=True)
    yield front
    front.close()


@pytest.fixture
def unseen(upstream):
    """A front of the test's own: no other gateway looks after it."""
    front = TlsFront(upstream.url, recording=True)
    yield front
    front.close()


@pytest.fixture(scope="module")
def client(front):
    g = Gateway({"REELGATE_BACKEND": "s3", "S3_ENDPOINT": front.url,
                 "S3_CA_FILE": str(front.certificate)}).start()
    client = g.client()
    client.create_bucket(Bucket="tls")
    yield client
    g.close()


@pytest.mark.parametrize("data", [b"", b"small", LARGE],
                         ids=["empty", "small", "large"])
def test_objects_pass_both_ways(client, data):
    made = client.put_object(Bucket="tls", Key="o", Body=data)
    assert made["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert client.get_object(Bucket="tls", Key="o")["Body"].read() == data


def test_ranges_and_parts_pass(client):
    upload = client.create_multipart_upload(Bucket="tls", Key="p")["UploadId"]
    sizes = (5 << 20, 100)
    parts = [{"PartNumber": n, "ETag": client.upload_part(
        Bucket="tls", Key="p", UploadId=upload, PartNumber=n,
        Body=bytes([n]) * size)["ETag"]} for n, size in enumerate(sizes, 1)]
    client.complete_multipart_upload(Bucket="tls", Key="p", UploadId=upload,
                                     MultipartUpload={"Parts": parts})
    got = client.get_object(Bucket="tls", Key="p",
                            Range=f"bytes={sizes[0] - 2}-{sizes[0] + 1}")
    assert got["Body"].read() == b"\1\1\2\2"


def test_a_streamed_body_is_not_signed_twice(front, client):
    front.sent.clear()
    client.put_object(Bucket="tls", Key="o", Body=LARGE)  # signed by its hash
    assert (f"x-amz-content-sha256: {hashlib.sha256(LARGE).hexdigest()}\r\n"
            ).encode() in front.sent

    front.sent.clear()
    url = client.generate_presigned_url("put_object", {"Bucket": "tls",
                                                       "Key": "o"})
    assert request("PUT", url, LARGE).status == 200
    assert b"x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n" \
        in front.sent
    assert b"\r\nx-amz-trailer: x-amz-checksum-" in front.sent
    assert b"chunk-signature" not in front.sent


def test_a_certificate_that_nobody_vouches_for_is_refused(unseen):
    g = Gateway({"REELGATE_BACKEND": "s3",
                 "S3_ENDPOINT": unseen.url}).start(until="live")
    try:
        with pytest.raises(botocore.exceptions.ClientError) as e:
            g.client(retries={"max_attempts": 0}).list_buckets()
        assert e.value.response["Error"]["Code"] == "SlowDown"
        assert not unseen.sent
        wait_for("a word of it", lambda: "s3_trouble" in g.log())
        assert "the S3's certificate is not believed" in g.log()
        assert "name its authority's in S3_CA_FILE" in g.log()
    finally:
        g.close()


def test_a_certificate_of_another_name_is_refused(unseen):
    g = Gateway({"REELGATE_BACKEND": "s3",
                 "S3_ENDPOINT": f"https://127.0.0.1:{unseen.port}",
                 "S3_CA_FILE": str(unseen.certificate)}).start(until="live")
    try:
        with pytest.raises(botocore.exceptions.ClientError):
            g.client(retries={"max_attempts": 0}).list_buckets()
        assert not unseen.sent
    finally:
        g.close()
