"""UploadPartCopy: parts that are ranges of objects."""

import hashlib
import random

import pytest
from botocore.exceptions import ClientError

MIB = 1 << 20
MIN = 5 * MIB
BIG = random.Random(7).randbytes(MIN + 12345)


@pytest.fixture
def source(client, bucket):
    """A bucket with objects kept inline, in a file, and in parts."""
    client.put_object(Bucket=bucket, Key="small", Body=b"0123456789")
    client.put_object(Bucket=bucket, Key="empty", Body=b"")
    client.put_object(Bucket=bucket, Key="big", Body=BIG)
    upload = client.create_multipart_upload(Bucket=bucket,
                                            Key="parts")["UploadId"]
    parts = [{"PartNumber": n, "ETag": client.upload_part(
        Bucket=bucket, Key="parts", UploadId=upload, PartNumber=n,
        Body=body)["ETag"]} for n, body in ((1, BIG[:MIN]), (2, BIG[MIN:]))]
    client.complete_multipart_upload(Bucket=bucket, Key="parts",
                                     UploadId=upload,
                                     MultipartUpload={"Parts": parts})
    return bucket


def code(error):
    return error.value.response["Error"]["Code"]


def copy(client, bucket, upload, number, key, first=None, last=None, **args):
    if first is not None:
        args["CopySourceRange"] = f"bytes={first}-{last}"
    return client.upload_part_copy(
        Bucket=bucket, Key="k", UploadId=upload, PartNumber=number,
        CopySource={"Bucket": bucket, "Key": key}, **args)


def begin(client, bucket, **args):
    return client.create_multipart_upload(Bucket=bucket, Key="k",
                                          **args)["UploadId"]


def finish(client, bucket, upload, etags):
    return client.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [
            {"PartNumber": n, "ETag": e} for n, e in enumerate(etags, 1)]})


def read(client, bucket, key="k"):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.mark.parametrize("key,data", [("small", b"0123456789"),
                                      ("empty", b""), ("big", BIG),
                                      ("parts", BIG)],
                         ids=["small", "empty", "big", "parts"])
