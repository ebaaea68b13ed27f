"""PutObject, GetObject, HeadObject, DeleteObject: what goes in comes out."""

import hashlib
import random
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from sigv4 import Signer, head
from wire import Wire, request

INLINE = 64 * 1024
MIB = 1 << 20
SIZES = [0, 1, INLINE - 1, INLINE, INLINE + 1, MIB - 1, MIB, MIB + 1,
         9 * MIB]


def payload(n, seed=1):
    return random.Random(seed).randbytes(n)


def code(error):
    return error.value.response["Error"]["Code"]


def status(error):
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("size", SIZES)
def test_object_of_any_size_comes_back_whole(client, bucket, size):
    data = payload(size)
    put = client.put_object(Bucket=bucket, Key="o", Body=data)
    assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    got = client.get_object(Bucket=bucket, Key="o")
    assert got["Body"].read() == data
    assert got["ETag"] == put["ETag"]
    assert got["ContentLength"] == size
    head = client.head_object(Bucket=bucket, Key="o")
    assert head["ContentLength"] == size and head["ETag"] == put["ETag"]


@pytest.mark.parametrize("key", [
    "a", "a/", "a//b", "./..", "..", "/leading", "a b+c%d&e=f?g#h", "\u00fc/\u65e5\u672c/\U0001f600",
    "x" * 1024, "<&>\"'", "trailing ", "%2F", "\u0001\u001f",
])
def test_key_of_any_bytes_is_one_object(client, bucket, key):
    client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert client.get_object(Bucket=bucket,
                             Key=key)["Body"].read() == key.encode()
    listed = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert [o["Key"] for o in listed] == [key]
    client.delete_object(Bucket=bucket, Key=key)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_overwrite_replaces_bytes_and_metadata(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=payload(MIB),
                      Metadata={"old": "1"})
    client.put_object(Bucket=bucket, Key="o", Body=b"new",
                      Metadata={"new": "2"})
    got = client.get_object(Bucket=bucket, Key="o")
    assert got["Body"].read() == b"new" and got["Metadata"] == {"new": "2"}
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_headers_kept_with_the_object_come_back(client, bucket):
    kept = {"ContentType": "video/mp4", "CacheControl": "max-age=5",
            "ContentDisposition": 'attachment; filename="a.mp4"',
            "ContentLanguage": "de", "ContentEncoding": "gzip"}
    client.put_object(Bucket=bucket, Key="o", Body=b"x",
                      Metadata={"User-Id": "7", "note": "a  b"}, **kept)
    for answer in (client.get_object(Bucket=bucket, Key="o"),
                   client.head_object(Bucket=bucket, Key="o")):
        assert {k: answer[k] for k in kept} == kept
        assert answer["Metadata"] == {"user-id": "7", "note": "a  b"}
        assert answer["AcceptRanges"] == "bytes"


def test_empty_metadata_and_tabs_keep_the_object_readable(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"x",
                      Metadata={"empty": "", "tab": "a\tb"}, CacheControl="")
    for answer in (client.get_object(Bucket=bucket, Key="o"),
                   client.head_object(Bucket=bucket, Key="o")):
        assert answer["Metadata"] == {"empty": "", "tab": "a b"}
        assert "CacheControl" not in answer


def test_content_type_defaults_to_octet_stream(client, bucket):
    url = client.generate_presigned_url("put_object",
                                        {"Bucket": bucket, "Key": "o"})
    request = urllib.request.Request(url, b"x", method="PUT")
    request.add_unredirected_header("Content-Type", "")
    urllib.request.urlopen(request).close()
    head = client.head_object(Bucket=bucket, Key="o")
    assert head["ContentType"] == "binary/octet-stream"


def test_response_overrides_win(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"x",
                      ContentType="text/plain", CacheControl="no-store")
    got = client.get_object(
        Bucket=bucket, Key="o", ResponseContentType="text/html",
        ResponseContentDisposition="inline; filename=a")
    assert got["ContentType"] == "text/html"
    assert got["ContentDisposition"] == "inline; filename=a"
    assert got["CacheControl"] == "no-store"


def test_empty_override_overrides_nothing(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"x",
                      ContentType="text/plain")
    got = client.get_object(Bucket=bucket, Key="o", ResponseContentType="",
                            ResponseContentDisposition="")
    assert got["ContentType"] == "text/plain"
    assert "ContentDisposition" not in got


