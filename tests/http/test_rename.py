"""RenameObject on ordinary buckets: one commit, no bytes moved."""

import concurrent.futures
import datetime

import pytest

from gateway import DEFAULT_BUCKET

BIG = bytes(range(256)) * 1024
HOUR = datetime.timedelta(hours=1)
DATE = "%a, %d %b %Y %H:%M:%S GMT"


@pytest.fixture
def rename(http, bucket):
    def send(source="old", key="new", bucket=bucket, **headers):
        headers = {n.replace("_", "-"): v for n, v in headers.items()}
        return http("PUT", f"/{bucket}/{key}",
                    headers={"x-amz-rename-source": source, **headers},
                    query=[("renameObject", "")])
    return send


@pytest.fixture
def old(client, bucket):
    client.put_object(Bucket=bucket, Key="old", Body=b"old", Tagging="t=1",
                      ContentType="video/mp4", Metadata={"a": "1"},
                      StorageClass="STANDARD_IA")
    return client.head_object(Bucket=bucket, Key="old")


def keys(client, bucket):
    answer = client.list_objects_v2(Bucket=bucket)
    return [o["Key"] for o in answer.get("Contents", [])]


@pytest.mark.parametrize("data", [b"", b"x", BIG, BIG * 8])
def test_object_moves_whole(client, bucket, rename, data):
    client.put_object(Bucket=bucket, Key="old", Body=data)
    r = rename()
    assert r.status == 200 and r.body == b""
    assert keys(client, bucket) == ["new"]
    assert client.get_object(Bucket=bucket, Key="new")["Body"].read() == data


def test_everything_but_the_name_stays(client, bucket, rename, old):
    assert rename().status == 200
    new = client.head_object(Bucket=bucket, Key="new",
                             ChecksumMode="ENABLED")
    for name in ("ETag", "ContentType", "Metadata", "StorageClass",
                 "ContentLength"):
        assert new[name] == old[name]
    headers = new["ResponseMetadata"]["HTTPHeaders"]
    assert "x-amz-checksum-crc64nvme" in headers
    assert client.get_object_tagging(Bucket=bucket, Key="new")["TagSet"] == [
        {"Key": "t", "Value": "1"}]


@pytest.mark.parametrize("spelt", ["old", "/old", "{bucket}/old",
                                   "/{bucket}/old", "ol%64", "%2Fold"])
def test_source_is_a_key_or_bucket_and_key(client, bucket, rename, old, spelt):
    assert rename(spelt.format(bucket=bucket)).status == 200
    assert keys(client, bucket) == ["new"]


@pytest.mark.parametrize("key,spelt", [
    ("a b", "a%20b"), ("a+b", "a+b"), ("\u00fc", "%C3%BC"), ("a/b", "a/b"),
    ("a/b", "a%2Fb"), ("x" * 1024, "x" * 1024)])
def test_source_is_spelt_in_percent_encoding(client, bucket, rename, key,
                                             spelt):
    client.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert rename(spelt).status == 200
    assert keys(client, bucket) == ["new"]


def test_target_is_replaced(client, bucket, rename, old):
    client.put_object(Bucket=bucket, Key="new", Body=b"other")
    assert rename().status == 200
    assert client.get_object(Bucket=bucket, Key="new")["Body"].read() == b"old"
    assert keys(client, bucket) == ["new"]


@pytest.mark.parametrize("source,status,code", [
    ("", 400, "InvalidArgument"), ("/", 400, "InvalidArgument"),
    ("%zz", 400, "InvalidArgument"), ("%ff", 400, "InvalidArgument"),
    ("a%00", 400, "InvalidArgument"), ("x" * 1025, 400, "InvalidArgument"),
    ("nothing", 404, "NoSuchKey"), ("new", 400, "InvalidRequest"),
])
def test_source_that_is_none(client, bucket, rename, old, source, status,
                             code):
    r = rename(source)
    assert r.status == status and f"<Code>{code}</Code>" in r.text
    assert keys(client, bucket) == ["old"]


def test_source_header_must_be_there(http, client, bucket, old):
    r = http("PUT", f"/{bucket}/new", query=[("renameObject", "")])
    assert r.status == 400 and "<Code>InvalidArgument</Code>" in r.text
    assert keys(client, bucket) == ["old"]


def test_bucket_that_is_not_there(rename):
    r = rename(bucket="no-such-bucket-here")
    assert r.status == 404 and "<Code>NoSuchBucket</Code>" in r.text


SOURCE = "x-amz-rename-source-"


