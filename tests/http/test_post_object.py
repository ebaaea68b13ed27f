"""Uploads by browser forms: "POST Object", "Browser-Based Uploads Using POST
(AWS Signature Version 4)" and "POST Policy" of the Amazon S3 API reference."""

import base64
import hashlib
import json
import urllib.parse
import zlib

import pytest

import form
import sigv4
from gateway import ACCESS_KEY, DEFAULT_BUCKET
from wire import Wire

MD5 = hashlib.md5(b"hello").hexdigest()


def b64(raw):
    return base64.b64encode(raw).decode()


@pytest.fixture
def post(gateway, bucket):
    """Sends a form whose policy asks for exactly its fields."""
    def send(fields=None, data=b"hello", filename="a.txt", conditions=(),
             headers=None, after=b"", extra=None, seconds=3600):
        signed = form.sign_fields(bucket, {"key": "o", **(fields or {})},
                                  conditions, seconds=seconds)
        content = form.body({**signed, **(extra or {})}, data, filename,
                            after)
        return form.send(gateway.port, bucket, content, headers)
    return send


@pytest.fixture
def post_raw(gateway, bucket):
    """Sends these fields, and a policy with these conditions alone."""
    def send(fields, conditions=(), data=b"hello", filename="a.txt",
             headers=None):
        signed = form.sign(bucket, conditions)
        pairs = [*signed.items(), *(fields.items() if isinstance(fields, dict)
                                    else fields)]
        return form.send(gateway.port, bucket,
                         form.body(pairs, data, filename), headers)
    return send


@pytest.fixture
def read(client, bucket):
    """What is stored under the key, None when nothing is."""
    def get(key="o"):
        if key not in [o["Key"] for o in client.list_objects_v2(
                Bucket=bucket).get("Contents", [])]:
            return None
        return client.get_object(Bucket=bucket, Key=key)
    return get


def refused(r, status, code, message=None):
    assert (r.status, r.code) == (status, code), r
    if message is not None:
        assert r.message == message
    return True


# ---- what is stored ------------------------------------------------------------------

def test_form_stores_the_file(post, read, gateway, bucket):
    r = post()
    assert (r.status, r.body) == (204, b"")
    assert r.headers["etag"] == f'"{MD5}"'
    assert r.headers["location"] == \
        f"http://127.0.0.1:{gateway.port}/{bucket}/o"
    o = read()
    assert o["Body"].read() == b"hello"
    assert o["ETag"] == f'"{MD5}"'
    assert o["ContentType"] == "binary/octet-stream"


