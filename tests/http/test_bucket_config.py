"""What is configured of a bucket, what cannot be, and methods that are none."""

import pytest
from botocore.exceptions import ClientError

XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def failure(call, **options):
    with pytest.raises(ClientError) as e:
        call(**options)
    r = e.value.response
    return r["ResponseMetadata"]["HTTPStatusCode"], r["Error"]["Code"]


# ---- never set --------------------------------------------------------------

@pytest.mark.parametrize("query,code,message", [
    ("policy", "NoSuchBucketPolicy", "The bucket policy does not exist"),
    ("policyStatus", "NoSuchBucketPolicy",
     "The bucket policy does not exist"),
    ("cors", "NoSuchCORSConfiguration",
     "The CORS configuration does not exist"),
    ("lifecycle", "NoSuchLifecycleConfiguration",
     "The lifecycle configuration does not exist"),
    ("tagging", "NoSuchTagSet", "The TagSet does not exist"),
    ("website", "NoSuchWebsiteConfiguration",
     "The specified bucket does not have a website configuration"),
    ("replication", "ReplicationConfigurationNotFoundError",
     "The replication configuration was not found"),
    ("encryption", "ServerSideEncryptionConfigurationNotFoundError",
     "The server side encryption configuration was not found"),
    ("object-lock", "ObjectLockConfigurationNotFoundError",
     "Object Lock configuration does not exist for this bucket"),
])
def test_what_was_never_set(call, bucket, query, code, message):
    r = call("GET", f"/{bucket}", query)
    assert (r.status, r.code, r.message) == (404, code, message)
    assert r.element("BucketName") == bucket
    r = call("GET", "/no-such-bucket-here", query)
    assert (r.status, r.code) == (404, "NoSuchBucket")


@pytest.mark.parametrize("query", ["analytics", "metrics", "inventory",
                                   "intelligent-tiering"])
def test_configurations_by_id(call, bucket, query):
    r = call("GET", f"/{bucket}", query)
    assert r.status == 200 and r.element("IsTruncated") == "false"
    for method in ("GET", "DELETE"):
        r = call(method, f"/{bucket}", f"{query}&id=x")
        assert (r.status, r.code) == (404, "NoSuchConfiguration")
        assert r.message == "The specified configuration does not exist."
    r = call("PUT", f"/{bucket}", f"{query}&id=x", body="<x/>")
    assert (r.status, r.code) == (501, "NotImplemented")


def test_probes_of_the_sdk(client, bucket):
    assert "LoggingEnabled" not in client.get_bucket_logging(Bucket=bucket)
    assert client.get_bucket_request_payment(
        Bucket=bucket)["Payer"] == "BucketOwner"
    assert "Status" not in client.get_bucket_accelerate_configuration(
        Bucket=bucket)
    got = client.get_bucket_notification_configuration(Bucket=bucket)
    assert "QueueConfigurations" not in got
    assert client.get_public_access_block(
        Bucket=bucket)["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True, "IgnorePublicAcls": True,
            "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    assert client.get_bucket_ownership_controls(
        Bucket=bucket)["OwnershipControls"]["Rules"] == [
            {"ObjectOwnership": "BucketOwnerEnforced"}]
    for name in ("analytics", "metrics", "inventory", "intelligent_tiering"):
        got = getattr(client, f"list_bucket_{name}_configurations")(
            Bucket=bucket)
        assert got["IsTruncated"] is False


@pytest.mark.parametrize("query", ["policy", "lifecycle", "website",
                                   "replication", "encryption", "cors",
                                   "tagging"])
def test_deleting_what_was_never_set_is_fine(call, bucket, query):
    r = call("DELETE", f"/{bucket}", query)
    assert r.status == 204 and r.body == b""
    assert call("DELETE", "/no-such-bucket-here", query).status == 404


