"""Buckets and what their sub-resources say."""

import pytest
from botocore.exceptions import ClientError


def failure(call, **options):
    with pytest.raises(ClientError) as e:
        call(**options)
    r = e.value.response
    return r["ResponseMetadata"]["HTTPStatusCode"], r["Error"]["Code"]


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
    assert "socialitix-videos" in [b["Name"] for b in answer["Buckets"]]
    acl = client.get_bucket_acl(Bucket="socialitix-videos")
    assert acl["Owner"]["ID"] == answer["Owner"]["ID"]
    assert len(acl["Owner"]["ID"]) == 64


@pytest.mark.parametrize("name", ["Upper", "a_b", "192.168.0.1", "xn--a",
                                  "ab..cd", "-ab", "ab-", "a-s3alias"])
def test_illegal_names_are_refused(gateway, client, name):
    from sigv4 import Signer, head
    from wire import request
    path = f"/{name}"
    h = Signer().headers("PUT", path, f"127.0.0.1:{gateway.port}")
    h["Content-Length"] = "0"
    r = request(gateway.port, head("PUT", path, h))
    assert r.status == 400 and "<Code>InvalidBucketName</Code>" in r.text
    assert f"<BucketName>{name}</BucketName>" in r.text


def test_region_asked_for_is_kept(client):
    client.create_bucket(
        Bucket="far-away",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert client.get_bucket_location(
        Bucket="far-away")["LocationConstraint"] == "eu-west-1"
    head = client.head_bucket(Bucket="far-away")["ResponseMetadata"]
    assert head["HTTPHeaders"]["x-amz-bucket-region"] == "eu-west-1"
    near = client.head_bucket(Bucket="socialitix-videos")["ResponseMetadata"]
    assert near["HTTPHeaders"]["x-amz-bucket-region"] == "us-east-1"
    assert client.get_bucket_location(
        Bucket="socialitix-videos").get("LocationConstraint") is None


@pytest.mark.parametrize("region", ["us-east-1", "Not A Region"])
def test_bad_location_is_refused(client, region):
    assert failure(
        client.create_bucket, Bucket="nowhere",
        CreateBucketConfiguration={"LocationConstraint": region}) == (
            400, "InvalidLocationConstraint")


def test_what_was_never_set_says_so(client, bucket):
    expected = {
        "get_bucket_policy": "NoSuchBucketPolicy",
        "get_bucket_cors": "NoSuchCORSConfiguration",
        "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
        "get_bucket_tagging": "NoSuchTagSet",
        "get_bucket_website": "NoSuchWebsiteConfiguration",
        "get_bucket_replication": "ReplicationConfigurationNotFoundError",
        "get_bucket_encryption":
            "ServerSideEncryptionConfigurationNotFoundError",
        "get_object_lock_configuration":
            "ObjectLockConfigurationNotFoundError",
        "get_public_access_block": "NoSuchPublicAccessBlockConfiguration",
        "get_bucket_ownership_controls": "OwnershipControlsNotFoundError",
    }
    for name, code in expected.items():
        assert failure(getattr(client, name), Bucket=bucket) == (404, code)
        assert failure(getattr(client, name),
                       Bucket="no-such-bucket-here") == (404, "NoSuchBucket")
    assert "Status" not in client.get_bucket_versioning(Bucket=bucket)


def test_changes_of_configuration_are_refused_not_ignored(client, bucket):
    for name, options in (
            ("put_bucket_versioning",
             {"VersioningConfiguration": {"Status": "Enabled"}}),
            ("put_bucket_policy", {"Policy": "{}"}),
            ("put_bucket_website", {"WebsiteConfiguration": {}}),
            ("put_bucket_replication", {"ReplicationConfiguration": {"Role": "r", "Rules": []}}),
            ("put_bucket_acl", {"ACL": "public-read"})):
        assert failure(getattr(client, name), Bucket=bucket, **options) == (
            501, "NotImplemented")


def test_bucket_with_object_lock_or_open_acl_is_refused(client):
    for options, expected in (
            ({"ObjectLockEnabledForBucket": True}, (501, "NotImplemented")),
            ({"ACL": "public-read"},
             (400, "InvalidBucketAclWithObjectOwnership"))):
        assert failure(client.create_bucket, Bucket="locked-bucket",
                       **options) == expected
        assert failure(client.head_bucket, Bucket="locked-bucket")[0] == 404
    client.create_bucket(Bucket="private-bucket", ACL="private")
