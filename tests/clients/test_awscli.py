"""The AWS CLI: its high-level commands, and s3api call by call."""

import hashlib
import json
import urllib.error
import urllib.request

import pytest

from conftest import read_tree


@pytest.fixture
def s3(aws):
    return lambda *args, **options: aws("s3", *args, **options)


@pytest.fixture
def api(aws, bucket):
    """An s3api call on the test's bucket; its answer read as JSON."""
    def call(name, *args, **options):
        text = aws("s3api", name, "--bucket", bucket, *args, **options)
        return json.loads(text) if text.strip() else {}
    return call


def content(client, bucket, key):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


def keys(client, bucket):
    found = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [o["Key"] for o in found]


# ---- aws s3 -----------------------------------------------------------------

def test_buckets_are_made_listed_and_removed(s3):
    s3("mb", "s3://cli-bucket")
    assert "cli-bucket" in s3("ls")
    s3("rb", "s3://cli-bucket")
    assert "cli-bucket" not in s3("ls")


def test_a_full_bucket_is_removed_by_force_only(s3, client):
    client.create_bucket(Bucket="cli-full")
    client.put_object(Bucket="cli-full", Key="k", Body=b"x")
    s3("rb", "s3://cli-full", status=1)
    s3("rb", "--force", "s3://cli-full")


@pytest.mark.parametrize("key", ["plain.txt", "a b/\u00fc+%2F.txt",
                                 "q?a=1&b#c", "dots/../x"])
def test_cp_there_and_back(s3, client, bucket, tmp_path, key):
    (tmp_path / "in").write_bytes(b"content")
    s3("cp", "in", f"s3://{bucket}/{key}")
    assert content(client, bucket, key) == b"content"
    s3("cp", f"s3://{bucket}/{key}", "out")
    assert (tmp_path / "out").read_bytes() == b"content"


def test_cp_guesses_the_type_and_takes_what_is_said(s3, client, bucket,
                                                    tmp_path):
    (tmp_path / "a.html").write_bytes(b"x")
    s3("cp", "a.html", f"s3://{bucket}/guessed.html")
    s3("cp", "a.html", f"s3://{bucket}/said", "--content-type", "video/mp4",
       "--cache-control", "no-cache", "--metadata", "a=1,b=2",
       "--content-disposition", "inline", "--content-language", "de")
    guessed = client.head_object(Bucket=bucket, Key="guessed.html")
    assert guessed["ContentType"] == "text/html"
    said = client.head_object(Bucket=bucket, Key="said")
    assert (said["ContentType"], said["CacheControl"], said["Metadata"],
            said["ContentDisposition"], said["ContentLanguage"]) == \
        ("video/mp4", "no-cache", {"a": "1", "b": "2"}, "inline", "de")


def test_cp_of_standard_input_and_output(s3, client, bucket):
    s3("cp", "-", f"s3://{bucket}/piped", data=b"from a pipe")
    assert content(client, bucket, "piped") == b"from a pipe"
    assert s3("cp", f"s3://{bucket}/piped", "-") == "from a pipe"


def test_cp_of_a_range_of_names(s3, client, bucket, tree):
    s3("cp", "--recursive", "tree", f"s3://{bucket}/to/", "--exclude", "*",
       "--include", "*.txt")
    assert sorted(keys(client, bucket)) == \
        sorted(f"to/{name}" for name in tree if name.endswith(".txt"))


def test_sync_there_and_back(s3, bucket, tree, tmp_path):
    s3("sync", "tree", f"s3://{bucket}/sync")
    assert s3("sync", "tree", f"s3://{bucket}/sync") == "", \
        "what is there already is not sent again"
    s3("sync", f"s3://{bucket}/sync", "back")
    assert read_tree(tmp_path / "back") == tree
    assert s3("sync", f"s3://{bucket}/sync", "back") == ""


def test_sync_deletes_what_is_gone(s3, client, bucket, tree, tmp_path):
    s3("sync", "tree", f"s3://{bucket}/")
    (tmp_path / "tree/one.txt").unlink()
    (tmp_path / "tree/new").write_bytes(b"new")
    s3("sync", "--delete", "tree", f"s3://{bucket}/")
    assert sorted(keys(client, bucket)) == \
        sorted([*(n for n in tree if n != "one.txt"), "new"])


def test_mv_takes_the_file_along(s3, client, bucket, tmp_path):
    (tmp_path / "in").write_bytes(b"moved")
    s3("mv", "in", f"s3://{bucket}/k")
    assert not (tmp_path / "in").exists()
    assert content(client, bucket, "k") == b"moved"
    s3("mv", f"s3://{bucket}/k", "out")
    assert keys(client, bucket) == []
    assert (tmp_path / "out").read_bytes() == b"moved"


