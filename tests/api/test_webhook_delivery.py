"""Messages to others: videos and clips that have ended, events of buckets;
and receivers that refuse, hang, answer nonsense, send elsewhere."""
import json
import socket
import time

import pytest

from hook import SECRET, verify
from machine import ffmpeg
from stack import BUCKET
from web import wait_for

OWN = "whsec_b3duIHNlY3JldCBvZiB0aGUgcmVjZWl2ZXI="


@pytest.fixture(scope="module")
def video_bytes(tmp_path_factory):
    return ffmpeg(tmp_path_factory.mktemp("video") / "v.mp4", "-f", "lavfi",
                  "-i", "testsrc2=size=64x64:rate=10:duration=1").read_bytes()


def deliveries(m, columns="status, attempts, coalesce(error, '')"):
    return [tuple(r) for r in m.sql(
        f"SELECT {columns} FROM job_queue WHERE type = 'webhook_deliver' "
        "ORDER BY created_at, id")]


def send(m, body='{"type":"test","n":1}', **payload):
    """A message of nobody's, as a rule makes them."""
    text = json.dumps({**payload, "message": json.loads(body)})
    m.sql("INSERT INTO job_queue (type, payload) VALUES "
          f"('webhook_deliver', '{text}'); "
          "SELECT pg_notify('job_queue', 'webhook_deliver')")


def hurry(m):
    m.sql("UPDATE job_queue SET run_at = now() WHERE status = 'failed' AND "
          "claimable; SELECT pg_notify('job_queue', 'webhook_deliver')")


def test_the_end_of_a_video_and_of_a_clip_is_told(own_machine, receiver,
                                                   video_bytes):
    r = receiver()
    m = own_machine(WEBHOOK_URL=r.url + "/hook?token=PRIVATE")
    p = m.processor()
    wait_for("events", lambda: m.sql("SELECT type FROM webhook_events"))
    user = m.user()
    upload = user.upload("good.mp4", video_bytes)
    video = user.complete(upload, "good.mp4").json["video"]["id"]
    bad = user.complete(user.upload("bad.mp4"), "bad.mp4").json["video"]["id"]
    m.wait_video(video, "completed")
    clip = user.post("/api/clips", {"video_id": video, "start_time": 0.1,
                                    "end_time": 0.6}).json["clip"]["id"]
    wait_for("messages", lambda: len(r.messages) == 3)
    for message in r.messages:
        assert verify(SECRET, message.headers, message.body)
        assert message.path == "/hook?token=PRIVATE"
        assert message.headers["Content-Type"] == "application/json"
        assert set(message.json) == {"type", "timestamp", "data"}
    done, = r.of("video.completed")
    assert {k: done.json["data"][k] for k in (
        "videoId", "userId", "bucket", "key", "width", "height", "error",
        "status", "size")} == {
        "videoId": video, "userId": user.id, "bucket": BUCKET,
        "key": upload["key"], "width": 64, "height": 64, "error": None,
        "status": "completed", "size": len(video_bytes)}
    assert abs(done.json["data"]["duration"] - 1) < 0.15
    failed, = r.of("video.failed")
    assert failed.json["data"]["videoId"] == bad
    assert failed.json["data"]["error"] == "unsupported_media"
    ready, = r.of("clip.ready")
    assert ready.json["data"]["clipId"] == clip
    assert m.object(ready.json["data"]["key"])["ContentLength"] > 0
    wait_for("ends", lambda: {d[0] for d in deliveries(m)} == {"completed"})
    assert len({message.id for message in r.messages}) == 3
    # neither the URL nor a secret is kept or logged
    kept = str(m.sql("SELECT payload, result, errors FROM job_queue"))
    for text in (kept, p.log(), m.log()):
        assert "PRIVATE" not in text and SECRET not in text


def test_nobody_to_tell_makes_no_job(own_machine, video_bytes):
    m = own_machine()
    m.processor()
    m.wait_video(m.upload(video_bytes), "completed")
    assert deliveries(m) == []