@pytest.mark.parametrize("name,value", [
    ("response-content-type", "text/plain\r\nset-cookie: a=b"),
    ("response-content-disposition", "a\x01b"),
    ("response-x-custom", "a")])
def test_override_that_is_none_is_refused(client, gateway, bucket, name,
                                          value):
    client.put_object(Bucket=bucket, Key="o", Body=b"x")
    host = f"127.0.0.1:{gateway.port}"
    target = Signer().presign("GET", f"/{bucket}/o", host,
                              query=[(name, value)])
    r = request(gateway.port, head("GET", target, {"Host": host}))
    assert r.status == 400 and "<Code>InvalidArgument</Code>" in r.text
    assert f"<ArgumentName>{name}</ArgumentName>" in r.text
    assert "set-cookie" not in r.headers


# ---- ranges -------------------------------------------------------------------

@pytest.mark.parametrize("size", [100, INLINE + 100, 3 * MIB])
@pytest.mark.parametrize("spec", ["0-0", "0-1", "5-", "-7", "10-19", "0-99",
                                  "99-1000000000", "-1000000000"])
def test_range_answers_206_with_exactly_those_bytes(client, bucket, size,
                                                    spec):
    data = payload(size)
    client.put_object(Bucket=bucket, Key="o", Body=data)
    first, last = spec.split("-")
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last or size) + 1)
    got = client.get_object(Bucket=bucket, Key="o", Range=f"bytes={spec}")
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == data[start:end]
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/{size}"
    head = client.head_object(Bucket=bucket, Key="o", Range=f"bytes={spec}")
    assert head["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert head["ContentLength"] == end - start


@pytest.mark.parametrize("spec", ["bytes=1-0", "bytes=-", "bytes=0--1",
                                  "bytes=0-1,3-4", "chars=0-1", "bytes=a-b",
                                  "bytes"])
def test_range_that_is_none_is_ignored(client, bucket, spec):
    client.put_object(Bucket=bucket, Key="o", Body=b"0123456789")
    got = client.get_object(Bucket=bucket, Key="o", Range=spec)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert got["Body"].read() == b"0123456789"


@pytest.mark.parametrize("body,spec", [(b"0123456789", "bytes=10-"),
                                       (b"0123456789", "bytes=-0"),
                                       (b"", "bytes=0-"), (b"", "bytes=0-5")])
def test_range_beyond_the_end_is_416(client, bucket, body, spec):
    client.put_object(Bucket=bucket, Key="o", Body=body)
    with pytest.raises(ClientError) as e:
        client.get_object(Bucket=bucket, Key="o", Range=spec)
    answer = e.value.response
    assert status(e) == 416 and code(e) == "InvalidRange"
    assert answer["Error"]["ActualObjectSize"] == str(len(body))
    assert answer["Error"]["RangeRequested"] == spec
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-range"] == \
        f"bytes */{len(body)}"


def test_suffix_range_of_an_empty_object_is_the_whole(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"")
    got = client.get_object(Bucket=bucket, Key="o", Range="bytes=-5")
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200


# ---- refusals -----------------------------------------------------------------

def test_missing_key_and_missing_bucket_are_told_apart(client, bucket):
    with pytest.raises(ClientError) as e:
        client.get_object(Bucket=bucket, Key="nothing")
    assert (status(e), code(e)) == (404, "NoSuchKey")
    assert e.value.response["Error"]["Key"] == "nothing"
    with pytest.raises(ClientError) as e:
        client.get_object(Bucket="no-such-bucket-here", Key="nothing")
    assert (status(e), code(e)) == (404, "NoSuchBucket")
    with pytest.raises(ClientError) as e:
        client.head_object(Bucket=bucket, Key="nothing")
    assert status(e) == 404


def test_delete_of_what_is_not_there_succeeds(client, bucket):
    answer = client.delete_object(Bucket=bucket, Key="nothing")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_key_over_1024_bytes_is_refused(client, bucket):
    with pytest.raises(ClientError) as e:
        client.put_object(Bucket=bucket, Key="\u00fc" * 513, Body=b"")
    assert (status(e), code(e)) == (400, "KeyTooLongError")
    assert e.value.response["Error"]["Size"] == "1026"


def test_metadata_over_2_kib_is_refused_and_at_2_kib_kept(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"",
                      Metadata={"k": "v" * 2047})
    with pytest.raises(ClientError) as e:
        client.put_object(Bucket=bucket, Key="p", Body=b"",
                          Metadata={"k": "v" * 2048})
    assert (status(e), code(e)) == (400, "MetadataTooLarge")
    with pytest.raises(ClientError) as e:
        client.head_object(Bucket=bucket, Key="p")
    assert status(e) == 404


NO_LOCK = (400, "InvalidRequest", "Bucket is missing Object Lock Configuration")
NO_ACL = (400, "AccessControlListNotSupported",
          "The bucket does not allow ACLs")


@pytest.mark.parametrize("headers,expected", [
    ({"x-amz-server-side-encryption": "AES256"}, (501, "NotImplemented")),
    ({"x-amz-server-side-encryption": "aws:kms"}, (501, "NotImplemented")),
    ({"x-amz-server-side-encryption-customer-algorithm": "AES256"},
     (501, "NotImplemented")),
    ({"x-amz-write-offset-bytes": "0"}, (501, "NotImplemented")),
    ({"x-amz-acl": "public-read"}, NO_ACL),
    ({"x-amz-acl": "authenticated-read"}, NO_ACL),
    ({"x-amz-acl": "bucket-owner-read"}, NO_ACL),
    ({"x-amz-grant-read": "id=1"}, NO_ACL),
    ({"x-amz-grant-full-control": "id=1"}, NO_ACL),
    ({"x-amz-acl": "nonsense"}, (400, "InvalidArgument",
                                 "<ArgumentName>x-amz-acl</ArgumentName>"
                                 "<ArgumentValue>nonsense</ArgumentValue>")),
    ({"x-amz-acl": "private", "x-amz-grant-read": "id=1"},
     (400, "InvalidRequest", "Specifying both Canned ACLs and Header Grants "
                             "is not allowed")),
    ({"x-amz-object-lock-legal-hold": "ON"}, NO_LOCK),
    ({"x-amz-object-lock-mode": "GOVERNANCE"}, NO_LOCK),
    ({"x-amz-object-lock-retain-until-date": "2099-01-01T00:00:00Z"},
     NO_LOCK),
    ({"x-amz-storage-class": "OUTPOSTS"},
     (400, "InvalidStorageClass", "The storage class you specified is not "
      "valid</Message><StorageClassRequested>OUTPOSTS</StorageClassRequested>")),
    ({"x-amz-storage-class": "standard"}, (400, "InvalidStorageClass")),
    ({"x-amz-storage-class": ""}, (400, "InvalidStorageClass")),
    ({"x-amz-website-redirect-location": "elsewhere"},
     (400, "InvalidRedirectLocation")),
    ({"x-amz-tagging": "a=1&a=2"},
     (400, "InvalidArgument", "<ArgumentName>x-amz-tagging</ArgumentName>")),
    ({"x-amz-tagging": "aws:a=1"}, (400, "InvalidTag")),
    ({"x-amz-tagging": "&".join(f"k{i}=v" for i in range(11))},
     (400, "BadRequest", "Object tags cannot be greater than 10")),
])
def test_upload_that_asks_for_more_than_is_there_is_refused(
        http, client, bucket, headers, expected):
    r = http("PUT", f"/{bucket}/o", b"x", headers=headers)
    assert r.status == expected[0]
    assert f"<Code>{expected[1]}</Code>" in r.text
    for text in expected[2:]:
        assert text in r.text
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("acl", ["private", "bucket-owner-full-control"])
def test_acl_that_changes_nothing_is_accepted(client, bucket, acl):
    client.put_object(Bucket=bucket, Key="o", Body=b"x", ACL=acl)


@pytest.mark.parametrize("name", [
    "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
    "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"])
def test_storage_class_is_kept_and_the_bytes_stay_at_hand(client, bucket,
                                                          name):
    client.put_object(Bucket=bucket, Key="o", Body=b"x", StorageClass=name)
    for answer in (client.get_object(Bucket=bucket, Key="o"),
                   client.head_object(Bucket=bucket, Key="o")):
        assert answer["StorageClass"] == name
    listed = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert listed[0]["StorageClass"] == name


def test_standard_class_is_not_said(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"x",
                      StorageClass="STANDARD")
    assert "StorageClass" not in client.head_object(Bucket=bucket, Key="o")
    listed = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert listed[0]["StorageClass"] == "STANDARD"


@pytest.mark.parametrize("where", ["/x", "http://a.example/", "https://b/"])
def test_website_redirect_is_kept(client, bucket, where):
    client.put_object(Bucket=bucket, Key="o", Body=b"x",
                      WebsiteRedirectLocation=where)
    for answer in (client.get_object(Bucket=bucket, Key="o"),
                   client.head_object(Bucket=bucket, Key="o")):
        assert answer["WebsiteRedirectLocation"] == where


def test_metadata_names_are_lower_case_and_repeats_are_joined(gateway, client,
                                                              bucket):
    path = f"/{bucket}/o"
    h = Signer().headers("PUT", path, f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD",
                         extra={"X-Amz-Meta-One": "a,b"})
    del h["X-Amz-Meta-One"]
    h["Content-Length"] = "1"
    data = head("PUT", path, h)[:-2] + (b"X-AMZ-META-One: a\r\n"
                                        b"x-amz-meta-oNE:  b \r\n\r\nx")
    assert request(gateway.port, data).status == 200
    assert client.head_object(Bucket=bucket,
                              Key="o")["Metadata"] == {"one": "a,b"}


@pytest.mark.parametrize("sent,got", [
    # The example of the user guide, "Working with object metadata".
    ("\u00c4M\u00c4Z\u00d5\u00d1 S3", "=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?="),
    ("=?UTF-8?B?w7w=?=", "=?UTF-8?B?w7w=?="),
    ("plain", "plain"),
])
def test_metadata_beyond_ascii_comes_back_mail_safe(http, bucket, sent, got):
    r = http("PUT", f"/{bucket}/o", b"x", {"x-amz-meta-a": sent})
    assert r.status == 200
    for method in ("GET", "HEAD"):
        assert http(method, f"/{bucket}/o").headers["x-amz-meta-a"] == got


def presigned_put(gateway, bucket, **query):
    host = f"127.0.0.1:{gateway.port}"
    target = Signer().presign(
        "PUT", f"/{bucket}/o", host,
        query=[(n.replace("_", "-"), v) for n, v in query.items()])
    return request(gateway.port, head("PUT", target, {
        "Host": host, "Content-Length": "1"}) + b"x")


def test_headers_hoisted_into_a_presigned_url_count(gateway, client, bucket):
    r = presigned_put(gateway, bucket, x_amz_tagging="a=1&b=2",
                      x_amz_storage_class="STANDARD_IA", x_amz_acl="private",
                      x_amz_website_redirect_location="/x",
                      X_Amz_Meta_One="\u00fc 1")
    assert r.status == 200
    got = client.head_object(Bucket=bucket, Key="o")
    assert got["StorageClass"] == "STANDARD_IA"
    assert got["WebsiteRedirectLocation"] == "/x"
    assert got["Metadata"] == {"one": "=?UTF-8?B?w7wgMQ==?="}
    tags = client.get_object_tagging(Bucket=bucket, Key="o")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]


