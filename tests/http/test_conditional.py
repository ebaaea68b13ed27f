"""Conditional reads and writes (RFC 9110 section 13 as S3 has it)."""

import concurrent.futures
import datetime

import pytest
from botocore.exceptions import ClientError

from sigv4 import Signer, head
from wire import Wire, request

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def thing(client, bucket):
    etag = client.put_object(Bucket=bucket, Key="o", Body=b"x")["ETag"]
    when = client.head_object(Bucket=bucket, Key="o")["LastModified"]
    return etag, when


def outcome(call, **options):
    try:
        return call(**options)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as e:
        return e.response["ResponseMetadata"]["HTTPStatusCode"]


def test_reads_follow_the_table(client, bucket, thing):
    etag, when = thing
    table = [
        (dict(IfMatch=etag), 200), (dict(IfMatch=etag.strip('"')), 200),
        (dict(IfMatch="*"), 200), (dict(IfMatch='"other"'), 412),
        (dict(IfMatch=f'"other", {etag}'), 200),
        (dict(IfNoneMatch=etag), 304), (dict(IfNoneMatch='"other"'), 200),
        (dict(IfNoneMatch="*"), 304),
        (dict(IfModifiedSince=when), 304),
        # A time to come is no time at which the object was seen.
        (dict(IfModifiedSince=when + HOUR), 200),
        (dict(IfUnmodifiedSince=when + HOUR), 200),
        (dict(IfMatch=f"W/{etag}"), 412), (dict(IfNoneMatch=f"W/{etag}"), 304),
        (dict(IfNoneMatch=f'"a", {etag}'), 304),
        (dict(IfNoneMatch='"a","b"'), 200),
        (dict(IfMatch=etag, IfNoneMatch=etag), 304),
        (dict(IfMatch=etag, IfNoneMatch='"other"'), 200),
        (dict(IfMatch='"other"', IfNoneMatch='"other"'), 412),
        (dict(IfMatch=etag, IfModifiedSince=when), 304),
        (dict(IfUnmodifiedSince=when, IfModifiedSince=when), 304),
        (dict(IfNoneMatch=etag, IfModifiedSince=when - HOUR), 304),
        (dict(IfModifiedSince=when - HOUR), 200),
        (dict(IfUnmodifiedSince=when), 200),
        (dict(IfUnmodifiedSince=when - HOUR), 412),
        (dict(IfMatch=etag, IfUnmodifiedSince=when - HOUR), 200),
        (dict(IfNoneMatch='"other"', IfModifiedSince=when), 200),
    ]
    for options, expected in table:
        for call in (client.get_object, client.head_object):
            assert outcome(call, Bucket=bucket, Key="o",
                           **options) == expected, options


def test_304_has_the_etag_and_no_body(gateway, client, bucket, thing):
    etag, _ = thing
    path = f"/{bucket}/o"
    h = Signer().headers("GET", path, f"127.0.0.1:{gateway.port}")
    h["If-None-Match"] = etag
    size = client.head_object(Bucket=bucket, Key="o")["ContentLength"]
    with Wire(gateway.port) as w:
        for _ in range(2):  # the connection stays in step
            w.send(head("GET", path, h))
            r = w.read()
            assert r.status == 304 and r.headers["etag"] == etag
            assert "last-modified" in r.headers
            # RFC 9110 8.6: the length of the 200, or none; caches take it.
            assert r.headers.get("content-length", str(size)) == str(size)
        assert w.rest == b""


