"""reelgate admin events: the outbox shown, events applied again, objects whose
events or whose database is lost."""
import json
import subprocess
import uuid

import pytest

from gateway import BIN
from stack import BUCKET
from web import wait_for


@pytest.fixture
def lab(own_stack):
    return own_stack()


def events(stack, *args, status=0):
    """Runs the command; its lines."""
    r = subprocess.run([BIN / "reelgate", "admin", "events", *args, "--data",
                        stack.data], env=stack.environment(), text=True,
                       capture_output=True, timeout=120)
    assert r.returncode == status, r.stdout + r.stderr
    return (r.stdout or r.stderr).splitlines()


def put(stack, *keys, bucket=BUCKET, **options):
    client = stack.client()
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=b"x", **options)


def upload_key(user=None):
    return f"uploads/{user or uuid.uuid4()}/{uuid.uuid4()}.mp4"


def counts(stack):
    """Videos, and jobs."""
    row, = stack.sql("SELECT (SELECT count(*) FROM videos),"
                     " (SELECT count(*) FROM job_queue)")
    return [int(n) for n in row]


# ---- tail ---------------------------------------------------------------------

def test_tail(lab):
    put(lab, *[f"k{i}" for i in range(12)])
    put(lab, "uploads/x.mp4")

    def keys(*args):
        records = [json.loads(line) for line in events(lab, "tail", *args)]
        for r in records:
            assert r["eventSource"] == "aws:s3"
            assert r["s3"]["bucket"]["name"] == BUCKET
        return [r["s3"]["object"]["key"] for r in records]
    everything = [f"k{i}" for i in range(12)] + ["uploads/x.mp4"]
    assert keys() == everything[-10:]
    assert keys("--lines", "3") == everything[-3:]
    assert keys("--after", "0") == everything
    assert keys("--after", "11") == everything[-2:]
    assert keys("--after", "0", "--lines", "2") == everything[:2]
    assert keys("--after", "13") == []
    record, = events(lab, "tail", "--lines", "1")
    assert json.loads(record)["s3"]["configurationId"] == "reelgate-uploads"


def test_tail_follows(lab):
    put(lab, "before")
    p = subprocess.Popen([BIN / "reelgate", "admin", "events", "tail",
                          "--follow", "--data", lab.data], text=True,
                         env=lab.environment(), stdout=subprocess.PIPE)
    try:
        def key():
            return json.loads(p.stdout.readline())["s3"]["object"]["key"]
        assert key() == "before"
        put(lab, "later", "last")
        assert [key(), key()] == ["later", "last"]
    finally:
        p.terminate()
        p.wait()


# ---- status, replay --------------------------------------------------------------

def test_status(lab):
    put(lab, "a", "b")
    lab.relayed()
    lines = events(lab, "status")
    assert "relay:       running, 0 events behind" in lines
    assert "outbox:      events 1 to 2, delivered up to 2" in lines
    assert "database:    2 events kept, 0 put aside" in lines


def test_status_without_a_database(lab):
    lab.relayed()
    lab.sql("ALTER TABLE relay_cursor RENAME TO away")
    # a relay with nothing to do does not notice
    lines = events(lab, "status", status=1)
    assert "relay:       running, 0 events behind" in lines
    assert "database:    does not answer" in lines
    put(lab, "a")
    wait_for("waiting relay",
             lambda: lab.ready()["relay"]["state"] == "waiting")
    lines = events(lab, "status", status=1)
    assert "relay:       waiting, 1 events behind" in lines
    assert "database:    does not answer" in lines
    lab.sql("ALTER TABLE away RENAME TO relay_cursor")
    lab.relayed()


def test_what_was_put_aside_is_applied_once_the_cause_is_mended(lab):
    good, bad = upload_key(), upload_key()
    lab.sql("ALTER TABLE videos ADD CONSTRAINT broken "
            f"CHECK (s3_key <> '{bad}')")
    put(lab, bad, good)
    lab.relayed()
    assert counts(lab) == [1, 2]
    lines = events(lab, "status", status=1)
    assert "database:    2 events kept, 1 put aside" in lines
    assert f"  1 ObjectCreated:Put {BUCKET}/{bad}" in lines
    assert any("23514" in line and "broken" in line for line in lines)

    # not mended yet: it is put aside again
    assert events(lab, "replay", "--aside", status=1) == [
        "1 put aside, 0 of them applied now"]
    assert "put aside again" in events(lab, "replay", "1", status=1)[0]
    assert counts(lab) == [1, 2]

    lab.sql("ALTER TABLE videos DROP CONSTRAINT broken")
    assert events(lab, "replay", "--aside") == [
        "1 put aside, 1 of them applied now"]
    assert counts(lab) == [2, 4]
    assert events(lab, "replay", "--aside") == [
        "0 put aside, 0 of them applied now"]
    # one that was applied changes nothing, however often
    for seq in ("1", "2", "1"):
        assert events(lab, "replay", seq) == [f"event {seq} is applied"]
    assert counts(lab) == [2, 4]


