"""Who may: signatures in headers and in URLs, and their refusals."""

import hashlib
import re
import urllib.parse

import pytest

from gateway import account_number
from sigv4 import EMPTY, Signer, amz_date, head
from web import wait_for
from wire import request


@pytest.fixture
def host(gateway):
    return f"127.0.0.1:{gateway.port}"


@pytest.fixture
def thing(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"secret bytes")
    return f"/{bucket}/o"


def get(gateway, target, host, headers=None, method="GET", body=b""):
    h = {**(headers or {}), "Host": host}
    if body or method == "PUT":
        h["Content-Length"] = str(len(body))
    return request(gateway.port, head(method, target, h) + body,
                   head_request=method == "HEAD")


def code(r):
    found = re.search("<Code>(.*?)</Code>", r.text)
    return found and found.group(1)


# ---- no and wrong credentials --------------------------------------------------

def test_anonymous_may_nothing(gateway, host, thing):
    for method, target in (("GET", thing), ("GET", "/"), ("PUT", thing),
                           ("DELETE", thing)):
        r = get(gateway, target, host, method=method)
        assert (r.status, code(r)) == (403, "AccessDenied")
    r = get(gateway, "/no-such-bucket", host)
    assert (r.status, code(r)) == (404, "NoSuchBucket")


@pytest.mark.parametrize("value", ["", " "])
def test_empty_authorization_is_none(gateway, host, thing, value):
    r = get(gateway, thing, host, {"Authorization": value})
    assert (r.status, code(r)) == (403, "AccessDenied")
    r = get(gateway, Signer().presign("GET", thing, host), host,
            {"Authorization": value})
    assert r.status == 200


@pytest.mark.parametrize("value,expected", [
    ("AWS invalid", "AWS authorization header is invalid.  Expected "
                    "AwsAccessKeyId:signature"),
    ("Bearer x", "Unsupported Authorization Type"),
])
def test_other_kinds_of_authorization(gateway, host, thing, value, expected):
    r = get(gateway, thing, host, {"Authorization": value})
    assert (r.status, r.code, r.message) == (400, "InvalidArgument", expected)


def test_error_document_is_exactly_aws(gateway, host, thing):
    r = get(gateway, thing, host)
    assert r.headers["content-type"] == "application/xml"
    assert re.fullmatch("[0-9A-Z]{16}", r.headers["x-amz-request-id"])
    assert r.text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error>'
        "<Code>AccessDenied</Code><Message>Access Denied</Message>"
        f"<RequestId>{r.headers['x-amz-request-id']}</RequestId>"
        f"<HostId>{r.headers['x-amz-id-2']}</HostId></Error>")


def test_error_document_of_a_missing_key(gateway, host, bucket):
    path = f"/{bucket}/a&b"
    h = Signer().headers("GET", path, host)
    r = get(gateway, f"/{bucket}/a%26b", host, h)
    assert r.text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error>'
        "<Code>NoSuchKey</Code>"
        "<Message>The specified key does not exist.</Message>"
        "<Key>a&amp;b</Key>"
        f"<RequestId>{r.headers['x-amz-request-id']}</RequestId>"
        f"<HostId>{r.headers['x-amz-id-2']}</HostId></Error>")


def test_head_errors_have_no_body(gateway, host, bucket):
    path = f"/{bucket}/none"
    h = Signer().headers("HEAD", path, host)
    r = get(gateway, path, host, h, method="HEAD")
    assert r.status == 404 and r.body == b""


def test_unknown_key_and_wrong_secret(gateway, host, thing):
    r = get(gateway, thing, host,
            Signer(access="NOBODY").headers("GET", thing, host))
    assert (r.status, code(r)) == (403, "InvalidAccessKeyId")
    assert "<AWSAccessKeyId>NOBODY</AWSAccessKeyId>" in r.text
    r = get(gateway, thing, host,
            Signer(secret="wrong").headers("GET", thing, host))
    assert (r.status, code(r)) == (403, "SignatureDoesNotMatch")
    for element in ("StringToSign", "CanonicalRequest", "SignatureProvided"):
        assert f"<{element}>" in r.text
    assert "wrong" not in r.text and "testsecretkey" not in r.text


def test_clock_skew(gateway, host, thing):
    # The request's way makes it older.
    for offset, status in ((-860, 200), (899, 200), (-901, 403), (940, 403)):
        h = Signer(date=amz_date(offset)).headers("GET", thing, host)
        r = get(gateway, thing, host, h)
        assert r.status == status, offset
        if status == 403:
            assert code(r) == "RequestTimeTooSkewed"
            assert "<MaxAllowedSkewMilliseconds>900000<" in r.text
            assert f"<RequestTime>{h['x-amz-date']}</RequestTime>" in r.text
            assert r.element("ServerTime").endswith("Z")


