"""Buckets: made, found, listed, deleted."""

import pytest
from botocore.exceptions import ClientError

DEFAULT = "socialitix-videos"
XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def failure(call, **options):
    with pytest.raises(ClientError) as e:
        call(**options)
    r = e.value.response
    return r["ResponseMetadata"]["HTTPStatusCode"], r["Error"]["Code"]


def location(region):
    return (f"<CreateBucketConfiguration {XMLNS}><LocationConstraint>{region}"
            f"</LocationConstraint></CreateBucketConfiguration>")


# ---- CreateBucket -----------------------------------------------------------

def test_life_of_a_bucket(client):
    name = "life-of-a-bucket"
    created = client.create_bucket(Bucket=name)
    assert created["Location"] == f"/{name}"
    # us-east-1: creating one's own bucket again is fine.
    client.create_bucket(Bucket=name)
    assert name in [b["Name"] for b in client.list_buckets()["Buckets"]]
    client.put_object(Bucket=name, Key="k", Body=b"")
    assert failure(client.delete_bucket, Bucket=name) == (409,
                                                          "BucketNotEmpty")
    client.delete_object(Bucket=name, Key="k")
    client.delete_bucket(Bucket=name)
    assert name not in [b["Name"] for b in client.list_buckets()["Buckets"]]
    assert failure(client.delete_bucket, Bucket=name) == (404,
                                                          "NoSuchBucket")
    assert failure(client.head_bucket, Bucket=name)[0] == 404


def test_default_bucket_is_there_and_owned_by_the_caller(client):
    answer = client.list_buckets()
    assert DEFAULT in [b["Name"] for b in answer["Buckets"]]
    acl = client.get_bucket_acl(Bucket=DEFAULT)
    assert acl["Owner"]["ID"] == answer["Owner"]["ID"]
    assert len(acl["Owner"]["ID"]) == 64


@pytest.mark.local_store("another S3's default bucket is not made")
def test_default_bucket_can_be_deleted_and_comes_back_at_start(own_gateway):
    g = own_gateway()
    client = g.client()
    client.delete_bucket(Bucket=DEFAULT)
    assert failure(client.head_bucket, Bucket=DEFAULT)[0] == 404
    g.stop()
    g.start()
    client = g.client()
    client.head_bucket(Bucket=DEFAULT)
    assert client.get_bucket_cors(Bucket=DEFAULT)["CORSRules"]


@pytest.mark.parametrize("name", [
    "ab", "a" * 64, "Upper", "a_b", "192.168.0.1", "xn--a", "sthree-a",
    "amzn-s3-demo-a", "ab..cd", "-ab", "ab-", ".ab", "ab.", "a-s3alias",
    "a--ol-s3", "a.mrap", "a--x-s3", "a b", "a+b", "\u00e4bc", "minio"])
def test_illegal_names_are_refused(call, name):
    r = call("PUT", f"/{name}")
    assert (r.status, r.code) == (400, "InvalidBucketName")
    assert r.element("BucketName") == name
    assert r.message == "The specified bucket is not valid."


@pytest.mark.parametrize("name", ["abc", "a" * 63, "1.2.3", "a.b-c", "0ab",
                                   "a-b"])
def test_legal_names_are_taken(client, name):
    client.create_bucket(Bucket=name)
    client.head_bucket(Bucket=name)
    client.delete_bucket(Bucket=name)