def test_a_replaced_content_ends_no_video(own_machine, receiver, video_bytes):
    m = own_machine()
    m.sql("INSERT INTO webhook_events VALUES ('video.failed')")
    user = m.user()
    upload = user.upload("a.mp4", video_bytes)
    user.complete(upload, "a.mp4")
    m.relayed()
    assert user.put(upload, video_bytes).status == 200
    m.relayed()
    assert m.sql("SELECT analysis_status FROM videos") == [["queued"]]
    assert deliveries(m) == []
    m.client().delete_object(Bucket=BUCKET, Key=upload["key"])
    m.relayed()
    assert m.sql("SELECT payload #>> '{message,data,error}' FROM job_queue "
                 "WHERE type = 'webhook_deliver'") == [["object removed"]]


def test_refused_messages_come_again_with_the_same_id(own_machine, receiver):
    r = receiver(lambda message, n: (500, 503, 404, 302, 204)[n])
    m = own_machine(WEBHOOK_URL=r.url)
    m.processor()
    send(m)
    pauses = []
    for n in range(1, 5):
        wait_for("failure", lambda: deliveries(m)[0][:2] == ("failed", str(n)))
        pauses.append(float(m.sql(
            "SELECT extract(epoch FROM run_at - failed_at) FROM job_queue "
            "WHERE type = 'webhook_deliver'")[0][0]))
        hurry(m)
    wait_for("end", lambda: deliveries(m)[0] == ("completed", "5", ""))
    for pause, nominal in zip(pauses, (5, 300, 1800, 7200)):
        assert 0.79 * nominal < pause < 1.21 * nominal
    assert len({message.id for message in r.messages}) == 1
    assert len({message.body for message in r.messages}) == 1
    for message in r.messages:
        assert verify(SECRET, message.headers, message.body)
    stamps = [int(message.headers["webhook-timestamp"])
              for message in r.messages]
    assert stamps == sorted(stamps)
    errors = json.loads(m.sql("SELECT errors FROM job_queue")[0][0])
    assert [e["error"] for e in errors] == [
        "webhook_http_500", "webhook_http_503", "webhook_http_404",
        "webhook_http_302"]


def test_retry_after_is_kept(own_machine, receiver):
    r = receiver(lambda message, n: (429, {"Retry-After": "1234"}))
    m = own_machine(WEBHOOK_URL=r.url)
    m.processor()
    send(m)
    wait_for("failure", lambda: deliveries(m)[0][0] == "failed")
    assert 1230 < float(m.sql(
        "SELECT extract(epoch FROM run_at - failed_at) FROM job_queue")[0][0]
    ) < 1240


def test_ten_tries_and_no_more(own_machine, receiver):
    r = receiver(lambda message, n: 500)
    m = own_machine(WEBHOOK_URL=r.url)
    m.processor()
    send(m)
    for n in range(1, 11):
        wait_for("failure", lambda: deliveries(m)[0][:2] == ("failed", str(n)))
        hurry(m)
    assert m.sql("SELECT claimable FROM job_queue") == [["f"]]
    assert len(r.messages) == 10


def test_gone_ends_it(own_machine, receiver):
    r = receiver(lambda message, n: 410)
    m = own_machine(WEBHOOK_URL=r.url)
    m.processor()
    send(m)
    wait_for("end", lambda: deliveries(m, "claimable, error")[0] == (
        "f", "webhook_http_410"))


def garbage(connection):
    connection.sendall(b"\x00\xffthis is no HTTP\r\n\r\n")


def cut(connection):
    connection.sendall(b"HTTP/1.")


def close(connection):
    connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("answer", [garbage, cut, close])
def test_what_is_no_answer_is_a_failure(own_machine, receiver, answer):
    r = receiver(lambda message, n: answer if n == 0 else 200)
    m = own_machine(WEBHOOK_URL=r.url)
    m.processor()
    send(m)
    wait_for("failure", lambda: deliveries(m)[0][:2] == ("failed", "1"))
    assert deliveries(m)[0][2].startswith("webhook_")
    hurry(m)
    wait_for("end", lambda: deliveries(m)[0][0] == "completed")