@pytest.mark.parametrize("size", [0, 1, 100, 65536, 1048577, 5000000])
def test_any_size_and_any_bytes(post, read, size):
    data = (b"\r\n--" + form.BOUNDARY.encode()[:-1] + b"\r\n" +
            bytes(range(256))) * (size // 200 + 1)
    assert post(data=data[:size]).status == 204
    assert read()["Body"].read() == data[:size]


def test_boto3_makes_the_form(gateway, client, bucket, read):
    made = client.generate_presigned_post(
        bucket, "dir/${filename}",
        Fields={"Content-Type": "text/plain", "x-amz-meta-who": "me"},
        Conditions=[{"Content-Type": "text/plain"},
                    ["starts-with", "$x-amz-meta-who", ""],
                    ["content-length-range", 1, 10]], ExpiresIn=60)
    assert urllib.parse.urlsplit(made["url"]).path == f"/{bucket}"
    r = form.send(gateway.port, bucket, form.body(made["fields"]))
    assert r.status == 204, r
    o = read("dir/a.txt")
    assert (o["ContentType"], o["Metadata"]) == ("text/plain", {"who": "me"})


def test_virtual_host(gateway, bucket, read):
    content = form.body(form.sign_fields(bucket, {"key": "a/b c"}))
    host = f"{bucket}.localhost:{gateway.port}"
    r = form.send(gateway.port, bucket, content, {"Host": host}, target="/")
    assert r.status == 204
    assert r.headers["location"] == f"http://{host}/a%2Fb%20c"
    assert read("a/b c")["Body"].read() == b"hello"


@pytest.mark.parametrize("host,scheme", [
    ("s3.example", "https"), ("S3.Example", "https"),
    ("s3.example:8443", "http"), ("s3.exampl", "http"),
    ("plain.example:9000", "http"), ("vvv.s3.example", "https")])
def test_location_has_the_public_scheme(own_gateway, host, scheme):
    g = own_gateway({"S3_PUBLIC_URL":
                     "http://plain.example:9000, https://s3.example/"})
    bucket, target = DEFAULT_BUCKET, f"/{DEFAULT_BUCKET}"
    if host.startswith("vvv."):
        bucket, target = "vvv", "/"
        g.client().create_bucket(Bucket=bucket)
    content = form.body(form.sign_fields(bucket, {"key": "o"}))
    r = form.send(g.port, bucket, content, {"Host": host}, target=target)
    assert r.headers["location"] == \
        f"{scheme}://{host}{target.rstrip('/')}/o"


def test_fields_are_kept_as_headers(post, read):
    fields = {"Content-Type": "text/css", "Cache-Control": "max-age=5",
              "Content-Disposition": 'attachment; filename="x"',
              "Content-Encoding": "gzip",
              "Expires": "Thu, 01 Dec 2050 16:00:00 GMT",
              "x-amz-meta-a": "1", "X-Amz-Meta-B": "zwei", "acl": "private",
              "x-amz-storage-class": "STANDARD"}
    assert post(fields).status == 204
    o = read()
    assert o["ContentType"] == "text/css"
    assert o["CacheControl"] == "max-age=5"
    assert o["ContentDisposition"] == 'attachment; filename="x"'
    assert o["ContentEncoding"] == "gzip"
    assert o["ResponseMetadata"]["HTTPHeaders"]["expires"] == \
        fields["Expires"]
    assert o["Metadata"] == {"a": "1", "b": "zwei"}


def test_headers_of_the_request_are_not_the_objects(post, read):
    r = post(headers={"x-amz-meta-a": "1", "Cache-Control": "no-store",
                      "Content-MD5": b64(hashlib.md5(b"x").digest()),
                      "x-amz-checksum-crc32": "AAAAAA=="})
    assert r.status == 204
    o = read()
    assert o["Metadata"] == {}
    assert o["ContentType"] == "binary/octet-stream"


def test_field_beyond_ascii_is_utf8(post_raw, http, bucket):
    """Unlike a header, whose bytes are ISO-8859-1."""
    r = post_raw([("key", "o"), ("x-amz-meta-a", "\u00fc")],
                 [{"key": "o"}, {"x-amz-meta-a": "\u00fc"}])
    assert r.status == 204
    kept = http("GET", f"/{bucket}/o").headers["x-amz-meta-a"]
    assert kept == f"=?UTF-8?B?{b64(chr(0xfc).encode())}?="


def test_fields_of_one_name_are_joined(post_raw, read):
    r = post_raw([("key", "o"), ("x-amz-meta-tag", "Ninja"),
                  ("X-Amz-Meta-Tag", "Stallman")],
                 [{"key": "o"}, {"x-amz-meta-tag": "Ninja,Stallman"}])
    assert r.status == 204
    assert read()["Metadata"] == {"tag": "Ninja,Stallman"}


@pytest.mark.parametrize("name,value", [
    ("x-amz-storage-class", "NO_SUCH_CLASS"),
    ("x-amz-meta-a", "x" * 2049), ("x-amz-meta-a", "two\r\nlines"),
    ("x-amz-meta-a b", "x"), ("Content-MD5", "x"), ("Content-MD5", "AAAA"),
    ("x-amz-checksum-crc32", "AAAA"), ("x-amz-checksum-md4", "AAAA"),
    ("tagging", "<Tagging>"), ("tagging", ""),
    ("tagging", "<Tagging><TagSet><Tag><Key>aws:x</Key><Value/></Tag>"
                "</TagSet></Tagging>")])
def test_fields_that_cannot_be_kept(post, read, name, value):
    assert post({name: value}).status == 400
    assert read() is None


@pytest.mark.parametrize("fields", [
    {"tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag>"
                "<Tag><Key>b c</Key><Value/></Tag></TagSet></Tagging>"},
    {"x-amz-tagging": "a=1&b%20c="}])
def test_tags(post, client, bucket, fields):
    assert post(fields).status == 204
    tags = client.get_object_tagging(Bucket=bucket, Key="o")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b c", "Value": ""}]


def test_storage_class(post, client, bucket):
    assert post({"x-amz-storage-class": "STANDARD_IA"}).status == 204
    assert client.head_object(
        Bucket=bucket, Key="o")["StorageClass"] == "STANDARD_IA"


def test_versions(post, client, bucket):
    assert "x-amz-version-id" not in post().headers
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    ids = [post(data=d).headers["x-amz-version-id"] for d in (b"1", b"22")]
    assert len(set(ids)) == 2
    got = client.get_object(Bucket=bucket, Key="o", VersionId=ids[0])
    assert got["Body"].read() == b"1"


# ---- checksums -----------------------------------------------------------------------

def test_digests_that_match(post):
    r = post({"Content-MD5": b64(hashlib.md5(b"hello").digest()),
              "x-amz-checksum-sha256": b64(hashlib.sha256(b"hello").digest())})
    assert r.status == 204
    assert r.headers["x-amz-checksum-sha256"] == \
        b64(hashlib.sha256(b"hello").digest())


def test_checksum_with_its_algorithm(post):
    crc = b64(zlib.crc32(b"hello").to_bytes(4, "big"))
    r = post({"x-amz-checksum-algorithm": "CRC32",
              "x-amz-checksum-crc32": crc})
    assert r.status == 204
    assert r.headers["x-amz-checksum-crc32"] == crc


@pytest.mark.parametrize("name,value", [
    ("Content-MD5", b64(hashlib.md5(b"x").digest())),
    ("x-amz-checksum-sha256", b64(hashlib.sha256(b"x").digest())),
    ("x-amz-checksum-crc32", "AAAAAA==")])
def test_digests_that_differ(post, read, name, value):
    assert refused(post({name: value}), 400, "BadDigest")
    assert read() is None


# ---- ${filename} ---------------------------------------------------------------------

@pytest.mark.parametrize("filename,key", [
    ("a.mp4", "u/a.mp4"), ("C:\\fakepath\\a.mp4", "u/a.mp4"),
    ("dir/sub/a.mp4", "u/a.mp4"), ('q\\"q.mp4', 'u/q"q.mp4'),
    ("", "u/"), (None, "u/"), ("dir/", "u/"), ("\u00e9 \u65e5.mp4",
                                               "u/\u00e9 \u65e5.mp4"),
    ("${filename}", "u/${filename}")])
def test_filename_is_replaced(post_raw, read, filename, key):
    r = post_raw({"key": "u/${filename}"}, [["starts-with", "$key", "u/"]],
                 filename=filename)
    assert r.status == 204, r
    assert read(key)["Body"].read() == b"hello"


def test_filename_is_replaced_in_all_fields(post_raw, read):
    r = post_raw({"key": "${filename}/${filename}", "x-amz-meta-name":
                  "<${filename}>"},
                 [{"key": "n/n"}, {"x-amz-meta-name": "<n>"}], filename="n")
    assert r.status == 204
    assert read("n/n")["Metadata"] == {"name": "<n>"}


def test_conditions_see_the_replaced_value(post_raw, read):
    r = post_raw({"key": "u/${filename}"}, [{"key": "u/${filename}"}])
    assert refused(r, 403, "AccessDenied",
                   "Invalid according to Policy: Policy Condition failed: "
                   '["eq", "$key", "u/${filename}"]')
    assert read("u/a.txt") is None


def test_filename_cannot_leave_its_prefix(post_raw, read):
    r = post_raw({"key": "u/${filename}"}, [["starts-with", "$key", "u/"]],
                 filename="../../other/x")
    assert r.status == 204
    assert read("u/x") is not None


# ---- the key -------------------------------------------------------------------------

MISSING = ("Bucket POST must contain a field named '{}'.  If it is specified, "
           "please check the order of the fields.")


def test_key_is_required(post_raw):
    r = post_raw({})
    assert refused(r, 400, "InvalidArgument", MISSING.format("key"))
    assert r.element("ArgumentName") == "key"
    assert r.element("ArgumentValue") == ""


def test_key_after_the_file_is_not_seen(gateway, bucket):
    content = form.body(form.sign(bucket, [{"key": "o"}]),
                        after=form.part("key", "o"))
    r = form.send(gateway.port, bucket, content)
    assert refused(r, 400, "InvalidArgument", MISSING.format("key"))


@pytest.mark.parametrize("key,code", [
    ("", "InvalidArgument"), ("k" * 1025, "KeyTooLongError"),
    (b"\xff", "InvalidArgument"), (b"a\0b", "InvalidArgument")])
def test_keys_that_are_none(post_raw, key, code):
    r = post_raw({"key": key}, [["starts-with", "$key", ""]])
    assert refused(r, 400, code)


@pytest.mark.parametrize("key", [
    "a//b", "../x", "a/", "\u00e4\u65e5\U0001f600", "a b+c%20d", "k" * 1024,
    "<&>\"'"])
def test_keys_of_all_kinds(post, read, key):
    assert post({"key": key}).status == 204
    assert read(key)["Body"].read() == b"hello"


# ---- the answer ----------------------------------------------------------------------

@pytest.mark.parametrize("status,answered", [
    ("200", 200), ("201", 201), ("204", 204), ("", 204), ("202", 204),
    ("404", 204), ("2010", 204), ("x", 204)])
def test_success_action_status(post, gateway, bucket, status, answered):
    r = post({"key": "a/b <c>", "success_action_status": status})
    url = f"http://127.0.0.1:{gateway.port}/{bucket}/a%2Fb%20%3Cc%3E"
    assert r.status == answered
    assert r.headers["location"] == url
    assert r.headers["etag"] == f'"{MD5}"'
    if answered != 201:
        assert r.body == b""
        return
    assert r.headers["content-type"] == "application/xml"
    assert r.text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>'
        f"<Location>{url}</Location><Bucket>{bucket}</Bucket>"
        "<Key>a/b &lt;c&gt;</Key>"
        f"<ETag>&quot;{MD5}&quot;</ETag></PostResponse>")


