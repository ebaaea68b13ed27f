"""What a request may look like: framing that a proxy could read otherwise, forms
of the target, versions and methods, how large its parts may be."""

import pytest

from sigv4 import Signer, head
from wire import Wire, request

LIVE = "GET /minio/health/live HTTP/1.1\r\nHost: h\r\n\r\n"


# ---- ambiguous framing -----------------------------------------------------------------

@pytest.mark.parametrize("lines", [
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    "content-length: 5\r\ntransfer-encoding: CHUNKED\r\n",
    "Content-Length: 5\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n",
    "Content-Length: 5\r\ncontent-length: 5\r\n",
    "Content-Length : 5\r\n",
    "Content-Length\t: 5\r\n",
    "Content-Length: +5\r\n",
    "Content-Length: -5\r\n",
    "Content-Length: 5, 5\r\n",
    "Content-Length: 0x5\r\n",
    "Content-Length: 5 5\r\n",
    "Content-Length: 5.0\r\n",
    "Content-Length: five\r\n",
    "Content-Length: 18446744073709551615\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, gzip\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding: chunked;x=y\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Transfer-Encoding: \"chunked\"\r\n",
    "Transfer-Encoding: \r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding: \x0bchunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "Host: other\r\n",
    "Host: h\r\n",
    "host: h\r\n",
    "Authorization: a\r\nAuthorization: b\r\n",
    "Range: bytes=0-1\r\nRange: bytes=2-3\r\n",
    "x-amz-content-sha256: a\r\nX-Amz-Content-Sha256: b\r\n",
    "Bad(Name): 1\r\n",
    "Bad Name: 1\r\n",
    "Bad\x01Name: 1\r\n",
    "Bad\x7fName: 1\r\n",
    "B\u00e4d: 1\r\n",
    "{}: 1\r\n",
    "x: a\x01b\r\n",
    "x: a\x7fb\r\n",
    "x: a\rb\r\n",
])
def test_ambiguous_framing_is_400_and_the_connection_ends(gateway, lines):
    with Wire(gateway.port) as w:
        w.send(f"PUT /b/k HTTP/1.1\r\nHost: h\r\n{lines}\r\n{LIVE}")
        r = w.read()
        assert r.status == 400, r
        assert w.closed(), "the smuggled request was answered"


@pytest.mark.parametrize("lines", [
    "Content-Length: 5\r\n", "Content-Length: 005\r\n", "CONTENT-LENGTH:5\r\n",
    "Content-Length:   5\r\n"])
def test_plain_lengths_keep_the_requests_apart(gateway, lines):
    with Wire(gateway.port) as w:
        w.send(f"PUT /b/k HTTP/1.1\r\nHost: h\r\n{lines}\r\nhello{LIVE}")
        assert w.read().status == 404
        assert w.read().status == 200


@pytest.mark.parametrize("body", [
    "zz\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5hello\r\n",
    "\r\nhello", "FFFFFFFFFFFFFFFFF\r\nhello\r\n", "5\r\nhelloX\r\n0\r\n\r\n"])
def test_broken_chunked_transfer_coding_ends_the_connection(
        gateway, bucket, client, body):
    h = Signer().headers("PUT", f"/{bucket}/k", f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD",
                         extra={"x-amz-decoded-content-length": "5"})
    h["Transfer-Encoding"] = "chunked"
    with Wire(gateway.port) as w:
        w.send(head("PUT", f"/{bucket}/k", h) + body.encode() + LIVE.encode())
        try:
            r = w.read()
        except (EOFError, OSError):
            r = None
        if r:
            assert r.status in (400, 413) and w.closed()
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("length", ["18446744073709551616",
                                    "99999999999999999999999999"])
def test_length_beyond_64_bits_ends_the_connection(gateway, length):
    with Wire(gateway.port) as w:
        w.send("PUT /b/k HTTP/1.1\r\nHost: h\r\n"
               f"Content-Length: {length}\r\n\r\n{LIVE}")
        assert w.read_head()[0] == 413
        w.sock.settimeout(15)
        while not w.closed():
            pass
        assert b"HTTP/1.1 200" not in w.rest


def test_missing_host_is_refused(gateway):
    with Wire(gateway.port) as w:
        w.send("GET / HTTP/1.1\r\n\r\n" + LIVE)
        assert w.read_head()[0] == 400
        while not w.closed():
            pass
        assert b"HTTP/1.1 200" not in w.rest


# ---- targets, versions, methods --------------------------------------------------------