@pytest.mark.parametrize("name,value,failed", [
    ("if-match", "{etag}", None), ("if-match", '"no"', "If-Match"),
    ("if-none-match", '"no"', None),
    ("if-none-match", "{etag}", "If-None-Match"),
    ("if-none-match", "*", "If-None-Match"),
    ("if-modified-since", "{before}", None),
    ("if-modified-since", "{at}", "If-Modified-Since"),
    ("if-unmodified-since", "{at}", None),
    ("if-unmodified-since", "{before}", "If-Unmodified-Since"),
])
def test_conditions_on_the_source(client, bucket, rename, old, name, value,
                                  failed):
    when = old["LastModified"]
    value = value.format(etag=old["ETag"], at=when.strftime(DATE),
                         before=(when - HOUR).strftime(DATE))
    r = rename(**{SOURCE + name: value})
    if failed is None:
        assert r.status == 200 and keys(client, bucket) == ["new"]
    else:
        assert r.status == 412
        assert f"<Condition>{SOURCE}{failed}</Condition>" in r.text
        assert keys(client, bucket) == ["old"]


@pytest.mark.parametrize("name,value,failed", [
    ("If-None-Match", "*", "If-None-Match"),
    ("If-Match", "{etag}", None), ("If-Match", '"no"', "If-Match"),
    ("If-Modified-Since", "{before}", None),
    ("If-Modified-Since", "{at}", "If-Modified-Since"),
    ("If-Unmodified-Since", "{at}", None),
    ("If-Unmodified-Since", "{before}", "If-Unmodified-Since"),
])
def test_conditions_on_the_target(client, bucket, rename, old, name, value,
                                  failed):
    client.put_object(Bucket=bucket, Key="new", Body=b"target")
    target = client.head_object(Bucket=bucket, Key="new")
    when = target["LastModified"]
    value = value.format(etag=target["ETag"], at=when.strftime(DATE),
                         before=(when - HOUR).strftime(DATE))
    r = rename(**{name: value})
    if failed is None:
        assert r.status == 200 and keys(client, bucket) == ["new"]
    else:
        assert r.status == 412 and f"<Condition>{failed}</Condition>" in r.text
        assert keys(client, bucket) == ["new", "old"]


@pytest.mark.parametrize("name,value,status", [
    ("If-None-Match", "*", 200), ("If-Match", '"x"', 404),
    ("If-Modified-Since", "Fri, 01 Jan 1999 00:00:00 GMT", 412),
    ("If-Unmodified-Since", "Fri, 01 Jan 1999 00:00:00 GMT", 200),
    ("If-Match", "*", 501), ("If-None-Match", '"x"', 501),
])
def test_conditions_on_a_target_that_is_not_there(client, bucket, rename, old,
                                                  name, value, status):
    assert rename(**{name: value}).status == status
    assert keys(client, bucket) == (["new"] if status == 200 else ["old"])


def test_upload_bound_holds_for_renames(own_gateway):
    from sigv4 import Signer, head
    from wire import request
    g = own_gateway({"MAX_UPLOAD_BYTES": "10"})
    c = g.client()
    c.put_object(Bucket=DEFAULT_BUCKET, Key="big", Body=bytes(11))
    path = f"/{DEFAULT_BUCKET}/uploads/u/a"
    h = Signer().headers("PUT", path, f"127.0.0.1:{g.port}",
                         "UNSIGNED-PAYLOAD", [("renameObject", "")],
                         {"x-amz-rename-source": "big"})
    h["Content-Length"] = "0"
    r = request(g.port, head("PUT", path + "?renameObject", h))
    assert r.status == 400 and "<Code>EntityTooLarge</Code>" in r.text
    assert keys(c, DEFAULT_BUCKET) == ["big"]


def test_with_versions_the_old_name_keeps_its_past(client, http, versioned):
    v = client.put_object(Bucket=versioned, Key="old", Body=b"x")["VersionId"]
    r = http("PUT", f"/{versioned}/new",
             headers={"x-amz-rename-source": "old"},
             query=[("renameObject", "")])
    assert r.status == 200 and r.headers["x-amz-version-id"]
    assert keys(client, versioned) == ["new"]
    assert http("GET", f"/{versioned}/old").headers[
        "x-amz-delete-marker"] == "true"
    got = client.get_object(Bucket=versioned, Key="old", VersionId=v)
    assert got["Body"].read() == b"x"


def test_of_racing_renames_exactly_one_has_the_object(client, bucket, rename,
                                                      old):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda i: rename(key=f"new{i}").status,
                             range(16)))
    assert seen.count(200) == 1 and set(seen) <= {200, 404, 409}
    assert keys(client, bucket) == [f"new{seen.index(200)}"]


def test_swarm_of_renames_loses_nothing(client, bucket, rename):
    for i in range(20):
        client.put_object(Bucket=bucket, Key=f"a{i:02}", Body=b"%d" % i)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(
            lambda i: rename(f"a{i:02}", f"b{i:02}").status, range(20)))
    assert set(seen) == {200}
    assert keys(client, bucket) == [f"b{i:02}" for i in range(20)]
    for i in range(20):
        got = client.get_object(Bucket=bucket, Key=f"b{i:02}")
        assert got["Body"].read() == b"%d" % i
