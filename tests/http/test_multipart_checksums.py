"""Checksums of parts and of the whole (boto3 1.26 knows no CRC64NVME: what
it cannot say is sent by hand)."""

import hashlib
import random
import re

import pytest
from botocore.exceptions import ClientError

from signed import signed
from sums import SUMS, b64

MIN = 5 << 20
A = random.Random(8).randbytes(MIN)
B = b"the rest"


DIGESTS = {name.upper(): digest for name, digest in SUMS.items()}
SUMS_A = {name: digest(A) for name, digest in DIGESTS.items()
          if name != "CRC64NVME"}


def create(gateway, bucket, **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    return signed(gateway, "POST", f"/{bucket}/k?uploads", headers=headers)


def begin(gateway, bucket, algorithm=None, kind=None):
    headers = {}
    if algorithm:
        headers["x_amz_checksum_algorithm"] = algorithm
    if kind:
        headers["x_amz_checksum_type"] = kind
    answer = create(gateway, bucket, **headers)
    assert answer.status == 200, answer
    return answer.element("UploadId")


def send(gateway, bucket, upload, number, data, algorithm=None, value=None):
    headers = {}
    if algorithm:
        value = value or b64(DIGESTS[algorithm](data))
        headers[f"x-amz-checksum-{algorithm.lower()}"] = value
    return signed(gateway, "PUT",
                  f"/{bucket}/k?partNumber={number}&uploadId={upload}", data,
                  headers)


def document(parts):
    return "<CompleteMultipartUpload>" + "".join(
        f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag>"
        + "".join(f"<Checksum{a}>{v}</Checksum{a}>" for a, v in sums.items())
        + "</Part>" for n, etag, sums in parts) + "</CompleteMultipartUpload>"


def finish(gateway, bucket, upload, parts, **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    return signed(gateway, "POST", f"/{bucket}/k?uploadId={upload}",
                  document(parts), headers)


def etag(data):
    return hashlib.md5(data).hexdigest()


def head(gateway, bucket):
    return signed(gateway, "HEAD", f"/{bucket}/k",
                  headers={"x-amz-checksum-mode": "ENABLED"}).headers


# ---- what may be asked for ----------------------------------------------------

@pytest.mark.parametrize("algorithm,kind,want", [
    ("CRC32", None, "COMPOSITE"), ("CRC32", "COMPOSITE", "COMPOSITE"),
    ("CRC32", "FULL_OBJECT", "FULL_OBJECT"),
    ("CRC32C", None, "COMPOSITE"), ("CRC32C", "FULL_OBJECT", "FULL_OBJECT"),
    ("SHA1", None, "COMPOSITE"), ("SHA256", "COMPOSITE", "COMPOSITE"),
    ("CRC64NVME", None, "FULL_OBJECT"),
    ("CRC64NVME", "FULL_OBJECT", "FULL_OBJECT"),
])
def test_algorithm_and_type_are_answered(bucket, gateway, algorithm, kind,
                                         want):
    headers = {"x_amz_checksum_algorithm": algorithm}
    if kind:
        headers["x_amz_checksum_type"] = kind
    answer = create(gateway, bucket, **headers)
    assert answer.status == 200, answer
    assert answer.headers["x-amz-checksum-algorithm"] == algorithm
    assert answer.headers["x-amz-checksum-type"] == want


@pytest.mark.parametrize("algorithm,kind", [
    ("CRC64NVME", "COMPOSITE"), ("SHA1", "FULL_OBJECT"),
    ("SHA256", "FULL_OBJECT"), (None, "COMPOSITE"), (None, "FULL_OBJECT"),
    ("MD4", None), ("CRC32", "HALF"),
])
def test_clashes_of_algorithm_and_type(bucket, gateway, algorithm, kind):
    headers = {}
    if algorithm:
        headers["x_amz_checksum_algorithm"] = algorithm
    if kind:
        headers["x_amz_checksum_type"] = kind
    answer = create(gateway, bucket, **headers)
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


# ---- the whole ----------------------------------------------------------------

@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_composite(bucket, gateway, algorithm):
    upload = begin(gateway, bucket, algorithm, "COMPOSITE")
    sums = [SUMS_A[algorithm], DIGESTS[algorithm](B)]
    for n, (data, value) in enumerate(zip((A, B), sums), 1):
        answer = send(gateway, bucket, upload, n, data, algorithm, b64(value))
        assert answer.status == 200, answer
        assert answer.headers[
            f"x-amz-checksum-{algorithm.lower()}"] == b64(value)
    done = finish(gateway, bucket, upload, [
        (1, etag(A), {algorithm: b64(sums[0])}),
        (2, etag(B), {algorithm: b64(sums[1])})])
    assert done.status == 200, done
    want = b64(DIGESTS[algorithm](b"".join(sums))) + "-2"
    assert done.element(f"Checksum{algorithm}") == want
    assert done.element("ChecksumType") == "COMPOSITE"
    got = head(gateway, bucket)
    assert got[f"x-amz-checksum-{algorithm.lower()}"] == want
    assert got["x-amz-checksum-type"] == "COMPOSITE"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C"])
@pytest.mark.parametrize("said", [True, False], ids=["said", "unsaid"])
def test_full_object(bucket, gateway, algorithm, said):
    upload = begin(gateway, bucket, algorithm, "FULL_OBJECT")
    for n, data in ((1, A), (2, B)):
        value = b64(SUMS_A[algorithm]) if data is A else None
        assert send(gateway, bucket, upload, n, data, algorithm,
                    value).status == 200
    whole = b64(DIGESTS[algorithm](A + B))
    headers = {f"x_amz_checksum_{algorithm.lower()}": whole,
               "x_amz_checksum_type": "FULL_OBJECT"} if said else {}
    done = finish(gateway, bucket, upload,
                  [(1, etag(A), {}), (2, etag(B), {})], **headers)
    assert done.status == 200, done
    assert done.element(f"Checksum{algorithm}") == whole
    assert done.element("ChecksumType") == "FULL_OBJECT"
    assert head(gateway, bucket)[
        f"x-amz-checksum-{algorithm.lower()}"] == whole


def test_nothing_said_gives_crc64nvme(client, bucket, gateway):
    """As AWS does since the end of 2024; the same as of one put."""
    upload = begin(gateway, bucket)
    for n, data in ((1, A), (2, B)):
        answer = send(gateway, bucket, upload, n, data)
        assert answer.status == 200, answer
    done = finish(gateway, bucket, upload,
                  [(1, etag(A), {}), (2, etag(B), {})])
    put = signed(gateway, "PUT", f"/{bucket}/whole", A + B)
    assert done.element("ChecksumCRC64NVME") == \
        put.headers["x-amz-checksum-crc64nvme"]
    assert done.element("ChecksumType") == "FULL_OBJECT"


def test_lists_tell_the_checksums(bucket, gateway):
    upload = begin(gateway, bucket, "SHA256")
    send(gateway, bucket, upload, 1, B, "SHA256")
    parts = signed(gateway, "GET", f"/{bucket}/k?uploadId={upload}")
    assert parts.element("ChecksumAlgorithm") == "SHA256"
    assert parts.element("ChecksumType") == "COMPOSITE"
    assert parts.element("ChecksumSHA256") == b64(DIGESTS["SHA256"](B))
    uploads = signed(gateway, "GET", f"/{bucket}?uploads")
    assert uploads.element("ChecksumAlgorithm") == "SHA256"


# ---- what does not fit ----------------------------------------------------------

@pytest.mark.parametrize("sent,named", [("CRC32", "crc32"), (None, "null")])
def test_part_with_another_algorithm(bucket, gateway, sent, named):
    upload = begin(gateway, bucket, "CRC32C")
    answer = send(gateway, bucket, upload, 1, B, sent)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert answer.message == ("Checksum Type mismatch occurred, expected "
                              "checksum Type: crc32c, actual checksum Type: "
                              + named)


def test_part_whose_bytes_differ(bucket, gateway):
    upload = begin(gateway, bucket, "CRC32")
    answer = send(gateway, bucket, upload, 1, B, "CRC32", b64(b"\0" * 4))
    assert (answer.status, answer.code) == (400, "BadDigest")
    listed = signed(gateway, "GET", f"/{bucket}/k?uploadId={upload}")
    assert "<Part>" not in listed.text


def prepared(gateway, bucket, algorithm, kind):
    upload = begin(gateway, bucket, algorithm, kind)
    assert send(gateway, bucket, upload, 1, B, algorithm).status == 200
    return upload


def test_composite_needs_each_part_checksum(bucket, gateway):
    upload = prepared(gateway, bucket, "CRC32", "COMPOSITE")
    answer = finish(gateway, bucket, upload, [(1, etag(B), {})])
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert answer.message == (
        "The upload was created using a crc32 checksum. The complete request "
        "must include the checksum for each part. It was missing for part 1 "
        "in the request.")


@pytest.mark.parametrize("kind,other", [("COMPOSITE", "FULL_OBJECT"),
                                        ("FULL_OBJECT", "COMPOSITE")])
def test_completion_of_another_type(bucket, gateway, kind, other):
    upload = prepared(gateway, bucket, "CRC32", kind)
    answer = finish(gateway, bucket, upload,
                    [(1, etag(B), {"CRC32": b64(DIGESTS["CRC32"](B))})],
                    x_amz_checksum_type=other)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert answer.message == (
        f"The upload was created using the {kind} checksum mode. The complete "
        "request must use the same checksum mode.")


def test_completion_with_a_wrong_part_checksum(bucket, gateway):
    upload = prepared(gateway, bucket, "SHA256", "COMPOSITE")
    answer = finish(gateway, bucket, upload,
                    [(1, etag(B), {"SHA256": b64(b"\0" * 32)})])
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert answer.message == ("The sha256 you specified for part 1 did not "
                              "match what we received.")


def test_completion_with_a_wrong_whole_checksum(bucket, gateway):
    upload = prepared(gateway, bucket, "CRC32C", "FULL_OBJECT")
    answer = finish(gateway, bucket, upload, [(1, etag(B), {})],
                    x_amz_checksum_crc32c=b64(b"\0" * 4))
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert answer.message == ("The crc32c you specified did not match the "
                              "calculated checksum.")


@pytest.mark.parametrize("value", ["", "x", "AAAA", "AAAAAAA=", "*" * 8])
def test_checksum_that_is_none_in_the_document(bucket, gateway, value):
    upload = prepared(gateway, bucket, "CRC32", "COMPOSITE")
    answer = finish(gateway, bucket, upload, [(1, etag(B), {"CRC32": value})])
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_copied_part_has_the_checksum(client, bucket, gateway):
    client.put_object(Bucket=bucket, Key="source", Body=B)
    upload = begin(gateway, bucket, "SHA1")
    answer = signed(gateway, "PUT",
                    f"/{bucket}/k?partNumber=1&uploadId={upload}",
                    headers={"x-amz-copy-source": f"{bucket}/source"})
    assert answer.status == 200, answer
    assert answer.element("ChecksumSHA1") == b64(DIGESTS["SHA1"](B))
    done = finish(gateway, bucket, upload,
                  [(1, etag(B), {"SHA1": b64(DIGESTS["SHA1"](B))})])
    assert re.fullmatch(r"[A-Za-z0-9+/=]{28}-1", done.element("ChecksumSHA1"))


def test_sdk_of_last_year_uploads_with_checksums(client, bucket):
    """boto3 as installed, told to use an algorithm."""
    upload = client.create_multipart_upload(
        Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    part = client.upload_part(Bucket=bucket, Key="k", UploadId=upload,
                              PartNumber=1, Body=B,
                              ChecksumAlgorithm="SHA256")
    done = client.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [
            {"PartNumber": 1, "ETag": part["ETag"],
             "ChecksumSHA256": part["ChecksumSHA256"]}]})
    assert done["ChecksumSHA256"].endswith("-1")
    with pytest.raises(ClientError):
        client.upload_part(Bucket=bucket, Key="k", UploadId=upload,
                           PartNumber=2, Body=B)
