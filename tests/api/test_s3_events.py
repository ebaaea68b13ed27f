"""POST /api/events/s3: what another S3 tells of its objects."""
import base64
import concurrent.futures
import json
import time
from urllib.parse import quote_plus

import pytest

from stack import BUCKET, EVENTS_TOKEN, direct
from web import request

LIMIT = 100_000


@pytest.fixture(scope="module")
def pair(postgres):
    s = direct(postgres, REELGATE_RECONCILE_S="0",
               MAX_UPLOAD_BYTES=str(LIMIT))
    yield s
    s.close()


@pytest.fixture
def user(pair):
    return pair.user()


@pytest.fixture
def key(user):
    return f"uploads/{user.id}/a film ü+1%.mp4"


def put(pair, key, body=b"film"):
    pair.b.put_object(Bucket=BUCKET, Key=key, Body=body)


def record(key, name="ObjectCreated:Put", bucket=BUCKET):
    return {"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name,
            "s3": {"bucket": {"name": bucket},
                   "object": {"key": quote_plus(key, safe="/"), "size": 4,
                              "eTag": "x", "sequencer": "0055AED6DCD90281E5"}}}


def post(pair, body, authorization=f"Bearer {EVENTS_TOKEN}"):
    headers = {"Authorization": authorization} if authorization else {}
    return request("POST", pair.api + "/api/events/s3",
                   body if isinstance(body, bytes) else json.dumps(body),
                   headers)


def outcomes(pair, *records):
    answer = post(pair, {"Records": list(records)})
    assert answer.status == 200, answer.body
    return [e["outcome"] for e in answer.json["events"]]


def jobs(pair, key):
    """Live ones, cancelled ones."""
    row, = pair.rows(f"""
        SELECT count(*) FILTER (WHERE j.status <> 'cancelled') AS live,
               count(*) FILTER (WHERE j.status = 'cancelled') AS cancelled
        FROM job_queue j JOIN videos v ON v.id = j.video_id
        WHERE v.s3_key = '{key}'""")
    return int(row["live"]), int(row["cancelled"])


def sns(text):
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:x:1:t",
            "Message": text}


FORMS = {
    "S3": lambda k: {"Records": [record(k)]},
    "MinIO": lambda k: {"EventName": "s3:ObjectCreated:Put",
                        "Key": f"{BUCKET}/{k}", "Records": [record(k)]},
    "SNS": lambda k: sns(json.dumps({"Records": [record(k)]})),
    "SQS": lambda k: {"Messages": [
        {"Body": json.dumps({"Records": [record(k)]})}]},
    "SNS in SQS": lambda k: {"Body": json.dumps(
        sns(json.dumps({"Records": [record(k)]})))},
    "Lambda": lambda k: {"Records": [
        {"eventSource": "aws:sqs",
         "body": json.dumps({"Records": [record(k)]})}]},
    "EventBridge": lambda k: {
        "version": "0", "source": "aws.s3", "detail-type": "Object Created",
        "detail": {"bucket": {"name": BUCKET},
                   "object": {"key": k, "etag": "x", "size": 4}}},
}