@pytest.mark.parametrize("method,query,name", [
    ("PUT", "policy", "PutBucketPolicy"),
    ("PUT", "lifecycle", "PutBucketLifecycleConfiguration"),
    ("PUT", "website", "PutBucketWebsite"),
    ("PUT", "replication", "PutBucketReplication"),
    ("PUT", "encryption", "PutBucketEncryption"),
    ("PUT", "object-lock", "PutObjectLockConfiguration"),
    ("PUT", "logging", "PutBucketLogging"),
    ("PUT", "requestPayment", "PutBucketRequestPayment"),
    ("PUT", "accelerate", "PutBucketAccelerateConfiguration"),
    ("DELETE", "publicAccessBlock", "DeletePublicAccessBlock"),
    ("DELETE", "ownershipControls", "DeleteBucketOwnershipControls"),
    ("GET", "session", "CreateSession"),
    ("GET", "events", "ListenBucketNotification"),
    ("POST", "metadataTable", "CreateBucketMetadataTableConfiguration"),
])
def test_not_implemented_names_the_operation(call, bucket, method, query,
                                             name):
    r = call(method, f"/{bucket}", query, body="<x/>" if method == "PUT"
             else "")
    assert (r.status, r.code) == (501, "NotImplemented")
    assert f" {name} " in r.message


@pytest.mark.parametrize("method,path,query,resource", [
    ("PUT", "/", "", "SERVICE"),
    ("POST", "/", "", "SERVICE"),
    ("DELETE", "/", "", "SERVICE"),
    ("PATCH", "/{}", "", "BUCKET"),
    ("POST", "/{}/k", "", "OBJECT"),
    ("PUT", "/{}/k", "uploadId=x", "UPLOAD"),
    ("GET", "/{}", "delete", "MULTI_OBJECT_DELETE"),
    ("PUT", "/{}", "versions", "BUCKETVERSIONS"),
    ("POST", "/{}", "policy", "BUCKETPOLICY"),
    ("POST", "/{}", "cors", "CORS"),
    ("DELETE", "/{}", "versioning", "VERSIONING"),
    ("DELETE", "/{}/k", "acl", "ACL"),
    ("PUT", "/{}/k", "torrent", "TORRENT"),
])
def test_methods_that_are_none(call, bucket, method, path, query, resource):
    r = call(method, path.format(bucket), query)
    assert (r.status, r.code) == (405, "MethodNotAllowed")
    assert r.message == ("The specified method is not allowed against this "
                         "resource.")
    assert r.element("Method") == method
    assert r.element("ResourceType") == resource
    allowed = r.headers["allow"].split(", ")
    assert len(set(allowed)) == len(allowed) and method not in allowed
    known = {"SERVICE": ["GET"], "UPLOAD": ["POST", "DELETE", "GET"],
             "MULTI_OBJECT_DELETE": ["POST"], "ACL": ["GET", "PUT"]}
    assert allowed == known.get(resource, allowed)


def test_two_subresources_conflict(call, bucket):
    r = call("GET", f"/{bucket}", "acl&policy")
    assert (r.status, r.code) == (400, "InvalidArgument")
    assert r.message == "Conflicting query string parameters: acl, policy"
    assert r.element("ArgumentName") == "ResourceType"
    assert r.element("ArgumentValue") == "acl"


@pytest.mark.parametrize("query", ["foo=bar", "x-id=ListObjects", "Acl",
                                   "metadata=true"])
def test_unknown_parameters_are_ignored(call, bucket, query):
    r = call("GET", f"/{bucket}", query)
    assert r.status == 200 and "<ListBucketResult" in r.text


# ---- versioning -------------------------------------------------------------

def versioning(*elements):
    return (f"<VersioningConfiguration {XMLNS}>{''.join(elements)}"
            f"</VersioningConfiguration>")


ENABLED, SUSPENDED = ("<Status>Enabled</Status>", "<Status>Suspended</Status>")


def test_versioning_follows_what_is_put(call, bucket):
    path = f"/{bucket}"
    r = call("GET", path, "versioning")
    assert r.status == 200
    assert r.text.endswith(f"<VersioningConfiguration {XMLNS}>"
                           f"</VersioningConfiguration>")
    for status in (SUSPENDED, ENABLED, ENABLED, SUSPENDED):
        r = call("PUT", path, "versioning", versioning(status))
        assert r.status == 200 and r.body == b""
        r = call("GET", path, "versioning")
        assert r.text.endswith(versioning(status))
    r = call("PUT", path, "versioning",
             versioning("<MfaDelete>Disabled</MfaDelete>", ENABLED), md5=False)
    assert r.status == 200


