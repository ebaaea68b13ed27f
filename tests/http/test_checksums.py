"""Checksums of bodies by header: verified before anything is visible, kept,
given back, and CRC64NVME when the client names none."""

import hashlib
import itertools

import pytest

from sigv4 import Signer, head
from sums import SUMS, b64, checksum, md5
from wire import request

DATA = bytes(range(256)) * 275 + b"end"
NAMES = {alg: f"x-amz-checksum-{alg}" for alg in SUMS}
SDK = "x-amz-sdk-checksum-algorithm"


def headers_of(client, bucket, **options):
    r = client.head_object(Bucket=bucket, Key="o", **options)
    return r["ResponseMetadata"]["HTTPHeaders"]


# ---- what is true is kept and given back -------------------------------------------

@pytest.mark.parametrize("alg", SUMS)
@pytest.mark.parametrize("size", [0, 1, 255, 256, 70000])
def test_true_checksum_is_kept_and_returned(put, client, bucket, stored, alg,
                                            size):
    data = DATA[:size]
    name, value = NAMES[alg], checksum(alg, data)
    r = put(data, **{name: value})
    assert r.status == 200 and r.headers[name] == value
    assert r.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    asked = headers_of(client, bucket, ChecksumMode="ENABLED")
    assert asked[name] == value
    assert asked["x-amz-checksum-type"] == "FULL_OBJECT"
    plain = headers_of(client, bucket)
    assert name not in plain and "x-amz-checksum-type" not in plain
    assert stored() == data


@pytest.mark.parametrize("size", [0, 1, 255, 256, 70000])
@pytest.mark.parametrize("extra", [{}, {"Content-MD5": None}])
def test_without_a_checksum_it_is_crc64nvme(put, client, bucket, size, extra):
    data = DATA[:size]
    if extra:
        extra = {"Content-MD5": md5(data)}
    value = checksum("crc64nvme", data)
    r = put(data, **extra)
    assert r.status == 200
    assert r.headers["x-amz-checksum-crc64nvme"] == value
    assert r.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    kept = headers_of(client, bucket, ChecksumMode="ENABLED")
    assert kept["x-amz-checksum-crc64nvme"] == value
    listed = client.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert listed["ChecksumAlgorithm"] == ["CRC64NVME"]


@pytest.mark.parametrize("alg", SUMS)
@pytest.mark.parametrize("spell", [str.upper, str.lower])
def test_sdk_algorithm_in_any_case(put, alg, spell):
    r = put(b"x", **{NAMES[alg]: checksum(alg, b"x"), SDK: spell(alg)})
    assert r.status == 200, r


def test_checksum_mode_type_and_algorithm_are_no_values(put):
    r = put(b"x", **{"x-amz-checksum-mode": "ENABLED",
                     "x-amz-checksum-type": "FULL_OBJECT",
                     "x-amz-checksum-algorithm": "SHA1"})
    assert r.status == 200 and "x-amz-checksum-crc64nvme" in r.headers


# ---- what is not ---------------------------------------------------------------------

@pytest.mark.parametrize("alg", SUMS)
def test_other_checksum_is_bad_digest(put, stored, alg):
    r = put(DATA, **{NAMES[alg]: checksum(alg, b"other")})
    assert (r.status, r.code) == (400, "BadDigest")
    assert r.message == (f"The {alg.upper()} you specified did not match the "
                         "calculated checksum.")
    assert stored() is None


def spoilt(good):
    """Forms of a value that are not its base64."""
    last = good.rstrip("=")[-1]
    loose = good.rstrip("=")[:-1] + chr(ord(last) + 1) + "=" * good.count("=")
    return ["", "x", "=", good[:-1], good + "=", good + "A", good[:4],
            good.replace("=", ""), "*" + good[1:], good[:-4] + "****",
            "=" + good[1:], b64(b"x" * 5), b64(b"x" * 33), loose]


@pytest.mark.parametrize("alg,value", [
    (alg, v) for alg in SUMS for v in spoilt(checksum(alg, b"x"))])
def test_value_that_is_no_checksum(put, stored, alg, value):
    r = put(b"x", **{NAMES[alg]: value})
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message == f"Value for {NAMES[alg]} header is invalid."
    assert stored() is None


SEVERAL = ("Expecting a single x-amz-checksum- header. Multiple checksum Types "
           "are not allowed.")
