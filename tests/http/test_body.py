"""What is promised about a body is verified before anything is visible: its
length and the form of its payload. Checksums: test_checksums.py; aws-chunked:
test_chunked.py."""

import base64
import hashlib
import zlib

import pytest

from signed import signed
from sigv4 import EMPTY, Signer, head
from wire import Wire, request

HELLO = hashlib.sha256(b"hello").hexdigest()
FORMS = ["UNSIGNED-PAYLOAD", HELLO]
CHUNKED = {"Transfer-Encoding": "chunked"}


# ---- lengths -------------------------------------------------------------------------

@pytest.mark.parametrize("form", FORMS + [
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_no_length_at_all(put, stored, form):
    r = put(b"", form, framing={"X-None": "1"})
    assert (r.status, r.code) == (411, "MissingContentLength")
    assert r.message == "You must provide the Content-Length HTTP header."
    assert stored() is None


@pytest.mark.parametrize("form", FORMS)
def test_transfer_chunked_without_a_decoded_length(put, stored, form):
    r = put(b"5\r\nhello\r\n0\r\n\r\n", form, framing=CHUNKED)
    assert (r.status, r.code) == (501, "NotImplemented")
    assert r.message == ("A header you provided implies functionality that is "
                         "not implemented")
    assert r.element("Header") == "Transfer-Encoding"
    assert stored() is None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", [
    b"5\r\nhello\r\n0\r\n\r\n", b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n",
    b"5;x=y\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n",
    b"005\r\nhello\r\n000\r\n\r\n"])
def test_transfer_chunked_with_a_decoded_length(put, stored, form, body):
    r = put(body, form, framing=CHUNKED, x_amz_decoded_content_length="5")
    assert r.status == 200, r
    assert stored() == b"hello"


@pytest.mark.parametrize("length", ["0", "4", "6", "5368709120"])
def test_transfer_chunked_with_another_decoded_length(put, stored, length):
    r = put(b"5\r\nhello\r\n0\r\n\r\n", framing=CHUNKED,
            x_amz_decoded_content_length=length)
    assert (r.status, r.code) == (400, "IncompleteBody")
    assert r.element("NumberBytesExpected") == length
    assert r.element("NumberBytesProvided") == "5"
    assert stored() is None


@pytest.mark.parametrize("length", ["", "many", "-1", "5.0", "0x5", "+5", "5 5",
                                    "18446744073709551616",
                                    "18446744073709551615"])
def test_decoded_length_that_is_no_number(put, stored, length):
    r = put(b"5\r\nhello\r\n0\r\n\r\n", framing=CHUNKED,
            x_amz_decoded_content_length=length)
    assert (r.status, r.code) == (411, "MissingContentLength")
    assert stored() is None


@pytest.mark.parametrize("length", ["3", "many"])
def test_decoded_length_beside_a_plain_body_means_nothing(put, stored, length):
    r = put(b"hello", x_amz_decoded_content_length=length)
    assert r.status == 200 and stored() == b"hello"


def test_length_zero_makes_an_empty_object(put, stored):
    assert put(b"", EMPTY).status == 200
    assert stored() == b""


@pytest.mark.parametrize("length,code", [
    (5368709121, "EntityTooLarge"), (1 << 62, "EntityTooLarge"),
    ((1 << 64) - 2, "EntityTooLarge")])
