"""boto3's transfers in parts, copies, forms and versions."""

import hashlib
import io
import http.client
import uuid

import boto3
import pytest
from boto3.s3.transfer import TransferConfig

from conftest import MIB, payload
from gateway import ACCESS_KEY, REGION, SECRET_KEY

DATA = payload(23 * MIB + 1)


def content(client, bucket, key):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


class Slow(io.RawIOBase):
    """A stream that cannot seek and does not know its end."""

    def __init__(self, data):
        self.rest = io.BytesIO(data)

    def readable(self):
        return True

    def read(self, size=-1):
        return self.rest.read(size)


@pytest.mark.parametrize("concurrency", [1, 10])
@pytest.mark.parametrize("chunk", [5 * MIB, 8 * MIB])
def test_a_large_upload(client, bucket, concurrency, chunk):
    client.upload_fileobj(
        io.BytesIO(DATA), bucket, "k",
        ExtraArgs={"ContentType": "video/mp4", "Metadata": {"a": "1"}},
        Config=TransferConfig(max_concurrency=concurrency,
                              multipart_chunksize=chunk))
    head = client.head_object(Bucket=bucket, Key="k")
    sums = [hashlib.md5(DATA[i:i + chunk]).digest()
            for i in range(0, len(DATA), chunk)]
    assert head["ETag"] == \
        f'"{hashlib.md5(b"".join(sums)).hexdigest()}-{len(sums)}"'
    assert (head["ContentType"], head["Metadata"]) == \
        ("video/mp4", {"a": "1"})
    assert content(client, bucket, "k") == DATA


def test_a_stream_without_an_end(client, bucket):
    client.upload_fileobj(Slow(DATA), bucket, "k")
    assert content(client, bucket, "k") == DATA


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_a_large_upload_with_checksums(client, bucket, algorithm):
    client.upload_fileobj(io.BytesIO(DATA), bucket, "k",
                          ExtraArgs={"ChecksumAlgorithm": algorithm})
    head = client.head_object(Bucket=bucket, Key="k",
                              ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"].endswith("-3")


@pytest.mark.parametrize("size", [0, 10, len(DATA)])
def test_copy(client, bucket, size):
    client.put_object(Bucket=bucket, Key="from", Body=DATA[:size],
                      Metadata={"a": "1"})
    client.copy({"Bucket": bucket, "Key": "from"}, bucket, "to",
                Config=TransferConfig(multipart_threshold=6 * MIB,
                                      multipart_chunksize=6 * MIB))
    assert content(client, bucket, "to") == DATA[:size]


def test_a_failed_upload_is_aborted(client, bucket):
    class Broken(Slow):
        def read(self, size=-1):
            if self.rest.tell() > 12 * MIB:
                raise OSError("torn tape")
            return super().read(size)

    with pytest.raises(OSError, match="torn tape"):
        client.upload_fileobj(Broken(DATA), bucket, "k")
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def test_paginators_of_parts_uploads_and_versions(client, bucket):
    upload = client.create_multipart_upload(Bucket=bucket, Key="k")
    at = {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}
    for n in range(1, 6):
        client.upload_part(PartNumber=n, Body=b"x", **at)
        client.create_multipart_upload(Bucket=bucket, Key=f"k{n}")
    pages = client.get_paginator("list_parts").paginate(
        **at, PaginationConfig={"PageSize": 2})
    assert [p["PartNumber"] for p in pages.search("Parts[]")] == \
        [1, 2, 3, 4, 5]
    pages = client.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [u["Key"] for u in pages.search("Uploads[]")] == \
        ["k", "k1", "k2", "k3", "k4", "k5"]
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    ids = [client.put_object(Bucket=bucket, Key="v")["VersionId"]
           for _ in range(5)]
    pages = client.get_paginator("list_object_versions").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [v["VersionId"] for v in pages.search("Versions[]")] == ids[::-1]


def test_resources(gateway, bucket):
    s3 = boto3.resource(
        "s3", endpoint_url=gateway.url, region_name=REGION,
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)
    s3.BucketVersioning(bucket).enable()
    thing = s3.Object(bucket, "k")
    for body in (b"1", b"2"):
        thing.put(Body=body)
    thing.copy_from(CopySource={"Bucket": bucket, "Key": "k"},
                    MetadataDirective="REPLACE", Metadata={"a": "1"})
    assert thing.metadata == {"a": "1"}
    upload = thing.initiate_multipart_upload()
    part = upload.Part(1)
    tag = part.upload(Body=b"parts")["ETag"]
    upload.complete(MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": tag}]})
    versions = list(s3.Bucket(bucket).object_versions.all())
    assert [v.get()["Body"].read() for v in versions] == \
        [b"parts", b"2", b"2", b"1"]
    s3.Bucket(bucket).object_versions.delete()
    s3.Bucket(bucket).delete()


def send_form(url, fields, data):
    """multipart/form-data as RFC 7578 has it, the file last."""
    mark = uuid.uuid4().hex
    parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{name}"'
             f"\r\n\r\n{value}\r\n" for name, value in fields.items()]
    parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="file"; '
                 'filename="f.bin"\r\nContent-Type: video/mp4\r\n\r\n')
    body = "".join(parts).encode() + data + f"\r\n--{mark}--\r\n".encode()
    host = url.split("/")[2]
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("POST", url.split(host, 1)[1], body, {
        "Content-Type": f"multipart/form-data; boundary={mark}"})
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize("size", [0, 100, MIB])
def test_presigned_post(client, bucket, size):
    form = client.generate_presigned_post(
        bucket, "user/${filename}", Fields={"acl": "private"},
        Conditions=[{"acl": "private"},
                    ["content-length-range", 0, MIB]])
    status, text = send_form(form["url"], form["fields"], DATA[:size])
    assert status == 204, text
    assert content(client, bucket, "user/f.bin") == DATA[:size]
    status, text = send_form(form["url"], form["fields"],
                             DATA[:MIB + 1])
    assert status == 400 and b"EntityTooLarge" in text
