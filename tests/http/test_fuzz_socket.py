"""The fuzz corpora, and mutations of them, as requests over a socket: whatever
comes, the gateway answers or hangs up, lives on, and ends cleanly (under ASan:
without an error or a leak)."""

import pathlib
import random
import socket

import pytest

from gateway import Gateway
from sigv4 import Signer, head
from sums import md5
from wire import Wire, request

CORPUS = pathlib.Path(__file__).parents[1] / "fuzz/corpus"
LIVE = "GET /minio/health/live HTTP/1.1\r\nHost: h\r\n\r\n"
BUCKET = "fuzzed"
MUTATIONS = 12


@pytest.fixture(scope="module")
def target():
    """A gateway of the module's own: its end is part of the test."""
    g = Gateway().start()
    g.client().create_bucket(Bucket=BUCKET)
    g.client().put_object(Bucket=BUCKET, Key="o", Body=bytes(100000))
    yield g
    g.close()


# ---- from an input of a fuzz target to requests --------------------------------------

def signed(g, method, path, body=b"", query=(), **extra):
    h = Signer().headers(method, path, f"127.0.0.1:{g.port}",
                         "UNSIGNED-PAYLOAD", query=query)
    h.update({n.replace("_", "-"): v for n, v in extra.items()})
    h.setdefault("Content-Length", str(len(body)))
    names = "&".join(f"{k}={v}" for k, v in query)
    return head(method, path + ("?" + names if names else ""), h) + body


def line_safe(data):
    """What a header's value can hold on the wire; the rest ends the line."""
    return data.decode("latin-1").replace("\r", " ").replace("\n", " ")


def uri(g, data):
    host, _, path = data.partition(b"\n")
    for method in (b"GET", b"PUT", b"OPTIONS"):
        yield (method + b" " + path + b" HTTP/1.1\r\nHost: " + host +
               b"\r\n\r\n")


def sigv4(g, data):
    method, path, query, *lines = (data + b"\n\n\n").split(b"\n")
    yield (method + b" " + path + b"?" + query + b" HTTP/1.1\r\n" +
           b"\r\n".join(line for line in lines if line) + b"\r\n\r\n")


def query(g, data):
    yield b"GET /" + BUCKET.encode() + b"?" + data + b" HTTP/1.1\r\nHost: h\r\n\r\n"
    yield (b"PUT /" + BUCKET.encode() + b"/q?" + data + b" HTTP/1.1\r\nHost: h"
           b"\r\nContent-Length: 0\r\n\r\n")


def chunked(g, data):
    for mode in ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                 "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                 "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        for framing in ({"Content-Length": str(len(data[4:]))},
                        {"Transfer-Encoding": "chunked"}):
            h = Signer().headers(
                "PUT", f"/{BUCKET}/c", f"127.0.0.1:{g.port}", mode,
                extra={"x-amz-decoded-content-length":
                       str(int.from_bytes(data[2:4], "big")),
                       "x-amz-trailer": "x-amz-checksum-crc32"})
            h.update(framing)
            body = data[4:]
            if "Transfer-Encoding" in framing:
                body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
            yield head("PUT", f"/{BUCKET}/c", h) + body


def xml(g, data):
    for method, path, names in (
            ("POST", f"/{BUCKET}", [("delete", "")]),
            ("PUT", f"/{BUCKET}/o", [("tagging", "")]),
            ("PUT", f"/{BUCKET}", [("tagging", "")]),
            ("PUT", f"/{BUCKET}", [("cors", "")]),
            ("PUT", f"/{BUCKET}", [("versioning", "")]),
            ("PUT", f"/{BUCKET}", []),
            ("POST", f"/{BUCKET}/o", [("uploadId", "x")])):
        yield signed(g, method, path, data, names, Content_MD5=md5(data))


def form(g, data):
    kind, _, body = data[1:].partition(b"\n")
    yield (b"POST /" + BUCKET.encode() + b" HTTP/1.1\r\nHost: h\r\n"
           b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n"
           % len(body) + body)


def range_(g, data):
    yield signed(g, "GET", f"/{BUCKET}/o", Range=line_safe(data[8:]))
    yield signed(g, "GET", f"/{BUCKET}/o", Range="bytes=0-9",
                 If_Range=line_safe(data[8:]))


SHAPES = {"uri": uri, "sigv4": sigv4, "query": query, "chunked": chunked,
          "xml": xml, "form": form, "range": range_}


def mutate(r, data):
    data = bytearray(data or b"\0")
    for _ in range(r.randint(1, 4)):
        at = r.randrange(len(data) or 1)
        kind = r.randrange(5)
        if kind == 0 and data:
            data[at] = r.randrange(256)
        elif kind == 1:
            del data[at:at + r.randint(1, 40)]
        elif kind == 2:
            data[at:at] = data[at:at + r.randint(1, 40)]
        elif kind == 3:
            data[at:at] = r.randbytes(r.randint(1, 8))
        else:
            data[at:at] = r.choice([b"\r\n", b"\r\n\r\n", b"%00", b"\0", b"&",
                                    b"=", b"<", b"--", b"9" * 30, b"\xff"])
    return bytes(data)


def send(g, data):
    """Sends it all, then waits until the gateway has ended the connection."""
    with Wire(g.port, timeout=15) as w:
        try:
            w.send(data)
            w.sock.shutdown(socket.SHUT_WR)
            while w._more():
                pass
        except OSError as e:
            assert not isinstance(e, TimeoutError), f"no end after {data!r}"


# ---- the tests -----------------------------------------------------------------------

@pytest.mark.parametrize("shape", SHAPES)
def test_corpus_over_a_socket(target, shape):
    inputs = sorted((CORPUS / shape).iterdir())
    assert inputs
    for path in inputs:
        for data in SHAPES[shape](target, path.read_bytes()):
            send(target, data)
    assert request(target.port, LIVE).status == 200


@pytest.mark.parametrize("shape", SHAPES)
def test_mutated_inputs_over_a_socket(target, shape):
    """The input is bent before it becomes a request, so it gets past the
    signature."""
    r = random.Random(shape)
    for path in sorted((CORPUS / shape).iterdir()):
        for _ in range(MUTATIONS):
            for data in SHAPES[shape](target, mutate(r, path.read_bytes())):
                send(target, data)
    assert request(target.port, LIVE).status == 200


@pytest.mark.parametrize("shape", SHAPES)
def test_mutated_requests_over_a_socket(target, shape):
    """The request is bent, its head as well as its body."""
    r = random.Random(shape + "whole")
    for path in sorted((CORPUS / shape).iterdir()):
        for data in SHAPES[shape](target, path.read_bytes()):
            for _ in range(MUTATIONS // 4):
                send(target, mutate(r, data))
    assert request(target.port, LIVE).status == 200
