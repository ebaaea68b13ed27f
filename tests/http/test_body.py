"""What is promised about a body is verified before anything is visible:
lengths, aws-chunked framing and its signatures, trailers."""

import hashlib
import random

import pytest

from sigv4 import Signer, head
from sums import SUMS, b64
from wire import Wire

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def data_of(n):
    return random.Random(n).randbytes(n)


# ---- lengths -------------------------------------------------------------------------

def test_length_is_required(put, stored):
    r = put(b"", framing={"X-None": "1"})
    assert (r.status, r.code) == (411, "MissingContentLength")
    r = put(b"1\r\nx\r\n0\r\n\r\n", framing={"Transfer-Encoding": "chunked"})
    assert (r.status, r.code) == (501, "NotImplemented")
    assert "<Header>Transfer-Encoding</Header>" in r.text
    assert stored() is None


def test_transfer_chunked_with_a_decoded_length(put, stored):
    body = b"5\r\nhello\r\n0\r\n\r\n"
    framing = {"Transfer-Encoding": "chunked"}
    r = put(body, framing=framing, x_amz_decoded_content_length="5")
    assert r.status == 200 and stored() == b"hello"
    for wrong in ("4", "6"):
        r = put(body, framing=framing, x_amz_decoded_content_length=wrong)
        assert (r.status, r.code) == (400, "IncompleteBody")
    assert stored() == b"hello"


def test_connection_lost_in_the_body_leaves_nothing(gateway, bucket, stored):
    path = f"/{bucket}/o"
    h = Signer().headers("PUT", path, f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD")
    h["Content-Length"] = "200000"
    with Wire(gateway.port) as w:
        w.send(head("PUT", path, h) + bytes(150000))
    assert stored() is None


# ---- aws-chunked -----------------------------------------------------------------------

SIZES = [0, 1, 8191, 8192, 65536, 200000]


@pytest.mark.parametrize("size", SIZES)
def test_signed_chunks(put, client, bucket, stored, size):
    data = data_of(size)
    r = put(b"", SIGNED, lambda s: s.chunks(data) + b"\r\n",
            x_amz_decoded_content_length=str(size),
            Content_Encoding="aws-chunked,gzip")
    assert r.status == 200
    assert r.headers["etag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert stored() == data
    kept = client.head_object(Bucket=bucket, Key="o")
    assert kept["ContentEncoding"] == "gzip"


@pytest.mark.parametrize("alg", SUMS)
@pytest.mark.parametrize("mode", [SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_trailing_checksum(put, stored, mode, alg):
    data = data_of(100000)
    name, signed = f"x-amz-checksum-{alg}", mode == SIGNED_TRAILER

    def body(value):
        return lambda s: (s.chunks(data, signed=signed) +
                          s.trailer(name, value, signed) + b"\r\n")
    extra = {"x-amz-decoded-content-length": str(len(data)),
             "x-amz-trailer": name,
             "x-amz-sdk-checksum-algorithm": alg.upper()}
    wrong = b64(bytes(len(SUMS[alg](b""))))
    r = put(b"", mode, body(wrong), **extra)
    assert (r.status, r.code) == (400, "BadDigest")
    assert stored() is None
    value = b64(SUMS[alg](data))
    r = put(b"", mode, body(value), **extra)
    assert r.status == 200 and r.headers[name] == value
    assert stored() == data


def corrupt_signature(s, data):
    body = s.chunks(data)
    at = body.index(b"chunk-signature=", 100) + 20
    flip = b"0" if body[at:at + 1] != b"0" else b"1"
    return body[:at] + flip + body[at + 1:]


def corrupt_byte(s, data):
    body = bytearray(s.chunks(data))
    body[1000] ^= 1
    return bytes(body)


def swap_chunks(s, data):
    parts = s.chunks(data).split(b"10000;")
    return b"10000;".join([parts[0], parts[2], parts[1], *parts[3:]])


@pytest.mark.parametrize("spoil", [corrupt_signature, corrupt_byte,
                                   swap_chunks])
@pytest.mark.parametrize("size", [3 * 65536 + 5, 3 << 20])
def test_spoilt_chunks_are_refused_and_nothing_is_visible(put, stored, spoil,
                                                          size):
    data = data_of(size)
    r = put(b"", SIGNED, lambda s: spoil(s, data) + b"\r\n",
            x_amz_decoded_content_length=str(size))
    assert (r.status, r.code) == (403, "SignatureDoesNotMatch")
    assert stored() is None


def without_end(s, data):
    body = s.chunks(data)
    return body[:body.rindex(b"0;chunk-signature")]


def cut_in_chunk(s, data):
    return s.chunks(data)[:30000]


def no_framing(s, data):
    return data


@pytest.mark.parametrize("spoil", [without_end, cut_in_chunk, no_framing])
def test_broken_framing_is_an_incomplete_body(put, stored, spoil):
    data = data_of(100000)
    r = put(b"", SIGNED, lambda s: spoil(s, data),
            x_amz_decoded_content_length=str(len(data)))
    assert (r.status, r.code) == (400, "IncompleteBody")
    assert stored() is None


@pytest.mark.parametrize("stated", ["99999", "100001"])
def test_decoded_length_must_be_true(put, stored, stated):
    data = data_of(100000)
    r = put(b"", SIGNED, lambda s: s.chunks(data) + b"\r\n",
            x_amz_decoded_content_length=stated)
    assert (r.status, r.code) == (400, "IncompleteBody")
    assert stored() is None


@pytest.mark.parametrize("name", [
    "x-amz-meta-a", "x-amz-checksum-" + "a" * 100, "expires",
    "x-amz-checksum-crc32,x-amz-meta-a"])
def test_trailer_that_is_no_checksum_is_refused(put, stored, name):
    r = put(b"1\r\nx\r\n0\r\n" + name.encode() + b":v\r\n\r\n",
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            x_amz_decoded_content_length="1", x_amz_trailer=name)
    assert r.status == 400 and "<Code>InvalidRequest</Code>" in r.text
    assert stored() is None


def test_decoded_length_must_be_there(put, stored):
    r = put(b"", SIGNED, lambda s: s.chunks(b"x") + b"\r\n")
    assert (r.status, r.code) == (411, "MissingContentLength")
    r = put(b"", SIGNED, lambda s: s.chunks(b"x") + b"\r\n",
            x_amz_decoded_content_length="many")
    assert (r.status, r.code) == (411, "MissingContentLength")
    assert stored() is None


def test_small_inner_chunk_is_refused(put, stored):
    data = data_of(20000)
    r = put(b"", SIGNED, lambda s: s.chunks(data, 8000) + b"\r\n",
            x_amz_decoded_content_length=str(len(data)))
    assert (r.status, r.code) == (400, "InvalidChunkSizeError")
    assert stored() is None


def test_signed_chunks_byte_by_byte(gateway, bucket, stored):
    """Any split of the body decodes the same."""
    data = data_of(3000)
    path, s = f"/{bucket}/o", Signer()
    h = s.headers("PUT", path, f"127.0.0.1:{gateway.port}", SIGNED,
                  extra={"x-amz-decoded-content-length": str(len(data))})
    body = s.chunks(data) + b"\r\n"
    h["Content-Length"] = str(len(body))
    with Wire(gateway.port) as w:
        w.send(head("PUT", path, h))
        for i in range(0, len(body), 7):
            w.send(body[i:i + 7])
        assert w.read().status == 200
    assert stored() == data