@pytest.mark.parametrize("url,page", [
    ("http://x.example/done", "http://x.example/done?{}"),
    ("https://x.example", "https://x.example?{}"),
    ("HTTP://x.example/?a=b", "HTTP://x.example/?a=b&{}"),
    ("http://x.example/#top", "http://x.example/?{}#top")])
@pytest.mark.parametrize("field", ["success_action_redirect", "redirect"])
def test_redirect(post, bucket, field, url, page):
    r = post({"key": "a/b c", field: url, "success_action_status": "201"})
    assert (r.status, r.body) == (303, b"")
    assert r.headers["location"] == page.format(
        f"bucket={bucket}&key=a%2Fb%20c&etag=%22{MD5}%22")
    assert r.headers["etag"] == f'"{MD5}"'


@pytest.mark.parametrize("url", [
    "", "x.example", "/done", "ftp://x.example/", "javascript:alert(1)",
    "http://", "http:///x", "http://x.example/\r\nSet-Cookie: a=b",
    "http://x.example/a b"])
def test_redirect_that_is_no_url_is_ignored(post, url):
    r = post({"success_action_redirect": url, "success_action_status": "200"})
    assert r.status == 200
    assert "set-cookie" not in r.headers
    assert r.headers["location"].startswith("http://127.0.0.1:")


