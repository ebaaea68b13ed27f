"""CopyObject: what is copied, what the directives change, every condition,
and what is no source."""

import base64
import concurrent.futures
import datetime
import zlib

import pytest
from botocore.exceptions import ClientError

from gateway import DEFAULT_BUCKET
from sums import SUMS, checksum

HOUR = datetime.timedelta(hours=1)
BIG = bytes(range(256)) * 1024  # beyond what is kept inside the index
KEPT = {"ContentType": "video/mp4", "CacheControl": "max-age=5",
        "ContentDisposition": "inline", "ContentLanguage": "de",
        "ContentEncoding": "gzip"}


def failure(call, **options):
    with pytest.raises(ClientError) as e:
        call(**options)
    r = e.value.response
    return r["ResponseMetadata"]["HTTPStatusCode"], r["Error"]["Code"]


def body(client, bucket, key, **options):
    return client.get_object(Bucket=bucket, Key=key, **options)["Body"].read()


@pytest.fixture
def source(client, bucket):
    client.put_object(Bucket=bucket, Key="src", Body=b"source",
                      Metadata={"a": "1"}, Tagging="t=1", **KEPT)
    return client.head_object(Bucket=bucket, Key="src")


@pytest.fixture
def copy(http, bucket):
    def send(source=None, key="dst", **headers):
        headers = {n.replace("_", "-"): v for n, v in headers.items()}
        return http("PUT", f"/{bucket}/{key}", headers={
            "x-amz-copy-source": source or f"{bucket}/src", **headers})
    return send


# ---- what is copied ---------------------------------------------------------------

@pytest.mark.parametrize("data", [b"", b"x", BIG, BIG * 8])
def test_bytes_etag_headers_and_tags_are_the_source_s(client, bucket, data):
    client.put_object(Bucket=bucket, Key="src", Body=data, Tagging="t=1",
                      Metadata={"a": "1"}, **KEPT)
    answer = client.copy_object(Bucket=bucket, Key="dst",
                                CopySource={"Bucket": bucket, "Key": "src"})
    src = client.head_object(Bucket=bucket, Key="src")
    dst = client.get_object(Bucket=bucket, Key="dst")
    assert dst["Body"].read() == data
    assert answer["CopyObjectResult"]["ETag"] == src["ETag"] == dst["ETag"]
    assert dst["Metadata"] == {"a": "1"} and dst["TagCount"] == 1
    assert {k: dst[k] for k in KEPT} == KEPT
    assert answer["CopyObjectResult"]["LastModified"] == dst["LastModified"]


def test_copy_outlives_its_source(client, bucket):
    client.put_object(Bucket=bucket, Key="src", Body=BIG)
    client.copy_object(Bucket=bucket, Key="dst", CopySource=f"{bucket}/src")
    client.delete_object(Bucket=bucket, Key="src")
    assert body(client, bucket, "dst") == BIG
    client.copy_object(Bucket=bucket, Key="third", CopySource=f"{bucket}/dst")
    client.put_object(Bucket=bucket, Key="dst", Body=b"new")
    assert body(client, bucket, "third") == BIG


def test_copy_into_another_bucket(client, bucket, source):
    client.create_bucket(Bucket=bucket + "-b")
    client.copy_object(Bucket=bucket + "-b", Key="dst",
                       CopySource=f"{bucket}/src")
    assert body(client, bucket + "-b", "dst") == b"source"


def test_answer_is_aws_s(copy, source):
    r = copy()
    etag = source["ETag"].strip('"')
    assert r.status == 200
    assert r.text.startswith(
        '<?xml version="1.0" encoding="UTF-8"?>\n<CopyObjectResult '
        'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LastModified>')
    assert f"<ETag>&quot;{etag}&quot;</ETag>" in r.text
    assert "x-amz-version-id" not in r.headers
    assert "x-amz-copy-source-version-id" not in r.headers


