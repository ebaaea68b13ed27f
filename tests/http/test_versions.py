"""Objects of buckets with versioning: ids, delete markers, the null version.
How versions are listed is test_list_versions.py's."""

import pytest
from botocore.exceptions import ClientError

MISSING_ID = "0" * 26


def suspend(client, bucket):
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def put(client, bucket, body, key="o", **options):
    return client.put_object(Bucket=bucket, Key=key, Body=body,
                             **options).get("VersionId")


def get(client, bucket, key="o", **options):
    return client.get_object(Bucket=bucket, Key=key, **options)["Body"].read()


def failure(call, **options):
    with pytest.raises(ClientError) as e:
        call(**options)
    r = e.value.response
    return r["ResponseMetadata"]["HTTPStatusCode"], r["Error"]["Code"]


# ---- buckets without versions ------------------------------------------------------

def test_bucket_that_never_had_versions_says_nothing_of_them(http, client,
                                                             bucket):
    path = f"/{bucket}/o"
    for answer in (http("PUT", path, b"x"), http("GET", path),
                   http("HEAD", path),
                   http("GET", path, query=[("versionId", "null")]),
                   http("GET", path, query=[("tagging", "")]),
                   http("GET", path, query=[("acl", "")]),
                   http("DELETE", path)):
        assert answer.status in (200, 204)
        assert "x-amz-version-id" not in answer.headers
        assert "x-amz-delete-marker" not in answer.headers
    assert failure(client.get_object, Bucket=bucket,
                   Key="o") == (404, "NoSuchKey")


def test_null_is_the_version_of_every_plain_object(client, bucket):
    put(client, bucket, b"x")
    assert get(client, bucket, VersionId="null") == b"x"
    client.delete_object(Bucket=bucket, Key="o", VersionId="null")
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_deleting_a_version_that_is_gone_names_it(client, versioned):
    version = put(client, versioned, b"x")
    for _ in range(2):
        answer = client.delete_object(Bucket=versioned, Key="o",
                                      VersionId=version)
        assert answer["VersionId"] == version
        assert "DeleteMarker" not in answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("version,status,code,message", [
    ("", 400, "InvalidArgument", "Version id cannot be the empty string"),
    ("nonsense", 400, "InvalidArgument", "Invalid version id specified"),
    ("NULL", 400, "InvalidArgument", "Invalid version id specified"),
    ("0" * 25, 400, "InvalidArgument", "Invalid version id specified"),
    ("0" * 27, 400, "InvalidArgument", "Invalid version id specified"),
    ("null ", 400, "InvalidArgument", "Invalid version id specified"),
])
def test_version_id_that_is_none(http, bucket, method, version, status, code,
                                 message):
    http("PUT", f"/{bucket}/o", b"x")
    r = http(method, f"/{bucket}/o", query=[("versionId", version)])
    assert r.status == status
    if method != "HEAD":
        assert f"<Code>{code}</Code><Message>{message}</Message>" in r.text
        assert ("<ArgumentName>versionId</ArgumentName>"
                f"<ArgumentValue>{version}</ArgumentValue>") in r.text
    assert http("GET", f"/{bucket}/o").status == 200


def test_version_that_is_not_there(http, client, versioned):
    put(client, versioned, b"x")
    r = http("GET", f"/{versioned}/o", query=[("versionId", MISSING_ID)])
    assert r.status == 404
    assert ("<Code>NoSuchVersion</Code><Message>The specified version does "
            f"not exist.</Message><Key>o</Key><VersionId>{MISSING_ID}"
            "</VersionId>") in r.text
    r = http("HEAD", f"/{versioned}/o", query=[("versionId", MISSING_ID)])
    assert r.status == 404


def test_version_id_of_another_key_is_not_there(client, versioned):
    other = put(client, versioned, b"x", key="other")
    put(client, versioned, b"x")
    assert failure(client.get_object, Bucket=versioned, Key="o",
                   VersionId=other) == (404, "NoSuchVersion")


# ---- versions ---------------------------------------------------------------------

