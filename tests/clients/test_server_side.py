"""What clients do on the server alone: copies, moves, tags, versions,
attributes."""

import json

import pytest

KEYS = ["a b/\u00fc+%2F.txt", "q?a=1&b#c"]


@pytest.fixture
def keys(client, bucket):
    def read():
        found = client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [o["Key"] for o in found]
    return read


@pytest.fixture
def thing(client, bucket):
    client.put_object(Bucket=bucket, Key="in", Body=b"content",
                      ContentType="text/x", Metadata={"a": "1"},
                      Tagging="t=1")


def content(client, bucket, key):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


# ---- aws ----------------------------------------------------------------------

@pytest.mark.parametrize("key", KEYS)
def test_aws_cp_and_mv_on_the_server(aws, client, bucket, keys, key):
    client.put_object(Bucket=bucket, Key=key, Body=b"x", ContentType="text/x")
    aws("s3", "cp", f"s3://{bucket}/{key}", f"s3://{bucket}/copy/{key}")
    assert content(client, bucket, f"copy/{key}") == b"x"
    aws("s3", "mv", f"s3://{bucket}/{key}", f"s3://{bucket}/moved")
    assert sorted(keys()) == sorted([f"copy/{key}", "moved"])
    assert client.head_object(Bucket=bucket,
                              Key="moved")["ContentType"] == "text/x"


def test_aws_sync_on_the_server(aws, client, bucket, keys):
    for i in range(5):
        client.put_object(Bucket=bucket, Key=f"from/{i}", Body=b"%d" % i)
    aws("s3", "sync", f"s3://{bucket}/from/", f"s3://{bucket}/to/")
    assert keys() == [f"{d}/{i}" for d in ("from", "to") for i in range(5)]


def test_aws_copy_object_changes_metadata(aws, client, bucket, thing):
    aws("s3api", "copy-object", "--bucket", bucket, "--key", "in",
        "--copy-source", f"{bucket}/in", "--metadata-directive", "REPLACE",
        "--metadata", "b=2", "--content-type", "text/y")
    head = client.head_object(Bucket=bucket, Key="in")
    assert head["Metadata"] == {"b": "2"} and head["ContentType"] == "text/y"


def test_aws_object_tagging(aws, client, bucket, thing):
    def call(name, *args):
        text = aws("s3api", name, "--bucket", bucket, "--key", "in", *args)
        return json.loads(text) if text.strip() else {}
    assert call("get-object-tagging")["TagSet"] == [
        {"Key": "t", "Value": "1"}]
    call("put-object-tagging", "--tagging", "TagSet=[{Key=u,Value=2}]")
    assert call("get-object-tagging")["TagSet"] == [
        {"Key": "u", "Value": "2"}]
    call("delete-object-tagging")
    assert call("get-object-tagging")["TagSet"] == []


def test_aws_object_attributes(aws, bucket, thing):
    text = aws("s3api", "get-object-attributes", "--bucket", bucket, "--key",
               "in", "--object-attributes", "ETag", "ObjectSize",
               "StorageClass")
    answer = json.loads(text)
    assert answer["ObjectSize"] == 7 and answer["StorageClass"] == "STANDARD"
    assert answer["ETag"] == "9a0364b9e99bb480dd25e1f0284c8555"


# ---- rclone -------------------------------------------------------------------

@pytest.mark.parametrize("key", KEYS)
def test_rclone_copies_and_moves_on_the_server(rclone, client, bucket, keys,
                                               key):
    client.put_object(Bucket=bucket, Key=key, Body=b"x")
    done = rclone.run("copyto", "-v", f"r:{bucket}/{key}", f"r:{bucket}/copy")
    assert b"server-side copy" in done.stderr
    rclone("moveto", f"r:{bucket}/copy", f"r:{bucket}/moved")
    assert sorted(keys()) == sorted([key, "moved"])
    assert content(client, bucket, "moved") == b"x"


def test_rclone_sets_a_time_by_a_copy_onto_itself(rclone, client, bucket,
                                                  thing):
    rclone("touch", "-t", "2020-09-13T12:26:40", f"r:{bucket}/in")
    head = client.head_object(Bucket=bucket, Key="in")
    assert head["Metadata"]["mtime"] == "1600000000"
    assert content(client, bucket, "in") == b"content"


def test_rclone_sees_versions(rclone, client, bucket):
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for i in range(3):
        client.put_object(Bucket=bucket, Key="k.txt", Body=b"%d" % i)
    listed = rclone("lsf", "--s3-versions", f"r:{bucket}").split()
    assert len(listed) == 3 and "k.txt" in listed
    rclone("delete", f"r:{bucket}")
    assert rclone("lsf", f"r:{bucket}") == ""
    assert len(rclone("lsf", "--s3-versions", f"r:{bucket}").split()) == 3
    rclone("backend", "cleanup-hidden", f"r:{bucket}")
    assert rclone("lsf", "--s3-versions", f"r:{bucket}") == ""
