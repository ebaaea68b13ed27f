"""DeleteObjects: many keys, one answer per key."""

import base64
import hashlib
import re

import pytest
from botocore.exceptions import ClientError

from sigv4 import Signer, head
from wire import request


def post(gateway, bucket, body, **extra):
    path = f"/{bucket}"
    query = [("delete", "")]
    extra = {n.replace("_", "-"): v for n, v in extra.items()}
    h = Signer().headers("POST", path, f"127.0.0.1:{gateway.port}",
                         hashlib.sha256(body).hexdigest(), query, extra)
    h["Content-Length"] = str(len(body))
    return request(gateway.port, head("POST", path + "?delete", h) + body)


def md5(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def document(keys, quiet=False):
    items = "".join(f"<Object><Key>{k}</Key></Object>" for k in keys)
    return (f"<Delete><Quiet>{str(quiet).lower()}</Quiet>{items}</Delete>"
            ).encode()


def test_keys_go_and_each_is_told(client, bucket):
    for k in ("a", "b", "c"):
        client.put_object(Bucket=bucket, Key=k, Body=b"")
    answer = client.delete_objects(Bucket=bucket, Delete={
        "Objects": [{"Key": "a"}, {"Key": "nothing"}, {"Key": "c"}]})
    assert [d["Key"] for d in answer["Deleted"]] == ["a", "nothing", "c"]
    left = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert [o["Key"] for o in left] == ["b"]


def test_quiet_tells_failures_only(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"")
    answer = client.delete_objects(Bucket=bucket, Delete={
        "Quiet": True, "Objects": [{"Key": "a"}, {"Key": "x" * 1025}]})
    assert "Deleted" not in answer
    assert [(e["Key"], e["Code"]) for e in answer["Errors"]] == [
        ("x" * 1025, "KeyTooLongError")]
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_thousand_keys_and_not_one_more(gateway, client, bucket):
    client.put_object(Bucket=bucket, Key="k999", Body=b"")
    body = document([f"k{i}" for i in range(1001)])
    r = post(gateway, bucket, body, Content_MD5=md5(body))
    assert r.status == 400 and "<Code>MalformedXML</Code>" in r.text
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    body = document([f"k{i}" for i in range(1000)])
    r = post(gateway, bucket, body, Content_MD5=md5(body))
    assert r.status == 200 and r.text.count("<Deleted>") == 1000
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_body_must_be_protected(gateway, client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"")
    body = document(["a"])
    r = post(gateway, bucket, body)
    assert r.status == 400 and "<Code>InvalidRequest</Code>" in r.text
    assert "Missing required header for this request: Content-MD5" in r.text
    r = post(gateway, bucket, body, Content_MD5=md5(b"other"))
    assert r.status == 400 and "<Code>BadDigest</Code>" in r.text
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    r = post(gateway, bucket, body, x_amz_checksum_sha256=digest)
    assert r.status == 200
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("body,code", [
    (b"<Delete>", "MalformedXML"),
    (b"<Delete></Delete>", "MalformedXML"),
    (b"<Delete><Object></Object></Delete>", "MalformedXML"),
    (b"<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
     "MalformedXML"),
    (b"<Delete><Object><Key>a<x/>b</Key></Object></Delete>", "MalformedXML"),
    (b"<Other/>", "MalformedXML"),
    (b"", "MissingRequestBodyError"),
    (b'<!DOCTYPE d [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object>'
     b"</Delete>", "MalformedXML"),
])
def test_documents_that_are_none(gateway, bucket, body, code):
    r = post(gateway, bucket, body, Content_MD5=md5(body))
    assert r.status == 400 and f"<Code>{code}</Code>" in r.text


def test_etag_guards_a_key(client, gateway, bucket):
    etag = client.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    for value, left in (('"other"', 1), (etag, 0)):
        body = (f"<Delete><Object><Key>a</Key><ETag>{value}</ETag></Object>"
                "</Delete>").encode()
        r = post(gateway, bucket, body, Content_MD5=md5(body))
        assert r.status == 200
        assert ("<Code>PreconditionFailed</Code>" in r.text) == (left == 1)
        assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == left


def test_etag_guards_what_is_not_there(gateway, bucket):
    body = (b"<Delete><Object><Key>a</Key><ETag>no</ETag></Object>"
            b"<Object><Key>b</Key><ETag>*</ETag></Object></Delete>")
    r = post(gateway, bucket, body, Content_MD5=md5(body))
    assert r.status == 200 and "<Deleted>" not in r.text
    assert re.findall(r"<Error><Key>(\w)</Key><Code>(\w+)</Code>", r.text) == [
        ("a", "NoSuchKey"), ("b", "NoSuchKey")]


@pytest.mark.parametrize("guard", [
    "<Size>7</Size>",
    "<VersionId>null</VersionId><ETag>*</ETag>",
    "<LastModifiedTime>Fri, 01 Jan 1999 00:00:00 GMT</LastModifiedTime>"])
def test_guard_that_is_not_understood_keeps_the_key(client, gateway, bucket,
                                                    guard):
    client.put_object(Bucket=bucket, Key="a", Body=b"1")
    body = f"<Delete><Object><Key>a</Key>{guard}</Object></Delete>".encode()
    r = post(gateway, bucket, body, Content_MD5=md5(body))
    assert r.status == 200 and "<Code>NotImplemented</Code>" in r.text
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_missing_bucket(client):
    with pytest.raises(ClientError) as e:
        client.delete_objects(Bucket="no-such-bucket-here",
                              Delete={"Objects": [{"Key": "a"}]})
    assert e.value.response["Error"]["Code"] == "NoSuchBucket"


def test_guarded_and_plain_keys_side_by_side(client, gateway, bucket):
    """What is refused or not there stops nothing else; order is kept."""
    for k in ("a", "b", "c", "d"):
        client.put_object(Bucket=bucket, Key=k, Body=b"1")
    body = ("<Delete><Object><Key>a</Key></Object>"
            "<Object><Key>b</Key><Size>1</Size></Object>"
            "<Object><Key>c</Key><ETag>&quot;no&quot;</ETag></Object>"
            "<Object><Key>d</Key></Object>"
            f"<Object><Key>{'x' * 1025}</Key></Object>"
            "<Object><Key>nothing</Key></Object></Delete>").encode()
    r = post(gateway, bucket, body, Content_MD5=md5(body))
    assert r.status == 200
    seen = re.findall(r"<(Deleted|Error)><Key>(\w+)</Key>(?:<Code>(\w+))?",
                      r.text)
    assert [(kind, key[:7], code) for kind, key, code in seen] == [
        ("Deleted", "a", ""), ("Error", "b", "NotImplemented"),
        ("Error", "c", "PreconditionFailed"), ("Deleted", "d", ""),
        ("Error", "xxxxxxx", "KeyTooLongError"), ("Deleted", "nothing", "")]
    left = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert [o["Key"] for o in left] == ["b", "c"]


@pytest.mark.parametrize("key,spelt", [
    ("<&>", "&lt;&amp;&gt;"), ("a b", "a b"), ("\u00fc", "\u00fc"),
    ("a\u0001", None), ("a\nb", "a&#10;b"), ("\u65e5\U0001f600", None),
    (" a ", " a ")])
def test_key_of_any_characters(client, gateway, bucket, key, spelt):
    client.put_object(Bucket=bucket, Key=key, Body=b"1")
    if spelt is None and "\u0001" in key:
        client.delete_object(Bucket=bucket, Key=key)  # no XML can name it
    else:
        body = document([spelt or key])
        r = post(gateway, bucket, body, Content_MD5=md5(body))
        assert r.status == 200 and "<Deleted>" in r.text
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("quiet,shown", [
    ("true", 0), ("TRUE", 0), ("false", 1), ("", 1)])
def test_quiet_is_a_truth_value(client, gateway, bucket, quiet, shown):
    client.put_object(Bucket=bucket, Key="a", Body=b"")
    body = (f"<Delete><Quiet>{quiet}</Quiet><Object><Key>a</Key></Object>"
            "</Delete>").encode()
    r = post(gateway, bucket, body, Content_MD5=md5(body))
    assert r.text.count("<Deleted>") == shown
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("version", ["nonsense", "0" * 25])
def test_version_that_none_can_be_is_told_per_key(client, bucket, version):
    client.put_object(Bucket=bucket, Key="a", Body=b"")
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": [
        {"Key": "a", "VersionId": version}]})
    assert answer["Errors"] == [{
        "Key": "a", "VersionId": version, "Code": "NoSuchVersion",
        "Message": "The specified version does not exist."}]
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_null_version_of_a_plain_object_goes(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"")
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": [
        {"Key": "a", "VersionId": "null"}]})
    assert answer["Deleted"] == [{"Key": "a", "VersionId": "null"}]
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