def test_too_large_is_refused_before_the_body(gateway, bucket, length, code):
    path = f"/{bucket}/o"
    h = Signer().headers("PUT", path, f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD")
    h["Content-Length"] = str(length)
    r = request(gateway.port, head("PUT", path, h))
    assert (r.status, r.code) == (400, code)
    assert r.element("ProposedSize") == str(length)
    assert r.element("MaxSizeAllowed") == "5368709120"


@pytest.mark.parametrize("sent", [0, 1, 150000, 199999])
def test_connection_lost_in_the_body_leaves_nothing(gateway, bucket, stored,
                                                    sent):
    path = f"/{bucket}/o"
    h = Signer().headers("PUT", path, f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD")
    h["Content-Length"] = "200000"
    with Wire(gateway.port) as w:
        w.send(head("PUT", path, h) + bytes(sent))
    assert stored() is None


# ---- x-amz-content-sha256 --------------------------------------------------------------

def test_body_of_another_hash(put, stored):
    r = put(b"world", HELLO)
    assert (r.status, r.code) == (400, "XAmzContentSHA256Mismatch")
    assert r.message == ("The provided 'x-amz-content-sha256' header does not "
                         "match what was computed.")
    assert r.element("ClientComputedContentSHA256") == HELLO
    assert r.element("S3ComputedContentSHA256") == hashlib.sha256(
        b"world").hexdigest()
    assert stored() is None


def base64_of(digest):
    return base64.b64encode(digest).decode()


@pytest.mark.parametrize("promise", [
    lambda body: {},
    lambda body: {"x_amz_checksum_crc32":
                  base64_of(zlib.crc32(body).to_bytes(4, "big"))},
    lambda body: {"Content_MD5": base64_of(hashlib.md5(body).digest())}])
def test_large_body_of_another_hash(put, stored, promise):
    # More than another S3 gets at once: there it is the one to compare.
    body = bytes(3 << 20)
    r = put(body, hashlib.sha256(body).hexdigest(), **promise(body))
    assert r.status == 200 and stored() == body
    assert r.headers["etag"] == f'"{hashlib.md5(body).hexdigest()}"'
    changed = body[:-1] + b"x"
    r = put(changed, HELLO, **promise(changed))
    assert (r.status, r.code) == (400, "XAmzContentSHA256Mismatch")
    assert r.element("ClientComputedContentSHA256") == HELLO
    assert stored() == body


@pytest.mark.parametrize("method,target,headers", [
    ("GET", "/", {}), ("GET", "/{}", {}), ("GET", "/{}/k", {}),
    ("HEAD", "/{}/k", {}), ("DELETE", "/{}/k", {}),
    ("POST", "/{}/k?uploads", {}),
    ("PUT", "/{}/o", {"x-amz-copy-source": "{}/k"}),
])
def test_no_body_of_another_hash(gateway, client, bucket, method, target,
                                 headers):
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    r = signed(gateway, method, target.format(bucket), payload=HELLO,
               headers={n: v.format(bucket) for n, v in headers.items()})
    assert r.status == 400
    if method != "HEAD":
        assert r.code == "XAmzContentSHA256Mismatch"
        assert r.element("ClientComputedContentSHA256") == HELLO
        assert r.element("S3ComputedContentSHA256") == EMPTY
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


INVALID = (
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, "
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")


@pytest.mark.parametrize("value", [
    HELLO.upper(), HELLO[:-1], HELLO + "0", HELLO[:-1] + "g", HELLO[:32],
    "unsigned-payload", "UNSIGNED-PAYLOAD-TRAILER", "UNSIGNED",
    "streaming-aws4-hmac-sha256-payload", "STREAMING-UNSIGNED-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256", "STREAMING-AWS4-HMAC-SHA256-EVENTS",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-", "required", "\"" + HELLO + "\""])
def test_payload_form_that_is_none(put, stored, value):
    r = put(b"hello", value)
    assert (r.status, r.code, r.message) == (400, "InvalidArgument", INVALID)
    assert r.element("ArgumentName") == "x-amz-content-sha256"
    assert r.element("ArgumentValue") == value
    assert stored() is None


@pytest.mark.parametrize("value", [
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"])
def test_asymmetric_signatures_are_not_implemented(put, stored, value):
    r = put(b"hello", value)
    assert (r.status, r.code) == (501, "NotImplemented")
    assert stored() is None


@pytest.mark.parametrize("form", FORMS)
def test_plain_forms_over_header_authorization(put, stored, form):
    assert put(b"hello", form).status == 200
    assert stored() == b"hello"


def test_payload_hash_is_required(gateway, bucket):
    path = f"/{bucket}/o"
    h = Signer().headers("PUT", path, f"127.0.0.1:{gateway.port}")
    del h["x-amz-content-sha256"]
    h["Content-Length"] = "0"
    r = request(gateway.port, head("PUT", path, h))
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message == ("Missing required header for this request: "
                         "x-amz-content-sha256")


# ---- Content-Encoding --------------------------------------------------------------------

@pytest.mark.parametrize("sent,kept", [
    ("aws-chunked", None), ("AWS-Chunked", None), ("gzip", "gzip"),
    ("aws-chunked,gzip", "gzip"), ("aws-chunked, gzip", "gzip"),
    ("gzip,aws-chunked", "gzip"), ("gzip, AWS-CHUNKED , br", "gzip,br"),
    ("aws-chunked,aws-chunked", None), ("aws-chunkedx", "aws-chunkedx")])
def test_aws_chunked_is_not_kept(put, client, bucket, sent, kept):
    """Whatever the payload's form: some clients name it without using it."""
    assert put(b"hello", Content_Encoding=sent).status == 200
    assert client.head_object(Bucket=bucket, Key="o").get(
        "ContentEncoding") == kept