def test_every_write_has_an_id_and_all_stay(client, versioned):
    ids = [put(client, versioned, b"%d" % i) for i in range(5)]
    assert len(set(ids)) == 5 and "null" not in ids
    assert get(client, versioned) == b"4"
    for i, v in enumerate(ids):
        for call in (client.get_object, client.head_object):
            answer = call(Bucket=versioned, Key="o", VersionId=v)
            assert answer["VersionId"] == v
        assert get(client, versioned, VersionId=v) == b"%d" % i
    assert client.head_object(Bucket=versioned,
                              Key="o")["VersionId"] == ids[-1]
    assert client.list_objects_v2(Bucket=versioned)["KeyCount"] == 1


def test_each_version_has_its_own_headers(client, versioned):
    ids = [put(client, versioned, b"x", ContentType=f"text/{i}",
               Metadata={"n": str(i)}, StorageClass=c)
           for i, c in enumerate(("STANDARD_IA", "STANDARD"))]
    for i, v in enumerate(ids):
        head = client.head_object(Bucket=versioned, Key="o", VersionId=v)
        assert head["ContentType"] == f"text/{i}"
        assert head["Metadata"] == {"n": str(i)}
        assert head.get("StorageClass") == (None if i else "STANDARD_IA")


def test_range_and_conditions_work_on_a_version(client, versioned):
    old = put(client, versioned, b"0123456789")
    etag = client.head_object(Bucket=versioned, Key="o")["ETag"]
    put(client, versioned, b"other")
    assert get(client, versioned, VersionId=old, Range="bytes=2-4") == b"234"
    assert get(client, versioned, VersionId=old, IfMatch=etag)
    assert failure(client.get_object, Bucket=versioned, Key="o",
                   IfMatch=etag)[0] == 412
    assert failure(client.get_object, Bucket=versioned, Key="o",
                   VersionId=old, IfNoneMatch=etag)[0] == 304


def test_304_names_the_version(http, client, versioned):
    v = put(client, versioned, b"x", CacheControl="max-age=1",
            ContentType="text/plain", Metadata={"a": "b"})
    etag = client.head_object(Bucket=versioned, Key="o")["ETag"]
    r = http("GET", f"/{versioned}/o", headers={"If-None-Match": etag})
    assert r.status == 304
    assert r.headers["x-amz-version-id"] == v
    assert r.headers["cache-control"] == "max-age=1"
    assert "content-type" not in r.headers and "x-amz-meta-a" not in r.headers


def test_put_with_if_match_sees_the_current_version(client, http, versioned):
    old = put(client, versioned, b"1")
    etag = client.head_object(Bucket=versioned, Key="o")["ETag"]
    put(client, versioned, b"2")
    r = http("PUT", f"/{versioned}/o", b"3", {"If-Match": etag})
    assert r.status == 412
    client.delete_object(Bucket=versioned, Key="o")
    r = http("PUT", f"/{versioned}/o", b"3", {"If-Match": etag})
    assert r.status == 404 and "<Code>NoSuchKey</Code>" in r.text
    r = http("PUT", f"/{versioned}/o", b"3", {"If-None-Match": "*"})
    assert r.status == 200
    assert get(client, versioned, VersionId=old) == b"1"


# ---- delete markers ----------------------------------------------------------------

def test_delete_hides_behind_a_marker(client, versioned):
    v = put(client, versioned, b"x")
    answer = client.delete_object(Bucket=versioned, Key="o")
    assert answer["DeleteMarker"] is True
    assert answer["VersionId"] not in (v, "null")
    assert failure(client.get_object, Bucket=versioned,
                   Key="o") == (404, "NoSuchKey")
    assert get(client, versioned, VersionId=v) == b"x"
    assert client.list_objects_v2(Bucket=versioned)["KeyCount"] == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_current_marker_is_404_and_says_so(http, client, versioned, method):
    put(client, versioned, b"x")
    marker = client.delete_object(Bucket=versioned, Key="o")["VersionId"]
    r = http(method, f"/{versioned}/o")
    assert r.status == 404
    assert r.headers["x-amz-delete-marker"] == "true"
    assert r.headers["x-amz-version-id"] == marker
    if method == "GET":
        assert "<Code>NoSuchKey</Code>" in r.text and "<Key>o</Key>" in r.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_marker_by_its_id_is_405(http, client, versioned, method):
    put(client, versioned, b"x")
    marker = client.delete_object(Bucket=versioned, Key="o")["VersionId"]
    put(client, versioned, b"y")
    r = http(method, f"/{versioned}/o", query=[("versionId", marker)])
    assert r.status == 405
    assert r.headers["x-amz-delete-marker"] == "true"
    assert r.headers["x-amz-version-id"] == marker
    assert r.headers["allow"] == "DELETE"
    assert r.headers["last-modified"].endswith(" GMT")
    if method == "GET":
        assert ("<Code>MethodNotAllowed</Code><Message>The specified method "
                "is not allowed against this resource.</Message><Method>GET"
                "</Method><ResourceType>DeleteMarker</ResourceType>") in r.text


