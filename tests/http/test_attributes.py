"""GetObjectAttributes: what is known of an object without its bytes."""

import re

import pytest

from sums import SUMS, checksum

NS = "http://s3.amazonaws.com/doc/2006-03-01/"
PART = 5 * 1024 * 1024
ALL = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"


@pytest.fixture
def attributes(http, bucket):
    def send(names=ALL, key="o", query=(), **headers):
        headers = {n.replace("_", "-"): v for n, v in headers.items()}
        if names is not None:
            headers["x-amz-object-attributes"] = names
        return http("GET", f"/{bucket}/{key}", headers=headers,
                    query=[("attributes", ""), *query])
    return send


@pytest.fixture
def thing(client, bucket):
    client.put_object(Bucket=bucket, Key="o", Body=b"x")
    return client.head_object(Bucket=bucket, Key="o")


def elements(text):
    return re.findall(r"<(ETag|Checksum|ObjectParts|StorageClass|ObjectSize)>",
                      text)


@pytest.mark.parametrize("names,expected", [
    ("ETag", ["ETag"]), ("ObjectSize", ["ObjectSize"]),
    ("StorageClass", ["StorageClass"]), ("Checksum", ["Checksum"]),
    ("ObjectParts", []),
    ("ObjectSize,ETag", ["ETag", "ObjectSize"]),
    ("ETag, ObjectSize", ["ETag", "ObjectSize"]),
    ("ETag,ETag", ["ETag"]),
    (ALL, ["ETag", "Checksum", "StorageClass", "ObjectSize"]),
])
def test_only_what_is_asked_for_is_told(attributes, thing, names, expected):
    r = attributes(names)
    assert r.status == 200 and elements(r.text) == expected


def test_answer_is_aws_s(attributes, thing):
    r = attributes()
    etag = thing["ETag"].strip('"')
    assert r.headers["content-type"] == "application/xml"
    assert r.headers["last-modified"].endswith(" GMT")
    assert "x-amz-version-id" not in r.headers
    assert r.text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<GetObjectAttributesResponse xmlns="{NS}"><ETag>{etag}</ETag>'
        f'<Checksum><ChecksumCRC64NVME>{checksum("crc64nvme", b"x")}'
        "</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType>"
        "</Checksum><StorageClass>STANDARD</StorageClass>"
        "<ObjectSize>1</ObjectSize></GetObjectAttributesResponse>")


@pytest.mark.parametrize("alg", SUMS)
def test_checksum_of_every_kind(http, bucket, attributes, alg):
    value = checksum(alg, b"abc")
    http("PUT", f"/{bucket}/o", b"abc", {f"x-amz-checksum-{alg}": value})
    name = f"Checksum{alg.upper()}"
    assert f"<{name}>{value}</{name}>" in attributes("Checksum").text


def test_storage_class_is_told(client, bucket, attributes):
    client.put_object(Bucket=bucket, Key="o", Body=b"", StorageClass="GLACIER")
    assert "<StorageClass>GLACIER</StorageClass>" in attributes().text


def test_one_header_for_each_name(gateway, client, bucket, thing):
    from sigv4 import Signer, head
    from wire import request
    path = f"/{bucket}/o"
    h = Signer().headers("GET", path, f"127.0.0.1:{gateway.port}",
                         query=[("attributes", "")],
                         extra={"x-amz-object-attributes": "ETag,ObjectSize"})
    del h["x-amz-object-attributes"]
    data = head("GET", path + "?attributes", h)[:-2] + (
        b"x-amz-object-attributes: ETag\r\n"
        b"x-amz-object-attributes: ObjectSize\r\n\r\n")
    r = request(gateway.port, data)
    assert r.status == 200 and elements(r.text) == ["ETag", "ObjectSize"]


@pytest.mark.parametrize("names,code", [
    (None, "InvalidRequest"), ("", "InvalidRequest"),
    ("etag", "InvalidArgument"), ("Owner", "InvalidArgument"),
    ("ETag,", "InvalidArgument"), ("ETag;ObjectSize", "InvalidArgument"),
])
def test_names_that_are_none(attributes, thing, names, code):
    r = attributes(names)
    assert r.status == 400 and f"<Code>{code}</Code>" in r.text
    if code == "InvalidArgument":
        assert ("<ArgumentName>x-amz-object-attributes</ArgumentName>"
                f"<ArgumentValue>{names}</ArgumentValue>") in r.text


@pytest.mark.parametrize("header", ["x-amz-max-parts",
                                    "x-amz-part-number-marker"])
@pytest.mark.parametrize("value", ["-1", "a", "", "2147483648"])
def test_numbers_that_are_none(attributes, thing, header, value):
    r = attributes(**{header: value})
    assert r.status == 400 and "<Code>InvalidArgument</Code>" in r.text