UNKNOWN = "The algorithm type you specified in x-amz-checksum- header is invalid."
NO_VALUE = ("x-amz-sdk-checksum-algorithm specified, but no corresponding "
            "x-amz-checksum-* or x-amz-trailer headers were found.")
NOT_SDK = "Value for x-amz-sdk-checksum-algorithm header is invalid."


@pytest.mark.parametrize("a,b", itertools.permutations(SUMS, 2))
def test_two_checksum_headers(put, stored, a, b):
    r = put(b"x", **{NAMES[a]: checksum(a, b"x"), NAMES[b]: checksum(b, b"x")})
    assert (r.status, r.code, r.message) == (400, "InvalidRequest", SEVERAL)
    assert stored() is None


@pytest.mark.parametrize("alg", ["md5", "sha512", "xxhash3", "xxhash64",
                                 "xxhash128", "crc99", "crc-32", "sha", ""])
def test_unknown_algorithm_in_a_header(put, stored, alg):
    r = put(b"x", **{f"x-amz-checksum-{alg}": "AAAAAA=="})
    assert (r.status, r.code, r.message) == (400, "InvalidRequest", UNKNOWN)
    assert stored() is None


@pytest.mark.parametrize("alg", [a.upper() for a in SUMS] + ["MD5", "x", ""])
def test_sdk_algorithm_without_a_value(put, stored, alg):
    r = put(b"x", **{SDK: alg})
    assert (r.status, r.code, r.message) == (400, "InvalidRequest", NO_VALUE)
    assert stored() is None


@pytest.mark.parametrize("sent,named", [
    *itertools.permutations(SUMS, 2),
    *itertools.product(SUMS, ["md5", "sha512", "crc", ""])])
def test_sdk_algorithm_that_is_another(put, stored, sent, named):
    r = put(b"x", **{NAMES[sent]: checksum(sent, b"x"), SDK: named})
    assert (r.status, r.code, r.message) == (400, "InvalidRequest", NOT_SDK)
    assert stored() is None


# ---- Content-MD5 ---------------------------------------------------------------------

def test_true_md5(put, stored):
    assert put(DATA, Content_MD5=md5(DATA)).status == 200
    assert stored() == DATA


def test_other_md5_shows_both(put, stored):
    r = put(DATA, Content_MD5=md5(b"other"))
    assert (r.status, r.code) == (400, "BadDigest")
    assert r.message == ("The Content-MD5 you specified did not match what we "
                         "received.")
    assert r.element("ExpectedDigest") == hashlib.md5(b"other").hexdigest()
    assert r.element("CalculatedDigest") == md5(DATA)
    assert stored() is None


@pytest.mark.parametrize("value", [
    "!", "YWJj", "", md5(b"")[:-1], md5(b"") + "=", md5(b"")[:-2],
    hashlib.md5(b"").hexdigest(), b64(bytes(15)), b64(bytes(17)),
    md5(b"").lower() + "!"])
def test_md5_that_is_none(put, stored, value):
    r = put(b"x", Content_MD5=value)
    assert (r.status, r.code) == (400, "InvalidDigest")
    assert r.message == "The Content-MD5 you specified was invalid."
    assert r.element("Content-MD5") == value
    assert stored() is None


# ---- presigned -------------------------------------------------------------------------

def presigned(gateway, bucket, query=(), sent=None, body=b"x"):
    host, path = f"127.0.0.1:{gateway.port}", f"/{bucket}/o"
    target = Signer().presign("PUT", path, host, query=query,
                              headers=sent or {})
    return request(gateway.port, head("PUT", target, {
        "Host": host, "Content-Length": str(len(body)), **(sent or {})}) + body)


@pytest.mark.parametrize("alg", SUMS)
def test_hoisted_checksum_is_ignored(gateway, bucket, stored, alg):
    """As AWS does with what presigners of 2025 put into the query."""
    r = presigned(gateway, bucket, [
        (NAMES[alg], checksum(alg, b"")), (SDK, alg.upper())])
    assert r.status == 200, r
    assert r.headers["x-amz-checksum-crc64nvme"] == checksum("crc64nvme", b"x")
    assert stored() == b"x"