@pytest.mark.parametrize("body,status,code,message", [
    ("", 400, "MissingRequestBodyError", "Request Body is empty"),
    (versioning(), 400, "IllegalVersioningConfigurationException",
     "The Versioning element must be specified"),
    (versioning("<Status>enabled</Status>"), 400, "MalformedXML", None),
    (versioning("<Status>Disabled</Status>"), 400, "MalformedXML", None),
    (versioning("<Status/>"), 400, "MalformedXML", None),
    (versioning(ENABLED, SUSPENDED), 400, "MalformedXML", None),
    (versioning(ENABLED, "<Other/>"), 400, "MalformedXML", None),
    (versioning(ENABLED, "<MfaDelete>x</MfaDelete>"), 400, "MalformedXML",
     None),
    ("<Versioning>" + ENABLED + "</Versioning>", 400, "MalformedXML", None),
    ("nonsense", 400, "MalformedXML", None),
    (versioning(ENABLED, "<MfaDelete>Enabled</MfaDelete>"), 501,
     "NotImplemented", "MFA delete is not implemented."),
], ids=range(11))
def test_bad_versioning_is_refused(call, bucket, body, status, code, message):
    r = call("PUT", f"/{bucket}", "versioning", body)
    assert (r.status, r.code) == (status, code)
    assert r.message == (message or
                         "The XML you provided was not well-formed or did not "
                         "validate against our published schema")
    r = call("GET", f"/{bucket}", "versioning")
    assert "<Status>" not in r.text


# ---- tags -------------------------------------------------------------------

def tagging(*tags):
    return (f"<Tagging {XMLNS}><TagSet>" + "".join(
        f"<Tag><Key>{k}</Key><Value>{v}</Value></Tag>" for k, v in tags)
        + "</TagSet></Tagging>")


def test_tags_of_a_bucket(client, call, bucket):
    tags = [{"Key": "zeta", "Value": ""}, {"Key": "a b", "Value": "\u00e4+-"}]
    answer = client.put_bucket_tagging(Bucket=bucket,
                                       Tagging={"TagSet": tags})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags[1:]})
    assert client.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags[1:]
    assert call("DELETE", f"/{bucket}", "tagging").status == 204
    assert failure(client.get_bucket_tagging, Bucket=bucket) == (
        404, "NoSuchTagSet")


def test_fifty_tags_of_the_longest_kind(client, bucket):
    tags = [{"Key": f"{i:02}" + "\u00e9" * 126, "Value": "\u20ac" * 256}
            for i in range(50)]
    client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert client.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags


@pytest.mark.parametrize("body,code,message", [
    ("", "MissingRequestBodyError", None),
    ("<Tagging/>", "MalformedXML", None),
    (tagging(("a", "1")).replace("</TagSet>", ""), "MalformedXML", None),
    (tagging(("a", "1"), ("a", "2")), "InvalidTag",
     "Cannot provide multiple Tags with the same key"),
    (tagging(("aws:x", "1")), "InvalidTag",
     "System tags cannot be added/updated by requester"),
    (tagging(("", "1")), "InvalidTag",
     "The TagKey you have provided is invalid"),
    (tagging(("k" * 129, "1")), "InvalidTag",
     "The TagKey you have provided is invalid"),
    (tagging(("k", "v" * 257)), "InvalidTag",
     "The TagValue you have provided is invalid"),
    (tagging(("k", "a;b")), "InvalidTag",
     "The TagValue you have provided is invalid"),
    (tagging(*[(f"k{i}", "") for i in range(51)]), "BadRequest",
     "Bucket tag count cannot be greater than 50"),
], ids=range(10))
def test_bad_tags_are_refused(call, bucket, body, code, message):
    headers = {"x-amz-checksum-crc32": "AAAAAA=="} if not body else {}
    r = call("PUT", f"/{bucket}", "tagging", body, **headers)
    assert (r.status, r.code) == (400, code)
    if message:
        assert r.message == message
    assert call("GET", f"/{bucket}", "tagging").code == "NoSuchTagSet"