@pytest.mark.parametrize("name,value,code", [
    ("x_amz_tagging", "a=1&a=2", "InvalidArgument"),
    ("x_amz_storage_class", "COLD", "InvalidStorageClass"),
    ("x_amz_acl", "public-read", "AccessControlListNotSupported"),
    ("x_amz_server_side_encryption", "AES256", "NotImplemented"),
    ("x_amz_object_lock_mode", "GOVERNANCE", "InvalidRequest"),
    ("x_amz_website_redirect_location", "x", "InvalidRedirectLocation"),
])
def test_hoisted_headers_are_refused_as_headers_are(gateway, client, bucket,
                                                    name, value, code):
    r = presigned_put(gateway, bucket, **{name: value})
    assert r.status in (400, 501) and f"<Code>{code}</Code>" in r.text
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", ["algorithm", "key"])
def test_key_for_decryption_is_refused(http, bucket, method, name):
    http("PUT", f"/{bucket}/o", b"x")
    r = http(method, f"/{bucket}/o", headers={
        f"x-amz-server-side-encryption-customer-{name}": "AES256"})
    assert r.status == 400
    if method == "GET":
        assert ("<Code>InvalidRequest</Code><Message>The encryption "
                "parameters are not applicable to this object.") in r.text


@pytest.mark.parametrize("method,query", [
    ("GET", []), ("HEAD", []), ("GET", [("attributes", "")]),
])
def test_encryption_is_no_matter_of_reading(http, bucket, method, query):
    http("PUT", f"/{bucket}/o", b"x")
    r = http(method, f"/{bucket}/o", query=query, headers={
        "x-amz-server-side-encryption": "AES256",
        "x-amz-object-attributes": "ETag"})
    assert r.status == 400
    if method == "GET":
        assert r.code == "InvalidArgument"
        assert r.message == ("x-amz-server-side-encryption header is not "
                             "supported for this operation.")
        assert r.element("ArgumentValue") == "AES256"