@pytest.mark.parametrize("target,status", [
    ("http://h/minio/health/live", 200), ("HTTP://h/minio/health/live", 200),
    ("https://h:9000/minio/health/live", 200),
    ("http://h", 403), ("http://h?list-type=2", 403), ("http://h/", 403),
    ("/minio/health/live?", 200), ("/minio/health/live?a=b&c", 200),
    ("*", 400), ("minio/health/live", 400), ("h:80", 400), ("?", 400),
    ("ftp://h/minio/health/live", 400), ("http:/h", 400),
    ("/b/%", 400), ("/b/%0", 400), ("/b/%zz", 400), ("/b/%00", 400),
    ("/b/%ff", 400), ("/b/%c3%28", 400), ("/b/%ed%a0%80", 400),
    ("/b/k?%zz", 400), ("/b/k?a=%zz", 400), ("/%ff/k", 400)])
def test_forms_of_the_target(gateway, target, status):
    with Wire(gateway.port) as w:
        w.send(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
        r = w.read()
        assert r.status == status, r
        if status == 400:
            assert r.code in ("BadRequest", "InvalidURI")


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "PUT", "DELETE"])
def test_asterisk_target(gateway, method):
    r = request(gateway.port, f"{method} * HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (r.status, r.code) == (400, "BadRequest")


@pytest.mark.parametrize("line", [
    "GET /minio/health/live", "GET /minio/health/live HTTP/2.0",
    "GET /minio/health/live HTTP/9.9", "GET /minio/health/live HTTX/1.1",
    "GET /minio/health/live http/1.1", "GET\t/minio/health/live\tHTTP/1.1",
    "GET", "GET /a b HTTP/1.1", "\x01\x02\x03", ""])
def test_request_lines_that_are_none(gateway, line):
    """The HTTP library refuses or ends these itself."""
    with Wire(gateway.port, timeout=15) as w:
        w.send(f"{line}\r\nHost: h\r\n\r\n")
        try:
            r = w.read()
            assert r.status in (400, 505) and w.closed()
        except EOFError:
            pass
    assert request(gateway.port, LIVE).status == 200


@pytest.mark.parametrize("host", ["", "Host: h\r\n"])
def test_http_1_0_is_answered_and_closed(gateway, host):
    with Wire(gateway.port) as w:
        w.send(f"GET /minio/health/live HTTP/1.0\r\n{host}\r\n")
        assert w.read().status == 200
        assert w.closed()


def test_http_1_0_may_keep_the_connection(gateway):
    with Wire(gateway.port) as w:
        for _ in range(3):
            w.send("GET /minio/health/live HTTP/1.0\r\nHost: h\r\n"
                   "Connection: keep-alive\r\n\r\n")
            r = w.read()
            assert r.status == 200
            assert r.headers["connection"].lower() == "keep-alive"


def test_http_1_0_signed_put_and_get(gateway, client, bucket):
    host, path = f"127.0.0.1:{gateway.port}", f"/{bucket}/old"
    h = Signer().headers("PUT", path, host, "UNSIGNED-PAYLOAD")
    h["Content-Length"] = "5"
    put = head("PUT", path, h).replace(b"HTTP/1.1", b"HTTP/1.0")
    assert request(gateway.port, put + b"hello").status == 200
    get = head("GET", path, Signer().headers("GET", path, host))
    r = request(gateway.port, get.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (r.status, r.body) == (200, b"hello")


def test_http_1_0_has_no_transfer_coding(gateway):
    with Wire(gateway.port) as w:
        w.send("PUT /b/k HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
               f"\r\n0\r\n\r\n{LIVE}")
        assert w.read().status == 400
        assert w.closed()


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "FOO", "get", "LINK",
                                    "PROPFIND", "M-SEARCH", "X" * 200])
@pytest.mark.parametrize("path,resource", [
    ("/", "SERVICE"), ("/some-bucket", "BUCKET"), ("/some-bucket/k", "OBJECT")])
