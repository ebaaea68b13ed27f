"""Notification configurations: what is kept and answered, what is refused and
how. What becomes of the events: tests/api/test_events.py."""

import re

import pytest
from botocore.exceptions import ClientError

from gateway import Gateway

DEFAULT = "socialitix-videos"
NS = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
PROLOG = b'<?xml version="1.0" encoding="UTF-8"?>\n'
VIDEO = "arn:reelgate:jobs:::process_video"
HOOK = "arn:reelgate:jobs:::webhook_deliver"
CREATED = "s3:ObjectCreated:*"
UNABLE = "Unable to validate the following destination configurations"
AMBIGUOUS = ("Configuration is ambiguously defined. Cannot have overlapping "
             "suffixes in two rules if the prefixes are overlapping for the "
             "same event type.")
MALFORMED = ("The XML you provided was not well-formed or did not validate "
             "against our published schema")


def filter_rules(*rules):
    if not rules:
        return ""
    return "<Filter><S3Key>" + "".join(
        f"<FilterRule><Name>{n}</Name><Value>{v}</Value></FilterRule>"
        for n, v in rules) + "</S3Key></Filter>"


def queue(arn=VIDEO, events=(CREATED,), rules=(), id="one"):
    return ("<QueueConfiguration>" + (f"<Id>{id}</Id>" if id else "")
            + f"<Queue>{arn}</Queue>"
            + "".join(f"<Event>{e}</Event>" for e in events)
            + filter_rules(*rules) + "</QueueConfiguration>")


def document(*configurations):
    return (f"<NotificationConfiguration{NS}>" + "".join(configurations)
            + "</NotificationConfiguration>")


@pytest.fixture
def put(call, bucket):
    """Puts a configuration of these parts."""
    return lambda *parts: call("PUT", f"/{bucket}", "notification",
                               document(*parts))


@pytest.fixture
def get(call, bucket):
    def read():
        r = call("GET", f"/{bucket}", "notification")
        assert r.status == 200
        return r.body
    return read


# ---- kept and answered ------------------------------------------------------

def test_a_new_bucket_has_none(get):
    assert get() == PROLOG + document().encode()


def test_the_default_bucket_has_the_rule_for_uploads(call):
    r = call("GET", f"/{DEFAULT}", "notification")
    assert r.body == PROLOG + document(queue(
        rules=[("prefix", "uploads/")], id="reelgate-uploads")).encode()


@pytest.mark.parametrize("parts", [
    [],
    [queue()],
    [queue(HOOK, ["s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete"])],
    [queue(HOOK + ":crm", ["s3:ObjectTagging:*"], [("suffix", ".txt")])],
    [queue("arn:minio:sqs::primary:webhook", ["s3:ObjectRemoved:*"])],
    [queue(rules=[("prefix", "a/"), ("suffix", ".mp4")])],
    [queue(rules=[("prefix", "")])],
    [queue(rules=[("prefix", "\u00fc &amp; &lt;/")], id="\u00e9 &amp;")],
    [queue(id="x" * 255)],
    [queue(rules=[("prefix", "p" * 1024), ("suffix", "s" * 1024)])],
    [queue(rules=[("prefix", "a/")], id="a"),
     queue(rules=[("prefix", "b/")], id="b")],
    [queue(rules=[("suffix", ".mp4")], id="a"),
     queue(rules=[("suffix", ".mov")], id="b")],
    # one prefix holds the other, the suffixes keep them apart
    [queue(rules=[("prefix", "a"), ("suffix", ".mp4")], id="a"),
     queue(rules=[("prefix", "ab"), ("suffix", ".mov")], id="b")],
    # the same keys, other events
    [queue(events=["s3:ObjectCreated:Put"], id="a"),
     queue(HOOK, ["s3:ObjectCreated:Copy", "s3:ObjectRemoved:*"], id="b")],
    [queue(rules=[("prefix", f"{i:03}/")], id=str(i)) for i in range(100)],
])
def test_what_was_put_is_answered(put, get, parts):
    r = put(*parts)
    assert (r.status, r.body) == (200, b"")
    assert get() == PROLOG + document(*parts).encode()


def test_a_configuration_replaces_the_one_before(put, get):
    assert put(queue(id="a")).status == 200
    assert put(queue(HOOK, id="b")).status == 200
    assert get() == PROLOG + document(queue(HOOK, id="b")).encode()
    assert put().status == 200
    assert get() == PROLOG + document().encode()