def test_key_that_never_was_has_no_marker_headers(http, versioned):
    r = http("GET", f"/{versioned}/nothing")
    assert r.status == 404
    assert "x-amz-delete-marker" not in r.headers
    assert "x-amz-version-id" not in r.headers


def test_delete_of_what_is_not_there_makes_a_marker(client, versioned):
    answer = client.delete_object(Bucket=versioned, Key="nothing")
    assert answer["DeleteMarker"] is True
    again = client.delete_object(Bucket=versioned, Key="nothing")
    assert again["VersionId"] != answer["VersionId"]


def test_deleting_the_marker_brings_the_object_back(client, versioned):
    put(client, versioned, b"x")
    marker = client.delete_object(Bucket=versioned, Key="o")["VersionId"]
    answer = client.delete_object(Bucket=versioned, Key="o", VersionId=marker)
    assert answer["DeleteMarker"] is True and answer["VersionId"] == marker
    assert get(client, versioned) == b"x"


def test_deleting_a_version_is_for_good(client, versioned):
    ids = [put(client, versioned, b"%d" % i) for i in range(3)]
    answer = client.delete_object(Bucket=versioned, Key="o", VersionId=ids[2])
    assert answer["VersionId"] == ids[2] and "DeleteMarker" not in answer
    assert get(client, versioned) == b"1"
    assert failure(client.get_object, Bucket=versioned, Key="o",
                   VersionId=ids[2]) == (404, "NoSuchVersion")
    client.delete_object(Bucket=versioned, Key="o", VersionId=ids[0])
    assert get(client, versioned) == b"1"
    client.delete_object(Bucket=versioned, Key="o", VersionId=ids[1])
    assert failure(client.get_object, Bucket=versioned,
                   Key="o") == (404, "NoSuchKey")


def test_deleting_a_version_twice_is_fine(client, versioned):
    v = put(client, versioned, b"x")
    for _ in range(2):
        answer = client.delete_object(Bucket=versioned, Key="o", VersionId=v)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_delete_if_match(http, client, versioned):
    v = put(client, versioned, b"x")
    etag = client.head_object(Bucket=versioned, Key="o")["ETag"]
    path = f"/{versioned}/o"
    assert http("DELETE", path, headers={"If-Match": '"no"'}).status == 412
    assert get(client, versioned) == b"x"
    for value in (etag, "*", '"no"'):
        r = http("DELETE", path, headers={"If-Match": value},
                 query=[("versionId", v)])
        assert r.status == 501 and "<Header>If-Match</Header>" in r.text
    assert http("DELETE", path, headers={"If-Match": etag}).status == 204
    for value in (etag, "*"):  # a marker is no object
        r = http("DELETE", path, headers={"If-Match": value})
        assert (r.status, r.code) == (404, "NoSuchKey")
    assert len(client.list_object_versions(
        Bucket=versioned)["DeleteMarkers"]) == 1


# ---- suspended --------------------------------------------------------------------

def test_suspended_bucket_writes_the_null_version(client, versioned):
    first = put(client, versioned, b"1")
    suspend(client, versioned)
    put(client, versioned, b"2")
    put(client, versioned, b"3")
    assert get(client, versioned) == b"3"
    assert get(client, versioned, VersionId="null") == b"3"
    assert get(client, versioned, VersionId=first) == b"1"
    assert client.head_object(Bucket=versioned,
                              Key="o")["VersionId"] == "null"


def test_suspended_writes_do_not_tell_the_null_version(client, versioned):
    suspend(client, versioned)
    of_key = {"Bucket": versioned, "Key": "o"}
    upload = client.create_multipart_upload(**of_key)["UploadId"]
    etag = client.upload_part(**of_key, UploadId=upload, PartNumber=1,
                              Body=b"x")["ETag"]
    for call, options in (
            (client.put_object, {}),
            (client.copy_object, {"CopySource": f"{versioned}/o",
                                  "MetadataDirective": "REPLACE"}),
            (client.complete_multipart_upload, {
                "UploadId": upload, "MultipartUpload": {
                    "Parts": [{"PartNumber": 1, "ETag": etag}]}})):
        assert "VersionId" not in call(**of_key, **options)
        assert client.head_object(**of_key)["VersionId"] == "null"