def test_newer_redirect_wins(post):
    r = post({"redirect": "http://old.example/",
              "success_action_redirect": "http://new.example/"})
    assert r.headers["location"].startswith("http://new.example/?bucket=")


def test_failure_does_not_redirect(post):
    r = post({"success_action_redirect": "http://x.example/"},
             conditions=[["content-length-range", 10, 20]])
    assert refused(r, 400, "EntityTooSmall")
    assert "location" not in r.headers


def test_scripts_of_other_origins_can_read_the_answer(own_gateway):
    g = own_gateway()
    content = form.body(form.sign_fields(
        DEFAULT_BUCKET, {"key": "o", "success_action_status": "201"}))
    r = form.send(g.port, DEFAULT_BUCKET, content,
                  {"Origin": "https://app.example"})
    assert r.status == 201
    assert r.headers["access-control-allow-origin"] in (
        "*", "https://app.example")
    assert r.headers["access-control-expose-headers"] == "ETag, Location"
    r = form.send(g.port, DEFAULT_BUCKET, form.body({"key": "o"}),
                  {"Origin": "https://app.example"})
    assert refused(r, 403, "AccessDenied")
    assert "access-control-allow-origin" in r.headers


# ---- sizes ---------------------------------------------------------------------------

@pytest.mark.parametrize("low,high,size,code", [
    (5, 5, 5, None), (0, 5, 0, None), ("1", "10", 10, None),
    (6, 10, 5, "EntityTooSmall"), (1, 10, 0, "EntityTooSmall"),
    (0, 4, 5, "EntityTooLarge"), (10, 1, 5, "EntityTooLarge"),
    (0, 0, 1, "EntityTooLarge"), (0, 1000, 300000, "EntityTooLarge")])
def test_content_length_range(post, read, low, high, size, code):
    r = post(data=b"x" * size,
             conditions=[["content-length-range", low, high]])
    if not code:
        assert r.status == 204
        return
    assert refused(r, 400, code)
    assert r.element("ProposedSize") == str(size)
    if code == "EntityTooSmall":
        assert r.element("MinSizeAllowed") == str(low)
    else:
        assert r.element("MaxSizeAllowed") == str(high)
    assert read() is None


def test_too_large_is_answered_before_the_end(gateway, bucket, read):
    """Of a form of 4 GiB only the first pieces are sent."""
    signed = form.sign_fields(bucket, {"key": "o"},
                              [["content-length-range", 0, 1000]])
    content = form.body(signed, b"x" * 2000)
    head = (f"POST /{bucket} HTTP/1.1\r\nHost: x\r\nContent-Length: "
            f"{4 << 30}\r\nContent-Type: multipart/form-data; "
            f"boundary={form.BOUNDARY}\r\n\r\n").encode()
    with Wire(gateway.port) as w:
        w.send(head + content)
        assert refused(w.read(), 400, "EntityTooLarge")
    assert read() is None


def test_refusal_comes_before_the_file(gateway, bucket):
    """The fields decide: not a byte of the file is needed."""
    signed = form.sign_fields(bucket, {"key": "o"}, seconds=-5)
    content = form.body(signed, b"")
    head = (f"POST /{bucket} HTTP/1.1\r\nHost: x\r\nContent-Length: "
            f"{4 << 30}\r\nContent-Type: multipart/form-data; "
            f"boundary={form.BOUNDARY}\r\n\r\n").encode()
    with Wire(gateway.port) as w:
        w.send(head + content[:content.index(b"text/plain") + 14])
        assert refused(w.read(), 403, "AccessDenied")


def test_uploads_of_the_default_bucket_are_bounded(own_gateway):
    g = own_gateway({"MAX_UPLOAD_BYTES": "1000"})
    for key, size, status in (("uploads/a", 1001, 400), ("uploads/a", 1000,
                              204), ("other/a", 1001, 204)):
        content = form.body(form.sign_fields(DEFAULT_BUCKET, {"key": key}),
                            b"x" * size)
        r = form.send(g.port, DEFAULT_BUCKET, content)
        assert r.status == status
        if status == 400:
            assert r.code == "EntityTooLarge"
            assert r.element("MaxSizeAllowed") == "1000"