def test_an_endless_answer_is_none_to_wait_for(own_machine, receiver):
    """Its status says all; the rest is dropped, and bounded."""
    def endless(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            pass
    r = receiver(lambda message, n: endless)
    m = own_machine(WEBHOOK_URL=r.url)
    m.processor()
    send(m)
    wait_for("end", lambda: deliveries(m)[0][0] == "completed")


def test_a_receiver_that_hangs_holds_up_nobody_else(own_machine, receiver):
    r = receiver(lambda message, n: lambda connection: time.sleep(90))
    good = receiver()
    m = own_machine(WEBHOOK_URL=f"slow={r.url} good={good.url}")
    m.processor()
    begun = time.monotonic()
    send(m)
    wait_for("the good one", lambda: len(good.messages) == 1)
    assert time.monotonic() - begun < 10
    wait_for("failure", lambda: "webhook_no_answer" in [
        d[2] for d in deliveries(m)])
    assert 13 < time.monotonic() - begun < 45


def test_nobody_listens(own_machine):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        m = own_machine(WEBHOOK_URL=f"http://127.0.0.1:{s.getsockname()[1]}")
        m.processor()
        send(m)
        wait_for("failure", lambda: deliveries(m)[0] == (
            "failed", "1", "webhook_unreachable"))


def test_redirects_are_not_followed(own_machine, receiver):
    elsewhere = receiver()
    r = receiver(lambda message, n: (307, {"Location": elsewhere.url}))
    m = own_machine(WEBHOOK_URL=r.url)
    m.processor()
    send(m)
    wait_for("failure", lambda: deliveries(m)[0][2] == "webhook_http_307")
    assert elsewhere.messages == []


def test_each_of_several_endpoints_has_its_own_job(own_machine, receiver):
    a, b = receiver(), receiver(lambda message, n: 500 if n == 0 else 200)
    m = own_machine(WEBHOOK_URL=f"crm={a.url} log={b.url}",
                    WEBHOOK_URL_SECRET=OWN)
    m.processor()
    send(m)
    wait_for("both", lambda: len(a.messages) == 1 and len(b.messages) == 1)
    for message in a.messages + b.messages:
        assert verify(OWN, message.headers, message.body)
        assert not verify(SECRET, message.headers, message.body)
    wait_for("one failure", lambda: sorted(d[0] for d in deliveries(m)) == [
        "completed", "completed", "failed"])
    hurry(m)
    wait_for("ends", lambda: {d[0] for d in deliveries(m)} == {"completed"})
    assert (len(a.messages), len(b.messages)) == (1, 2)
    send(m, endpoint="log")
    wait_for("the named one", lambda: len(b.messages) == 3)
    send(m, endpoint="nobody")
    wait_for("no such endpoint", lambda: "webhook_endpoint_unknown" in [
        d[2] for d in deliveries(m)])
    assert len(a.messages) == 1


def test_both_secrets_sign_while_one_is_replaced(own_machine, receiver):
    r = receiver()
    m = own_machine(WEBHOOK_URL=r.url, WEBHOOK_SECRET=f"{OWN} {SECRET}")
    m.processor()
    send(m)
    wait_for("message", lambda: r.messages)
    message = r.messages[0]
    assert verify(OWN, message.headers, message.body)
    assert verify(SECRET, message.headers, message.body)
    assert len(message.headers["webhook-signature"].split(" ")) == 2


def test_events_of_a_bucket_are_delivered_as_they_are(own_machine, receiver):
    r = receiver()
    m = own_machine(WEBHOOK_URL=f"crm={r.url}")
    m.processor()
    c = m.client()
    c.create_bucket(Bucket="ruled")
    c.put_bucket_notification_configuration(
        Bucket="ruled", NotificationConfiguration={"QueueConfigurations": [{
            "QueueArn": "arn:reelgate:jobs:::webhook_deliver:crm",
            "Events": ["s3:ObjectCreated:*"]}]})
    c.put_object(Bucket="ruled", Key="a b.txt", Body=b"12345")
    wait_for("message", lambda: r.messages)
    message = r.messages[0]
    assert verify(SECRET, message.headers, message.body)
    record, = message.json["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["object"]["key"] == "a+b.txt"
    assert record["s3"]["object"]["size"] == 5
