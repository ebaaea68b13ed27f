"""rclone by its commands."""

import json
import os
import urllib.request

import pytest

from conftest import read_tree


# With "AWS" it insists on bucket names in host names, which need a DNS.
@pytest.mark.parametrize("provider", ["Minio", "Ceph", "Other"])
def test_there_and_back(rclone, bucket, provider, tree, tmp_path):
    rclone.environment["RCLONE_CONFIG_R_PROVIDER"] = provider
    rclone("copy", "tree", f"r:{bucket}/in")
    rclone("check", "tree", f"r:{bucket}/in")
    rclone("check", "--download", "tree", f"r:{bucket}/in")
    rclone("copy", f"r:{bucket}/in", "back")
    assert read_tree(tmp_path / "back") == tree


def test_what_is_there_is_not_sent_again(rclone, bucket, tree):
    rclone("sync", "tree", f"r:{bucket}")
    for how in ((), ("--checksum",), ("--size-only",)):
        done = rclone.run("sync", "-v", *how, "tree", f"r:{bucket}")
        assert b"Copied" not in done.stderr


def test_sync_deletes_what_is_gone(rclone, client, bucket, tree, tmp_path):
    rclone("sync", "tree", f"r:{bucket}")
    (tmp_path / "tree/one.txt").unlink()
    rclone("sync", "tree", f"r:{bucket}")
    listed = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert sorted(o["Key"] for o in listed) == \
        sorted(n for n in tree if n != "one.txt")


def test_check_sees_a_difference(rclone, client, bucket, tree):
    rclone("copy", "tree", f"r:{bucket}")
    client.put_object(Bucket=bucket, Key="one.txt", Body=b"two")
    rclone("check", "tree", f"r:{bucket}", status=1)


def test_times_are_kept_as_metadata(rclone, client, bucket, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    os.utime(tmp_path / "file", (1600000000.5, 1600000000.5))
    rclone("copyto", "file", f"r:{bucket}/k")
    head = client.head_object(Bucket=bucket, Key="k")
    assert head["Metadata"]["mtime"] == "1600000000.5"
    rclone("copyto", f"r:{bucket}/k", "back")
    assert (tmp_path / "back").stat().st_mtime == 1600000000.5


def test_listings(rclone, client, bucket):
    for key in ("a/1", "a/b/2", "c d", "\u00fc/\u65e5"):
        client.put_object(Bucket=bucket, Key=key, Body=b"12345")
    assert rclone("lsf", f"r:{bucket}").splitlines() == \
        ["a/", "c d", "\u00fc/"]
    assert sorted(rclone("lsf", "-R", "--files-only",
                         f"r:{bucket}").splitlines()) == \
        ["a/1", "a/b/2", "c d", "\u00fc/\u65e5"]
    assert sorted(rclone("lsf", "-R", "--fast-list", "--files-only",
                         f"r:{bucket}").splitlines()) == \
        ["a/1", "a/b/2", "c d", "\u00fc/\u65e5"]
    found = json.loads(rclone("lsjson", "--hash", f"r:{bucket}/a/1"))
    assert found[0]["Size"] == 5
    assert found[0]["Hashes"]["md5"] == "827ccb0eea8a706c4c34a16891f84e7b"
    assert json.loads(rclone("size", "--json", f"r:{bucket}")) == \
        {"count": 4, "bytes": 20, "sizeless": 0}
    assert bucket in rclone("lsd", "r:")


def test_many_pages(rclone, client, bucket):
    for i in range(30):
        client.put_object(Bucket=bucket, Key=f"d{i % 3}/k{i:02}", Body=b"")
    for version in ("1", "2"):
        listed = rclone("lsf", "-R", "--files-only", "--s3-list-chunk", "7",
                        "--s3-list-version", version, f"r:{bucket}")
        assert len(listed.split()) == 30


def test_cat_of_a_range(rclone, client, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    for args, wanted in (((), "0123456789"), (("--offset", 3), "3456789"),
                         (("--offset", 3, "--count", 2), "34"),
                         (("--head", 2), "01"), (("--tail", 2), "89")):
        assert rclone("cat", *args, f"r:{bucket}/k") == wanted


def test_a_short_stream(rclone, client, bucket):
    rclone("rcat", f"r:{bucket}/k", data=b"from a pipe")
    got = client.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"from a pipe"


def test_buckets_come_and_go(rclone):
    rclone("mkdir", "r:rclone-made")
    assert "rclone-made" in rclone("lsf", "r:")
    rclone("rmdir", "r:rclone-made")
    assert "rclone-made" not in rclone("lsf", "r:")


def test_delete_and_purge(rclone, client, bucket):
    for key in ("a/1", "a/2", "b/1", "c"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    rclone("deletefile", f"r:{bucket}/c")
    rclone("purge", f"r:{bucket}/a")
    assert rclone("lsf", "-R", "--files-only", f"r:{bucket}") == "b/1\n"
    rclone("purge", f"r:{bucket}")
    rclone("lsf", f"r:{bucket}", status=3)


def test_a_link_is_presigned(rclone, client, bucket):
    client.put_object(Bucket=bucket, Key="a b", Body=b"linked")
    url = rclone("link", "--expire", "1h", f"r:{bucket}/a b").strip()
    assert urllib.request.urlopen(url).read() == b"linked"
