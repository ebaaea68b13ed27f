"""aws-chunked bodies: signed and unsigned, with and without a trailer, under a
Content-Length and inside a real chunked transfer coding. What is not exactly
as announced is refused, and nothing of it becomes visible."""

import hashlib
import random

import pytest

from sigv4 import Signer, head
from sums import SUMS, b64, checksum
from wire import Wire

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
MODES = [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER]
TRAILER_MODES = [SIGNED_TRAILER, UNSIGNED_TRAILER]
CRC = "x-amz-checksum-crc32"
LENGTH = "x-amz-decoded-content-length"
TRANSFER = {"Transfer-Encoding": "chunked"}
SIZES = [0, 1, 8191, 8192, 8193, 65536, 200000]


def data_of(n):
    return random.Random(n).randbytes(n)


def body_of(mode, data, size=65536, name=CRC, value=None, end=b"\r\n"):
    """A maker of a whole body, for put(encode=...)."""
    def make(signer):
        signed = mode != UNSIGNED_TRAILER
        out = signer.chunks(data, size, signed)
        if mode in TRAILER_MODES and name:
            alg = name.rpartition("-")[2]
            out += signer.trailer(
                name, value or checksum(alg, data), signed)
        return out + end
    return make


def in_transfer_chunks(make, size):
    """The same inside HTTP's own chunks."""
    def wrapped(signer):
        body = make(signer)
        out = b""
        for i in range(0, len(body), size):
            piece = body[i:i + size]
            out += b"%X\r\n%s\r\n" % (len(piece), piece)
        return out + b"0\r\n\r\n"
    return wrapped


def announce(mode, size, name=CRC):
    extra = {LENGTH: str(size)}
    if mode in TRAILER_MODES and name:
        extra["x-amz-trailer"] = name
    return extra


# ---- what is right ---------------------------------------------------------------------

@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", SIZES)
def test_whole(put, stored, mode, size):
    data = data_of(size)
    r = put(payload=mode, encode=body_of(mode, data), **announce(mode, size))
    assert r.status == 200, r
    assert r.headers["etag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert stored() == data


@pytest.mark.parametrize("mode", MODES)
def test_whole_in_one_large_chunk(put, stored, mode):
    data = data_of(17 << 20)
    r = put(payload=mode, encode=body_of(mode, data, size=len(data)),
            **announce(mode, len(data)))
    assert r.status == 200, r
    assert stored() == data


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [0, 1, 8193, 200000])
@pytest.mark.parametrize("step", [1000, 65536])
def test_whole_inside_a_chunked_transfer_coding(put, stored, mode, size, step):
    data = data_of(size)
    r = put(payload=mode, framing=TRANSFER,
            encode=in_transfer_chunks(body_of(mode, data), step),
            **announce(mode, size))
    assert r.status == 200, r
    assert stored() == data


@pytest.mark.parametrize("mode", TRAILER_MODES)
@pytest.mark.parametrize("alg", SUMS)
@pytest.mark.parametrize("sdk", [True, False])
def test_trailing_checksum_is_kept_and_returned(put, client, bucket, mode, alg,
                                                sdk):
    data, name = data_of(100000), f"x-amz-checksum-{alg}"
    extra = announce(mode, len(data), name)
    if sdk:
        extra["x-amz-sdk-checksum-algorithm"] = alg.upper()
    r = put(payload=mode, encode=body_of(mode, data, name=name), **extra)
    assert r.status == 200 and r.headers[name] == checksum(alg, data)
    assert r.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    kept = client.head_object(Bucket=bucket, Key="o", ChecksumMode="ENABLED")
    assert kept["ResponseMetadata"]["HTTPHeaders"][name] == checksum(alg, data)


@pytest.mark.parametrize("mode", [SIGNED, UNSIGNED_TRAILER])
def test_without_a_checksum_it_is_crc64nvme(put, mode):
    data = data_of(9000)
    r = put(payload=mode, encode=body_of(mode, data, name=None),
            **announce(mode, len(data), None))
    assert r.status == 200
    assert r.headers["x-amz-checksum-crc64nvme"] == checksum("crc64nvme", data)


def test_signed_trailer_needs_its_signature_even_when_empty(put, stored):
    r = put(payload=SIGNED_TRAILER, **announce(SIGNED_TRAILER, 5, None),
            encode=body_of(SIGNED_TRAILER, b"hello", name=None))
    assert (r.status, r.code) == (400, "IncompleteBody")
    assert stored() is None