def test_what_is_not_there(http, attributes, bucket):
    r = attributes(key="nothing")
    assert r.status == 404 and "<Code>NoSuchKey</Code>" in r.text
    r = http("GET", "/no-such-bucket-here/o", query=[("attributes", "")],
             headers={"x-amz-object-attributes": "ETag"})
    assert r.status == 404 and "<Code>NoSuchBucket</Code>" in r.text


def test_key_for_decryption_is_refused(attributes, thing):
    r = attributes(**{"x-amz-server-side-encryption-customer-algorithm":
                      "AES256"})
    assert r.status == 400 and "<Code>InvalidRequest</Code>" in r.text


# ---- versions ---------------------------------------------------------------------

def test_each_version_has_its_own(client, http, versioned):
    ids = [client.put_object(Bucket=versioned, Key="o",
                             Body=bytes(i))["VersionId"] for i in range(2)]
    for i, v in enumerate(ids):
        r = http("GET", f"/{versioned}/o", query=[("attributes", ""),
                                                  ("versionId", v)],
                 headers={"x-amz-object-attributes": "ObjectSize"})
        assert r.headers["x-amz-version-id"] == v
        assert f"<ObjectSize>{i}</ObjectSize>" in r.text


def test_delete_markers_have_none(client, http, versioned):
    client.put_object(Bucket=versioned, Key="o", Body=b"x")
    marker = client.delete_object(Bucket=versioned, Key="o")["VersionId"]
    h = {"x-amz-object-attributes": "ETag"}
    r = http("GET", f"/{versioned}/o", headers=h, query=[("attributes", "")])
    assert r.status == 404 and r.headers["x-amz-delete-marker"] == "true"
    assert r.headers["x-amz-version-id"] == marker
    r = http("GET", f"/{versioned}/o", headers=h,
             query=[("attributes", ""), ("versionId", marker)])
    assert r.status == 405 and r.headers["x-amz-delete-marker"] == "true"


# ---- parts ------------------------------------------------------------------------

def upload(client, bucket, n, key="o", **options):
    u = client.create_multipart_upload(Bucket=bucket, Key=key,
                                       **options)["UploadId"]
    parts = []
    for i in range(1, n + 1):
        data = bytes([i]) * (PART if i < n else 7)
        r = client.upload_part(Bucket=bucket, Key=key, UploadId=u,
                               PartNumber=i, Body=data, **options)
        part = {"PartNumber": i, "ETag": r["ETag"]}
        part.update({k: v for k, v in r.items() if k.startswith("Checksum")})
        parts.append(part)
    client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=u,
                                     MultipartUpload={"Parts": parts})
    return parts


def test_parts_with_checksums_are_listed(client, bucket, attributes):
    parts = upload(client, bucket, 3, ChecksumAlgorithm="SHA256")
    r = attributes("ObjectParts,Checksum")
    assert "<PartsCount>3</PartsCount>" in r.text
    assert "<IsTruncated>false</IsTruncated>" in r.text
    assert "<MaxParts>1000</MaxParts>" in r.text
    assert "<PartNumberMarker>0</PartNumberMarker>" in r.text
    assert "<NextPartNumberMarker>3</NextPartNumberMarker>" in r.text
    for p, size in zip(parts, (PART, PART, 7)):
        assert (f"<Part><PartNumber>{p['PartNumber']}</PartNumber>"
                f"<Size>{size}</Size><ChecksumSHA256>{p['ChecksumSHA256']}"
                "</ChecksumSHA256></Part>") in r.text
    assert "<ChecksumType>COMPOSITE</ChecksumType>" in r.text
    assert "-3</ChecksumSHA256>" not in r.text  # the header alone counts


def test_parts_come_in_pages(client, bucket, attributes):
    upload(client, bucket, 3, ChecksumAlgorithm="CRC32")
    seen, marker = [], 0
    while True:
        r = attributes("ObjectParts", x_amz_max_parts="2",
                       x_amz_part_number_marker=str(marker))
        assert "<MaxParts>2</MaxParts>" in r.text
        assert f"<PartNumberMarker>{marker}</PartNumberMarker>" in r.text
        page = [int(n) for n in re.findall(r"<PartNumber>(\d+)<", r.text)]
        seen += page
        marker = int(re.search(r"<NextPartNumberMarker>(\d+)<",
                               r.text).group(1))
        assert marker == page[-1]
        if "<IsTruncated>false</IsTruncated>" in r.text:
            break
    assert seen == [1, 2, 3]


def test_marker_beyond_the_end_is_an_empty_page(client, bucket, attributes):
    upload(client, bucket, 2, ChecksumAlgorithm="CRC32")
    r = attributes("ObjectParts", x_amz_part_number_marker="2")
    assert "<PartsCount>2</PartsCount>" in r.text and "<Part>" not in r.text
    assert "<IsTruncated>false</IsTruncated>" in r.text
