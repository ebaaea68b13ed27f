"""R19: webhooks in and out by Standard Webhooks; vectors of the specification;
tampered, old and replayed messages get 401; a stale attempt is ignored; the
raw secret is a signature only behind a flag."""
import base64
import hashlib
import hmac
import json
import time

import pytest

from hook import SECRET, SUGGESTIONS, post, signature, signed, verify
from machine import ffmpeg
from web import request, wait_for

CALLBACK = "/api/webhooks/video-processing"
NEXT = "whsec_" + base64.b64encode(b"the secret that comes next").decode()


@pytest.fixture(scope="module")
def video_bytes(tmp_path_factory):
    return ffmpeg(tmp_path_factory.mktemp("video") / "v.mp4", "-f", "lavfi",
                  "-i", "testsrc2=size=64x64:rate=10:duration=1").read_bytes()


@pytest.fixture
def elsewhere(own_machine, receiver, video_bytes):
    """A machine whose analysis others make, and the job that they were
    told of."""
    class Elsewhere:
        def __init__(self, **settings):
            self.receiver = receiver()
            self.machine = own_machine(
                REELGATE_EXTERNAL_JOBS=f"ai_analysis={self.receiver.url}",
                **settings)
            self.machine.processor()
            self.video = self.machine.upload(video_bytes)
            self.told = wait_for("job", lambda: self.receiver.of("job"))[0]
            # which they have taken: a while is theirs
            wait_for("lease", lambda: self.machine.sql(
                "SELECT 1 FROM workers WHERE host = 'external' "
                "AND lease_until > now() + interval '1000 s'"))

        @property
        def url(self):
            return self.told.json["callbackUrl"]

        def body(self, status="completed", **more):
            return json.dumps({
                "jobId": self.told.json["jobId"], "videoId": self.video,
                "status": status, "progress": 100, "error": None,
                "result": {"duration": 1.0, "width": 64, "height": 64,
                           "thumbnail_url": None,
                           "ai_suggestions": SUGGESTIONS}, **more}).encode()

        def status(self):
            return self.machine.job(self.video, "ai_analysis", "status")[0]
    return Elsewhere


def test_R19_the_specifications_example():
    """The tests' own implementation, which all others here rely on."""
    assert signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
                     b'{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")


def test_R19_tampered_old_and_replayed_messages_get_401(elsewhere):
    e = elsewhere()
    body = e.body()
    now = int(time.time())
    good = signed(SECRET, body)
    refused = {
        # first, while it is early
        "over five minutes early": (body, signed(SECRET, body,
                                                 timestamp=now + 320)),
        "no signature": (body, {}),
        "tampered body": (body.replace(b"64", b"65"), good),
        "tampered id": (body, {**good, "webhook-id": "msg_other"}),
        "tampered time": (body, {**good, "webhook-timestamp": str(now - 9)}),
        "somebody else's secret": (body, signed(NEXT, body)),
        "over five minutes old": (body, signed(SECRET, body,
                                               timestamp=now - 301)),
        "raw secret": (body, {"x-webhook-signature": SECRET}),
    }
    for what, (sent, headers) in refused.items():
        assert request("POST", e.url, sent, headers).status == 401, what
        assert e.status() == "processing", what
    assert request("POST", e.url, body, good).status == 200
    assert e.machine.video(e.video) == "completed"
    before = e.machine.sql("SELECT * FROM videos")
    for _ in range(3):
        assert request("POST", e.url, body, good).status == 401
    assert e.machine.sql("SELECT * FROM videos") == before
    assert e.machine.sql("SELECT count(*) FROM job_queue") == [["2"]]


def test_R19_almost_five_minutes_are_near_enough(elsewhere):
    e = elsewhere()
    body = e.body("processing")
    for seconds in (-290, 290):
        assert request("POST", e.url, body, signed(
            SECRET, body, timestamp=int(time.time()) + seconds)).status == 200


def test_R19_several_signatures_and_secrets_while_one_is_replaced(elsewhere):
    e = elsewhere(WEBHOOK_SECRET=f"{NEXT} {SECRET}")
    for secret in (NEXT, SECRET):
        assert verify(secret, e.told.headers, e.told.body)
        assert post(e.url, secret, e.body("processing")).status == 200
    body = e.body()
    headers = signed("a-secret-that-nobody-has-any-more", body)
    headers["webhook-signature"] += " " + signature(
        SECRET, headers["webhook-id"], headers["webhook-timestamp"], body)
    assert request("POST", e.url, body, headers).status == 200
    assert e.status() == "completed"


def test_R19_a_stale_attempt_is_ignored(elsewhere):
    e = elsewhere()
    first = e.url
    e.machine.sql("UPDATE workers SET lease_until = now() - interval '1 s' "
                  "WHERE host = 'external'")
    wait_for("second attempt", lambda: len(e.receiver.of("job")) == 2)
    stale = post(first, SECRET, e.body())
    assert (stale.status, stale.json["ignored"]) == (200, True)
    assert e.status() == "processing"
    second = e.receiver.of("job")[1].json["callbackUrl"]
    assert post(second, SECRET, e.body()).json["ignored"] is False
    assert e.status() == "completed"


def test_R19_the_original_header_behind_its_flag(elsewhere):
    e = elsewhere(REELGATE_WEBHOOK_RAW_SECRET="true")
    body = e.body()
    assert request("POST", e.url, body,
                   {"x-webhook-signature": SECRET[:-1]}).status == 401
    assert request("POST", e.url, body,
                   {"x-webhook-signature": SECRET}).status == 200
    assert e.status() == "completed"


def test_R19_without_a_secret_every_call_gets_401(own_stack):
    stack = own_stack(WEBHOOK_SECRET="")
    body = b'{"jobId":"x"}'
    mac = base64.b64encode(hmac.new(b"", b"m.1.", hashlib.sha256).digest())
    for headers in ({}, signed("", body), signed(SECRET, body),
                    {"x-webhook-signature": ""},
                    {"webhook-signature": "v1," + mac.decode()}):
        assert request("POST", stack.api + CALLBACK, body,
                       headers).status == 401


def test_R19_no_analysis_is_made_of_a_callback(elsewhere):
    """The original enqueued another ai_analysis per completed webhook."""
    e = elsewhere()
    for n in range(3):
        post(e.url, SECRET, e.body())
    assert e.machine.sql("SELECT type, status, attempts FROM job_queue "
                         "ORDER BY type") == [
        ["ai_analysis", "completed", "1"],
        ["process_video", "completed", "1"]]


def test_R19_messages_out_are_signed_and_keep_their_id(own_machine, receiver,
                                                       video_bytes):
    r = receiver(lambda message, n: 500 if n == 0 else 204)
    m = own_machine(WEBHOOK_URL=r.url)
    m.processor()
    wait_for("events", lambda: m.sql("SELECT type FROM webhook_events"))
    video = m.upload(video_bytes)
    wait_for("another try", lambda: len(r.messages) == 2)
    for message in r.messages:
        assert verify(SECRET, message.headers, message.body)
        assert message.json["type"] == "video.completed"
        assert message.json["data"]["videoId"] == video
    assert r.messages[0].id == r.messages[1].id
    assert r.messages[0].body == r.messages[1].body
    assert 3 < r.messages[1].at - r.messages[0].at < 45