def test_rm_of_one_of_many_and_of_all(s3, client, bucket):
    for key in ("a/1", "a/2", "b/1", "a b+c"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3("rm", f"s3://{bucket}/a/1")
    s3("rm", f"s3://{bucket}/a b+c")
    assert keys(client, bucket) == ["a/2", "b/1"]
    s3("rm", "--recursive", f"s3://{bucket}/a")
    assert keys(client, bucket) == ["b/1"]


def test_ls_shows_folders_sizes_and_sums(s3, client, bucket):
    for key, size in (("top", 5), ("dir/a", 1500), ("dir/sub/b", 3)):
        client.put_object(Bucket=bucket, Key=key, Body=b"x" * size)
    top = s3("ls", f"s3://{bucket}/").splitlines()
    assert [line.split()[-1] for line in top] == ["dir/", "top"]
    deep = s3("ls", f"s3://{bucket}/dir/", "--recursive", "--summarize",
              "--human-readable")
    assert "1.5 KiB dir/a" in deep and "Total Objects: 2" in deep
    s3("ls", f"s3://{bucket}/none", status=1)


def test_ls_of_pages(s3, client, bucket):
    for i in range(25):
        client.put_object(Bucket=bucket, Key=f"k{i:02}", Body=b"")
    lines = s3("ls", f"s3://{bucket}/", "--page-size", "7").splitlines()
    assert [line.split()[-1] for line in lines] == \
        [f"k{i:02}" for i in range(25)]


def test_presign(s3, client, bucket):
    client.put_object(Bucket=bucket, Key="a b/\u00fc", Body=b"signed")
    url = s3("presign", f"s3://{bucket}/a b/\u00fc", "--expires-in",
             "60").strip()
    assert urllib.request.urlopen(url).read() == b"signed"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url + "x")
    assert refused.value.code == 403


# ---- aws s3api --------------------------------------------------------------

def test_put_get_and_head_object(api, bucket, tmp_path):
    (tmp_path / "in").write_bytes(b"0123456789")
    put = api("put-object", "--key", "k", "--body", "in", "--metadata",
              "a=1", "--checksum-algorithm", "SHA256")
    assert put["ETag"] == f'"{hashlib.md5(b"0123456789").hexdigest()}"'
    head = api("head-object", "--key", "k", "--checksum-mode", "ENABLED")
    assert head["Metadata"] == {"a": "1"}
    assert head["ChecksumSHA256"] == put["ChecksumSHA256"]
    got = api("get-object", "--key", "k", "--range", "bytes=2-4", "out")
    assert got["ContentRange"] == "bytes 2-4/10"
    assert (tmp_path / "out").read_bytes() == b"234"


@pytest.mark.parametrize("name,args,code", [
    ("get-object", ("--key", "none", "out"), "NoSuchKey"),
    ("head-object", ("--key", "none"), "404"),
    ("get-bucket-policy", (), "NoSuchBucketPolicy"),
    ("get-object", ("--key", "k", "--if-match", "x", "out"),
     "PreconditionFailed"),
    ("get-object", ("--key", "k", "--range", "bytes=9-", "out"),
     "InvalidRange"),
])
def test_errors_have_their_code(aws, client, bucket, name, args, code):
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    done = aws.run("s3api", name, "--bucket", bucket, *args, status=254)
    assert f"({code})" in done.stderr.decode()


def test_listing_by_pages_and_tokens(api, client, bucket):
    for i in range(12):
        client.put_object(Bucket=bucket, Key=f"k{i:02}", Body=b"")
    first = api("list-objects-v2", "--page-size", "5", "--max-items", "7")
    assert len(first["Contents"]) == 7
    rest = api("list-objects-v2", "--starting-token", first["NextToken"])
    assert [o["Key"] for o in first["Contents"] + rest["Contents"]] == \
        [f"k{i:02}" for i in range(12)]


def test_delete_objects(api, client, bucket):
    for key in ("a", "b", "<c>"):
        client.put_object(Bucket=bucket, Key=key, Body=b"")
    done = api("delete-objects", "--delete", json.dumps(
        {"Objects": [{"Key": "a"}, {"Key": "<c>"}]}))
    assert sorted(d["Key"] for d in done["Deleted"]) == ["<c>", "a"]
    assert keys(client, bucket) == ["b"]


def test_waiting_for_an_object(aws, client, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"")
    aws("s3api", "wait", "object-exists", "--bucket", bucket, "--key", "k")


def test_bucket_settings(api):
    assert api("get-bucket-location") == {"LocationConstraint": None}
    assert api("get-bucket-versioning") == {}
    grants = api("get-bucket-acl")["Grants"]
    assert [g["Permission"] for g in grants] == ["FULL_CONTROL"]
    api("head-bucket")