def test_region_asked_for_is_kept(client):
    client.create_bucket(
        Bucket="far-away",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert client.get_bucket_location(
        Bucket="far-away")["LocationConstraint"] == "eu-west-1"
    head = client.head_bucket(Bucket="far-away")["ResponseMetadata"]
    assert head["HTTPHeaders"]["x-amz-bucket-region"] == "eu-west-1"
    assert head["HTTPHeaders"]["x-amz-access-point-alias"] == "false"
    assert head["HTTPHeaders"]["x-amz-bucket-arn"] == "arn:aws:s3:::far-away"
    near = client.head_bucket(Bucket=DEFAULT)["ResponseMetadata"]
    assert near["HTTPHeaders"]["x-amz-bucket-region"] == "us-east-1"
    assert client.get_bucket_location(
        Bucket=DEFAULT).get("LocationConstraint") is None


def test_location_of_us_east_1_is_empty(call):
    r = call("GET", f"/{DEFAULT}", "location")
    assert r.status == 200
    assert f"<LocationConstraint {XMLNS}></LocationConstraint>" in r.text


@pytest.mark.parametrize("region", [
    "us-east-1", "Not A Region", "mars", "eu-west", "eu_west_1", "eu--1",
    "EU-WEST-1", "1", "-", "eu-west-1-", ""])
def test_bad_location_is_refused(call, client, region):
    r = call("PUT", "/nowhere", body=location(region))
    assert (r.status, r.code) == (400, "InvalidLocationConstraint")
    assert r.element("LocationConstraint") == region
    assert failure(client.head_bucket, Bucket="nowhere")[0] == 404


@pytest.mark.parametrize("asked,kept", [
    ("EU", "eu-west-1"), ("us-gov-west-1", "us-gov-west-1"),
    ("ap-southeast-2", "ap-southeast-2"), (" eu-west-2 ", "eu-west-2")])
def test_locations(call, client, asked, kept):
    assert call("PUT", "/located", body=location(asked)).status == 200
    head = client.head_bucket(Bucket="located")["ResponseMetadata"]
    assert head["HTTPHeaders"]["x-amz-bucket-region"] == kept
    client.delete_bucket(Bucket="located")


@pytest.mark.local_store("another S3 has the regions that it has")
def test_a_client_may_have_its_own_name_for_the_region(gateway):
    """As the AWS CLI has it: what it signs for, it also names."""
    client = gateway.client(region="auto")
    client.create_bucket(Bucket="auto-bucket", CreateBucketConfiguration={
        "LocationConstraint": "auto"})
    assert client.get_bucket_location(
        Bucket="auto-bucket")["LocationConstraint"] == "auto"
    assert failure(client.create_bucket, Bucket="nowhere",
                   CreateBucketConfiguration={"LocationConstraint": "mars"}
                   ) == (400, "InvalidLocationConstraint")


@pytest.mark.parametrize("body", [
    "x", "<CreateBucketConfiguration>", "<Other/>",
    "<CreateBucketConfiguration><Unknown/></CreateBucketConfiguration>",
    "<CreateBucketConfiguration><LocationConstraint>eu-west-1"
    "</LocationConstraint><LocationConstraint>eu-west-2</LocationConstraint>"
    "</CreateBucketConfiguration>",
    "<CreateBucketConfiguration><Tags><Tag><Key>a</Key></Tag></Tags>"
    "</CreateBucketConfiguration>",
    "<!DOCTYPE x><CreateBucketConfiguration/>",
    b"<CreateBucketConfiguration>\xff</CreateBucketConfiguration>",
    "<CreateBucketConfiguration>" + " " * 65536
    + "</CreateBucketConfiguration>",
], ids=range(9))
def test_bad_configuration_is_refused(call, client, body):
    r = call("PUT", "/misconfigured", body=body)
    assert (r.status, r.code) == (400, "MalformedXML")
    assert failure(client.head_bucket, Bucket="misconfigured")[0] == 404


def test_tags_come_with_the_bucket(call, client):
    body = (f"<CreateBucketConfiguration {XMLNS}><Tags><Tag><Key>a</Key>"
            "<Value>1 &amp; 2</Value></Tag></Tags>"
            "</CreateBucketConfiguration>")
    r = call("PUT", "/tagged-bucket", body=body)
    assert (r.status, r.code) == (400, "InvalidTag")
    r = call("PUT", "/tagged-bucket", body=body.replace(" &amp; 2", ""))
    assert r.status == 200
    assert client.get_bucket_tagging(Bucket="tagged-bucket")["TagSet"] == [
        {"Key": "a", "Value": "1"}]
    client.delete_bucket(Bucket="tagged-bucket")
    client.create_bucket(Bucket="tagged-bucket")
    assert failure(client.get_bucket_tagging,
                   Bucket="tagged-bucket") == (404, "NoSuchTagSet")
    client.delete_bucket(Bucket="tagged-bucket")


@pytest.mark.parametrize("headers,status,code", [
    ({"x-amz-acl": "private"}, 200, None),
    ({"x-amz-object-ownership": "BucketOwnerEnforced"}, 200, None),
    ({"x-amz-bucket-object-lock-enabled": "false"}, 200, None),
    ({"x-amz-acl": "public-read"}, 400,
     "InvalidBucketAclWithObjectOwnership"),
    ({"x-amz-acl": "authenticated-read"}, 400,
     "InvalidBucketAclWithObjectOwnership"),
    ({"x-amz-grant-read": "id=x"}, 400,
     "InvalidBucketAclWithObjectOwnership"),
    ({"x-amz-acl": "private", "x-amz-grant-read": "id=x"}, 400,
     "InvalidRequest"),
    ({"x-amz-acl": "open"}, 400, "InvalidArgument"),
    ({"x-amz-object-ownership": "ObjectWriter"}, 501, "NotImplemented"),
    ({"x-amz-object-ownership": "BucketOwnerPreferred"}, 501,
     "NotImplemented"),
    ({"x-amz-object-ownership": "Nobody"}, 400, "InvalidArgument"),
    ({"x-amz-bucket-object-lock-enabled": "true"}, 501, "NotImplemented"),
])
def test_headers_of_create(call, client, headers, status, code):
    r = call("PUT", "/with-headers", **headers)
    assert (r.status, r.code) == (status, code)
    if status == 200:
        client.delete_bucket(Bucket="with-headers")
    else:
        assert failure(client.head_bucket, Bucket="with-headers")[0] == 404


def test_bad_canned_acl_is_named(call):
    r = call("PUT", "/with-headers", x_amz_acl="open")
    assert r.message == ""
    assert r.element("ArgumentName") == "x-amz-acl"
    assert r.element("ArgumentValue") == "open"


def test_own_bucket_of_another_region_again(client):
    where = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket="again-in-europe",
                         CreateBucketConfiguration=where)
    with pytest.raises(ClientError) as e:
        client.create_bucket(Bucket="again-in-europe",
                             CreateBucketConfiguration=where)
    assert e.value.response["Error"]["Code"] == "BucketAlreadyOwnedByYou"