def test_methods_of_other_protocols(gateway, method, path, resource):
    r = request(gateway.port, f"{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (r.status, r.code) == (405, "MethodNotAllowed")
    assert r.message == ("The specified method is not allowed against this "
                         "resource.")
    assert r.element("Method") == method
    assert r.element("ResourceType") == resource


def test_several_requests_after_blank_lines(gateway):
    with Wire(gateway.port) as w:
        w.send("\r\n" + LIVE + "\r\n" + LIVE)
        assert w.read().status == 200 and w.read().status == 200


# ---- sizes -----------------------------------------------------------------------------

@pytest.mark.parametrize("key", ["\u20ac" * 341 + "x", "%" * 1024, "/" * 1024,
                                 " " * 1024])
def test_longest_key_passes_presigned(gateway, client, bucket, key):
    """1,024 bytes, each percent-encoded, and all that presigners add."""
    host, path = f"127.0.0.1:{gateway.port}", f"/{bucket}/{key}"
    target = Signer().presign("PUT", path, host, query=[
        ("x-amz-meta-a", "m" * 1000), ("x-id", "PutObject"),
        ("response-content-disposition", "\u20ac" * 300)])
    r = request(gateway.port, head("PUT", target, {
        "Host": host, "Content-Length": "5"}) + b"hello")
    assert r.status == 200, r
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"hello"


@pytest.mark.parametrize("key", ["k" * 1025, "\u20ac" * 342, "k" * 12000,
                                 "\u20ac" * 1300])
def test_key_that_is_too_long(gateway, bucket, key):
    path = f"/{bucket}/{key}"
    h = Signer().headers("GET", path, f"127.0.0.1:{gateway.port}")
    target = Signer().presign("GET", path, "h").split("?")[0]
    r = request(gateway.port, head("GET", target, h))
    assert (r.status, r.code) == (400, "KeyTooLongError")
    assert r.message == "Your key is too long"
    assert r.element("Size") == str(len(key.encode()))
    assert r.element("MaxSizeAllowed") == "1024"


@pytest.mark.parametrize("size", [8200, 15000])
@pytest.mark.parametrize("many", [1, 100])
def test_headers_that_are_too_large(gateway, bucket, size, many):
    h = Signer().headers("GET", f"/{bucket}", f"127.0.0.1:{gateway.port}")
    h.update({f"x-{i}": "x" * (size // many) for i in range(many)})
    with Wire(gateway.port) as w:
        for _ in range(2):
            w.send(head("GET", f"/{bucket}", h))
            r = w.read()
            assert (r.status, r.code) == (400, "RequestHeaderSectionTooLarge")
            assert r.element("MaxSizeAllowed") == "8192"


@pytest.mark.parametrize("many", [100, 200])
def test_many_short_headers_pass(gateway, bucket, many):
    h = Signer().headers("GET", f"/{bucket}", f"127.0.0.1:{gateway.port}")
    h.update({f"x-{i}": "1" for i in range(many)})
    assert request(gateway.port, head("GET", f"/{bucket}", h)).status == 200


@pytest.mark.parametrize("size,status", [(2048 - 1, 200), (2049, 400),
                                         (7000, 400)])
@pytest.mark.parametrize("names", [1, 3])
def test_metadata_of_two_kilobytes(put, size, status, names):
    """Names count without their prefix."""
    each = size // names - 1
    r = put(b"x", **{f"x-amz-meta-{n}": "v" * (each + (n == 0) *
                                              (size - names * (each + 1)))
                     for n in range(names)})
    assert r.status == status, r
    if status == 400:
        assert r.code == "MetadataTooLarge"
        assert r.element("Size") == str(size)
        assert r.element("MaxSizeAllowed") == "2048"


@pytest.mark.parametrize("many", [129, 2000])
def test_too_many_parameters(gateway, bucket, many):
    query = "&".join(f"x{i}=1" for i in range(many))
    r = request(gateway.port, f"GET /{bucket}?{query} HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (r.status, r.code) == (400, "InvalidURI")


@pytest.mark.parametrize("data", [
    "GET /" + "k" * 200000 + " HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /b/k?" + "k" * 200000 + " HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nx: " + "k" * 200000 + "\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\n" + "x: 1\r\n" * 20000 + "\r\n",
    "G" * 300000])
def test_head_beyond_the_connections_memory(gateway, data):
    """The HTTP library refuses it itself, and ends the connection."""
    with Wire(gateway.port) as w:
        try:
            w.send(data)
            assert w.read().status in (414, 431)
            assert w.closed()
        except (EOFError, OSError):
            pass
    assert request(gateway.port, LIVE).status == 200


def test_headers_without_end_are_refused(gateway):
    with Wire(gateway.port) as w:
        w.send("GET / HTTP/1.1\r\nHost: h\r\n")
        try:
            for i in range(4000):
                w.send(f"X-{i}: {'x' * 50}\r\n")
            assert w.read().status in (400, 431)
        except (EOFError, OSError):
            pass
    assert request(gateway.port, LIVE).status == 200