def test_suspended_delete_replaces_the_null_version_by_a_marker(client,
                                                                versioned):
    first = put(client, versioned, b"1")
    suspend(client, versioned)
    put(client, versioned, b"2")
    answer = client.delete_object(Bucket=versioned, Key="o")
    assert answer["DeleteMarker"] is True and answer["VersionId"] == "null"
    assert failure(client.get_object, Bucket=versioned, Key="o",
                   VersionId="null")[0] == 405
    client.delete_object(Bucket=versioned, Key="o", VersionId="null")
    assert get(client, versioned) == b"1"
    assert client.head_object(Bucket=versioned, Key="o")["VersionId"] == first


def test_objects_from_before_are_the_null_version(client, bucket):
    put(client, bucket, b"before")
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert client.head_object(Bucket=bucket, Key="o")["VersionId"] == "null"
    new = put(client, bucket, b"after")
    assert new != "null"
    assert get(client, bucket, VersionId="null") == b"before"
    assert get(client, bucket) == b"after"


# ---- DeleteObjects -----------------------------------------------------------------

def test_delete_objects_makes_markers(client, versioned):
    v = put(client, versioned, b"x", key="a")
    answer = client.delete_objects(Bucket=versioned, Delete={
        "Objects": [{"Key": "a"}, {"Key": "nothing"}]})["Deleted"]
    for entry, key in zip(answer, ("a", "nothing")):
        assert entry["Key"] == key and entry["DeleteMarker"] is True
        assert entry["DeleteMarkerVersionId"] != v
        assert "VersionId" not in entry
    assert get(client, versioned, key="a", VersionId=v) == b"x"


def test_delete_objects_removes_versions_and_markers(client, versioned):
    v = put(client, versioned, b"x", key="a")
    marker = client.delete_object(Bucket=versioned, Key="a")["VersionId"]
    answer = client.delete_objects(Bucket=versioned, Delete={"Objects": [
        {"Key": "a", "VersionId": marker},
        {"Key": "a", "VersionId": v},
        {"Key": "a", "VersionId": "nonsense"},
        {"Key": "b", "VersionId": MISSING_ID}]})
    first, second, *rest = answer["Deleted"]
    assert first == {"Key": "a", "VersionId": marker, "DeleteMarker": True,
                     "DeleteMarkerVersionId": marker}
    assert second == {"Key": "a", "VersionId": v}
    assert rest == [{"Key": "b", "VersionId": MISSING_ID}]
    assert answer["Errors"] == [{
        "Key": "a", "VersionId": "nonsense", "Code": "NoSuchVersion",
        "Message": "The specified version does not exist."}]
    assert failure(client.get_object, Bucket=versioned,
                   Key="a") == (404, "NoSuchKey")


def test_delete_objects_takes_the_same_key_twice(client, versioned):
    put(client, versioned, b"x", key="a")
    answer = client.delete_objects(Bucket=versioned, Delete={
        "Objects": [{"Key": "a"}, {"Key": "a"}]})["Deleted"]
    ids = {e["DeleteMarkerVersionId"] for e in answer}
    assert len(ids) == 2


# ---- ACL --------------------------------------------------------------------------

def test_acl_of_a_version_is_private(client, http, versioned):
    v = put(client, versioned, b"x")
    put(client, versioned, b"y")
    acl = client.get_object_acl(Bucket=versioned, Key="o", VersionId=v)
    assert [g["Permission"] for g in acl["Grants"]] == ["FULL_CONTROL"]
    assert acl["Grants"][0]["Grantee"]["ID"] == acl["Owner"]["ID"]
    marker = client.delete_object(Bucket=versioned, Key="o")["VersionId"]
    for query in ([("acl", "")], [("acl", ""), ("versionId", marker)]):
        r = http("GET", f"/{versioned}/o", query=query)
        assert r.status == 405
        assert "<ResourceType>DeleteMarker</ResourceType>" in r.text