def test_own_bucket_again_outside_us_east_1(own_gateway):
    client = own_gateway({"AWS_REGION": "eu-central-1"}).client(
        region="eu-central-1")
    client.create_bucket(Bucket="twice")
    assert failure(client.create_bucket, Bucket="twice") == (
        409, "BucketAlreadyOwnedByYou")
    assert client.get_bucket_location(
        Bucket="twice")["LocationConstraint"] == "eu-central-1"
    # The gateway's own region may have any name.
    client.create_bucket(Bucket="named", CreateBucketConfiguration={
        "LocationConstraint": "eu-central-1"})


# ---- HeadBucket, DeleteBucket -----------------------------------------------

def test_missing_bucket(call):
    for method in ("GET", "DELETE"):
        r = call(method, "/no-such-bucket-here")
        assert (r.status, r.code) == (404, "NoSuchBucket")
        assert r.element("BucketName") == "no-such-bucket-here"
    r = call("HEAD", "/no-such-bucket-here")
    assert r.status == 404 and r.body == b""


def test_deletion_names_the_versions_that_are_left(client, call, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"")
    r = call("DELETE", f"/{bucket}")
    assert r.message == "The bucket you tried to delete is not empty"
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.delete_object(Bucket=bucket, Key="k")
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    r = call("DELETE", f"/{bucket}")
    assert (r.status, r.code) == (409, "BucketNotEmpty")
    assert r.message == ("The bucket you tried to delete is not empty. You "
                         "must delete all versions in the bucket.")


def test_a_new_bucket_of_the_name_has_nothing_of_the_old(client, bucket):
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [
        {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
    client.delete_bucket(Bucket=bucket)
    client.create_bucket(Bucket=bucket)
    assert "Status" not in client.get_bucket_versioning(Bucket=bucket)
    assert failure(client.get_bucket_cors, Bucket=bucket) == (
        404, "NoSuchCORSConfiguration")


# ---- ListBuckets ------------------------------------------------------------

@pytest.fixture(scope="module")
def listed(client):
    names = [f"paged-{i:02}" for i in range(12)] + ["paged-eu-0", "paged-eu-1"]
    for n in names:
        options = {"CreateBucketConfiguration": {
            "LocationConstraint": "eu-west-3"}} if "eu" in n else {}
        client.create_bucket(Bucket=n, **options)
    return names


def buckets(r):
    import re
    return re.findall("<Bucket><Name>(.*?)</Name>", r.text)


def test_all_buckets_without_pages(call, listed):
    r = call("GET", "/")
    assert r.status == 200
    assert [b for b in buckets(r) if b in listed] == listed
    assert buckets(r) == sorted(buckets(r))
    assert r.element("ContinuationToken") is None
    assert r.element("BucketRegion") is None and r.element("Prefix") is None
    assert r.element("BucketArn") == "arn:aws:s3:::" + r.element("Name")
    assert len(r.element("ID")) == 64


@pytest.mark.parametrize("size", [1, 3, 13, 14, 15, 10000])
def test_pages_of_buckets(call, listed, size):
    got, token = [], ""
    while True:
        r = call("GET", "/", f"prefix=paged-&max-buckets={size}" + token)
        assert r.status == 200 and r.element("Prefix") == "paged-"
        page = buckets(r)
        assert len(page) <= size
        got += page
        if not r.element("ContinuationToken"):
            break
        assert len(page) == size
        token = "&continuation-token=" + r.element("ContinuationToken")
    assert got == listed


def test_buckets_of_a_region(call, listed):
    r = call("GET", "/", "prefix=paged-&bucket-region=eu-west-3")
    assert buckets(r) == ["paged-eu-0", "paged-eu-1"]
    assert r.element("BucketRegion") == "eu-west-3"
    assert buckets(call("GET", "/", "bucket-region=sa-east-1")) == []


@pytest.mark.parametrize("query,name,message", [
    ("max-buckets=0", "max-buckets",
     "Argument max-buckets must be an integer between 1 and 10000"),
    ("max-buckets=10001", "max-buckets",
     "Argument max-buckets must be an integer between 1 and 10000"),
    ("max-buckets=-1", "max-buckets",
     "Argument max-buckets must be an integer between 1 and 10000"),
    ("max-buckets=x", "max-buckets",
     "Provided max-buckets not an integer or within integer range"),
    ("max-buckets=99999999999", "max-buckets",
     "Provided max-buckets not an integer or within integer range"),
    ("continuation-token=x", "continuation-token",
     "The continuation token provided is incorrect"),
    ("continuation-token=", "continuation-token",
     "The continuation token provided is incorrect"),
    ("bucket-region=nowhere", "bucket-region",
     "Argument value nowhere is not a valid AWS Region"),
])
def test_bad_arguments_of_list_buckets(call, query, name, message):
    r = call("GET", "/", query)
    assert (r.status, r.code) == (400, "InvalidArgument")
    assert r.element("ArgumentName") == name
    assert r.message == message