@pytest.mark.parametrize("n,status", [(15000, 204), (20480, 400)])
def test_fields_have_a_bound(post, n, status):
    r = post(extra={"x-ignore-much": "v" * n})
    assert r.status == status
    if status == 400:
        assert refused(
            r, 400, "MaxPostPreDataLengthExceeded",
            "Your POST request fields preceeding the upload file was too "
            "large.")
        assert r.element("MaxPostPreDataLengthBytes") == "20480"


def test_expanded_fields_have_a_bound(post_raw):
    r = post_raw([("key", "o"), ("x-ignore-a", "${filename}" * 1000)],
                 [{"key": "o"}], filename="f" * 5000)
    assert refused(r, 400, "MaxPostPreDataLengthExceeded")


# ---- the policy ----------------------------------------------------------------------

def denied(r, why):
    return refused(r, 403, "AccessDenied",
                   f"Invalid according to Policy: {why}")


@pytest.mark.parametrize("fields,conditions", [
    ({"key": "o"}, [["eq", "$key", "o"]]),
    ({"Key": "o"}, [{"KEY": "o"}]),
    ({"key": "o"}, [["starts-with", "$key", ""]]),
    ({"key": "o"}, [["StArTs-WiTh", "$KeY", "o"]]),
    ({"key": "o", "Content-Type": "image/png,image/gif"},
     [{"key": "o"}, ["starts-with", "$content-type", "image/"]]),
    ({"key": "o", "x-ignore-a": "b", "X-Ignore-C": "d"}, [{"key": "o"}]),
    ({"key": "o", "x-amz-meta-a": ""},
     [{"key": "o"}, ["starts-with", "$x-amz-meta-a", ""]]),
    ({"key": "o", "x-amz-meta-a": 'q"\\'}, [{"key": "o"},
                                           {"x-amz-meta-a": 'q"\\'}]),
    ({"key": "o", "x-amz-meta-a": "1"},
     [{"key": "o"}, ["starts-with", "$x-amz-meta-a", ""],
      {"x-amz-meta-a": "1"}])])
def test_policies_that_hold(post_raw, fields, conditions):
    r = post_raw(fields, conditions)
    assert r.status == 204, r


@pytest.mark.parametrize("fields,conditions,why", [
    ({"key": "o"}, [], "Extra input fields: key"),
    ({"key": "o", "x-amz-meta-a": "1"}, [{"key": "o"}],
     "Extra input fields: x-amz-meta-a"),
    ({"key": "o", "acl": "private"}, [{"key": "o"}],
     "Extra input fields: acl"),
    ({"key": "o"}, [{"key": "p"}],
     'Policy Condition failed: ["eq", "$key", "p"]'),
    ({"key": "o"}, [["eq", "$key", "O"]],
     'Policy Condition failed: ["eq", "$key", "O"]'),
    ({"key": "o"}, [["starts-with","$key","u/"]],
     'Policy Condition failed: ["starts-with", "$key", "u/"]'),
    ({"key": "o"}, [{"key": "o"}, ["starts-with", "$Filename", ""]],
     'Policy Condition failed: ["starts-with", "$Filename", ""]'),
    ({"key": "o", "Content-Type": "image/png,text/html"},
     [{"key": "o"}, ["starts-with", "$Content-Type", "image/"]],
     'Policy Condition failed: ["starts-with", "$Content-Type", "image/"]'),
    ({"key": "o"}, [{"key": "o"}, {"bucket": "other"}],
     'Policy Condition failed: ["eq", "$bucket", "other"]'),
    ({"key": "o", "bucket": "other"}, [{"key": "o"}, {"bucket": "other"}],
     'Policy Condition failed: ["eq", "$bucket", "other"]'),
    ({"key": "o", "success_action_redirect": "http://evil.example/"},
     [{"key": "o"}, ["eq", "$success_action_redirect", "http://x.example/"]],
     "Policy Condition failed: "
     '["eq", "$success_action_redirect", "http://x.example/"]')])
def test_policies_that_do_not_hold(post_raw, read, fields, conditions, why):
    assert denied(post_raw(fields, conditions), why)
    assert read() is None


def test_policy_of_another_bucket(gateway, client, bucket, read):
    fields = form.sign_fields("another-bucket", {"key": "o"})
    r = form.send(gateway.port, bucket, form.body(fields))
    assert denied(r, 'Policy Condition failed: ["eq", "$bucket", '
                     '"another-bucket"]')
    assert read() is None


def test_policy_expires(post):
    assert denied(post(seconds=-1), "Policy expired.")


def test_expiration_without_milliseconds(gateway, bucket):
    s = sigv4.Signer()
    at = form.expiration().replace(".000", "")
    fields = {"key": "o", **form.sign_text(json.dumps({
        "expiration": at, "conditions": [
            {"bucket": bucket}, {"key": "o"},
            ["starts-with", "$x-amz-algorithm", ""],
            ["starts-with", "$x-amz-credential", ""],
            ["starts-with", "$x-amz-date", ""]]}), s)}
    assert form.send(gateway.port, bucket, form.body(fields)).status == 204


