"""boto3 above the single calls: transfers, resources, paginators, waiters,
presigned URLs and forms."""

import hashlib
import io
import threading
import urllib.error
import urllib.request

import boto3
import botocore.config
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError, WaiterError

from conftest import MIB, payload
from gateway import ACCESS_KEY, REGION, SECRET_KEY


@pytest.fixture
def resource(gateway):
    return boto3.resource(
        "s3", endpoint_url=gateway.url, region_name=REGION,
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)


def content(client, bucket, key):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_small_transfers_with_progress(client, bucket, tmp_path):
    seen = []
    client.upload_fileobj(io.BytesIO(b"0123456789"), bucket, "k",
                          ExtraArgs={"ContentType": "video/mp4",
                                     "Metadata": {"a": "1"}},
                          Callback=seen.append)
    assert sum(seen) == 10
    head = client.head_object(Bucket=bucket, Key="k")
    assert (head["ContentType"], head["Metadata"]) == \
        ("video/mp4", {"a": "1"})
    client.download_file(bucket, "k", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == b"0123456789"


def test_a_download_by_ranges_at_once(client, bucket):
    data = payload(19 * MIB)
    client.put_object(Bucket=bucket, Key="k", Body=data)
    out = io.BytesIO()
    client.download_fileobj(bucket, "k", out, Config=TransferConfig(
        multipart_threshold=MIB, multipart_chunksize=MIB,
        max_concurrency=10))
    assert out.getvalue() == data


def test_a_missing_download_leaves_no_file(client, bucket, tmp_path):
    with pytest.raises(ClientError) as error:
        client.download_file(bucket, "none", str(tmp_path / "out"))
    assert error.value.response["Error"]["Code"] == "404"
    assert list(tmp_path.iterdir()) == []


def test_exceptions_by_name(client, bucket):
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(Bucket=bucket, Key="none")
    with pytest.raises(client.exceptions.NoSuchBucket):
        client.list_objects_v2(Bucket="no-such-bucket-here")


@pytest.mark.parametrize("name", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_paginators(client, bucket, name, size):
    keys = [f"{d}/{i}" for d in "abc" for i in range(3)] + ["top"]
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    paginator = client.get_paginator(name)
    pages = paginator.paginate(Bucket=bucket,
                               PaginationConfig={"PageSize": size})
    assert [o["Key"] for o in pages.search("Contents[]")] == keys
    pages = paginator.paginate(Bucket=bucket, Delimiter="/",
                               PaginationConfig={"PageSize": size})
    found = [p["Prefix"] for p in pages.search("CommonPrefixes[]") if p]
    assert found == ["a/", "b/", "c/"]


def test_a_paginator_resumes(client, bucket):
    for i in range(10):
        client.put_object(Bucket=bucket, Key=f"k{i}", Body=b"")
    paginator = client.get_paginator("list_objects_v2")
    first = paginator.paginate(Bucket=bucket, PaginationConfig={
        "MaxItems": 5, "PageSize": 3}).build_full_result()
    rest = paginator.paginate(Bucket=bucket, PaginationConfig={
        "StartingToken": first["NextToken"]}).build_full_result()
    assert [o["Key"] for o in first["Contents"] + rest["Contents"]] == \
        [f"k{i}" for i in range(10)]


def test_waiters(client, bucket):
    config = {"Delay": 1, "MaxAttempts": 60}
    late = threading.Timer(0.5, client.put_object,
                           kwargs={"Bucket": bucket, "Key": "k"})
    late.start()
    client.get_waiter("object_exists").wait(Bucket=bucket, Key="k",
                                            WaiterConfig=config)
    late.join()
    client.get_waiter("bucket_exists").wait(Bucket=bucket,
                                            WaiterConfig=config)
    client.delete_object(Bucket=bucket, Key="k")
    client.get_waiter("object_not_exists").wait(Bucket=bucket, Key="k",
                                                WaiterConfig=config)
    with pytest.raises(WaiterError):
        client.get_waiter("object_exists").wait(
            Bucket=bucket, Key="k", WaiterConfig={"Delay": 1,
                                                  "MaxAttempts": 1})


def test_resources(resource):
    made = resource.create_bucket(Bucket="of-a-resource")
    made.wait_until_exists()
    for i in range(5):
        made.put_object(Key=f"k/{i}", Body=b"x" * i)
    thing = made.Object("k/4")
    assert thing.content_length == 4
    assert thing.e_tag == f'"{hashlib.md5(b"xxxx").hexdigest()}"'
    assert thing.get()["Body"].read() == b"xxxx"
    assert [o.size for o in made.objects.filter(Prefix="k/")] == \
        [0, 1, 2, 3, 4]
    assert [o.key for o in made.objects.limit(2)] == ["k/0", "k/1"]
    assert made.name in [b.name for b in resource.buckets.all()]
    assert resource.BucketVersioning(made.name).status is None
    assert made.Acl().owner["ID"]
    made.objects.delete()
    made.delete()
    made.wait_until_not_exists()


def test_a_body_in_pieces(client, bucket):
    data = payload(100000)
    client.put_object(Bucket=bucket, Key="k", Body=data)
    body = client.get_object(Bucket=bucket, Key="k")["Body"]
    assert b"".join(body.iter_chunks(777)) == data
    client.put_object(Bucket=bucket, Key="k", Body=b"a\nb\nc")
    body = client.get_object(Bucket=bucket, Key="k")["Body"]
    assert list(body.iter_lines()) == [b"a", b"b", b"c"]


def test_presigned_urls(client, bucket):
    at = {"Bucket": bucket, "Key": "a b/\u00fc+%"}
    url = client.generate_presigned_url("put_object", at)
    urllib.request.urlopen(urllib.request.Request(url, b"signed",
                                                  method="PUT"))
    url = client.generate_presigned_url("get_object", {
        **at, "ResponseContentType": "text/x"}, ExpiresIn=60)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"signed"
        assert answer.headers["Content-Type"] == "text/x"
    url = client.generate_presigned_url("delete_object", at)
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"))
    url = client.generate_presigned_url("head_object", at)
    with pytest.raises(urllib.error.HTTPError) as gone:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"))
    assert gone.value.code == 404


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_a_url_names_the_bucket_as_it_was_told(gateway, bucket, style):
    port = gateway.port
    client = gateway.client(style=style, url=f"http://localhost:{port}")
    url = client.generate_presigned_url(
        "put_object", {"Bucket": bucket, "Key": "k"})
    host = f"{bucket}.localhost" if style == "virtual" else "localhost"
    assert url.startswith(f"http://{host}:{port}/")
    # The name is not in every DNS, so the address is used with it.
    request = urllib.request.Request(
        url.replace(host, "127.0.0.1", 1), b"x", method="PUT",
        headers={"Host": f"{host}:{port}"})
    assert urllib.request.urlopen(request).status == 200


def test_unsigned_requests_are_refused(gateway, bucket):
    client = boto3.client(
        "s3", endpoint_url=gateway.url, region_name=REGION,
        config=botocore.config.Config(signature_version=botocore.UNSIGNED))
    with pytest.raises(ClientError) as error:
        client.list_objects_v2(Bucket=bucket)
    assert error.value.response["Error"]["Code"] == "AccessDenied"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums(client, bucket, algorithm):
    put = client.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(b"sum"),
                            ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    got = client.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[name] == put[name]
    assert got["Body"].read() == b"sum", "boto3 compares it itself"


def test_one_client_in_many_threads(client, bucket):
    failures = []

    def work(i):
        try:
            data = payload(50000 + i, i)
            client.put_object(Bucket=bucket, Key=f"k{i}", Body=data)
            assert content(client, bucket, f"k{i}") == data
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(32)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 32