@pytest.mark.parametrize("alg", SUMS)
@pytest.mark.parametrize("of,status", [(b"x", 200), (b"y", 400)])
def test_signed_checksum_header_is_verified(gateway, bucket, stored, alg, of,
                                            status):
    r = presigned(gateway, bucket, sent={NAMES[alg]: checksum(alg, of)})
    assert r.status == status, r
    assert stored() == (b"x" if status == 200 else None)


# ---- bodies that are documents -----------------------------------------------------------

def delete_objects(gateway, bucket, extra, body=(
        b"<Delete><Object><Key>none</Key></Object></Delete>")):
    h = Signer().headers("POST", f"/{bucket}", f"127.0.0.1:{gateway.port}",
                         hashlib.sha256(body).hexdigest(),
                         query=[("delete", "")], extra=extra)
    h["Content-Length"] = str(len(body))
    return request(gateway.port, head("POST", f"/{bucket}?delete", h) + body)


@pytest.mark.parametrize("alg", SUMS)
def test_delete_objects_verifies_any_checksum(gateway, bucket, alg):
    body = b"<Delete><Object><Key>none</Key></Object></Delete>"
    good = {NAMES[alg]: checksum(alg, body)}
    assert delete_objects(gateway, bucket, good).status == 200
    r = delete_objects(gateway, bucket, {NAMES[alg]: checksum(alg, b"other")})
    assert (r.status, r.code) == (400, "BadDigest")


def test_delete_objects_needs_one(gateway, bucket):
    r = delete_objects(gateway, bucket, {})
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message.startswith(
        "Missing required header for this request: Content-MD5")


# ---- multipart uploads -------------------------------------------------------------------

@pytest.fixture
def create(gateway, bucket):
    def send(**extra):
        h = Signer().headers("POST", f"/{bucket}/m",
                             f"127.0.0.1:{gateway.port}", extra=extra,
                             query=[("uploads", "")])
        h["Content-Length"] = "0"
        return request(gateway.port, head("POST", f"/{bucket}/m?uploads", h))
    return send


ALGORITHM, TYPE = "x-amz-checksum-algorithm", "x-amz-checksum-type"
CRCS = ("crc32", "crc32c", "crc64nvme")


@pytest.mark.parametrize("alg", SUMS)
@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT", None])
def test_algorithm_and_type_of_an_upload(create, alg, kind):
    headers = {ALGORITHM: alg.upper(), **({TYPE: kind} if kind else {})}
    r = create(**headers)
    if kind == "COMPOSITE" and alg == "crc64nvme" or \
            kind == "FULL_OBJECT" and alg not in CRCS:
        assert (r.status, r.code) == (400, "InvalidRequest")
        assert r.message == (f"The {kind} checksum type cannot be used with "
                             f"the {alg} checksum algorithm.")
        return
    assert r.status == 200, r
    assert r.headers[ALGORITHM] == alg.upper()
    assert r.headers[TYPE] == (
        kind or ("FULL_OBJECT" if alg == "crc64nvme" else "COMPOSITE"))


@pytest.mark.parametrize("headers,message", [
    ({ALGORITHM: "MD5"}, "Checksum algorithm provided is unsupported. Please "
     "try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, "
     "SHA256]"),
    ({ALGORITHM: ""}, "Checksum algorithm provided is unsupported. Please "
     "try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, "
     "SHA256]"),
    ({TYPE: "COMPOSITE"}, "The x-amz-checksum-type header can only be used "
     "with the x-amz-checksum-algorithm header."),
    ({ALGORITHM: "CRC32", TYPE: "HALF"},
     "Value for x-amz-checksum-type header is invalid."),
    ({ALGORITHM: "CRC32", TYPE: ""},
     "Value for x-amz-checksum-type header is invalid.")])
def test_algorithm_or_type_that_is_none(create, headers, message):
    r = create(**headers)
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message == message


def test_digests_of_a_part_are_both_base64(gateway, client, bucket):
    upload = client.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    query = [("partNumber", "1"), ("uploadId", upload)]
    h = Signer().headers("PUT", f"/{bucket}/m", f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD", query=query)
    h.update({"Content-MD5": md5(b"other"), "Content-Length": "1"})
    r = request(gateway.port, head(
        "PUT", f"/{bucket}/m?partNumber=1&uploadId={upload}", h) + b"x")
    assert (r.status, r.code) == (400, "BadDigest")
    assert r.element("ExpectedDigest") == md5(b"other")
    assert r.element("CalculatedDigest") == md5(b"x")
