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


@pytest.mark.local_store("DeleteObjects elsewhere tells of absent keys, too")
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


# ---- rules of buckets -------------------------------------------------------

def queue(arn, events, id="rule", **filters):
    rules = [{"Name": n, "Value": v} for n, v in filters.items()]
    q = {"Id": id, "QueueArn": arn, "Events": events}
    if rules:
        q["Filter"] = {"Key": {"FilterRules": rules}}
    return q


@pytest.fixture
def ruled(c):
    """A new bucket with these rules."""
    def make(*queues):
        bucket = f"rules-{uuid.uuid4()}"
        c.create_bucket(Bucket=bucket)
        rule(bucket, *queues)
        return bucket

    def rule(bucket, *queues):
        c.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={"QueueConfigurations": list(queues)})
    make.again = rule
    return make


HOOK = "arn:reelgate:jobs:::webhook_deliver"


def payloads(stack, bucket):
    stack.relayed()
    return [json.loads(r[0]) for r in stack.sql(
        "SELECT payload FROM job_queue WHERE type = 'webhook_deliver' "
        f"AND payload ->> 'bucket' = '{bucket}' "
        "ORDER BY payload #>> '{message,Records,0,s3,object,sequencer}'")]


def test_a_rule_feeds_jobs_with_the_event(stack, c, ruled):
    bucket = ruled(queue(HOOK + ":crm", ["s3:ObjectCreated:*",
                                         "s3:ObjectRemoved:Delete"],
                         prefix="in/", suffix=".txt"))
    for key in ("in/a b.txt", "in/a.jpg", "out/a.txt"):
        c.put_object(Bucket=bucket, Key=key, Body=b"12345")
    c.put_object_tagging(Bucket=bucket, Key="in/a b.txt", Tagging={
        "TagSet": [{"Key": "b", "Value": "2"}]})
    c.delete_object(Bucket=bucket, Key="in/a b.txt")
    put, removed = payloads(stack, bucket)
    etag = "827ccb0eea8a706c4c34a16891f84e7b"
    record = put["message"]["Records"][0]
    assert {n: v for n, v in put.items() if n != "message"} == {
        "bucket": bucket, "key": "in/a b.txt", "versionId": "null",
        "eTag": etag, "size": 5, "eventName": "ObjectCreated:Put",
        "endpoint": "crm"}
    assert list(put["message"]) == ["Records"]
    assert record["eventSource"] == "aws:s3"
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["configurationId"] == "rule"
    assert record["s3"]["object"]["key"] == "in/a+b.txt"
    assert record["s3"]["object"]["eTag"] == etag
    assert removed["eventName"] == "ObjectRemoved:Delete"


def test_minios_form_of_arn_asks_for_its_dialect(stack, c, ruled):
    bucket = ruled(queue("arn:minio:sqs::primary:webhook",
                         ["s3:ObjectCreated:Put"]))
    c.put_object(Bucket=bucket, Key="a b", Body=b"x", ContentType="text/plain")
    p, = payloads(stack, bucket)
    m = p["message"]
    assert p["endpoint"] == "primary"
    assert m["EventName"] == "s3:ObjectCreated:Put"
    assert m["Key"] == f"{bucket}/a b"
    record = m["Records"][0]
    assert record["eventSource"] == "minio:s3"
    assert record["eventName"] == "s3:ObjectCreated:Put"
    assert record["s3"]["object"]["contentType"] == "text/plain"


def test_a_changed_rule_holds_for_the_next_object(stack, c, ruled):
    """Each put is answered before the next request: no event may find the
    rules of before."""
    bucket = ruled()
    want = []
    for i in range(20):
        if i % 2:
            ruled.again(bucket, queue(HOOK, ["s3:ObjectCreated:*"]))
            want.append(f"k{i}")
        else:
            ruled.again(bucket)
        c.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x")
        stack.relayed()
    assert [p["key"] for p in payloads(stack, bucket)] == want


def test_rules_end_with_their_bucket(stack, c, ruled):
    bucket = ruled(queue(HOOK, ["s3:ObjectCreated:*"]))
    c.put_object(Bucket=bucket, Key="a", Body=b"x")
    stack.relayed()
    c.delete_object(Bucket=bucket, Key="a")
    c.delete_bucket(Bucket=bucket)
    c.create_bucket(Bucket=bucket)
    c.put_object(Bucket=bucket, Key="b", Body=b"x")
    assert [p["key"] for p in payloads(stack, bucket)] == ["a"]


def test_videos_of_any_bucket_that_asks_for_them(stack, c, ruled, user):
    """But keys of other buckets name no user: anybody may choose them."""
    bucket = ruled(queue("arn:reelgate:jobs:::process_video",
                         ["s3:ObjectCreated:*"], suffix=".mp4"))
    key = f"uploads/{user.id}/x.mp4"
    for name in (key, "notes.txt"):
        c.put_object(Bucket=bucket, Key=name, Body=b"12345")
    stack.relayed()
    assert stack.sql("SELECT s3_key, user_id IS NULL FROM videos "
                     f"WHERE bucket = '{bucket}'") == [[key, "t"]]
    assert stack.sql("SELECT type FROM job_queue WHERE payload ->> 'bucket' "
                     f"= '{bucket}' ORDER BY 1") == [["ai_analysis"],
                                                     ["process_video"]]


def test_the_default_rule_may_be_taken_away_and_put_back(stack, c):
    """Whoever empties the default bucket's configuration wants none, and who
    puts it back has it again."""
    config = c.get_bucket_notification_configuration(Bucket=BUCKET)
    rules = {"QueueConfigurations": config["QueueConfigurations"]}
    key = f"uploads/{uuid.uuid4()}/a.mp4"
    count = f"SELECT count(*) FROM videos WHERE s3_key = '{key}'"
    try:
        c.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={})
        c.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        stack.relayed()
        assert stack.sql(count) == [["0"]]
    finally:
        c.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration=rules)
    c.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    stack.relayed()
    assert stack.sql(count) == [["1"]]