@pytest.mark.parametrize("key,spelt", [
    ("a b", "a%20b"), ("a b", "a+b"), ("a+b", "a%2Bb"), ("a/b", "a/b"),
    ("a/b", "a%2Fb"), ("\u00fc", "%C3%BC"), ("a?b", "a%3Fb"),
    ("a%20b", "a%2520b"), ("a//b", "a//b"), ("../b", "../b"), ("/b", "/b"),
    ("a=b&c", "a=b&c"), ("x" * 1024, "x" * 1024),
])
@pytest.mark.parametrize("slash", ["", "/"])
def test_source_is_spelt_in_percent_encoding(client, bucket, copy, key, spelt,
                                             slash):
    client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert copy(f"{slash}{bucket}/{spelt}").status == 200
    assert body(client, bucket, "dst") == key.encode()


# ---- directives -------------------------------------------------------------------

def test_replaced_metadata_are_the_request_s_alone(client, bucket, source):
    client.copy_object(Bucket=bucket, Key="dst", CopySource=f"{bucket}/src",
                       MetadataDirective="REPLACE", Metadata={"b": "2"},
                       ContentLanguage="fr")
    dst = client.head_object(Bucket=bucket, Key="dst")
    assert dst["Metadata"] == {"b": "2"} and dst["ContentLanguage"] == "fr"
    assert dst["ContentType"] == "binary/octet-stream"
    assert "CacheControl" not in dst
    assert client.get_object_tagging(Bucket=bucket, Key="dst")["TagSet"] == [
        {"Key": "t", "Value": "1"}]


def test_metadata_of_the_request_say_nothing_with_copy(client, bucket, source):
    client.copy_object(Bucket=bucket, Key="dst", CopySource=f"{bucket}/src",
                       MetadataDirective="COPY", Metadata={"b": "2"},
                       ContentType="text/plain")
    dst = client.head_object(Bucket=bucket, Key="dst")
    assert dst["Metadata"] == {"a": "1"} and dst["ContentType"] == "video/mp4"


@pytest.mark.parametrize("options,expected", [
    ({}, [{"Key": "t", "Value": "1"}]),
    ({"TaggingDirective": "COPY"}, [{"Key": "t", "Value": "1"}]),
    ({"TaggingDirective": "COPY", "Tagging": "u=2"},
     [{"Key": "t", "Value": "1"}]),
    ({"TaggingDirective": "REPLACE", "Tagging": "u=2"},
     [{"Key": "u", "Value": "2"}]),
    ({"TaggingDirective": "REPLACE"}, []),
])
def test_tags_follow_their_directive(client, bucket, source, options,
                                     expected):
    client.copy_object(Bucket=bucket, Key="dst", CopySource=f"{bucket}/src",
                       **options)
    assert client.get_object_tagging(Bucket=bucket,
                                     Key="dst")["TagSet"] == expected


def test_storage_class_is_not_copied(client, bucket):
    client.put_object(Bucket=bucket, Key="src", Body=b"x",
                      StorageClass="STANDARD_IA")
    client.copy_object(Bucket=bucket, Key="a", CopySource=f"{bucket}/src")
    assert "StorageClass" not in client.head_object(Bucket=bucket, Key="a")
    client.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/src",
                       StorageClass="ONEZONE_IA")
    assert client.head_object(Bucket=bucket,
                              Key="b")["StorageClass"] == "ONEZONE_IA"


def test_website_redirect_is_not_copied(client, bucket):
    client.put_object(Bucket=bucket, Key="src", Body=b"x",
                      WebsiteRedirectLocation="/old")
    client.copy_object(Bucket=bucket, Key="a", CopySource=f"{bucket}/src")
    assert "WebsiteRedirectLocation" not in client.head_object(
        Bucket=bucket, Key="a")
    client.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/src",
                       WebsiteRedirectLocation="/new")
    assert client.head_object(
        Bucket=bucket, Key="b")["WebsiteRedirectLocation"] == "/new"


