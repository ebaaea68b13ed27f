"""Tags of objects: given with an upload, read, replaced, removed, and the
rules they are held to."""

import pytest

NS = "http://s3.amazonaws.com/doc/2006-03-01/"


def tag(key, value):
    return f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"


def document(*tags):
    return (f'<Tagging xmlns="{NS}"><TagSet>{"".join(tags)}</TagSet>'
            "</Tagging>").encode()


def tags_of(client, bucket, key="o", **options):
    answer = client.get_object_tagging(Bucket=bucket, Key=key, **options)
    return {t["Key"]: t["Value"] for t in answer["TagSet"]}


@pytest.fixture
def thing(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"x")
    return f"/{bucket}/o"


# ---- round trips ------------------------------------------------------------------

@pytest.mark.parametrize("header,expected", [
    ("", {}),
    ("a=1", {"a": "1"}),
    ("a=1&b=2", {"a": "1", "b": "2"}),
    ("a", {"a": ""}),
    ("a=", {"a": ""}),
    ("a=x%20y+z", {"a": "x y z"}),
    ("a=b%3Dc", {"a": "b=c"}),
    ("%C3%BC=%E6%97%A5", {"\u00fc": "\u65e5"}),
    ("k%2B-%3D._%3A%2F%40=v%2B-%3D._%3A%2F%40",
     {"k+-=._:/@": "v+-=._:/@"}),
    ("&".join(f"k{i}={i}" for i in range(10)),
     {f"k{i}": str(i) for i in range(10)}),
    ("k" * 128 + "=" + "v" * 256, {"k" * 128: "v" * 256}),
])
def test_tags_of_an_upload_come_back(http, client, bucket, header, expected):
    assert http("PUT", f"/{bucket}/o", b"x",
                {"x-amz-tagging": header}).status == 200
    assert tags_of(client, bucket) == expected
    for method in ("GET", "HEAD"):
        count = http(method, f"/{bucket}/o").headers.get("x-amz-tagging-count")
        assert count == (str(len(expected)) if expected else None)