def test_checksum_header_of_signed_chunks(put, stored):
    data = data_of(9000)
    for of, status in ((b"other", 400), (data, 200)):
        r = put(payload=SIGNED, encode=body_of(SIGNED, data),
                **{LENGTH: "9000", CRC: checksum("crc32", of)})
        assert r.status == status, r
    assert stored() == data


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sent,kept", [("aws-chunked", None),
                                       ("aws-chunked,gzip", "gzip")])
def test_content_encoding_of_chunks(put, client, bucket, mode, sent, kept):
    r = put(payload=mode, encode=body_of(mode, b"hello"), Content_Encoding=sent,
            **announce(mode, 5))
    assert r.status == 200
    assert client.head_object(Bucket=bucket, Key="o").get(
        "ContentEncoding") == kept


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", [1, 7, 100])
def test_any_split_of_the_body_decodes_the_same(gateway, bucket, stored, mode,
                                                step):
    data, path, s = data_of(3000), f"/{bucket}/o", Signer()
    h = s.headers("PUT", path, f"127.0.0.1:{gateway.port}", mode,
                  extra=announce(mode, len(data)))
    body = body_of(mode, data)(s)
    h["Content-Length"] = str(len(body))
    with Wire(gateway.port) as w:
        w.send(head("PUT", path, h))
        for i in range(0, len(body), step):
            w.send(body[i:i + step])
        assert w.read().status == 200
    assert stored() == data


def test_lines_may_end_with_lf_alone(put, stored):
    """One common client ends its trailer so."""
    r = put(b"5\nhello\n0\n" + f"{CRC}:{checksum('crc32', b'hello')}".encode()
            + b"\n\n", UNSIGNED_TRAILER, **announce(UNSIGNED_TRAILER, 5))
    assert r.status == 200 and stored() == b"hello"


# ---- lengths ---------------------------------------------------------------------------

@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("framing", [None, TRANSFER])
@pytest.mark.parametrize("length", [None, "", "many", "-1", "1e5"])
def test_decoded_length_must_be_a_number(put, stored, mode, framing, length):
    extra = announce(mode, 1)
    extra.pop(LENGTH)
    if length is not None:
        extra[LENGTH] = length
    make = body_of(mode, b"x")
    r = put(payload=mode, framing=framing,
            encode=in_transfer_chunks(make, 100) if framing else make, **extra)
    assert (r.status, r.code) == (411, "MissingContentLength")
    assert stored() is None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("off", [-1, 1, -99999, 100000])
def test_decoded_length_must_be_true(put, stored, mode, off):
    data = data_of(100000)
    r = put(payload=mode, encode=body_of(mode, data),
            **announce(mode, len(data) + off))
    assert (r.status, r.code) == (400, "IncompleteBody")
    assert r.element("NumberBytesExpected") == str(len(data) + off)
    assert stored() is None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cut", [1, 2, 3, 30, 100, 90000])
def test_body_that_ends_too_early(put, stored, mode, cut):
    data = data_of(100000)

    def short(signer):
        return body_of(mode, data)(signer)[:-cut]
    r = put(payload=mode, encode=short, **announce(mode, len(data)))
    assert (r.status, r.code) == (400, "IncompleteBody")
    assert stored() is None


# ---- framing -----------------------------------------------------------------------------

@pytest.mark.parametrize("body", [
    b"hello", b"5hello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\nmore", b"\r\n5\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n", b"5;a=b\r\nhello\r\n0\r\n\r\n",
    b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n0\r\n\r\n",
    b"g\r\nhello\r\n0\r\n\r\n", b";\r\nhello\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"0" * 2000 + b"5\r\nhello\r\n0\r\n\r\n", b"\0\r\n", b"",
    b"4\r\nhello\r\n0\r\n\r\n", b"6\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n",
    b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n"])
def test_broken_framing(put, stored, body):
    r = put(body, UNSIGNED_TRAILER, **{LENGTH: "5"})
    assert (r.status, r.code) == (400, "IncompleteBody")
    assert stored() is None


@pytest.mark.parametrize("body", [
    b"5\r\nhello\r\n0\r\n\r\n", b"5;\r\nhello\r\n0;\r\n\r\n",
    b"5;chunk-signature=\r\nhello\r\n", b"5;chunk-signature=00\r\nhello\r\n",
    b"5; chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n",
    b"5;signature=" + b"0" * 64 + b"\r\nhello\r\n",
    b"5;chunk-signature=" + b"0" * 65 + b"\r\nhello\r\n",
    b"1000001;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n"])
def test_broken_framing_of_signed_chunks(put, stored, body):
    r = put(body, SIGNED, **{LENGTH: "5"})
    assert (r.status, r.code) == (400, "IncompleteBody")
    assert stored() is None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 8000, 8191])