def test_names_of_filters_in_any_case_and_order(put, get):
    assert put(queue(rules=[("Suffix", ".mp4"),
                            ("PREFIX", "a/")])).status == 200
    assert get() == PROLOG + document(queue(
        rules=[("prefix", "a/"), ("suffix", ".mp4")])).encode()


def test_an_id_is_made_where_there_is_none(put, get):
    assert put(queue(id=None, rules=[("prefix", "a")]),
               queue(id="", rules=[("prefix", "b")])).status == 200
    ids = re.findall(rb"<Id>([0-9a-f-]{36})</Id>", get())
    assert len(ids) == 2 and ids[0] != ids[1]
    assert re.findall(rb"<Id>(.+?)</Id>", get()) == ids   # and stays


def test_as_boto3_has_it(client, bucket):
    sent = {
        "Id": "b", "QueueArn": HOOK,
        "Events": ["s3:ObjectCreated:Post", "s3:ObjectRemoved:*"],
        "Filter": {"Key": {"FilterRules": [
            {"Name": "prefix", "Value": "in/"}]}}}
    client.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [sent]})
    got = client.get_bucket_notification_configuration(Bucket=bucket)
    assert got["QueueConfigurations"] == [sent]
    client.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={})
    got = client.get_bucket_notification_configuration(Bucket=bucket)
    assert "QueueConfigurations" not in got


def test_a_bucket_made_anew_has_none(client, put, get, bucket):
    assert put(queue()).status == 200
    client.delete_bucket(Bucket=bucket)
    client.create_bucket(Bucket=bucket)
    assert get() == PROLOG + document().encode()


# ---- refused ----------------------------------------------------------------

def refused(r, message, *arguments):
    assert (r.status, r.code, r.message) == (400, "InvalidArgument", message)
    for name, value in arguments:
        assert r.element(name) == value


@pytest.mark.parametrize("part,value", [
    (queue("arn:reelgate:jobs:::make_coffee"),
     "The destination queue does not exist"),
    (queue("arn:reelgate:jobs:::ai_analysis"),
     "The destination queue does not exist"),
    (queue("arn:reelgate:jobs:::process_video:x"),
     "The destination queue does not exist"),
    (queue("arn:aws:sqs:us-east-1:111122223333:q"),
     "The destination queue does not exist"),
    (queue("arn:minio:sqs::x:kafka"),
     "The destination queue does not exist"),
    (queue(VIDEO, ["s3:ObjectCreated:Put", "s3:ObjectRemoved:*"]),
     "The destination queue takes s3:ObjectCreated events only"),
    (queue("arn:aws:sns:us-east-1:111122223333:t")
     .replace("Queue", "Topic"),
     "The destination topic does not exist"),
    (queue("arn:aws:lambda:us-east-1:111122223333:function:f")
     .replace("Queue", "CloudFunction"),
     "The destination Lambda function does not exist"),
])
def test_destinations_that_are_none(put, get, part, value):
    arn = re.search("<(?:Queue|Topic|CloudFunction)>(.*?)</", part).group(1)
    refused(put(part), UNABLE, ("ArgumentName1", arn),
            ("ArgumentValue1", value))
    assert get() == PROLOG + document().encode()


@pytest.mark.parametrize("arn", ["", "x", "arn:aws:sqs", "process_video",
                                 "urn:reelgate:jobs:::process_video"])
def test_arns_that_are_none(put, arn):
    refused(put(queue(arn)), "The ARN is not well formed",
            ("ArgumentName", "ARN"))


@pytest.mark.parametrize("event", ["s3:ObjectAccessed:*", "s3:TestEvent",
                                   "ObjectCreated:Put", "s3:ObjectCreated:put",
                                   "s3:*", ""])
def test_events_that_are_none(put, event):
    refused(put(queue(events=[event])),
            "The event is not supported for notifications",
            ("ArgumentName", "Event"))


@pytest.mark.parametrize("rules,message,name,value", [
    ([("infix", "a")], "filter rule name must be either prefix or suffix",
     "FilterRule.Name", "infix"),
    ([("prefix", "a"), ("prefix", "b")],
     "Cannot specify more than one prefix rule in a filter.",
     "FilterRule.Name", "prefix"),
    ([("suffix", "a"), ("Suffix", "a")],
     "Cannot specify more than one suffix rule in a filter.",
     "FilterRule.Name", "suffix"),
    ([("prefix", "\u00fc" * 513)],
     "Size of filter rule value cannot exceed 1024 bytes in UTF-8 "
     "representation", "FilterRule.Value", "\u00fc" * 513),
])
def test_filters_that_are_none(put, rules, message, name, value):
    refused(put(queue(rules=rules)), message,
            ("ArgumentName", name), ("ArgumentValue", value))