@pytest.mark.parametrize("header,value,message", [
    ("x-amz-metadata-directive", "replace", "Unknown metadata directive."),
    ("x-amz-metadata-directive", "MOVE", "Unknown metadata directive."),
    ("x-amz-tagging-directive", "MOVE", "Unknown tagging directive."),
])
def test_directive_that_is_none(copy, source, header, value, message):
    r = copy(**{header: value})
    assert r.status == 400
    assert (f"<Code>InvalidArgument</Code><Message>{message}</Message>"
            f"<ArgumentName>{header}</ArgumentName>"
            f"<ArgumentValue>{value}</ArgumentValue>") in r.text


# ---- onto itself ------------------------------------------------------------------

ILLEGAL = (400, "InvalidRequest")


@pytest.mark.parametrize("options,expected", [
    ({}, ILLEGAL),
    ({"MetadataDirective": "COPY"}, ILLEGAL),
    ({"Metadata": {"b": "2"}}, ILLEGAL),
    ({"TaggingDirective": "REPLACE", "Tagging": "u=2"}, ILLEGAL),
    ({"ChecksumAlgorithm": "SHA256"}, ILLEGAL),
    ({"MetadataDirective": "REPLACE"}, None),
    ({"MetadataDirective": "REPLACE", "Metadata": {"b": "2"}}, None),
    ({"StorageClass": "STANDARD"}, None),
    ({"StorageClass": "STANDARD_IA"}, None),
    ({"WebsiteRedirectLocation": "/x"}, None),
])
def test_copy_onto_itself_must_change_something(client, bucket, source,
                                                options, expected):
    args = dict(Bucket=bucket, Key="src", CopySource=f"{bucket}/src",
                **options)
    if expected:
        assert failure(client.copy_object, **args) == expected
    else:
        client.copy_object(**args)
    assert body(client, bucket, "src") == b"source"


def test_big_object_is_copied_onto_itself(client, bucket):
    client.put_object(Bucket=bucket, Key="src", Body=BIG * 8)
    for _ in range(3):
        client.copy_object(Bucket=bucket, Key="src",
                           CopySource=f"{bucket}/src",
                           MetadataDirective="REPLACE")
    assert body(client, bucket, "src") == BIG * 8


# ---- conditions -------------------------------------------------------------------

def source_conditions(etag, when):
    old, new = when - HOUR, when + HOUR
    m, n = "x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match"
    s, u = ("x-amz-copy-source-if-modified-since",
            "x-amz-copy-source-if-unmodified-since")
    return [
        ({m: etag}, None), ({m: etag.strip('"')}, None), ({m: "*"}, None),
        ({m: '"no"'}, "If-Match"), ({n: '"no"'}, None),
        ({n: etag}, "If-None-Match"), ({n: "*"}, "If-None-Match"),
        ({s: old}, None), ({s: when}, "If-Modified-Since"),
        ({s: new}, None),  # nobody knows what comes
        ({u: when}, None), ({u: new}, None), ({u: old}, "If-Unmodified-Since"),
        ({m: etag, u: old}, None), ({m: '"no"', u: new}, "If-Match"),
        ({n: etag, s: old}, "If-None-Match"), ({n: '"no"', s: when}, None),
        ({m: etag, n: '"no"'}, None), ({m: etag, n: etag}, "If-None-Match"),
        ({s: "yesterday"}, None), ({u: "never"}, None),
    ]