def test_whole_object_as_a_part(client, source, key, data):
    upload = begin(client, source)
    result = copy(client, source, upload, 1, key)["CopyPartResult"]
    assert result["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert result["LastModified"].year >= 2026
    finish(client, source, upload, [result["ETag"]])
    assert read(client, source) == data


@pytest.mark.parametrize("key", ["big", "parts"])
@pytest.mark.parametrize("first,last", [
    (0, 0), (0, MIN - 1), (1, MIN), (MIN - 1, MIN), (MIN, MIN + 12344),
    (MIN - 100_000, MIN + 100)])
def test_range_as_a_part(client, source, key, first, last):
    upload = begin(client, source)
    etag = copy(client, source, upload, 1, key, first,
                last)["CopyPartResult"]["ETag"]
    want = BIG[first:last + 1]
    assert etag == f'"{hashlib.md5(want).hexdigest()}"'
    finish(client, source, upload, [etag])
    assert read(client, source) == want


def test_parts_of_many_origins(client, source):
    upload = begin(client, source)
    etags = [
        copy(client, source, upload, 1, "parts", 7,
             MIN + 6)["CopyPartResult"]["ETag"],
        client.upload_part(Bucket=source, Key="k", UploadId=upload,
                           PartNumber=2, Body=BIG[:MIN])["ETag"],
        copy(client, source, upload, 3, "big")["CopyPartResult"]["ETag"],
        copy(client, source, upload, 4, "small", 2,
             4)["CopyPartResult"]["ETag"],
    ]
    finish(client, source, upload, etags)
    assert read(client, source) == (BIG[7:MIN + 7] + BIG[:MIN] + BIG + b"234")


def test_source_may_go_before_the_completion(client, source):
    upload = begin(client, source)
    etag = copy(client, source, upload, 1, "big")["CopyPartResult"]["ETag"]
    client.delete_object(Bucket=source, Key="big")
    finish(client, source, upload, [etag])
    assert read(client, source) == BIG
    assert read(client, source, "parts") == BIG


def test_object_may_be_copied_into_itself(client, source):
    upload = client.create_multipart_upload(Bucket=source,
                                            Key="big")["UploadId"]
    etags = [client.upload_part_copy(
        Bucket=source, Key="big", UploadId=upload, PartNumber=n,
        CopySource=f"{source}/big")["CopyPartResult"]["ETag"]
        for n in (1, 2)]
    client.complete_multipart_upload(
        Bucket=source, Key="big", UploadId=upload, MultipartUpload={"Parts": [
            {"PartNumber": n, "ETag": e} for n, e in enumerate(etags, 1)]})
    assert read(client, source, "big") == BIG + BIG


def test_from_another_bucket(client, source):
    other = source + "-2"
    client.create_bucket(Bucket=other)
    upload = begin(client, other)
    etag = client.upload_part_copy(
        Bucket=other, Key="k", UploadId=upload, PartNumber=1,
        CopySource=f"/{source}/big")["CopyPartResult"]["ETag"]
    finish(client, other, upload, [etag])
    assert read(client, other) == BIG


@pytest.mark.parametrize("value,error,message", [
    ("bytes=0-99", "InvalidArgument",
     "Range specified is not valid for source object of size: 10"),
    ("bytes=10-11", "InvalidRequest",
     "The specified copy range is invalid for the source object size"),
    ("bytes=0-", "InvalidArgument", None),
    ("bytes=-5", "InvalidArgument", None),
    ("0-5", "InvalidArgument", None),
    ("bytes=5-2", "InvalidArgument", None),
    ("bytes=a-b", "InvalidArgument", None),
    ("bytes=0-1,2-3", "InvalidArgument", None),
])
def test_bad_ranges(client, source, value, error, message):
    upload = begin(client, source)
    with pytest.raises(ClientError) as e:
        copy(client, source, upload, 1, "small", CopySourceRange=value)
    assert code(e) == error
    got = e.value.response["Error"]
    if message:
        assert got["Message"] == message
    else:
        assert "must be of the form bytes=first-last" in got["Message"]
        assert got["ArgumentName"] == "x-amz-copy-source-range"


@pytest.mark.parametrize("condition,ok", [
    ({"CopySourceIfMatch": "ETAG"}, True),
    ({"CopySourceIfMatch": "other"}, False),
    ({"CopySourceIfNoneMatch": "other"}, True),
    ({"CopySourceIfNoneMatch": "ETAG"}, False),
    ({"CopySourceIfModifiedSince": "2020-01-01"}, True),
    ({"CopySourceIfUnmodifiedSince": "2020-01-01"}, False),
    ({"CopySourceIfUnmodifiedSince": "2040-01-01"}, True),
    # RFC 9110: the stronger one decides.
    ({"CopySourceIfMatch": "ETAG",
      "CopySourceIfUnmodifiedSince": "2020-01-01"}, True),
    ({"CopySourceIfNoneMatch": "ETAG",
      "CopySourceIfModifiedSince": "2020-01-01"}, False),
])
def test_conditions_on_the_source(client, source, condition, ok):
    etag = client.head_object(Bucket=source, Key="small")["ETag"]
    condition = {k: v.replace("ETAG", etag) for k, v in condition.items()}
    upload = begin(client, source)
    if ok:
        copy(client, source, upload, 1, "small", **condition)
        return
    with pytest.raises(ClientError) as e:
        copy(client, source, upload, 1, "small", **condition)
    assert code(e) == "PreconditionFailed"
    assert e.value.response["Error"]["Condition"].startswith(
        "x-amz-copy-source-If-")


@pytest.mark.parametrize("value,error", [
    ("nobucket", "InvalidArgument"), ("/", "InvalidArgument"),
    ("BUCKET/", "InvalidArgument"), ("BUCKET/none", "NoSuchKey"),
    ("no-such-bucket-here/k", "NoSuchBucket"),
    ("BUCKET/small?versionId=nonsense", "InvalidArgument"),
])
def test_bad_sources(client, source, value, error):
    upload = begin(client, source)
    with pytest.raises(ClientError) as e:
        client.upload_part_copy(
            Bucket=source, Key="k", UploadId=upload, PartNumber=1,
            CopySource=value.replace("BUCKET", source))
    assert code(e) == error


def test_unknown_upload(client, source):
    with pytest.raises(ClientError) as e:
        copy(client, source, "nonsense", 1, "small")
    assert code(e) == "NoSuchUpload"


def test_more_than_one_copy_may_take(client, bucket):
    """Parts that share one object's bytes make a large one in no time."""
    size, n = 64 * MIB, 81
    client.put_object(Bucket=bucket, Key="part", Body=bytes(size))
    upload = begin(client, bucket)
    etags = [copy(client, bucket, upload, i + 1, "part")["CopyPartResult"]
             ["ETag"] for i in range(n)]
    finish(client, bucket, upload, etags)
    assert client.head_object(Bucket=bucket,
                              Key="k")["ContentLength"] == size * n
    upload = begin(client, bucket)
    for refused in (
            lambda: copy(client, bucket, upload, 1, "k"),
            lambda: client.copy_object(Bucket=bucket, Key="k2",
                                       CopySource=f"{bucket}/k")):
        with pytest.raises(ClientError) as e:
            refused()
        assert e.value.response["Error"]["Message"] == (
            "The specified copy source is larger than the maximum allowable "
            "size for a copy source: 5368709120")
        assert code(e) == "InvalidRequest"
    assert copy(client, bucket, upload, 1, "k", size * n - 1, size * n - 1)