SIMPLE = ("Invalid Simple-Condition: Simple-Conditions must have exactly one "
          "property specified.")


@pytest.mark.parametrize("document,why", [
    ("", "Invalid JSON."), ("{", "Invalid JSON."), ("[]", "Invalid JSON."),
    ("{}", "Policy missing expiration."),
    ('{"expiration": "2050-01-01T00:00:00Z"}', "Policy missing conditions."),
    ('{"expiration": "never", "conditions": []}',
     "Invalid 'expiration' value: 'never'"),
    ('{"expiration": "2050-01-01T00:00:00Z", "conditions": [{}]}', SIMPLE),
    ('{"expiration": "2050-01-01T00:00:00Z", "conditions": '
     '[{"a": "b", "c": "d"}]}', SIMPLE),
    ("[" * 5000, "Invalid JSON.")])
def test_documents_that_are_none(gateway, bucket, read, document, why):
    fields = {"key": "o", **form.sign_text(document)}
    r = form.send(gateway.port, bucket, form.body(fields))
    assert refused(r, 400, "InvalidPolicyDocument", f"Invalid Policy: {why}")
    assert read() is None


# ---- the signature -------------------------------------------------------------------

@pytest.mark.parametrize("field,name", [
    ("policy", "policy"), ("x-amz-algorithm", "X-Amz-Algorithm"),
    ("x-amz-credential", "X-Amz-Credential"), ("x-amz-date", "X-Amz-Date"),
    ("x-amz-signature", "X-Amz-Signature")])
def test_fields_of_the_signature_are_required(gateway, bucket, field, name):
    fields = form.sign_fields(bucket, {"key": "o"})
    del fields[field]
    r = form.send(gateway.port, bucket, form.body(fields))
    assert refused(r, 400, "InvalidArgument", MISSING.format(name))


@pytest.mark.parametrize("changes,status,code", [
    ({"x-amz-signature": "0" * 64}, 403, "SignatureDoesNotMatch"),
    ({"x-amz-signature": "x"}, 403, "SignatureDoesNotMatch"),
    ({"x-amz-signature": ""}, 403, "SignatureDoesNotMatch"),
    ({"policy": "e30="}, 403, "SignatureDoesNotMatch"),
    ({"x-amz-algorithm": "AWS4-HMAC-SHA1"}, 400, "InvalidRequest"),
    ({"x-amz-date": "yesterday"}, 400, "AuthorizationQueryParametersError"),
    ({"x-amz-date": "20200101T000000Z"}, 400,
     "AuthorizationQueryParametersError"),
    ({"x-amz-credential": "x"}, 400, "AuthorizationQueryParametersError"),
    ({"x-amz-credential": f"{ACCESS_KEY}/20200101/us-east-1/s3/aws4_request",
      "x-amz-date": "20200101T000000Z"}, 403, "SignatureDoesNotMatch"),
    ({"x-amz-security-token": "token"}, 400, "InvalidToken")])
def test_bad_signature_fields(gateway, bucket, read, changes, status, code):
    fields = {**form.sign_fields(bucket, {"key": "o"}), **changes}
    r = form.send(gateway.port, bucket, form.body(fields))
    assert refused(r, status, code)
    assert read() is None


def test_mismatch_shows_the_string_to_sign(gateway, bucket):
    fields = {**form.sign_fields(bucket, {"key": "o"}), "policy": "e30="}
    r = form.send(gateway.port, bucket, form.body(fields))
    assert r.element("StringToSign") == "e30="
    assert r.element("StringToSignBytes") == "65 33 30 3d"
    assert r.element("AWSAccessKeyId") == ACCESS_KEY
    assert r.element("SignatureProvided") == fields["x-amz-signature"]


def test_unknown_access_key(gateway, bucket):
    fields = form.sign_fields(bucket, {"key": "o"},
                              signer=sigv4.Signer(access="NOSUCHKEY"))
    r = form.send(gateway.port, bucket, form.body(fields))
    assert refused(r, 403, "InvalidAccessKeyId")
    assert r.element("AWSAccessKeyId") == "NOSUCHKEY"


def test_wrong_secret(gateway, bucket):
    fields = form.sign_fields(bucket, {"key": "o"},
                              signer=sigv4.Signer(secret="wrong"))
    r = form.send(gateway.port, bucket, form.body(fields))
    assert refused(r, 403, "SignatureDoesNotMatch")


def test_old_signature_with_a_policy_that_still_holds(gateway, bucket):
    """A policy lives as long as it says, whatever its date."""
    fields = form.sign_fields(
        bucket, {"key": "o"},
        signer=sigv4.Signer(date=sigv4.amz_date(-3 * 86400)))
    assert form.send(gateway.port, bucket, form.body(fields)).status == 204