@pytest.mark.parametrize("row", range(21))
def test_conditions_on_the_source(client, bucket, copy, source, row):
    headers, failed = source_conditions(source["ETag"],
                                        source["LastModified"])[row]
    headers = {k: v if isinstance(v, str) else
               v.strftime("%a, %d %b %Y %H:%M:%S GMT")
               for k, v in headers.items()}
    r = copy(**headers)
    if failed is None:
        assert r.status == 200, r
        assert body(client, bucket, "dst") == b"source"
    else:
        assert r.status == 412
        assert ("<Code>PreconditionFailed</Code><Message>At least one of the "
                "pre-conditions you specified did not hold</Message>"
                f"<Condition>x-amz-copy-source-{failed}</Condition>") in r.text
        assert failure(client.head_object, Bucket=bucket,
                       Key="dst")[0] == 404


def test_conditions_on_the_target(client, bucket, copy, source):
    assert copy(If_None_Match="*").status == 200
    r = copy(If_None_Match="*")
    assert r.status == 412 and "<Condition>If-None-Match</Condition>" in r.text
    etag = client.put_object(Bucket=bucket, Key="dst", Body=b"dst")["ETag"]
    r = copy(If_Match='"no"')
    assert r.status == 412 and "<Condition>If-Match</Condition>" in r.text
    assert body(client, bucket, "dst") == b"dst"
    assert copy(If_Match=etag).status == 200
    assert body(client, bucket, "dst") == b"source"
    r = copy(key="absent", If_Match=etag)
    assert r.status == 404 and "<Code>NoSuchKey</Code>" in r.text


@pytest.mark.parametrize("headers", [
    {"If-Match": "*"}, {"If-None-Match": '"x"'},
    {"If-Match": '"x"', "If-None-Match": "*"}])
def test_conditions_that_aws_does_not_take(copy, source, headers):
    r = copy(**headers)
    assert r.status == 501 and "<Code>NotImplemented</Code>" in r.text


# ---- checksums --------------------------------------------------------------------

@pytest.mark.parametrize("alg", SUMS)
@pytest.mark.parametrize("data", [b"", b"source", BIG])
def test_another_checksum_is_computed(client, bucket, copy, alg, data):
    client.put_object(Bucket=bucket, Key="src", Body=data)
    r = copy(x_amz_checksum_algorithm=alg.upper())
    want = checksum(alg, data)
    name = f"Checksum{alg.upper()}"
    assert f"<{name}>{want}</{name}>" in r.text
    assert "<ChecksumType>FULL_OBJECT</ChecksumType>" in r.text
    head = client.head_object(Bucket=bucket, Key="dst", ChecksumMode="ENABLED")
    headers = head["ResponseMetadata"]["HTTPHeaders"]
    assert headers[f"x-amz-checksum-{alg}"] == want
    names = [n for n in headers if n.startswith("x-amz-checksum-")]
    assert sorted(names) == sorted([f"x-amz-checksum-{alg}",
                                    "x-amz-checksum-type"])


def test_checksum_is_copied(http, client, bucket, copy):
    crc = base64.b64encode(zlib.crc32(b"x").to_bytes(4, "big")).decode()
    http("PUT", f"/{bucket}/src", b"x", {"x-amz-checksum-crc32": crc})
    assert f"<ChecksumCRC32>{crc}</ChecksumCRC32>" in copy().text


def test_checksum_that_is_none(copy, source):
    r = copy(x_amz_checksum_algorithm="MD4")
    assert r.status == 400 and "<Code>InvalidRequest</Code>" in r.text


# ---- what is no source ------------------------------------------------------------