def test_unsigned_amz_header_is_refused_and_named(gateway, host, thing):
    h = Signer().headers("GET", thing, host)
    h["x-amz-meta-extra"] = "1"
    r = get(gateway, thing, host, h)
    assert (r.status, code(r)) == (403, "AccessDenied")
    assert "<HeadersNotSigned>x-amz-meta-extra</HeadersNotSigned>" in r.text


def test_payload_hash_is_verified_before_anything_is_visible(gateway, host,
                                                             client, bucket):
    path = f"/{bucket}/p"
    h = Signer().headers("PUT", path, host,
                         hashlib.sha256(b"promised").hexdigest())
    r = get(gateway, path, host, h, "PUT", b"delivered")
    assert (r.status, code(r)) == (400, "XAmzContentSHA256Mismatch")
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_tampered_path_query_and_method_are_refused(gateway, host, thing):
    h = Signer().headers("GET", thing, host)
    for method, target in (("GET", thing + "x"), ("GET", thing + "?a=b"),
                           ("DELETE", thing), ("GET", thing + "/")):
        r = get(gateway, target, host, h, method)
        assert (r.status, code(r)) == (403, "SignatureDoesNotMatch")


# ---- presigned URLs -------------------------------------------------------------

def test_presigned_get_and_put(gateway, host, client, bucket, thing):
    r = get(gateway, Signer().presign("GET", thing, host), host)
    assert (r.status, r.body) == (200, b"secret bytes")
    path = f"/{bucket}/up"
    target = Signer().presign("PUT", path, host)
    r = get(gateway, target, host, method="PUT", body=b"hello")
    assert r.status == 200
    assert r.headers["etag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert client.get_object(Bucket=bucket, Key="up")["Body"].read() == \
        b"hello"


def test_presigned_url_is_for_one_method_and_one_key(gateway, host, bucket,
                                                     thing):
    target = Signer().presign("GET", thing, host)
    for method, url in (("PUT", target), ("DELETE", target),
                        ("GET", target.replace("/o?", "/other?"))):
        r = get(gateway, url, host, method=method, body=b"")
        assert (r.status, code(r)) == (403, "SignatureDoesNotMatch")


def test_presigned_upload_holds_to_type_and_length(gateway, host, client,
                                                   bucket):
    path = f"/{bucket}/v.mp4"
    signed = {"content-type": "video/mp4", "content-length": "5"}
    target = Signer().presign("PUT", path, host, headers=signed)
    good = {"Content-Type": "video/mp4"}
    for headers, body in (({"Content-Type": "text/html"}, b"12345"),
                          (good, b"1234"), (good, b"123456"), ({}, b"12345")):
        r = get(gateway, target, host, headers, "PUT", body)
        assert (r.status, code(r)) == (403, "SignatureDoesNotMatch")
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert get(gateway, target, host, good, "PUT", b"12345").status == 200
    got = client.head_object(Bucket=bucket, Key="v.mp4")
    assert got["ContentType"] == "video/mp4" and got["ContentLength"] == 5


def test_presigned_url_expires_to_the_second(gateway, host, thing):
    # Once more, where the way of the request took its last second.
    for _ in range(60):
        date = amz_date(-3598)
        r = get(gateway, Signer(date=date).presign("GET", thing, host, 3600),
                host)
        if amz_date(-3600) < date:
            break
    assert r.status == 200
    target = Signer(date=amz_date(-3601)).presign("GET", thing, host, 3600)
    r = get(gateway, target, host)
    assert (r.status, code(r)) == (403, "AccessDenied")
    assert "<Message>Request has expired</Message>" in r.text
    assert "<X-Amz-Expires>3600</X-Amz-Expires>" in r.text
    assert "<ServerTime>" in r.text and "<Expires>" in r.text


@pytest.mark.parametrize("expires,message", [
    ("604801", "must be less than a week"), ("x", "should be a number"),
    ("-1", "must be non-negative")])
def test_presigned_expiry_is_checked(gateway, host, thing, expires, message):
    r = get(gateway, Signer().presign("GET", thing, host, expires), host)
    assert (r.status, code(r)) == (400, "AuthorizationQueryParametersError")
    assert message in r.text


def test_presigned_metadata_is_kept_from_the_query(gateway, host, client,
                                                   bucket):
    path = f"/{bucket}/meta"
    query = [("x-amz-meta-user", "u 1"), ("x-amz-meta-video", "v")]
    target = Signer().presign("PUT", path, host, query=query)
    # The same header with the same value may come along, another may not.
    r = get(gateway, target, host, {"x-amz-meta-user": "u 1"}, "PUT", b"x")
    assert r.status == 200
    assert client.head_object(Bucket=bucket, Key="meta")["Metadata"] == {
        "user": "u 1", "video": "v"}
    r = get(gateway, target, host, {"x-amz-meta-user": "other"}, "PUT", b"y")
    assert (r.status, code(r)) == (403, "AccessDenied")
    assert client.get_object(Bucket=bucket, Key="meta")["Body"].read() == b"x"


@pytest.mark.parametrize("name,value,expected", [
    ("x-amz-expected-bucket-owner", "0" * 12, (403, "AccessDenied")),
    ("x-amz-expected-bucket-owner", "0" * 64,
     (400, "InvalidBucketOwnerAWSAccountID")),
    ("x-amz-copy-source", "/not-there/k", (404, "NoSuchBucket")),
    ("x-amz-acl", "public-read",
     (400, "AccessControlListNotSupported"))])
def test_hoisted_headers_count_as_headers(gateway, host, client, bucket, name,
                                          value, expected):
    target = Signer().presign("PUT", f"/{bucket}/o", host,
                              query=[(name, value)])
    body = b"" if name == "x-amz-copy-source" else b"x"
    r = get(gateway, target, host, method="PUT", body=body)
    assert (r.status, code(r)) == expected
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_hoisted_metadata_is_kept_once(gateway, host, client, bucket):
    target = Signer().presign("PUT", f"/{bucket}/meta", host,
                              query=[("x-amz-meta-user", "u")])
    r = request(gateway.port, (
        f"PUT {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n"
        "x-amz-meta-user: u\r\nx-amz-meta-user: u\r\n\r\nx"))
    assert r.status == 200
    assert client.head_object(Bucket=bucket, Key="meta")["Metadata"] == {
        "user": "u"}


@pytest.mark.parametrize("name,value", [
    ("x-amz-meta-a b", "v"), ("x-amz-meta-a:b", "v"),
    ("x-amz-meta-a\r\nset-cookie", "v"), ("x-amz-meta-\u00e9", "v"),
    ("x-amz-meta-a", "v\r\nset-cookie: s"), ("x-amz-meta-a", "\x01")])
def test_hoisted_metadata_that_is_no_header_is_refused(
        gateway, host, client, bucket, name, value):
    target = Signer().presign("PUT", f"/{bucket}/meta", host,
                              query=[(name, value)])
    r = get(gateway, target, host, method="PUT", body=b"x")
    assert (r.status, code(r)) == (400, "InvalidArgument")
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_boto3_presigned_urls_work(gateway, client, bucket):
    import urllib.request
    url = client.generate_presigned_url(
        "put_object", {"Bucket": bucket, "Key": "b o+t",
                       "ContentType": "video/mp4"}, ExpiresIn=60)
    r = urllib.request.Request(url, b"data", method="PUT",
                               headers={"Content-Type": "video/mp4"})
    with urllib.request.urlopen(r) as answer:
        assert answer.status == 200 and answer.headers["ETag"]
    url = client.generate_presigned_url("get_object", {"Bucket": bucket,
                                                       "Key": "b o+t"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"data"
        assert answer.headers["Content-Type"] == "video/mp4"


# ---- names of the server ---------------------------------------------------------

def test_virtual_host_style(gateway, client, bucket):
    port = gateway.port
    host = f"{bucket}.localhost:{port}"
    h = Signer().headers("PUT", "/a/b", host, "UNSIGNED-PAYLOAD")
    assert get(gateway, "/a/b", host, h, "PUT", b"v").status == 200
    assert client.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"v"
    r = get(gateway, Signer().presign("GET", "/a/b", host), host)
    assert r.body == b"v"
    h = Signer().headers("GET", "/", host, query=[("list-type", "2")])
    r = get(gateway, "/?list-type=2", host, h)
    assert "<Key>a/b</Key>" in r.text


def test_case_and_final_dot_of_the_host_mean_nothing(gateway, client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"v")
    for name in (bucket.upper() + ".LocalHost", bucket + ".localhost."):
        host = f"{name}:{gateway.port}"
        r = get(gateway, "/o", host, Signer().headers("GET", "/o", host))
        assert (r.status, r.body) == (200, b"v"), name


def test_health_checks_hide_no_object(gateway, client, bucket):
    host = f"{bucket}.localhost:{gateway.port}"
    path = "/minio/health/live"
    h = Signer().headers("PUT", path, host, "UNSIGNED-PAYLOAD")
    assert get(gateway, path, host, h, "PUT", b"v").status == 200
    key = path.removeprefix("/")
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"v"
    h = Signer().headers("GET", path, host)
    assert get(gateway, path, host, h).body == b"v"
    host = f"127.0.0.1:{gateway.port}"
    r = get(gateway, "/minio", host,
            Signer().headers("PUT", "/minio", host), "PUT")
    assert (r.status, code(r)) == (400, "InvalidBucketName")


def test_signature_for_a_path_does_not_open_a_bucket_in_the_host(
        gateway, client, bucket):
    """/bucket/key signed on the bare name is not key bucket/key elsewhere."""
    port = gateway.port
    path = f"/{bucket}/o"
    h = Signer().headers("PUT", path, f"localhost:{port}", "UNSIGNED-PAYLOAD")
    r = get(gateway, path, f"{bucket}.localhost:{port}", h, "PUT", b"x")
    assert r.status == 403


def test_public_names_are_accepted_behind_a_proxy(own_gateway):
    g = own_gateway({"S3_PUBLIC_URL": "https://s3.example.org, "
                                      "http://media.test:8080"})
    bucket = "socialitix-videos"
    g.client().put_object(Bucket=bucket, Key="o", Body=b"x")
    path = f"/{bucket}/o"
    for public in ("s3.example.org", "media.test:8080"):
        target = Signer().presign("GET", path, public)
        assert get(g, target, f"127.0.0.1:{g.port}").status == 200
        assert get(g, target, public).status == 200
        host = f"{bucket}.{public}"
        assert get(g, Signer().presign("GET", "/o", host), host).status == 200
    target = Signer().presign("GET", path, "evil.example")
    assert get(g, target, f"127.0.0.1:{g.port}").status == 403


def test_longest_public_name_leaves_the_bucket(own_gateway):
    g = own_gateway({"S3_PUBLIC_URL": "http://example.org,"
                     "http://s3.example.org,http://s3.localhost"})
    c = g.client()
    c.put_object(Bucket="socialitix-videos", Key="o", Body=b"x")
    for base in ("example.org", "s3.example.org", "s3.localhost",
                 "localhost"):
        public = "socialitix-videos." + base
        h = Signer().headers("GET", "/o", public)
        r = get(g, "/o", public, h)
        assert (r.status, r.body) == (200, b"x"), base


def test_expected_bucket_owner(client, bucket):
    from botocore.exceptions import ClientError
    me = client.list_buckets()["Owner"]["ID"]
    client.list_objects_v2(Bucket=bucket,
                           ExpectedBucketOwner=account_number(me))
    for owner, expected in (("123456789012", "AccessDenied"),
                            (me, "InvalidBucketOwnerAWSAccountID")):
        with pytest.raises(ClientError) as e:
            client.list_objects_v2(Bucket=bucket, ExpectedBucketOwner=owner)
        assert e.value.response["Error"]["Code"] == expected


# ---- what never gets as far --------------------------------------------------------

@pytest.mark.parametrize("target", ["/%00", "/bucket/a%00b", "/bucket/%zz",
                                    "/bucket/%ff", "/bucket/%ed%a0%80",
                                    "/bucket/k?a=%"])
def test_targets_that_are_no_names(gateway, host, target):
    r = get(gateway, target, host)
    assert (r.status, code(r)) == (400, "InvalidURI")


def test_post_on_the_root_and_unknown_methods(gateway, host, bucket):
    for method, path, kind in (("POST", "/", "SERVICE"),
                               ("PATCH", f"/{bucket}", "BUCKET"),
                               ("POST", f"/{bucket}/k", "OBJECT")):
        h = Signer().headers(method, path, host)
        r = get(gateway, path, host, h, method)
        assert (r.status, code(r)) == (405, "MethodNotAllowed")
        assert f"<Method>{method}</Method>" in r.text
        assert f"<ResourceType>{kind}</ResourceType>" in r.text


def test_headers_over_8_kib(gateway, host, thing):
    h = Signer().headers("GET", thing, host)
    h["X-Filler"] = "x" * 8192
    r = get(gateway, thing, host, h)
    assert (r.status, code(r)) == (400, "RequestHeaderSectionTooLarge")


def test_log_holds_no_secret_and_no_query(gateway, host, thing):
    target = Signer().presign("GET", thing, host)
    answers = [get(gateway, target, host), get(
        gateway, thing, host, Signer(secret="bad").headers("GET", thing,
                                                           host))]
    for r in answers:  # a line is written after its answer
        wait_for("line of a request", lambda: f'"request_id":"'
                 f'{r.headers["x-amz-request-id"]}"' in gateway.log())
    log = gateway.log()
    signature = urllib.parse.parse_qs(target.split("?")[1])["X-Amz-Signature"]
    assert signature[0] not in log and "X-Amz-" not in log
    assert "testsecretkey" not in log
    assert '"op":"GetObject"' in log and '"bucket":"test-' in log
    assert EMPTY not in log
