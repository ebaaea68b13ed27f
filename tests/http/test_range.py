"""Ranges of an object as they stand on the wire: forms that client libraries do
not write, numbers beyond 64 bits, If-Range."""

import email.utils

import pytest

from sigv4 import Signer, head
from wire import request

DATA = bytes(range(100))
END = 99
BIG = str(1 << 64)


@pytest.fixture
def get(gateway, client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=DATA)
    client.put_object(Bucket=bucket, Key="empty", Body=b"")

    def send(key="o", method="GET", **headers):
        path = f"/{bucket}/{key}"
        h = Signer().headers(method, path, f"127.0.0.1:{gateway.port}")
        h.update({n.replace("_", "-"): v for n, v in headers.items()})
        return request(gateway.port, head(method, path, h),
                       head_request=method == "HEAD")
    return send


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("spec,first,last", [
    ("bytes=0-0", 0, 0), ("bytes=0-1", 0, 1), ("bytes=5-", 5, END),
    ("bytes=99-", 99, END), ("bytes=-1", 99, END), ("bytes=-100", 0, END),
    ("bytes=-101", 0, END), ("bytes=0-99", 0, END), ("bytes=0-100", 0, END),
    (f"bytes=7-{BIG}", 7, END), (f"bytes=7-{BIG}0000", 7, END),
    (f"bytes=-{BIG}", 0, END), (f"bytes=0-{(1 << 64) - 1}", 0, END),
    (f"bytes=0-{1 << 63}", 0, END), ("bytes=007-0009", 7, 9),
    ("Bytes=1-2", 1, 2), ("BYTES=1-2", 1, 2)])
def test_part(get, method, spec, first, last):
    r = get(method=method, Range=spec)
    assert r.status == 206
    assert r.headers["content-range"] == f"bytes {first}-{last}/100"
    assert r.headers["content-length"] == str(last - first + 1)
    assert r.headers["accept-ranges"] == "bytes"
    assert r.body == (DATA[first:last + 1] if method == "GET" else b"")


@pytest.mark.parametrize("spec", [
    "bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={BIG}-",
    f"bytes={BIG}-{BIG}", f"bytes={(1 << 64) - 1}-", f"bytes={1 << 63}-"])
def test_part_beyond_the_end(get, spec):
    r = get(Range=spec)
    assert (r.status, r.code) == (416, "InvalidRange")
    assert r.message == "The requested range is not satisfiable"
    assert r.element("RangeRequested") == spec
    assert r.element("ActualObjectSize") == "100"
    assert r.headers["content-range"] == "bytes */100"


@pytest.mark.parametrize("spec", [
    "", "bytes", "bytes=", "bytes=-", "bytes=--1", "bytes=1", "bytes=2-1",
    "bytes=a-b", "bytes=1-b", "bytes=a-1", "bytes=+1-2", "bytes=1-+2",
    "bytes=0x1-2", "bytes=1.0-2", "bytes=1-2-3", "bytes=1 -2", "bytes=1- 2",
    "bytes =1-2", "bytes:1-2", "octets=1-2", "items=0-1", "none", "1-2",
    "bytes=0-1,3-4", "bytes=0-1,", "bytes=,0-1", "bytes=0-1;", "bytes=0-1 x",
    f"bytes={BIG}-1"])
def test_what_is_no_part_is_the_whole(get, spec):
    r = get(Range=spec)
    assert r.status == 200 and r.body == DATA
    assert "content-range" not in r.headers


@pytest.mark.parametrize("spec,status", [
    ("bytes=0-", 416), ("bytes=0-0", 416), (f"bytes=0-{BIG}", 416),
    ("bytes=-1", 200), (f"bytes=-{BIG}", 200), ("bytes=-0", 416),
    ("bytes=1-0", 200)])
def test_part_of_nothing(get, spec, status):
    r = get("empty", Range=spec)
    assert r.status == status


def test_range_twice_is_refused(get, gateway, bucket):
    r = request(gateway.port, f"GET /{bucket}/o HTTP/1.1\r\nHost: h\r\n"
                "Range: bytes=0-1\r\nrange: bytes=2-3\r\n\r\n")
    assert r.status == 400


# ---- If-Range ----------------------------------------------------------------------------

def later(date, seconds):
    when = email.utils.parsedate_to_datetime(date).timestamp() + seconds
    return email.utils.formatdate(when, usegmt=True)


@pytest.mark.parametrize("form,status", [
    (lambda tag, date: tag, 206),
    (lambda tag, date: date, 206),
    (lambda tag, date: "W/" + tag, 200),
    (lambda tag, date: '"other"', 200),
    (lambda tag, date: tag.upper() if tag != tag.upper() else "x", 200),
    (lambda tag, date: tag[:-1], 200),
    (lambda tag, date: f'{tag}, "x"', 200),
    (lambda tag, date: later(date, 1), 200),
    (lambda tag, date: later(date, -1), 200),
    (lambda tag, date: later(date, 86400), 200),
    (lambda tag, date: "yesterday", 200),
    (lambda tag, date: "*", 200),
    (lambda tag, date: "", 200)], ids=range(13))
def test_if_range(get, form, status):
    """RFC 9110 §13.1.5: exactly the tag, or exactly the date."""
    whole = get()
    value = form(whole.headers["etag"], whole.headers["last-modified"])
    r = get(Range="bytes=1-2", If_Range=value)
    assert r.status == status
    assert r.body == (DATA[1:3] if status == 206 else DATA)


def test_if_range_without_a_range_means_nothing(get):
    assert get(If_Range='"other"').status == 200


def test_if_range_that_does_not_hold_spares_the_416(get):
    assert get(Range="bytes=100-", If_Range='"other"').status == 200