def test_small_inner_chunk(put, stored, mode, size):
    data = data_of(8192 + size)

    def make(signer):
        return body_of(mode, data, size)(signer)
    r = put(payload=mode, encode=make, **announce(mode, len(data)))
    assert (r.status, r.code) == (403, "InvalidChunkSizeError")
    assert r.message == ("Only the last chunk is allowed to have a size less "
                         "than 8192 bytes")
    assert r.element("Chunk") == "2"
    assert r.element("BadChunkSize") == str(size)
    assert stored() is None


# ---- signatures ----------------------------------------------------------------------------

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


def drop_chunk(s, data):
    parts = s.chunks(data + data[:65536]).split(b"10000;")
    return b"10000;".join([parts[0], *parts[2:]])


def of_another_key(s, data):
    other = Signer(secret="another", date=s.date)
    other.seed = s.seed
    return other.chunks(data)


def of_another_seed(s, data):
    s.seed = "0" * 64
    return s.chunks(data)


@pytest.mark.parametrize("spoil", [corrupt_signature, corrupt_byte, swap_chunks,
                                   drop_chunk, of_another_key,
                                   of_another_seed])
@pytest.mark.parametrize("size", [3 * 65536 + 5, 3 << 20])
def test_spoilt_chunks(put, stored, spoil, size):
    data = data_of(size)
    r = put(payload=SIGNED, encode=lambda s: spoil(s, data) + b"\r\n",
            **{LENGTH: str(size)})
    assert (r.status, r.code) == (403, "SignatureDoesNotMatch")
    assert stored() is None


# ---- trailers ------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", TRAILER_MODES)
@pytest.mark.parametrize("alg", SUMS)
def test_trailing_checksum_that_is_another(put, stored, mode, alg):
    data, name = data_of(9000), f"x-amz-checksum-{alg}"
    r = put(payload=mode, **announce(mode, len(data), name),
            encode=body_of(mode, data, name=name, value=checksum(alg, b"")))
    assert (r.status, r.code) == (400, "BadDigest")
    assert r.message == (f"The {alg.upper()} you specified did not match the "
                         "calculated checksum.")
    assert stored() is None


@pytest.mark.parametrize("mode", TRAILER_MODES)
@pytest.mark.parametrize("alg", SUMS)
@pytest.mark.parametrize("value", ["x", "====", b64(b"123"), b64(bytes(33)),
                                   "AAAA AAAA"])
def test_trailing_value_that_is_no_checksum(put, stored, mode, alg, value):
    name = f"x-amz-checksum-{alg}"
    r = put(payload=mode, **announce(mode, 5, name),
            encode=body_of(mode, b"hello", name=name, value=value))
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message == f"Value for {name} trailing header is invalid."
    assert stored() is None


@pytest.mark.parametrize("mode", TRAILER_MODES)
@pytest.mark.parametrize("announced,sent", [
    (CRC, None), (CRC, "x-amz-checksum-sha1"), (None, CRC),
    ("x-amz-checksum-crc32c", CRC)])
def test_trailer_that_is_not_the_announced_one(put, stored, mode, announced,
                                               sent):
    def make(signer):
        body = signer.chunks(b"hello", signed=mode == SIGNED_TRAILER)
        if sent:
            value = checksum(sent.rpartition("-")[2], b"hello")
            body += signer.trailer(sent, value, mode == SIGNED_TRAILER)
        return body + b"\r\n"
    r = put(payload=mode, encode=make, **announce(mode, 5, announced))
    assert (r.status, r.code) == (400, "MalformedTrailerError")
    assert stored() is None


GOOD = f"{CRC}:{checksum('crc32', b'hello')}"


@pytest.mark.parametrize("trailer", [
    "\r\n", "x\r\n\r\n", ":\r\n\r\n", f"{CRC}\r\n\r\n", f"{CRC}:\r\n\r\n",
    f" {GOOD}\r\n\r\n", f"{GOOD}\r\n{GOOD}\r\n\r\n",
    f"{GOOD}\r\nx-amz-meta-a:1\r\n\r\n", f"x-amz-meta-a:1\r\n{GOOD}\r\n\r\n",
    f"{CRC}:{'A' * 300}\r\n\r\n", f"{'A' * 3000}:1\r\n\r\n",
    f"{GOOD}\r\nx-amz-trailer-signature:{'0' * 64}\r\n\r\n"])