def test_tags_are_replaced_not_added(client, bucket, thing):
    for tags in ({"a": "1", "b": "2"}, {"c": "3"}, {}):
        client.put_object_tagging(Bucket=bucket, Key="o", Tagging={
            "TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]})
        assert tags_of(client, bucket) == tags


def test_tagging_leaves_the_object_as_it_is(client, bucket, thing):
    before = client.head_object(Bucket=bucket, Key="o")
    client.put_object_tagging(Bucket=bucket, Key="o", Tagging={
        "TagSet": [{"Key": "a", "Value": "1"}]})
    after = client.head_object(Bucket=bucket, Key="o")
    assert after["ETag"] == before["ETag"]
    assert after["LastModified"] == before["LastModified"]
    assert client.get_object(Bucket=bucket, Key="o")["Body"].read() == b"x"


def test_deleted_tags_are_none(client, bucket, http):
    client.put_object(Bucket=bucket, Key="o", Body=b"x", Tagging="a=1")
    answer = client.delete_object_tagging(Bucket=bucket, Key="o")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert tags_of(client, bucket) == {}
    assert "x-amz-tagging-count" not in http("GET", f"/{bucket}/o").headers
    answer = client.delete_object_tagging(Bucket=bucket, Key="o")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_overwriting_drops_the_tags(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"x", Tagging="a=1")
    client.put_object(Bucket=bucket, Key="o", Body=b"x")
    assert tags_of(client, bucket) == {}


def test_document_is_aws_s(http, client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"x", Tagging="a=1&b=")
    r = http("GET", f"/{bucket}/o", query=[("tagging", "")])
    assert r.headers["content-type"] == "application/xml"
    assert r.text == ('<?xml version="1.0" encoding="UTF-8"?>\n'
                      f'<Tagging xmlns="{NS}"><TagSet>' + tag("a", "1") +
                      tag("b", "") + "</TagSet></Tagging>")
    assert "x-amz-version-id" not in r.headers


def test_tags_of_a_multipart_upload(client, bucket):
    u = client.create_multipart_upload(Bucket=bucket, Key="o", Tagging="a=1",
                                       StorageClass="STANDARD_IA")["UploadId"]
    part = client.upload_part(Bucket=bucket, Key="o", UploadId=u, PartNumber=1,
                              Body=b"x")
    client.complete_multipart_upload(
        Bucket=bucket, Key="o", UploadId=u, MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert tags_of(client, bucket) == {"a": "1"}
    assert client.head_object(Bucket=bucket,
                              Key="o")["StorageClass"] == "STANDARD_IA"


# ---- refusals ---------------------------------------------------------------------

BAD_HEADER = (
    400, "InvalidArgument",
    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded "
    "URL query parameters without tag name duplicates.")


@pytest.mark.parametrize("header,expected", [
    ("a=1&a=2", BAD_HEADER),
    ("a=%zz", BAD_HEADER),
    ("a=%ff", BAD_HEADER),
    ("=", BAD_HEADER),
    ("a=1&=2", BAD_HEADER),
    ("a%3Fb=1", (400, "InvalidTag",
                 "The TagKey you have provided is invalid")),
    ("a=%7B", (400, "InvalidTag",
               "The TagValue you have provided is invalid")),
    ("aws:a=1", (400, "InvalidTag",
                 "Your TagKey cannot be prefixed with aws:")),
    ("k" * 129 + "=1", (400, "InvalidTag",
                        "The TagKey you have provided is invalid")),
    ("a=" + "v" * 257, (400, "InvalidTag",
                        "The TagValue you have provided is invalid")),
    ("&".join(f"k{i}=v" for i in range(11)),
     (400, "BadRequest", "Object tags cannot be greater than 10")),
])
def test_header_that_breaks_a_rule_stores_nothing(http, client, bucket, header,
                                                  expected):
    r = http("PUT", f"/{bucket}/o", b"x", {"x-amz-tagging": header})
    assert r.status == expected[0]
    assert f"<Code>{expected[1]}</Code><Message>{expected[2]}" in r.text
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


MALFORMED = (
    "MalformedXML", "The XML you provided was not well-formed or did not "
    "validate against our published schema</Message>")
KEY_INVALID = ("InvalidTag", "The TagKey you have provided is invalid")


@pytest.mark.parametrize("body,expected", [
    (b"", ("MissingRequestBodyError", "Request Body is empty")),
    (b"<Tagging>", MALFORMED),
    (b"<Tagging/>", MALFORMED),
    (b"<Other><TagSet/></Other>", MALFORMED),
    (document("<Tag><Key>a</Key></Tag>"), MALFORMED),
    (document("<Tag><Value>a</Value></Tag>"), MALFORMED),
    (document("<Tag><Key>a</Key><Key>b</Key><Value>c</Value></Tag>"),
     MALFORMED),
    (document(tag("a", "1"), tag("a", "2")),
     ("InvalidTag", "Cannot provide multiple Tags with the same key</Message>"
      "<TagKey>a</TagKey>")),
    (document(tag("", "1")), KEY_INVALID),
    (document(tag("a?", "1")), KEY_INVALID),
    (document(tag("k" * 129, "1")), KEY_INVALID),
    (document(tag("aws:x", "1")),
     ("InvalidTag", "Your TagKey cannot be prefixed with aws:</Message>"
      "<TagKey>aws:x</TagKey>")),
    (document(tag("a", "!")),
     ("InvalidTag", "The TagValue you have provided is invalid</Message>"
      "<TagKey>a</TagKey><TagValue>!</TagValue>")),
    (document(tag("a", "v" * 257)),
     ("InvalidTag", "The TagValue you have provided is invalid")),
    (document(*(tag(f"k{i}", "v") for i in range(11))),
     ("BadRequest", "Object tags cannot be greater than 10")),
])
def test_document_that_breaks_a_rule_changes_nothing(http, client, bucket,
                                                     body, expected):
    client.put_object(Bucket=bucket, Key="o", Body=b"x", Tagging="old=1")
    r = http("PUT", f"/{bucket}/o", body, query=[("tagging", "")])
    assert r.status == 400
    assert f"<Code>{expected[0]}</Code><Message>{expected[1]}" in r.text
    assert tags_of(client, bucket) == {"old": "1"}


@pytest.mark.parametrize("method,body", [
    ("GET", b""), ("PUT", document(tag("a", "1"))), ("DELETE", b"")])
def test_what_is_not_there_has_no_tags(http, bucket, method, body):
    r = http(method, f"/{bucket}/nothing", body, query=[("tagging", "")])
    assert r.status == 404
    assert "<Code>NoSuchKey</Code>" in r.text and "<Key>nothing</Key>" in r.text
    r = http(method, "/no-such-bucket-here/o", body, query=[("tagging", "")])
    assert r.status == 404 and "<Code>NoSuchBucket</Code>" in r.text


@pytest.mark.parametrize("method,body", [
    ("GET", b""), ("PUT", document(tag("a", "1"))), ("DELETE", b"")])
@pytest.mark.parametrize("version,status,code", [
    ("", 400, "InvalidArgument"),
    ("nonsense", 400, "InvalidArgument"),
    ("0" * 26, 404, "NoSuchVersion"),
])
def test_version_that_is_none(http, bucket, thing, method, body, version,
                              status, code):
    r = http(method, thing, body,
             query=[("tagging", ""), ("versionId", version)])
    assert r.status == status and f"<Code>{code}</Code>" in r.text


# ---- versions ---------------------------------------------------------------------

def test_each_version_has_its_own_tags(client, versioned):
    ids = [client.put_object(Bucket=versioned, Key="o", Body=b"x",
                             Tagging=f"n={i}")["VersionId"] for i in range(2)]
    assert tags_of(client, versioned) == {"n": "1"}
    assert tags_of(client, versioned, VersionId=ids[0]) == {"n": "0"}
    answer = client.put_object_tagging(
        Bucket=versioned, Key="o", VersionId=ids[0],
        Tagging={"TagSet": [{"Key": "new", "Value": ""}]})
    assert answer["VersionId"] == ids[0]
    assert tags_of(client, versioned, VersionId=ids[0]) == {"new": ""}
    assert tags_of(client, versioned) == {"n": "1"}
    answer = client.delete_object_tagging(Bucket=versioned, Key="o")
    assert answer["VersionId"] == ids[1]
    assert tags_of(client, versioned) == {}
    assert tags_of(client, versioned, VersionId=ids[0]) == {"new": ""}


@pytest.mark.parametrize("method,body", [
    ("GET", b""), ("PUT", document(tag("a", "1"))), ("DELETE", b"")])
@pytest.mark.parametrize("by_id", [False, True])
def test_delete_marker_has_no_tags(http, client, versioned, method, body,
                                   by_id):
    client.put_object(Bucket=versioned, Key="o", Body=b"x")
    marker = client.delete_object(Bucket=versioned, Key="o")["VersionId"]
    query = [("tagging", "")]
    if by_id:
        query.append(("versionId", marker))
    r = http(method, f"/{versioned}/o", body, query=query)
    assert r.status == 405 and "<Code>MethodNotAllowed</Code>" in r.text
    assert (f"<Method>{method}</Method>"
            "<ResourceType>DeleteMarker</ResourceType>") in r.text
    assert r.headers["x-amz-delete-marker"] == "true"
    assert r.headers["x-amz-version-id"] == marker
    assert r.headers["allow"] == "DELETE"