OVERRIDES = [("response-content-type", "text/x"),
             ("response-cache-control", "no-cache"),
             ("response-content-disposition", "attachment; filename=b"),
             ("response-content-encoding", "br"),
             ("response-content-language", "fr"),
             ("response-expires", "Thu, 01 Jan 2099 00:00:00 GMT")]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("extra", [{}, {"Range": "bytes=0-0"}])
def test_every_override_of_a_signed_request(http, client, bucket, method,
                                            extra):
    client.put_object(Bucket=bucket, Key="o", Body=b"xy",
                      ContentType="text/plain", ContentLanguage="de")
    r = http(method, f"/{bucket}/o", headers=extra, query=OVERRIDES)
    assert r.status == (206 if extra else 200)
    for name, value in OVERRIDES:
        assert r.headers[name[len("response-"):]] == value


@pytest.mark.parametrize("value,status", [
    ("attachment; filename=\u00fc\u00ff.mp4", 200),
    ("attachment; filename*=UTF-8''%E6%97%A5.mp4", 200),
    ("attachment; filename=\u65e5.mp4", 400),
    ("attachment; filename=\u0101", 400), ("\U0001f600", 400)])
def test_overrides_are_latin_1(http, client, bucket, value, status):
    client.put_object(Bucket=bucket, Key="o", Body=b"x")
    r = http("GET", f"/{bucket}/o",
             query=[("response-content-disposition", value)])
    assert r.status == status
    if status == 200:  # the test's reader of headers takes them as Latin-1
        assert r.headers["content-disposition"] == value
    else:
        assert r.code == "InvalidArgument"
        assert r.message == ("Header value cannot be represented using "
                             "ISO-8859-1.")
        assert r.element("ArgumentName") == "response-content-disposition"


