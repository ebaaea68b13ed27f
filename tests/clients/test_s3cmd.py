"""s3cmd, the oldest of them."""

import pytest

from conftest import MIB, Tool, payload, read_tree
from gateway import ACCESS_KEY, SECRET_KEY


@pytest.fixture
def s3cmd(gateway, tmp_path):
    host = f"127.0.0.1:{gateway.port}"
    return Tool(["s3cmd", "--config", "/dev/null", "--no-ssl",
                 "--host", host, "--host-bucket", host,
                 "--access_key", ACCESS_KEY, "--secret_key", SECRET_KEY],
                tmp_path)


def test_buckets(s3cmd):
    s3cmd("mb", "s3://s3cmd-made")
    assert "s3://s3cmd-made" in s3cmd("ls")
    s3cmd("rb", "s3://s3cmd-made")
    assert "s3://s3cmd-made" not in s3cmd("ls")


@pytest.mark.parametrize("key", ["k", "a b/\u00fc+%2F", "x&y=<z>"])
def test_put_get_info_del(s3cmd, bucket, tmp_path, key):
    (tmp_path / "in").write_bytes(payload(100000))
    s3cmd("put", "in", f"s3://{bucket}/{key}")
    s3cmd("get", f"s3://{bucket}/{key}", "out")
    assert (tmp_path / "out").read_bytes() == payload(100000)
    told = s3cmd("info", f"s3://{bucket}/{key}")
    assert "100000" in told and "FULL_CONTROL" in told
    s3cmd("del", f"s3://{bucket}/{key}")
    assert s3cmd("ls", f"s3://{bucket}") == ""


def test_listing(s3cmd, client, bucket):
    for key in ("a/1", "a/2", "top"):
        client.put_object(Bucket=bucket, Key=key, Body=b"123")
    assert [line.split()[-1] for line in
            s3cmd("ls", f"s3://{bucket}").splitlines()] == \
        [f"s3://{bucket}/a/", f"s3://{bucket}/top"]
    assert s3cmd("ls", "-r", f"s3://{bucket}").count("s3://") == 3
    assert s3cmd("du", f"s3://{bucket}").split()[:2] == ["9", "3"]


def test_sync_there_and_back(s3cmd, bucket, tree, tmp_path):
    s3cmd("sync", "tree/", f"s3://{bucket}/x/")
    (tmp_path / "back").mkdir()
    s3cmd("sync", f"s3://{bucket}/x/", "back/")
    assert read_tree(tmp_path / "back") == tree
    s3cmd("del", "-r", "--force", f"s3://{bucket}/x/")
    assert s3cmd("ls", f"s3://{bucket}") == ""


@pytest.mark.parametrize("size", [0, 10, 12 * MIB])
def test_cp_and_mv(s3cmd, client, bucket, size):
    client.put_object(Bucket=bucket, Key="a b", Body=payload(size))
    s3cmd("cp", f"s3://{bucket}/a b", f"s3://{bucket}/copy")
    s3cmd("mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved")
    got = client.get_object(Bucket=bucket, Key="moved")
    assert got["Body"].read() == payload(size)


def test_parts(s3cmd, client, bucket, tmp_path):
    (tmp_path / "large").write_bytes(payload(12 * MIB))
    s3cmd("put", "--multipart-chunk-size-mb", "5", "large",
          f"s3://{bucket}/k")
    head = client.head_object(Bucket=bucket, Key="k")
    assert head["ETag"].endswith('-3"')
    s3cmd("get", f"s3://{bucket}/k", "out")
    assert (tmp_path / "out").read_bytes() == payload(12 * MIB)
    client.create_multipart_upload(Bucket=bucket, Key="open")
    assert "/open" in s3cmd("multipart", f"s3://{bucket}")


@pytest.mark.parametrize("key", ["plain", "a b/\u00fc+%2F"])
def test_copies_and_moves_on_the_server(s3cmd, client, bucket, key):
    client.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3cmd("cp", f"s3://{bucket}/{key}", f"s3://{bucket}/copy")
    s3cmd("mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved")
    listed = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert sorted(o["Key"] for o in listed) == sorted([key, "moved"])


def test_modify_is_a_copy_onto_itself(s3cmd, client, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "1"})
    s3cmd("modify", "--add-header", "Cache-Control: max-age=9",
          f"s3://{bucket}/k")
    got = client.get_object(Bucket=bucket, Key="k")
    assert got["CacheControl"] == "max-age=9" and got["Body"].read() == b"x"
    assert got["Metadata"]["a"] == "1"