@pytest.mark.parametrize("value,status,code", [
    ("", 400, "InvalidArgument"), ("/", 400, "InvalidArgument"),
    ("no-slash", 400, "InvalidArgument"), ("bucket/", 400, "InvalidArgument"),
    ("/bucket/", 400, "InvalidArgument"), ("//key", 400, "InvalidArgument"),
    ("bucket/%zz", 400, "InvalidArgument"),
    ("bucket/%ff", 400, "InvalidArgument"),
    ("bucket/a%00b", 400, "InvalidArgument"),
    ("no-such-bucket-here/k", 404, "NoSuchBucket"),
    ("arn:aws:s3:us-east-1:1:accesspoint/a/object/k", 501, "NotImplemented"),
])
def test_source_that_is_none(http, bucket, value, status, code):
    r = http("PUT", f"/{bucket}/dst", headers={"x-amz-copy-source": value})
    assert r.status == status and f"<Code>{code}</Code>" in r.text
    if code == "InvalidArgument":
        what = "bucket name" if value in ("", "/", "//key") else "object key"
        assert r.message == f"Invalid copy source {what}"
        assert ("<ArgumentName>x-amz-copy-source</ArgumentName>"
                "<ArgumentValue>x-amz-copy-source</ArgumentValue>") in r.text
    if code == "NoSuchBucket":
        assert "<BucketName>no-such-bucket-here</BucketName>" in r.text


def test_missing_source_is_named(copy, bucket):
    r = copy(f"{bucket}/nothing")
    assert r.status == 404 and "<Key>nothing</Key>" in r.text


@pytest.mark.parametrize("query", [[], [("partNumber", "1"),
                                        ("uploadId", "x")]])
def test_copies_have_no_body(client, bucket, source, http, query):
    r = http("PUT", f"/{bucket}/dst", b"body",
             {"x-amz-copy-source": f"{bucket}/src"}, query)
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message == ("The request included a body. Requests of this type "
                         "must not include a non-empty body.")
    assert client.list_objects_v2(Bucket=bucket, Prefix="dst")["KeyCount"] == 0


@pytest.mark.parametrize("version,status,code", [
    ("nonsense", 400, "InvalidArgument"), ("0" * 26, 404, "NoSuchVersion"),
    ("null", 200, "CopyObjectResult")])
def test_version_of_the_source(copy, bucket, source, version, status, code):
    r = copy(f"{bucket}/src?versionId={version}")
    assert r.status == status and code in r.text


@pytest.mark.parametrize("headers,status,code", [
    ({"x-amz-acl": "public-read"}, 400, "AccessControlListNotSupported"),
    ({"x-amz-storage-class": "COLD"}, 400, "InvalidStorageClass"),
    ({"x-amz-server-side-encryption": "AES256"}, 501, "NotImplemented"),
    ({"x-amz-object-lock-mode": "GOVERNANCE"}, 400, "InvalidRequest"),
    ({"x-amz-tagging-directive": "REPLACE", "x-amz-tagging": "a=1&a=2"},
     400, "InvalidArgument"),
    ({"x-amz-metadata-directive": "REPLACE", "x-amz-meta-a": "x" * 2048},
     400, "MetadataTooLarge"),
    ({"x-amz-copy-source-server-side-encryption-customer-algorithm":
      "AES256"}, 400, "InvalidRequest"),
])
def test_copy_that_asks_for_more_than_is_there(client, bucket, copy, source,
                                               headers, status, code):
    r = copy(**headers)
    assert r.status == status and f"<Code>{code}</Code>" in r.text
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_copy_into_a_bucket_that_is_not_there(http, bucket, source):
    r = http("PUT", "/no-such-bucket-here/dst",
             headers={"x-amz-copy-source": f"{bucket}/src"})
    assert r.status == 404
    assert "<BucketName>no-such-bucket-here</BucketName>" in r.text


def test_copy_by_a_presigned_url_with_the_source_in_it(gateway, client, bucket,
                                                       source):
    from sigv4 import Signer, head
    from wire import request
    host = f"127.0.0.1:{gateway.port}"
    target = Signer().presign("PUT", f"/{bucket}/dst", host, query=[
        ("x-amz-copy-source", f"{bucket}/src")])
    r = request(gateway.port, head("PUT", target, {"Host": host,
                                                   "Content-Length": "0"}))
    assert r.status == 200 and "<CopyObjectResult" in r.text
    assert body(client, bucket, "dst") == b"source"