# ---- what cannot be set of an object ------------------------------------------------

@pytest.mark.parametrize("method,query", [
    ("GET", "retention"), ("PUT", "retention"), ("GET", "legal-hold"),
    ("PUT", "legal-hold")])
def test_no_bucket_has_an_object_lock(http, bucket, method, query):
    http("PUT", f"/{bucket}/o", b"x")
    r = http(method, f"/{bucket}/o", query=[(query, "")])
    assert r.status == 400
    assert ("<Code>InvalidRequest</Code><Message>Bucket is missing Object "
            "Lock Configuration</Message>") in r.text


def acl_document(owner, *grants):
    def grant(who, what):
        return (f"<Grant><Grantee><ID>{who}</ID></Grantee>"
                f"<Permission>{what}</Permission></Grant>")
    return (f"<AccessControlPolicy><Owner><ID>{owner}</ID></Owner>"
            "<AccessControlList>" + "".join(grant(*g) for g in grants) +
            "</AccessControlList></AccessControlPolicy>").encode()


@pytest.mark.parametrize("headers,status,code", [
    ({"x-amz-acl": "private"}, 200, ""),
    ({"x-amz-acl": "bucket-owner-full-control"}, 200, ""),
    ({"x-amz-acl": "public-read"}, 400, "AccessControlListNotSupported"),
    ({"x-amz-grant-read": "id=1"}, 400, "AccessControlListNotSupported"),
    ({"x-amz-acl": "nonsense"}, 400, "InvalidArgument"),
    ({}, 400, "MissingSecurityHeader"),
])
def test_canned_acl_of_an_object(http, bucket, headers, status, code):
    http("PUT", f"/{bucket}/o", b"x")
    r = http("PUT", f"/{bucket}/o", headers=headers, query=[("acl", "")])
    assert r.status == status and code in r.text