def test_malformed_trailer(put, stored, trailer):
    r = put(b"5\r\nhello\r\n0\r\n" + trailer.encode(), UNSIGNED_TRAILER,
            **announce(UNSIGNED_TRAILER, 5))
    assert (r.status, r.code) == (400, "MalformedTrailerError")
    assert stored() is None


@pytest.mark.parametrize("trailer", [
    GOOD, GOOD.upper().split(":")[0] + ":" + GOOD.split(":")[1],
    GOOD.replace(":", ": "), GOOD.replace(":", ":\t"), GOOD + "  "])
def test_spellings_of_a_trailer(put, stored, trailer):
    r = put(b"5\r\nhello\r\n0\r\n" + trailer.encode() + b"\r\n\r\n",
            UNSIGNED_TRAILER, **announce(UNSIGNED_TRAILER, 5))
    assert r.status == 200 and stored() == b"hello"


def flip(body, at):
    return body[:at] + (b"0" if body[at:at + 1] != b"0" else b"1") + \
        body[at + 1:]


@pytest.mark.parametrize("spoil,code", [
    (lambda b: flip(b, b.index(b"trailer-signature:") + 20),
     "SignatureDoesNotMatch"),
    (lambda b: b.replace(b"crc32:", b"crc32:A", 1), "SignatureDoesNotMatch"),
    (lambda b: b[:b.index(b"x-amz-trailer-signature")] + b"\r\n",
     "IncompleteBody"),
    (lambda b: b.replace(b"trailer-signature:", b"trailer-signature:0"),
     "MalformedTrailerError"),
    (lambda b: b.replace(b"x-amz-trailer-signature", b"x-amz-trailer-sig"),
     "MalformedTrailerError")])
def test_signed_trailer_that_was_changed(put, stored, spoil, code):
    data = data_of(9000)
    r = put(payload=SIGNED_TRAILER,
            encode=lambda s: spoil(body_of(SIGNED_TRAILER, data)(s)),
            **announce(SIGNED_TRAILER, len(data)))
    assert (r.status, r.code) == (
        403 if code == "SignatureDoesNotMatch" else 400, code)
    assert stored() is None


@pytest.mark.parametrize("name", [
    "x-amz-meta-a", "x-amz-checksum-" + "a" * 100, "expires",
    "x-amz-checksum-md5", "x-amz-checksum-", "x-amz-checksum-crc32,",
    "x-amz-checksum-crc32,x-amz-meta-a",
    "x-amz-checksum-crc32,x-amz-checksum-sha1"])
@pytest.mark.parametrize("mode", MODES)
def test_trailer_name_that_is_no_checksum(put, stored, name, mode):
    r = put(payload=mode, encode=body_of(mode, b"x", name=CRC),
            **{LENGTH: "1", "x-amz-trailer": name})
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message == ("The value specified in the x-amz-trailer header is "
                         "not supported")
    assert stored() is None


@pytest.mark.parametrize("mode", TRAILER_MODES)
@pytest.mark.parametrize("header", SUMS)
def test_checksum_as_header_and_as_trailer(put, stored, mode, header):
    r = put(payload=mode, encode=body_of(mode, b"x"), **announce(mode, 1),
            **{f"x-amz-checksum-{header}": checksum(header, b"x")})
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message == "Expecting a single x-amz-checksum- header"
    assert stored() is None


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", SIGNED])
def test_trailer_announced_where_the_form_has_none(put, stored, payload):
    r = put(payload=payload, encode=lambda s: s.chunks(b"x") + b"\r\n",
            **{LENGTH: "1", "x-amz-trailer": CRC})
    assert (r.status, r.code) == (400, "MalformedTrailerError")
    assert stored() is None


@pytest.mark.parametrize("mode", TRAILER_MODES)
def test_sdk_algorithm_that_is_not_the_trailers(put, stored, mode):
    r = put(payload=mode, encode=body_of(mode, b"x"), **announce(mode, 1),
            **{"x-amz-sdk-checksum-algorithm": "SHA1"})
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message == ("Value for x-amz-sdk-checksum-algorithm header is "
                         "invalid.")
    assert stored() is None