@pytest.mark.parametrize("form", FORMS)
def test_an_object_becomes_a_video_once(pair, user, key, form):
    put(pair, key)
    first, again = (post(pair, FORMS[form](key)) for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    event, = first.json["events"]
    assert event == {"event": event["event"], "bucket": BUCKET, "key": key,
                     "outcome": "video", "reason": None}
    assert [e["outcome"] for e in again.json["events"]] == ["known"]
    assert jobs(pair, key) == (2, 0)
    video, = user.get("/api/videos").json["videos"]
    assert video["filename"] == "a film ü+1%.mp4"


def test_at_once_with_complete_upload_it_is_one(pair, user):
    upload = user.upload()

    def tell(n):
        if n % 2:
            return user.complete(upload).status
        return outcomes(pair, record(upload["key"]))[0]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        told = list(pool.map(tell, range(24)))
    assert set(told) <= {201, "video", "known"}
    assert jobs(pair, upload["key"]) == (2, 0)
    assert outcomes(pair, record(upload["key"])) == ["known"]


def test_removed_ends_its_jobs_and_the_same_put_again_is_news(pair, key):
    put(pair, key)
    created, removed = record(key), record(key, "ObjectRemoved:Delete")
    assert outcomes(pair, created) == ["video"]
    # word of a removal before: the object is there
    assert outcomes(pair, removed) == ["known"]
    assert jobs(pair, key) == (2, 0)
    pair.b.delete_object(Bucket=BUCKET, Key=key)
    assert outcomes(pair, removed, created) == ["absent", "absent"]
    assert jobs(pair, key) == (0, 2)
    put(pair, key)
    assert outcomes(pair, created, removed) == ["video", "known"]
    assert jobs(pair, key) == (2, 2)


def test_what_is_ignored_and_what_is_refused(pair, user, key):
    large = f"uploads/{user.id}/large.mp4"
    put(pair, large, bytes(LIMIT + 1))
    put(pair, "elsewhere/a.mp4")
    put(pair, "uploads/folder/", b"")
    answer = post(pair, {"Records": [
        record(key, bucket="another"),
        record(key, "ObjectTagging:Put"),
        record("elsewhere/a.mp4"),
        record("uploads/folder/"),
        record(large),
        record(key),
        {"what": "is this"},
        {**record(key), "s3": {"bucket": {"name": BUCKET},
                               "object": {"key": "a%ZZ"}}},
    ]})
    assert answer.status == 200
    assert [(e["outcome"], e["reason"]) for e in answer.json["events"]] == [
        ("ignored", "another bucket"),
        ("ignored", "another kind of event"),
        ("ignored", "no rule for this key"),
        ("ignored", "no rule for this key"),
        ("refused", "too large"),
        ("absent", None),
        ("ignored", "unreadable"),
        ("ignored", "unreadable"),
    ]
    pair.b.head_object(Bucket=BUCKET, Key=large)  # nobody announced it
    assert post(pair, {"Service": "Amazon S3", "Event": "s3:TestEvent",
                       "Bucket": BUCKET}).json["events"][0]["reason"] == \
        "a test"
    assert post(pair, {"Records": []}).json == {"events": []}


def test_a_subscription_is_not_confirmed_by_itself(pair):
    url = f"{pair.upstream.url}/never-fetched"
    answer = post(pair, {
        "Type": "SubscriptionConfirmation", "TopicArn": "arn:aws:sns:x:1:t",
        "Token": "t", "SubscribeURL": url})
    assert (answer.status, answer.json["events"][0]["reason"]) == (
        200, "to be confirmed: see the log")
    line, = (line for line in pair.log().splitlines()
             if '"s3_events_confirm"' in line)
    assert url in line and "arn:aws:sns:x:1:t" in line
    assert "never-fetched" not in pair.upstream.log()


def test_who_may_post(pair, key):
    def basic(password, user="anybody"):
        text = f"{user}:{password}".encode()
        return "Basic " + base64.b64encode(text).decode()
    body = {"Records": [record(key)]}
    for good in (f"Bearer {EVENTS_TOKEN}", basic(EVENTS_TOKEN),
                 basic(EVENTS_TOKEN, "")):
        assert post(pair, body, good).status == 200
    for bad in (None, "Bearer", "Bearer x", f"Basic {EVENTS_TOKEN}",
                basic("x"), basic(""), basic(EVENTS_TOKEN + "x"), "Basic !",
                f"Bearer {EVENTS_TOKEN}x", "Basic " + "A" * 4000,
                "Basic " + base64.b64encode(EVENTS_TOKEN.encode()).decode()):
        assert post(pair, body, bad).status == 401, bad
    # of who has no token nothing is read
    assert post(pair, b"{" * 70000, None).status == 401
    assert post(pair, b"{" * 70000).status == 413


def test_as_many_objects_as_one_request_may_name(pair, user):
    key = f"uploads/{user.id}/k"
    pair.b.put_object(Bucket=BUCKET, Key=key, Body=b"film",
                      Metadata={"m": "x" * 2000}, Tagging="&".join(
                          f"{i}{'k' * 120}={'v' * 250}" for i in range(10)))
    # a record in 60 KB of JSON: as short as it may be
    short = {"eventName": "ObjectCreated:Put",
             "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}
    assert outcomes(pair, *[short] * 100) == ["video"] + 99 * ["known"]
    assert post(pair, {"Records": [short] * 101}).status == 400


def test_while_the_other_s3_is_away_it_is_to_be_sent_again(pair, key):
    put(pair, key)
    pair.upstream.kill()
    begun = time.monotonic()
    answer = post(pair, {"Records": [record(key, bucket="another")] +
                         [record(key)] * 40})
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert [e["outcome"] for e in answer.json["events"]] == [
        "ignored"] + ["later"] * 40
    # one question is enough to know
    assert time.monotonic() - begun < 10
    pair.upstream.start()
    assert outcomes(pair, record(key)) == ["video"]