def test_upload_bound_holds_for_copies(own_gateway):
    c = own_gateway({"MAX_UPLOAD_BYTES": "1000"}).client()
    c.put_object(Bucket=DEFAULT_BUCKET, Key="big", Body=bytes(1001))
    assert failure(c.copy_object, Bucket=DEFAULT_BUCKET, Key="uploads/u/a",
                   CopySource=f"{DEFAULT_BUCKET}/big") == (400,
                                                           "EntityTooLarge")
    c.put_object(Bucket=DEFAULT_BUCKET, Key="fits", Body=bytes(1000))
    c.copy_object(Bucket=DEFAULT_BUCKET, Key="uploads/u/a",
                  CopySource=f"{DEFAULT_BUCKET}/fits")


# ---- versions ---------------------------------------------------------------------

def test_old_version_is_restored_by_a_copy_onto_itself(client, versioned):
    old = client.put_object(Bucket=versioned, Key="o",
                            Body=b"old")["VersionId"]
    client.put_object(Bucket=versioned, Key="o", Body=b"new")
    answer = client.copy_object(Bucket=versioned, Key="o", CopySource={
        "Bucket": versioned, "Key": "o", "VersionId": old})
    assert answer["CopySourceVersionId"] == old
    assert answer["VersionId"] != old
    assert body(client, versioned, "o") == b"old"
    assert client.head_object(Bucket=versioned,
                              Key="o")["VersionId"] == answer["VersionId"]


def test_current_version_of_the_source_is_told(client, versioned):
    v = client.put_object(Bucket=versioned, Key="o", Body=b"x")["VersionId"]
    answer = client.copy_object(Bucket=versioned, Key="p",
                                CopySource=f"{versioned}/o")
    assert answer["CopySourceVersionId"] == v


def test_delete_marker_is_no_source(http, client, versioned):
    client.put_object(Bucket=versioned, Key="o", Body=b"x")
    marker = client.delete_object(Bucket=versioned, Key="o")["VersionId"]
    r = http("PUT", f"/{versioned}/p",
             headers={"x-amz-copy-source": f"{versioned}/o"})
    assert r.status == 404 and "<Code>NoSuchKey</Code>" in r.text
    r = http("PUT", f"/{versioned}/p", headers={
        "x-amz-copy-source": f"{versioned}/o?versionId={marker}"})
    assert r.status == 400
    assert ("<Code>InvalidRequest</Code><Message>The source of a copy request "
            "may not specifically refer to a delete marker by version id."
            "</Message>") in r.text


# ---- races ------------------------------------------------------------------------

@pytest.mark.parametrize("size", [100, 200_000])
def test_copy_of_a_source_that_changes_is_one_of_its_states(client, bucket,
                                                            size):
    """Never half of one and half of another, whatever the copy carries."""
    def write(i):
        client.put_object(Bucket=bucket, Key="src", Body=bytes([i]) * size,
                          Metadata={"i": str(i)}, Tagging=f"i={i}")

    def copy(i):
        try:
            client.copy_object(Bucket=bucket, Key=f"dst{i}",
                               CopySource=f"{bucket}/src")
        except ClientError as e:
            assert e.response["Error"]["Code"] == "OperationAborted"
            return None
        return f"dst{i}"

    write(0)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write, i) for i in range(1, 40)]
        copies = [pool.submit(copy, i) for i in range(40)]
        made = [c.result() for c in copies]
        for w in writes:
            w.result()
    assert any(made)
    for key in filter(None, made):
        got = client.get_object(Bucket=bucket, Key=key)
        i = int(got["Metadata"]["i"])
        assert got["Body"].read() == bytes([i]) * size
        assert client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == [
            {"Key": "i", "Value": str(i)}]


def test_of_racing_copies_to_a_new_key_exactly_one_wins(copy, source):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: copy(If_None_Match="*").status,
                             range(16)))
    assert seen.count(200) == 1 and set(seen) <= {200, 409, 412}