@pytest.mark.parametrize("query,body", [
    ("tagging", tagging(("a", "1"))),
    ("cors", "<CORSConfiguration/>"),
], ids=["tagging", "cors"])
def test_bodies_need_a_digest(call, bucket, query, body):
    r = call("PUT", f"/{bucket}", query, body, md5=False)
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert "Content-MD5" in r.message


# ---- access -----------------------------------------------------------------

def test_acls_are_off(client, call, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"")
    for path, acl in ((f"/{bucket}", "private"), (f"/{bucket}", "public-read"),
                      (f"/{bucket}/k", "public-read")):
        r = call("PUT", path, "acl", x_amz_acl=acl)
        assert (r.status, r.code) == (400, "AccessControlListNotSupported")
        assert r.message == "The bucket does not allow ACLs"
    owner = client.list_buckets()["Owner"]["ID"]
    for acl in (client.get_bucket_acl(Bucket=bucket),
                client.get_object_acl(Bucket=bucket, Key="k")):
        assert acl["Owner"]["ID"] == owner
        assert [(g["Grantee"]["ID"], g["Permission"])
                for g in acl["Grants"]] == [(owner, "FULL_CONTROL")]
    assert failure(client.get_object_acl, Bucket=bucket, Key="none") == (
        404, "NoSuchKey")


def controls(value):
    return (f"<OwnershipControls {XMLNS}><Rule><ObjectOwnership>{value}"
            f"</ObjectOwnership></Rule></OwnershipControls>")


@pytest.mark.parametrize("body,status,code", [
    (controls("BucketOwnerEnforced"), 200, None),
    (controls("BucketOwnerPreferred"), 501, "NotImplemented"),
    (controls("ObjectWriter"), 501, "NotImplemented"),
    (controls("Nobody"), 400, "MalformedXML"),
    (controls(""), 400, "MalformedXML"),
    (f"<OwnershipControls {XMLNS}/>", 400, "MalformedXML"),
    ("", 400, "MissingRequestBodyError"),
], ids=range(7))
def test_ownership_is_the_bucket_owners(call, bucket, body, status, code):
    r = call("PUT", f"/{bucket}", "ownershipControls", body)
    assert (r.status, r.code) == (status, code)


def block(**settings):
    return (f"<PublicAccessBlockConfiguration {XMLNS}>" + "".join(
        f"<{k}>{v}</{k}>" for k, v in settings.items())
        + "</PublicAccessBlockConfiguration>")


ALL = {"BlockPublicAcls": "true", "IgnorePublicAcls": "TRUE",
       "BlockPublicPolicy": "true", "RestrictPublicBuckets": "true"}


@pytest.mark.parametrize("body,status,code", [
    (block(**ALL), 200, None),
    (block(**{**ALL, "BlockPublicAcls": "false"}), 501, "NotImplemented"),
    (block(BlockPublicAcls="true"), 501, "NotImplemented"),
    (block(), 501, "NotImplemented"),
    (block(**{**ALL, "BlockPublicAcls": "yes"}), 400, "MalformedXML"),
    (block(**ALL, Other="true"), 400, "MalformedXML"),
    ("", 400, "MissingRequestBodyError"),
], ids=range(7))
def test_nothing_is_made_public(call, bucket, body, status, code):
    r = call("PUT", f"/{bucket}", "publicAccessBlock", body)
    assert (r.status, r.code) == (status, code)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("query", ["retention", "legal-hold"])
def test_no_object_is_locked(call, client, bucket, method, query):
    client.put_object(Bucket=bucket, Key="k", Body=b"")
    r = call(method, f"/{bucket}/k", query, "<x/>" if method == "PUT" else "")
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message == "Bucket is missing Object Lock Configuration"