def test_version_2_is_refused(gateway, bucket):
    fields = {"key": "o", "AWSAccessKeyId": ACCESS_KEY, "policy": "e30=",
              "signature": "c2ln"}
    r = form.send(gateway.port, bucket, form.body(fields))
    assert refused(r, 400, "InvalidRequest",
                   "The authorization mechanism you have provided is not "
                   "supported. Please use AWS4-HMAC-SHA256.")


def test_anonymous_form_is_refused(gateway, bucket, read):
    r = form.send(gateway.port, bucket, form.body({"key": "o"}))
    assert refused(r, 403, "AccessDenied", "Access Denied")
    assert read() is None


def test_signed_request_is_refused(gateway, bucket):
    content = form.body({"key": "o"})
    h = sigv4.Signer().headers("POST", f"/{bucket}",
                               f"127.0.0.1:{gateway.port}",
                               "UNSIGNED-PAYLOAD")
    r = form.send(gateway.port, bucket, content, h)
    assert refused(r, 400, "InvalidArgument")
    assert r.element("ArgumentName") == "Authorization"


def test_presigned_request_is_refused(gateway, bucket):
    target = sigv4.Signer().presign("POST", f"/{bucket}",
                                    f"127.0.0.1:{gateway.port}")
    r = form.send(gateway.port, bucket, form.body({"key": "o"}),
                  target=target)
    assert refused(r, 400, "InvalidArgument")


# ---- the form ------------------------------------------------------------------------

@pytest.mark.parametrize("kind", [
    None, "", "text/plain", "application/x-www-form-urlencoded",
    "multipart/mixed; boundary=b", "multipart/form-datax; boundary=b"])
def test_other_types_are_refused(gateway, bucket, kind):
    r = form.send(gateway.port, bucket, b"a=b", {"Content-Type": kind})
    assert refused(r, 412, "PreconditionFailed",
                   "At least one of the pre-conditions you specified did "
                   "not hold")
    assert r.element("Condition") == \
        "Bucket POST must be of the enclosure-type multipart/form-data"


@pytest.mark.parametrize("boundary", [
    "b", "'()+_,-./:=?", "b" * 70, '"a b"', '"q"'])
def test_boundaries(gateway, bucket, read, boundary):
    content = form.body(form.sign_fields(bucket, {"key": "o"}),
                        boundary=boundary.strip('"'))
    assert form.send(gateway.port, bucket, content,
                     boundary=boundary).status == 204
    assert read()["Body"].read() == b"hello"


def malformed(r):
    return refused(r, 400, "MalformedPOSTRequest",
                   "The body of your POST request is not well-formed "
                   "multipart/form-data.")


@pytest.mark.parametrize("kind", [
    "multipart/form-data", "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "b" * 71,
    'multipart/form-data; boundary="b', "multipart/form-data; boundary=a;"
    " boundary=b"])
def test_bad_boundaries(gateway, bucket, kind):
    assert malformed(form.send(gateway.port, bucket, b"x",
                               {"Content-Type": kind}))


@pytest.mark.parametrize("bend", [
    lambda c: c.replace(b"\r\n", b"\n"),
    lambda c: c[:-len(form.BOUNDARY) - 8],
    lambda c: c[:-4], lambda c: c[:-3], lambda c: b"", lambda c: b"x" * 100,
    lambda c: c.replace(b"form-data", b"attachment"),
    lambda c: c.replace(b' name="key"', b""),
    lambda c: c.replace(b'name="key"', b'name="key'),
    lambda c: c.replace(b"Content-Disposition", b"Disposition", 1),
    lambda c: c.replace(b"\r\n\r\n", b"\r\n", 1)])
def test_malformed_forms(gateway, bucket, read, bend):
    content = bend(form.body(form.sign_fields(bucket, {"key": "o"})))
    assert malformed(form.send(gateway.port, bucket, content))
    assert read() is None


@pytest.mark.parametrize("add", [
    lambda c: b"preamble\r\n" + c, lambda c: c + b"epilogue",
    lambda c: c[:-2],
    lambda c: c.replace(b"Content-Disposition", b"CONTENT-disposition"),
    lambda c: c.replace(b"name=", b"NAME="),
    lambda c: c.replace(b'name="key"', b"name=key"),
    lambda c: c.replace(b'name="file"', b'name="FILE"'),
    lambda c: c.replace(b"\r\nContent-Type: text/plain", b""),
    lambda c: c.replace(form.BOUNDARY.encode() + b"\r\n",
                        form.BOUNDARY.encode() + b" \t\r\n")])
def test_forms_may_vary(gateway, bucket, read, add):
    content = add(form.body(form.sign_fields(bucket, {"key": "o"})))
    assert form.send(gateway.port, bucket, content).status == 204
    assert read()["Body"].read() == b"hello"


def one_file(r, n):
    assert refused(r, 400, "InvalidArgument",
                   "POST requires exactly one file upload per request.")
    assert r.element("ArgumentName") == "file"
    assert r.element("ArgumentValue") == str(n)
    return True


