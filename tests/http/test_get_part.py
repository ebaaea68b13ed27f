"""?partNumber=N of GetObject and HeadObject."""

import hashlib

import pytest

from test_attributes import PART, upload


def part_data(i, n):
    return bytes([i]) * (PART if i < n else 7)


@pytest.fixture(scope="module")
def big(client):
    """An object of three parts, in a bucket of this module's own."""
    bucket = "test-get-part"
    client.create_bucket(Bucket=bucket)
    upload(client, bucket, 3, ChecksumAlgorithm="SHA256")
    return f"/{bucket}/o"


def part(http, path, n, method="GET", **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    return http(method, path, headers=headers,
                query=[("partNumber", str(n))])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_part_is_a_206_of_its_bytes(http, big, method, n):
    r = part(http, big, n, method)
    size, start = len(part_data(n, 3)), (n - 1) * PART
    assert r.status == 206
    assert r.headers["content-range"] == \
        f"bytes {start}-{start + size - 1}/{2 * PART + 7}"
    assert r.headers["content-length"] == str(size)
    assert r.headers["x-amz-mp-parts-count"] == "3"
    assert r.headers["etag"].endswith('-3"')
    if method == "GET":
        assert r.body == part_data(n, 3)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_part_has_its_own_checksum(http, big, n):
    import base64
    r = part(http, big, n, x_amz_checksum_mode="ENABLED")
    digest = hashlib.sha256(part_data(n, 3)).digest()
    assert r.headers["x-amz-checksum-sha256"] == \
        base64.b64encode(digest).decode()
    assert r.headers["x-amz-checksum-type"] == "COMPOSITE"
    r = part(http, big, n)
    assert "x-amz-checksum-sha256" not in r.headers


def test_whole_has_the_composite_checksum_and_no_count(http, big):
    r = http("HEAD", big, headers={"x-amz-checksum-mode": "ENABLED"})
    digests = b"".join(hashlib.sha256(part_data(n, 3)).digest()
                       for n in (1, 2, 3))
    import base64
    want = base64.b64encode(hashlib.sha256(digests).digest()).decode()
    assert r.headers["x-amz-checksum-sha256"] == want + "-3"
    assert r.headers["x-amz-checksum-type"] == "COMPOSITE"
    assert "x-amz-mp-parts-count" not in r.headers
    r = http("GET", big, headers={"x-amz-checksum-mode": "ENABLED",
                                  "Range": "bytes=0-9"})
    assert r.status == 206
    assert not [h for h in r.headers if h.startswith("x-amz-checksum")]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("n", [4, 10000])
def test_part_beyond_the_last_is_416(http, big, method, n):
    r = part(http, big, n, method)
    assert r.status == 416
    if method == "GET":
        assert ("<Code>InvalidPartNumber</Code><Message>The requested "
                "partnumber is not satisfiable</Message>"
                f"<PartNumberRequested>{n}</PartNumberRequested>"
                "<ActualPartCount>3</ActualPartCount>") in r.text


@pytest.mark.parametrize("n", ["0", "-1", "10001", "a", "", "1.0", "+1"])
def test_part_number_that_is_none(http, bucket, n):
    http("PUT", f"/{bucket}/o", b"0123456789")
    r = part(http, f"/{bucket}/o", n)
    assert r.status == 400
    assert ("<Code>InvalidArgument</Code><Message>Part number must be an "
            "integer between 1 and 10000, inclusive</Message><ArgumentName>"
            f"partNumber</ArgumentName><ArgumentValue>{n}</ArgumentValue>"
            ) in r.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_plain_object_is_its_own_first_part(http, bucket, method):
    http("PUT", f"/{bucket}/o", b"0123456789")
    r = part(http, f"/{bucket}/o", 1, method, x_amz_checksum_mode="ENABLED")
    assert r.status == 206
    assert r.headers["content-range"] == "bytes 0-9/10"
    assert r.headers["content-length"] == "10"
    assert "x-amz-mp-parts-count" not in r.headers
    assert "x-amz-checksum-crc64nvme" in r.headers
    r = part(http, f"/{bucket}/o", 2, method)
    assert r.status == 416


def test_first_part_of_an_empty_object_is_all_of_it(http, bucket):
    http("PUT", f"/{bucket}/o", b"")
    r = part(http, f"/{bucket}/o", 1)
    assert r.status == 200 and "content-range" not in r.headers


def test_range_and_part_exclude_each_other(http, bucket):
    http("PUT", f"/{bucket}/o", b"0123456789")
    r = part(http, f"/{bucket}/o", 1, Range="bytes=0-1")
    assert r.status == 400
    assert ("<Code>InvalidRequest</Code><Message>Cannot specify both Range "
            "header and partNumber query parameter</Message>") in r.text


def test_conditions_come_before_the_part(http, client, bucket):
    http("PUT", f"/{bucket}/o", b"0123456789")
    etag = client.head_object(Bucket=bucket, Key="o")["ETag"]
    assert part(http, f"/{bucket}/o", 1, If_None_Match=etag).status == 304
    assert part(http, f"/{bucket}/o", 9, If_Match='"no"').status == 412
