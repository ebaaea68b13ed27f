"""The AWS CLI above 8 MiB, where it sends parts, and copies within S3."""

import hashlib
import json

import pytest

from conftest import MIB, payload, read_tree

DATA = payload(20 * MIB + 5)
PART = 8 * MIB


def multi_tag(data, part=PART):
    sums = [hashlib.md5(data[i:i + part]).digest()
            for i in range(0, len(data), part)]
    return f'"{hashlib.md5(b"".join(sums)).hexdigest()}-{len(sums)}"'


@pytest.fixture
def s3(aws):
    return lambda *args, **options: aws("s3", *args, **options)


@pytest.fixture
def api(aws, bucket):
    def call(name, *args, **options):
        text = aws("s3api", name, "--bucket", bucket, *args, **options)
        return json.loads(text) if text.strip() else {}
    return call


@pytest.fixture
def large(tmp_path):
    (tmp_path / "large.mp4").write_bytes(DATA)


def content(client, bucket, key):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_cp_of_a_large_file(s3, client, bucket, tmp_path, large):
    s3("cp", "large.mp4", f"s3://{bucket}/k", "--metadata", "a=1")
    head = client.head_object(Bucket=bucket, Key="k")
    assert head["ETag"] == multi_tag(DATA)
    assert head["ContentType"] == "video/mp4"
    assert head["Metadata"] == {"a": "1"}
    s3("cp", f"s3://{bucket}/k", "out")
    assert (tmp_path / "out").read_bytes() == DATA


def test_cp_of_a_large_stream(s3, client, bucket):
    s3("cp", "-", f"s3://{bucket}/k", data=DATA)
    assert content(client, bucket, "k") == DATA


@pytest.mark.parametrize("size", [0, 1000, len(DATA)])
def test_cp_and_mv_within_s3(s3, client, bucket, size):
    client.put_object(Bucket=bucket, Key="a b/\u00fc", Body=DATA[:size],
                      Metadata={"a": "1"}, ContentType="video/mp4")
    s3("cp", f"s3://{bucket}/a b/\u00fc", f"s3://{bucket}/copy")
    s3("mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved")
    moved = client.get_object(Bucket=bucket, Key="moved")
    assert moved["Body"].read() == DATA[:size]
    assert (moved["Metadata"], moved["ContentType"]) == \
        ({"a": "1"}, "video/mp4")
    assert [o["Key"] for o in client.list_objects_v2(
        Bucket=bucket)["Contents"]] == ["a b/\u00fc", "moved"]


def test_sync_between_buckets(s3, client, bucket, tree, tmp_path):
    client.create_bucket(Bucket=f"{bucket}-to")
    s3("sync", "tree", f"s3://{bucket}")
    s3("sync", f"s3://{bucket}", f"s3://{bucket}-to/x")
    s3("sync", f"s3://{bucket}-to/x", "back")
    assert read_tree(tmp_path / "back") == tree


def test_an_upload_part_by_part(api, client, bucket, tmp_path):
    pieces = [DATA[:5 * MIB], DATA[5 * MIB:5 * MIB + 9]]
    upload = api("create-multipart-upload", "--key", "k")["UploadId"]
    at = ("--key", "k", "--upload-id", upload)
    parts = []
    for number, piece in enumerate(pieces, 1):
        (tmp_path / "part").write_bytes(piece)
        tag = api("upload-part", *at, "--part-number", number, "--body",
                  "part")["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    listed = api("list-parts", *at)["Parts"]
    assert [(p["PartNumber"], p["Size"]) for p in listed] == \
        [(1, 5 * MIB), (2, 9)]
    uploads = api("list-multipart-uploads")["Uploads"]
    assert [u["UploadId"] for u in uploads] == [upload]
    done = api("complete-multipart-upload", *at, "--multipart-upload",
               json.dumps({"Parts": parts}))
    assert done["ETag"] == multi_tag(b"".join(pieces), 5 * MIB)
    assert content(client, bucket, "k") == b"".join(pieces)


def test_an_upload_is_aborted(api):
    upload = api("create-multipart-upload", "--key", "k")["UploadId"]
    api("abort-multipart-upload", "--key", "k", "--upload-id", upload)
    assert "Uploads" not in api("list-multipart-uploads")


def test_copy_object(api, client, bucket):
    client.put_object(Bucket=bucket, Key="from", Body=b"x")
    done = api("copy-object", "--key", "to", "--copy-source",
               f"{bucket}/from")
    assert done["CopyObjectResult"]["ETag"]
    assert content(client, bucket, "to") == b"x"


def test_tags(api, client, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    api("put-object-tagging", "--key", "k", "--tagging",
        "TagSet=[{Key=a,Value=1}]")
    assert api("get-object-tagging", "--key", "k")["TagSet"] == \
        [{"Key": "a", "Value": "1"}]
    api("delete-object-tagging", "--key", "k")
    assert api("get-object-tagging", "--key", "k")["TagSet"] == []


def test_attributes(api, client, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"1234")
    got = api("get-object-attributes", "--key", "k", "--object-attributes",
              "ETag", "ObjectSize")
    assert got["ObjectSize"] == 4
    assert got["ETag"] == hashlib.md5(b"1234").hexdigest()


def test_versions(api, client, bucket):
    api("put-bucket-versioning", "--versioning-configuration",
        "Status=Enabled")
    assert api("get-bucket-versioning") == {"Status": "Enabled"}
    for body in (b"1", b"2"):
        client.put_object(Bucket=bucket, Key="k", Body=body)
    marker = api("delete-object", "--key", "k")
    assert marker["DeleteMarker"] is True
    listed = api("list-object-versions")
    assert [v["IsLatest"] for v in listed["Versions"]] == [False, False]
    assert [m["VersionId"] for m in listed["DeleteMarkers"]] == \
        [marker["VersionId"]]
    api("delete-object", "--key", "k", "--version-id", marker["VersionId"])
    assert content(client, bucket, "k") == b"2"


def test_cors(api):
    rules = {"CORSRules": [{"AllowedMethods": ["GET"],
                            "AllowedOrigins": ["https://app.example"]}]}
    api("put-bucket-cors", "--cors-configuration", json.dumps(rules))
    assert api("get-bucket-cors") == rules
    api("delete-bucket-cors")