def test_replay_follows_the_rules_of_now(lab):
    """Which makes jobs of events of before a rule, each once."""
    c = lab.client()
    bucket = f"rules-{uuid.uuid4()}"
    c.create_bucket(Bucket=bucket)
    put(lab, "a", bucket=bucket)
    lab.relayed()
    # events of before a rule: replay follows the rules of now
    c.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [
            {"QueueArn": "arn:reelgate:jobs:::webhook_deliver",
             "Events": ["s3:ObjectCreated:*"]}]})
    assert counts(lab) == [0, 0]
    for _ in range(2):
        events(lab, "replay", "1")
        assert counts(lab) == [0, 1]


def test_replay_refuses_what_it_cannot_do(lab):
    put(lab, "a")
    lab.relayed()
    for args, text in [(["2"], "the outbox does not have that event"),
                       (["0"], "the outbox does not have that event")]:
        assert text in events(lab, "replay", *args, status=1)[0]
    lab.sql("DELETE FROM object_events")
    assert "the database does not know that event" in events(
        lab, "replay", "1", status=1)[0]
    for args in (["replay"], ["replay", "x"], ["replay", "1", "--aside"],
                 ["tail", "3"], ["tail", "--lines", "x"], ["make-coffee"]):
        events(lab, *args, status=64)


# ---- resync --------------------------------------------------------------------

def test_resync_after_a_lost_database(lab, postgres):
    user = uuid.uuid4()
    keys = [upload_key(user) for _ in range(3)]
    put(lab, *keys, "notes.txt", ContentType="video/mp4")
    lab.relayed()
    # An object in another S3 does not say which event made it.
    columns = "s3_key, user_id, file_size, content_type" + (
        ", content" if lab.backend == "local" else "")
    before = lab.rows(f"SELECT {columns} FROM videos ORDER BY s3_key")
    lab.sql("TRUNCATE videos, job_queue, object_events CASCADE")
    assert counts(lab) == [0, 0]
    assert events(lab, "resync") == [
        f"{BUCKET}: 4 objects, 3 are to have a video, 3 had none"]
    assert counts(lab) == [3, 6]
    assert lab.rows(f"SELECT {columns} FROM videos ORDER BY s3_key") == before
    assert events(lab, "resync") == [
        f"{BUCKET}: 4 objects, 3 are to have a video, 0 had none"]
    # nor do the events double anything when the cursor is lost as well
    lab.stop()
    lab.sql("TRUNCATE relay_cursor")
    lab.start()
    wait_for("all events again", lambda: lab.sql(
        "SELECT count(*) FROM object_events") == [["4"]])
    assert counts(lab) == [3, 6]


def test_resync_of_a_part(lab):
    c = lab.client()
    put(lab, "uploads/a/1.mp4", "uploads/b/1.mp4", "uploads/b/2.mp4")
    other = f"other-{uuid.uuid4()}"
    c.create_bucket(Bucket=other)
    put(lab, "uploads/x.mp4", bucket=other)
    lab.relayed()
    lab.sql("TRUNCATE videos, job_queue, object_events CASCADE")
    assert events(lab, "resync", "--bucket", BUCKET, "--prefix",
                  "uploads/b/") == [
        f"{BUCKET}: 2 objects, 2 are to have a video, 2 had none"]
    assert "no rule of that bucket makes videos" in events(
        lab, "resync", "--bucket", other, status=1)[0]
    assert "no such bucket" in events(
        lab, "resync", "--bucket", "never-made", status=1)[0]
    # a rule made later holds for what is there
    c.put_bucket_notification_configuration(
        Bucket=other, NotificationConfiguration={"QueueConfigurations": [
            {"QueueArn": "arn:reelgate:jobs:::process_video",
             "Events": ["s3:ObjectCreated:*"]}]})
    assert events(lab, "resync", "--bucket", other) == [
        f"{other}: 1 objects, 1 are to have a video, 1 had none"]
    assert counts(lab) == [3, 6]


def test_resync_of_more_than_a_page(lab):
    keys = [f"uploads/{i:04}.mp4" for i in range(1005)]
    put(lab, *keys)
    lab.relayed()
    lab.sql("TRUNCATE videos, job_queue, object_events CASCADE")
    assert events(lab, "resync") == [
        f"{BUCKET}: 1005 objects, 1005 are to have a video, 1005 had none"]
    assert counts(lab) == [1005, 2010]


def test_without_a_gateway(lab):
    lab.stop()
    for args in (["tail"], ["status"], ["replay", "1"], ["resync"]):
        events(lab, *args, status=69)