@pytest.mark.parametrize("first,second", [
    ((), ()),
    ((), [("prefix", "a")]),
    ([("prefix", "a")], [("prefix", "a")]),
    ([("prefix", "images/")], [("prefix", "images/jpg/")]),
    ([("suffix", "jpg")], [("suffix", "pg")]),
    ([("prefix", "a")], [("suffix", ".mp4")]),
    ([("prefix", "a"), ("suffix", ".mp4")], [("prefix", "ab")]),
])
def test_rules_that_overlap(put, first, second):
    one = queue(rules=first, id="a")
    for events in ([CREATED], ["s3:ObjectRemoved:*", "s3:ObjectCreated:Put"]):
        refused(put(one, queue(HOOK, events, second, "b")), AMBIGUOUS)
    # other events do not
    r = put(one, queue(HOOK, ["s3:ObjectRemoved:*"], second, "b"))
    assert r.status == 200


def test_ids(put):
    refused(put(queue(rules=[("prefix", "a")]), queue(rules=[("prefix", "b")])),
            "Same ID used for multiple configurations. IDs must be unique",
            ("ArgumentName", "Id"), ("ArgumentValue", "one"))
    refused(put(queue(id="x" * 256)),
            "Notification ID cannot exceed 255 characters")


def test_too_many_and_too_long(put):
    refused(put(*[queue(rules=[("prefix", f"{i:03}/")], id=str(i))
                  for i in range(101)]),
            "A bucket can have at most 100 notification configurations")
    # an & of a value is five bytes once written
    r = put(*[queue(rules=[("prefix", f"{i:03}" + "\"" * 400)],
                    id=str(i)) for i in range(60)])
    refused(r, "The notification configuration is longer than 65536 bytes")


def test_event_bridge(put):
    r = put("<EventBridgeConfiguration></EventBridgeConfiguration>")
    assert (r.status, r.code) == (501, "NotImplemented")
    assert "EventBridge" in r.message


@pytest.mark.parametrize("body", [
    "x", "<Other/>", "<NotificationConfiguration>",
    document("<Unknown/>"), document("<QueueConfiguration/>"),
    document(queue(events=[])),
    document(queue().replace("<Queue>", "<Topic>")
             .replace("</Queue>", "</Topic>")),
    document(queue().replace("</Id>", "</Id><Id>b</Id>")),
    "<!DOCTYPE x>" + document(),
])
def test_documents_that_are_none(call, bucket, body):
    r = call("PUT", f"/{bucket}", "notification", body)
    assert (r.status, r.code, r.message) == (400, "MalformedXML", MALFORMED)


def test_a_body_is_needed(call, bucket):
    r = call("PUT", f"/{bucket}", "notification")
    assert (r.status, r.code) == (400, "MissingRequestBodyError")
    r = call("PUT", f"/{bucket}", "notification", document() + " " * 65536)
    assert (r.status, r.code) == (400, "MalformedXML")


def test_of_a_bucket_that_is_not_there(call):
    for method, body in (("GET", ""), ("PUT", document())):
        r = call(method, "/no-such-bucket-here", "notification", body)
        assert (r.status, r.code) == (404, "NoSuchBucket")


def test_of_somebody_elses_bucket(client, bucket):
    with pytest.raises(ClientError) as e:
        client.get_bucket_notification_configuration(
            Bucket=bucket, ExpectedBucketOwner="111122223333")
    assert e.value.response["Error"]["Code"] == "AccessDenied"


# ---- the default bucket, from start to start ----------------------------------

def test_the_rule_is_given_once():
    g = Gateway().start()
    try:
        def rules():
            return [q["Id"] for q in
                    g.client().get_bucket_notification_configuration(
                        Bucket=DEFAULT).get("QueueConfigurations", [])]

        def again():
            g.stop()
            g.start()
            return rules()
        assert rules() == again() == ["reelgate-uploads"]
        # who wants none has none
        g.client().put_bucket_notification_configuration(
            Bucket=DEFAULT, NotificationConfiguration={})
        assert rules() == again() == []
        # who wants another has another
        g.client().put_bucket_notification_configuration(
            Bucket=DEFAULT,
            NotificationConfiguration={"QueueConfigurations": [
                {"Id": "mine", "QueueArn": HOOK, "Events": [CREATED]}]})
        assert again() == ["mine"]
        # a new bucket of that name is one whose notifications were never set
        g.client().delete_bucket(Bucket=DEFAULT)
        g.client().create_bucket(Bucket=DEFAULT)
        assert rules() == []
        assert again() == ["reelgate-uploads"]
    finally:
        g.close()