@pytest.mark.parametrize("headers,status", [
    ({"If-Modified-Since": "yesterday"}, 200),
    ({"If-Modified-Since": ""}, 200),
    ({"If-Modified-Since": "2026-01-01T00:00:00Z"}, 200),
    ({"If-Unmodified-Since": "never"}, 200),
    ({"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 412),
    ({"If-Match": ""}, 200), ({"If-None-Match": ""}, 200),
])
def test_dates_and_tags_that_are_none_are_no_conditions(http, bucket, thing,
                                                        headers, status):
    for method in ("GET", "HEAD"):
        r = http(method, f"/{bucket}/o", headers=headers)
        assert r.status == status, (method, r)


def test_304_has_what_caches_want_and_nothing_else(http, client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"x", Tagging="a=1",
                      CacheControl="max-age=5", Metadata={"a": "b"},
                      ContentType="text/plain", StorageClass="STANDARD_IA",
                      Expires="Thu, 01 Jan 2099 00:00:00 GMT")
    etag = client.head_object(Bucket=bucket, Key="o")["ETag"]
    for method in ("GET", "HEAD"):
        h = http(method, f"/{bucket}/o", headers={"If-None-Match": etag,
                                                  "Range": "bytes=0-0"})
        assert h.status == 304
        assert h.headers["etag"] == etag
        assert h.headers["cache-control"] == "max-age=5"
        assert h.headers["expires"] == "Thu, 01 Jan 2099 00:00:00 GMT"
        assert "last-modified" in h.headers
        for name in ("content-type", "x-amz-meta-a", "x-amz-storage-class",
                     "x-amz-tagging-count", "accept-ranges", "content-range"):
            assert name not in h.headers


def test_failed_precondition_names_the_condition(client, bucket, thing):
    with pytest.raises(ClientError) as e:
        client.get_object(Bucket=bucket, Key="o", IfMatch='"other"')
    assert e.value.response["Error"]["Code"] == "PreconditionFailed"
    assert e.value.response["Error"]["Condition"] == "If-Match"


def conditional_put(gateway, bucket, key, body=b"new", **headers):
    extra = {n.replace("_", "-"): v for n, v in headers.items()}
    path = f"/{bucket}/{key}"
    h = Signer().headers("PUT", path, f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD", extra=extra)
    h["Content-Length"] = str(len(body))
    return request(gateway.port, head("PUT", path, h) + body)


def test_conditional_puts(gateway, client, bucket, thing):
    etag, _ = thing
    assert conditional_put(gateway, bucket, "fresh",
                           If_None_Match="*").status == 200
    r = conditional_put(gateway, bucket, "o", If_None_Match="*")
    assert r.status == 412 and "<Condition>If-None-Match</Condition>" in r.text
    r = conditional_put(gateway, bucket, "o", If_Match='"other"')
    assert r.status == 412 and "<Condition>If-Match</Condition>" in r.text
    r = conditional_put(gateway, bucket, "absent", If_Match=etag)
    assert r.status == 404 and "<Code>NoSuchKey</Code>" in r.text
    assert client.get_object(Bucket=bucket, Key="o")["Body"].read() == b"x"
    assert conditional_put(gateway, bucket, "o", If_Match=etag).status == 200
    assert client.get_object(Bucket=bucket, Key="o")["Body"].read() == b"new"


def test_conditions_that_aws_does_not_take_are_501(gateway, bucket, thing):
    etag, _ = thing
    r = conditional_put(gateway, bucket, "o", If_Match="*")
    assert r.status == 501 and "<Header>If-Match</Header>" in r.text
    r = conditional_put(gateway, bucket, "o", If_None_Match=etag)
    assert r.status == 501 and "<Header>If-None-Match</Header>" in r.text
    r = conditional_put(gateway, bucket, "o", If_Match=etag,
                        If_None_Match="*")
    assert r.status == 501
    assert "<Header>If-Match,If-None-Match</Header>" in r.text


@pytest.mark.parametrize("value", ["*", '"no"', "no"])
def test_delete_if_match_of_what_is_not_there(http, bucket, value):
    r = http("DELETE", f"/{bucket}/none", headers={"If-Match": value})
    assert (r.status, r.code) == (404, "NoSuchKey")
    assert r.element("Key") == "none"


@pytest.mark.parametrize("name,value", [
    ("x-amz-if-match-size", "1"),
    ("x-amz-if-match-last-modified-time", "Fri, 01 Jan 1999 00:00:00 GMT")])
def test_delete_with_a_guard_that_is_not_understood_deletes_nothing(
        gateway, client, bucket, thing, name, value):
    host, path = f"127.0.0.1:{gateway.port}", f"/{bucket}/o"
    h = Signer().headers("DELETE", path, host, extra={name: value})
    hoisted = Signer().presign("DELETE", path, host, query=[(name, value)])
    for data in (head("DELETE", path, h),
                 head("DELETE", hoisted, {"Host": host})):
        r = request(gateway.port, data)
        assert r.status == 501 and f"<Header>{name}</Header>" in r.text
    client.head_object(Bucket=bucket, Key="o")


def test_of_racing_creators_exactly_one_wins(gateway, client, bucket):
    def put(i):
        return conditional_put(gateway, bucket, "race", b"%d" % i,
                               If_None_Match="*").status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(put, range(16)))
    assert seen.count(200) == 1
    assert set(seen) <= {200, 409, 412}
    winner = int(client.get_object(Bucket=bucket, Key="race")["Body"].read())
    assert seen[winner] == 200


def test_if_range_gives_the_part_only_of_the_same_object(gateway, client,
                                                         bucket):
    client.put_object(Bucket=bucket, Key="r", Body=b"0123456789")
    etag = client.head_object(Bucket=bucket, Key="r")["ETag"]
    path = f"/{bucket}/r"
    when = client.head_object(Bucket=bucket, Key="r")["ResponseMetadata"][
        "HTTPHeaders"]["last-modified"]
    for value, status in ((etag, 206), ('"other"', 200), (when, 206),
                          ("Fri, 01 Jan 1999 00:00:00 GMT", 200),
                          (f"W/{etag}", 200), ("*", 200)):
        h = Signer().headers("GET", path, f"127.0.0.1:{gateway.port}")
        h.update({"Range": "bytes=0-1", "If-Range": value})
        assert request(gateway.port, head("GET", path, h)).status == status