def test_form_without_a_file(gateway, bucket):
    fields = form.sign_fields(bucket, {"key": "o"})
    assert one_file(form.send(gateway.port, bucket,
                              form.body(fields, None)), 0)


def test_form_without_parts(gateway, bucket):
    assert one_file(form.send(gateway.port, bucket,
                              f"--{form.BOUNDARY}--\r\n".encode()), 0)


def test_form_with_two_files(post, read):
    assert one_file(post(after=form.part("file", b"other", "b.txt")), 2)
    assert read() is None


def test_fields_after_the_file_are_ignored(post, read):
    assert post(after=form.part("x-amz-meta-late", "x") +
                form.part("success_action_status", "201")).status == 204
    o = read()
    assert (o["Body"].read(), o["Metadata"]) == (b"hello", {})


def test_file_may_be_text(gateway, bucket, read):
    """A text area named file: no file name, no type."""
    content = form.body(form.sign_fields(bucket, {"key": "o"}), b"text", None)
    assert form.send(gateway.port, bucket, content).status == 204
    assert read()["Body"].read() == b"text"


def test_piecewise_form(gateway, bucket, read):
    """A byte at a time for the fields, as from a slow browser."""
    content = form.body(form.sign_fields(bucket, {"key": "o"}))
    head = (f"POST /{bucket}/ HTTP/1.1\r\nHost: x\r\nContent-Length: "
            f"{len(content)}\r\nContent-Type: multipart/form-data; "
            f"boundary={form.BOUNDARY}\r\n\r\n").encode()
    with Wire(gateway.port) as w:
        w.send(head)
        for i in range(len(content)):
            w.send(content[i:i + 1])
        assert w.read().status == 204
        w.send(f"GET /{bucket} HTTP/1.1\r\nHost: x\r\n\r\n")
        assert w.read().status == 403  # the connection lives on
    assert read()["Body"].read() == b"hello"


# ---- the request ---------------------------------------------------------------------

def test_bucket_that_is_not_there(gateway):
    r = form.send(gateway.port, "no-such-bucket",
                  form.body(form.sign_fields("no-such-bucket", {"key": "o"})))
    assert refused(r, 404, "NoSuchBucket")
    assert r.element("BucketName") == "no-such-bucket"


def test_form_needs_a_length(gateway, bucket):
    content = form.body(form.sign_fields(bucket, {"key": "o"}))
    r = form.send(gateway.port, bucket,
                  b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content),
                  {"Content-Length": None, "Transfer-Encoding": "chunked"})
    assert refused(r, 411, "MissingContentLength")


def test_form_to_a_key_is_no_operation(gateway, bucket):
    r = form.send(gateway.port, bucket, form.body({"key": "o"}),
                  target=f"/{bucket}/o")
    assert refused(r, 405, "MethodNotAllowed")


def test_expect_is_refused_early(gateway):
    head = ("POST /no-such-bucket HTTP/1.1\r\nHost: x\r\nContent-Length: "
            "100\r\nExpect: 100-continue\r\nContent-Type: "
            "multipart/form-data; boundary=b\r\n\r\n")
    with Wire(gateway.port) as w:
        w.send(head)
        assert refused(w.read(), 404, "NoSuchBucket")


def test_replacing_is_conditional(post, read):
    assert post(data=b"first").status == 204
    r = post(data=b"second", headers={"If-None-Match": "*"})
    assert refused(r, 412, "PreconditionFailed")
    assert read()["Body"].read() == b"first"
    assert post(data=b"third").status == 204
    assert read()["Body"].read() == b"third"


def test_expected_owner_of_the_bucket(post):
    r = post(headers={"x-amz-expected-bucket-owner": "000000000000"})
    assert refused(r, 403, "AccessDenied")


# ---- accounts ------------------------------------------------------------------------

def test_accounts_post_into_their_own_buckets_alone(own_gateway):
    g = own_gateway()
    made = g.add("user", "add", "alice")
    alice = sigv4.Signer(made["access key"], made["secret key"])
    g.client(access_key=alice.access, secret_key=alice.secret).create_bucket(
        Bucket="alices")
    for bucket, signer, code in (
            ("alices", alice, None), (DEFAULT_BUCKET, alice, "AccessDenied"),
            ("alices", None, "AccessDenied"), (DEFAULT_BUCKET, None, None)):
        fields = form.sign_fields(bucket, {"key": "o"}, signer=signer)
        r = form.send(g.port, bucket, form.body(fields))
        assert (r.status, r.code) == ((403, code) if code else (204, None))


def test_strict_region_holds_for_forms(own_gateway):
    g = own_gateway({"REELGATE_STRICT_REGION": "true"})
    for region, status in (("us-east-1", 204), ("eu-west-1", 400)):
        fields = form.sign_fields(DEFAULT_BUCKET, {"key": "o"},
                                  signer=sigv4.Signer(region=region))
        r = form.send(g.port, DEFAULT_BUCKET, form.body(fields))
        assert r.status == status
    assert refused(r, 400, "AuthorizationQueryParametersError")
    assert r.element("Region") == "us-east-1"