@pytest.mark.parametrize("grants,status", [
    ([("me", "FULL_CONTROL")], 200), ([], 400), ([("me", "READ")], 400),
    ([("0" * 64, "FULL_CONTROL")], 400),
    ([("me", "FULL_CONTROL"), ("0" * 64, "READ")], 400),
])
def test_acl_document_that_changes_nothing_is_accepted(http, client, bucket,
                                                       grants, status):
    http("PUT", f"/{bucket}/o", b"x")
    me = client.get_object_acl(Bucket=bucket, Key="o")["Owner"]["ID"]
    body = acl_document(me, *((w.replace("me", me), p) for w, p in grants))
    r = http("PUT", f"/{bucket}/o", body, query=[("acl", "")])
    assert r.status == status
    if status != 200:
        assert "<Code>AccessControlListNotSupported</Code>" in r.text
    shown = http("GET", f"/{bucket}/o", query=[("acl", "")]).body
    assert http("PUT", f"/{bucket}/o", shown, query=[("acl", "")]).status == 200


@pytest.mark.parametrize("body", [b"<AccessControlPolicy>", b"<Other/>", b"x"])
def test_acl_document_that_is_none(http, bucket, body):
    http("PUT", f"/{bucket}/o", b"x")
    r = http("PUT", f"/{bucket}/o", body, query=[("acl", "")])
    assert r.status == 400 and "<Code>MalformedACLError</Code>" in r.text


def test_acl_of_what_is_not_there(http, bucket):
    for method in ("GET", "PUT"):
        r = http(method, f"/{bucket}/nothing", query=[("acl", "")],
                 headers={"x-amz-acl": "private"} if method == "PUT" else {})
        assert r.status == 404 and "<Code>NoSuchKey</Code>" in r.text


@pytest.mark.parametrize("method,query,name", [
    ("GET", "torrent", "GetObjectTorrent"), ("POST", "restore", "RestoreObject"),
    ("POST", "select", "SelectObjectContent"),
    ("GET", "annotation", "GetObjectAnnotation"),
    ("PUT", "encryption", "UpdateObjectEncryption")])
def test_what_is_not_here_says_its_name(http, bucket, method, query, name):
    r = http(method, f"/{bucket}/o", query=[(query, "")])
    assert r.status == 501 and "<Code>NotImplemented</Code>" in r.text
    assert name in r.text


def test_put_of_a_version_is_refused(client, bucket):
    url = client.generate_presigned_url("delete_object", {
        "Bucket": bucket, "Key": "o", "VersionId": "null"}, HttpMethod="PUT")
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(urllib.request.Request(url, b"x",
                                                      method="PUT"))
    assert b"<Code>InvalidArgument</Code>" in e.value.read()
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_upload_bound_holds_below_uploads_of_the_default_bucket_only(
        own_gateway):
    g = own_gateway({"MAX_UPLOAD_BYTES": "1000"})
    c = g.client()
    b = "socialitix-videos"
    c.put_object(Bucket=b, Key="uploads/u/a", Body=bytes(1000))
    c.put_object(Bucket=b, Key="derived/a", Body=bytes(1001))
    with pytest.raises(ClientError) as e:
        c.put_object(Bucket=b, Key="uploads/u/b", Body=bytes(1001))
    assert (status(e), code(e)) == (400, "EntityTooLarge")
    assert e.value.response["Error"]["ProposedSize"] == "1001"
    assert e.value.response["Error"]["MaxSizeAllowed"] == "1000"
    c.create_bucket(Bucket="another")
    c.put_object(Bucket="another", Key="uploads/u/b", Body=bytes(1001))


@pytest.mark.local_store("objects take no room on this disk")
def test_full_disk_is_said_before_the_body(own_gateway):
    from sigv4 import Signer, head
    from wire import Wire
    g = own_gateway()
    g.stop()
    g.settings["REELGATE_MIN_FREE_BYTES"] = "1125899906842624"
    g.start()
    path = "/socialitix-videos/k"
    h = Signer().headers("PUT", path, f"127.0.0.1:{g.port}",
                         "UNSIGNED-PAYLOAD")
    h.update({"Content-Length": "5", "Expect": "100-continue"})
    with Wire(g.port) as w:
        w.send(head("PUT", path, h))
        r = w.read()
    assert r.status == 507 and "<Code>InsufficientStorage</Code>" in r.text
    # Reading and deleting still work.
    assert g.client().list_objects_v2(
        Bucket="socialitix-videos")["KeyCount"] == 0
    g.client().delete_object(Bucket="socialitix-videos", Key="k")
