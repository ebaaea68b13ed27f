"""Each change of an object has its event, under AWS's name for it."""
import json
import uuid

import pytest

from stack import BUCKET


@pytest.fixture
def events(stack):
    """Names and versions of the events of one key, in order."""
    def read(key):
        stack.relayed()
        rows = stack.sql("SELECT record FROM object_events "
                         f"WHERE key = '{key}' ORDER BY seq")
        records = [json.loads(r[0]) for r in rows]
        return [r["eventName"] for r in records]
    return read


@pytest.fixture
def key():
    return f"events/{uuid.uuid4()}"


@pytest.fixture
def c(stack):
    return stack.client()


def test_put_copy_and_removal(c, events, key):
    c.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    c.copy_object(Bucket=BUCKET, Key=key + "-b", CopySource=f"{BUCKET}/{key}")
    c.copy_object(Bucket=BUCKET, Key=key, CopySource=f"{BUCKET}/{key}",
                  MetadataDirective="REPLACE")
    c.delete_object(Bucket=BUCKET, Key=key)
    c.delete_objects(Bucket=BUCKET, Delete={"Objects": [
        {"Key": key}, {"Key": key + "-b"}]})
    assert events(key) == ["ObjectCreated:Put", "ObjectCreated:Copy",
                           "ObjectRemoved:Delete"]
    assert events(key + "-b") == ["ObjectCreated:Copy",
                                  "ObjectRemoved:Delete"]


def test_tags(c, events, key):
    c.put_object(Bucket=BUCKET, Key=key, Body=b"x", Tagging="a=1")
    c.put_object_tagging(Bucket=BUCKET, Key=key, Tagging={
        "TagSet": [{"Key": "b", "Value": "2"}]})
    c.delete_object_tagging(Bucket=BUCKET, Key=key)
    assert events(key) == ["ObjectCreated:Put", "ObjectTagging:Put",
                           "ObjectTagging:Delete"]


def test_rename_is_a_creation_and_a_removal(stack, events, c, key):
    from sigv4 import Signer, head
    from wire import request
    c.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    path, port = f"/{BUCKET}/{key}-new", stack.port
    h = Signer().headers("PUT", path, f"127.0.0.1:{port}", "UNSIGNED-PAYLOAD",
                         [("renameObject", "")], {"x-amz-rename-source": key})
    h["Content-Length"] = "0"
    r = request(port, head("PUT", path + "?renameObject", h))
    assert r.status == 200
    assert events(key) == ["ObjectCreated:Put", "ObjectRemoved:Delete"]
    assert events(key + "-new") == ["ObjectCreated:Copy"]


def test_versions(stack, c, events, key):
    bucket = "with-versions"
    c.create_bucket(Bucket=bucket)
    c.put_bucket_versioning(Bucket=bucket,
                            VersioningConfiguration={"Status": "Enabled"})
    version = c.put_object(Bucket=bucket, Key=key, Body=b"x")["VersionId"]
    c.delete_object(Bucket=bucket, Key=key)
    c.delete_object(Bucket=bucket, Key=key, VersionId=version)
    assert events(key) == ["ObjectCreated:Put",
                           "ObjectRemoved:DeleteMarkerCreated",
                           "ObjectRemoved:Delete"]


def test_copy_below_uploads_becomes_a_video(stack, c, user):
    key = f"uploads/{user.id}/copy.mp4"
    c.put_object(Bucket=BUCKET, Key=f"inbox/{user.id}", Body=b"12345")
    c.copy_object(Bucket=BUCKET, Key=key,
                  CopySource=f"{BUCKET}/inbox/{user.id}")
    stack.relayed()
    rows = stack.sql("SELECT user_id, file_size FROM videos "
                     f"WHERE s3_key = '{key}'")
    assert rows == [[user.id, "5"]]
