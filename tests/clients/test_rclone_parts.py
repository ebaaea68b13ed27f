"""rclone with large files, copies on the server, and versions."""

import pytest

from conftest import MIB, payload

DATA = payload(17 * MIB + 3, 5)
PARTS = ("--s3-upload-cutoff", "6M", "--s3-chunk-size", "5M")


def content(client, bucket, key):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.mark.parametrize("more", [(), ("--checksum",),
                                  ("--s3-upload-concurrency", "8")])
def test_a_large_file(rclone, client, bucket, tmp_path, more):
    (tmp_path / "large").write_bytes(DATA)
    rclone("copy", *PARTS, *more, "large", f"r:{bucket}")
    head = client.head_object(Bucket=bucket, Key="large")
    assert head["ETag"].endswith('-4"')
    assert head["Metadata"]["md5chksum"]
    rclone("check", "large", f"r:{bucket}")
    rclone("copyto", f"r:{bucket}/large", "back", "--multi-thread-cutoff",
           "5M")
    assert (tmp_path / "back").read_bytes() == DATA


def test_a_large_stream(rclone, client, bucket):
    rclone("rcat", "--s3-chunk-size", "5M", f"r:{bucket}/k", data=DATA)
    assert content(client, bucket, "k") == DATA


def test_copies_and_moves_on_the_server(rclone, client, bucket):
    client.put_object(Bucket=bucket, Key="a b/\u00fc+", Body=b"x",
                      Metadata={"m": "1"})
    rclone("copyto", f"r:{bucket}/a b/\u00fc+", f"r:{bucket}/copy")
    rclone("moveto", f"r:{bucket}/copy", f"r:{bucket}/moved")
    listed = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert [o["Key"] for o in listed] == ["a b/\u00fc+", "moved"]
    moved = client.get_object(Bucket=bucket, Key="moved")
    assert moved["Body"].read() == b"x"
    assert moved["Metadata"]["m"] == "1"


def test_a_large_copy_on_the_server(rclone, client, bucket):
    client.put_object(Bucket=bucket, Key="from", Body=DATA)
    rclone("copyto", "--s3-copy-cutoff", "6M", "--s3-chunk-size", "5M",
           f"r:{bucket}/from", f"r:{bucket}/to")
    assert content(client, bucket, "to") == DATA


def test_touch_sets_the_time_of_an_object(rclone, client, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"x",
                      ContentType="video/mp4")
    rclone("touch", "-t", "2020-01-02T03:04:05", f"r:{bucket}/k")
    head = client.head_object(Bucket=bucket, Key="k")
    assert head["Metadata"]["mtime"] == "1577934245"
    assert head["ContentType"] == "video/mp4"
    assert content(client, bucket, "k") == b"x"


def test_unfinished_uploads_are_listed_and_cleaned(rclone, client, bucket):
    client.create_multipart_upload(Bucket=bucket, Key="k")
    listed = rclone("backend", "list-multipart-uploads", f"r:{bucket}")
    assert '"Key": "k"' in listed
    rclone("backend", "cleanup", "-o", "max-age=0s", f"r:{bucket}")
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def test_versions(rclone, client, bucket):
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        client.put_object(Bucket=bucket, Key="k.txt", Body=body)
    listed = rclone("lsf", "--s3-versions", f"r:{bucket}").split()
    assert len(listed) == 2 and "k.txt" in listed
    old = next(name for name in listed if name != "k.txt")
    assert rclone("cat", "--s3-versions", f"r:{bucket}/{old}") == "1"
    assert rclone("cat", f"r:{bucket}/k.txt") == "2"
    rclone("deletefile", f"r:{bucket}/k.txt")
    assert rclone("lsf", f"r:{bucket}") == ""
    assert len(client.list_object_versions(
        Bucket=bucket)["DeleteMarkers"]) == 1
