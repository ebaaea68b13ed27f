"""Callbacks about jobs that others run. Jobs are put into the state that a
hand-off leaves; test_external_jobs.py has the whole way."""
import json
import subprocess
import threading
import time
import uuid

import pytest

from gateway import BIN
from hook import SECRET, SUGGESTIONS, post, signed
from machine import Machine
from web import request

OLD = "the-secret-of-the-year-before"
OTHER = "a-secret-of-somebody-else-entirely"
CALLBACK = "/api/webhooks/video-processing"


@pytest.fixture(scope="module")
def gate(postgres):
    m = Machine(postgres, WEBHOOK_SECRET=f"{SECRET} {OLD}")
    yield m
    m.close()


def handed_off(gate, kind="ai_analysis", attempts=1, lease=60, video=None):
    """A job in the state that a processor's hand-off leaves."""
    job = str(uuid.uuid4())
    worker = f"external:{job}:{attempts}"
    gate.sql(f"INSERT INTO workers (name, host, lease_until) VALUES "
             f"('{worker}', 'external', now() + interval '{lease} s')")
    gate.sql(f"INSERT INTO job_queue (id, type, status, attempts, locked_by, "
             f"started_at, video_id) VALUES ('{job}', '{kind}', 'processing', "
             f"{attempts}, '{worker}', now(), "
             f"{repr(video) if video else 'NULL'})")
    return job


def say(gate, job, status="completed", secret=SECRET, ident=None,
        timestamp=None, path=CALLBACK, **more):
    message = {"jobId": job, "attempt": 1, "status": status, **more}
    return post(gate.api + path, secret,
                {k: v for k, v in message.items() if v is not None}, ident,
                timestamp)


def state(gate, job, columns="status"):
    row, = gate.sql(f"SELECT {columns} FROM job_queue WHERE id = '{job}'")
    return row[0] if len(row) == 1 else tuple(row)


def seen(gate, ident):
    return gate.sql(f"SELECT id FROM webhook_seen WHERE id = '{ident}'") != []


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_a_signed_callback_completes_its_job(gate, secret):
    job = handed_off(gate)
    answer = say(gate, job, secret=secret, result={"duration": 1.5, "x": [1]})
    assert answer.status == 200
    assert answer.json == {"received": True, "ignored": False}
    status, progress, result = state(gate, job, "status, progress, result")
    assert (status, progress) == ("completed", "100")
    assert json.loads(result) == {"duration": 1.5, "x": [1]}
    assert gate.sql(f"SELECT name FROM workers WHERE name LIKE "
                    f"'external:{job}%'") == []


def test_what_is_not_rightly_signed_is_refused(gate):
    job = handed_off(gate)
    body = json.dumps({"jobId": job, "attempt": 1,
                       "status": "completed"}).encode()
    good = signed(SECRET, body)
    now = int(time.time())
    bad = [signed(SECRET, body, timestamp=now + 330),  # while it is early
           {}, {"webhook-id": "x"},
           signed(OTHER, body), signed(SECRET, body + b" "),
           {**good, "webhook-id": good["webhook-id"] + "x"},
           {**good, "webhook-timestamp": str(now + 1)},
           {**good, "webhook-signature": good["webhook-signature"][3:]},
           {k: v for k, v in good.items() if k != "webhook-id"},
           {k: v for k, v in good.items() if k != "webhook-timestamp"},
           signed(SECRET, body, timestamp=now - 302),
           signed(SECRET, body, ident="a.b"),
           {"x-webhook-signature": SECRET},
           {"Authorization": f"Bearer {SECRET}"}]
    for headers in bad:
        answer = request("POST", gate.api + CALLBACK, body, headers)
        assert answer.status == 401, headers
        assert answer.json["error"] == "Unauthorized"
    # nobody hears what is wrong with a body before it is known whose it is
    assert request("POST", gate.api + CALLBACK, b"{no json",
                   signed(OTHER, b"")).status == 401
    assert state(gate, job) == "processing"
    assert not seen(gate, good["webhook-id"])
    assert request("POST", gate.api + CALLBACK, body, good).status == 200
    assert state(gate, job) == "completed"


def test_other_signatures_beside_the_right_one_do_no_harm(gate):
    job = handed_off(gate)
    body = json.dumps({"jobId": job, "attempt": 1,
                       "status": "completed"}).encode()
    headers = signed(SECRET, body)
    headers["webhook-signature"] = "v1a,abc= v1,AAAA " + headers[
        "webhook-signature"] + " junk"
    assert request("POST", gate.api + CALLBACK, body, headers).status == 200


def test_a_message_has_its_effect_once(gate):
    job = handed_off(gate)
    assert say(gate, job, "processing", ident="msg_a" + job,
               progress=10).status == 200
    assert seen(gate, "msg_a" + job)
    again = say(gate, job, "processing", ident="msg_a" + job, progress=10)
    assert again.status == 401
    assert again.json["message"] == "Invalid webhook: replayed"
    # the same id with other content is no new message
    assert say(gate, job, ident="msg_a" + job).status == 401
    assert state(gate, job) == "processing"
    assert say(gate, job, ident="msg_b" + job).status == 200
    assert say(gate, job, ident="msg_b" + job).status == 401


def test_a_message_without_effect_may_come_again(gate):
    unknown = str(uuid.uuid4())
    assert say(gate, unknown, ident="msg_c" + unknown).status == 404
    assert not seen(gate, "msg_c" + unknown)
    assert say(gate, unknown, ident="msg_c" + unknown).status == 404


def test_old_ids_are_swept(gate):
    gate.sql("INSERT INTO webhook_seen SELECT 'old' || i, now() - "
             "interval '2 hours' FROM generate_series(1, 3) i")
    say(gate, handed_off(gate))
    assert gate.sql("SELECT count(*) FROM webhook_seen "
                    "WHERE id LIKE 'old%'") == [["0"]]


@pytest.mark.parametrize("broken", [
    {"jobId": "x"}, {"jobId": None}, {"jobId": 7}, {"status": "done"},
    {"status": None}, {"videoId": "x"}, {"attempt": 0}, {"attempt": "1"},
    {"attempt": None}, {"progress": 101}, {"progress": "50"},
    {"error": "x" * 1001}, {"permanent": 1}, {"result": []},
    {"result": {"duration": -1}}, {"result": {"width": 1.5}},
    {"result": {"height": 0}}, {"result": {"duration": "1"}},
    {"result": {"ai_suggestions": []}},
    {"result": {"ai_suggestions": {"clips": [{}], "bestMoments": []}}},
    {"result": {"ai_suggestions": {**SUGGESTIONS, "overallScore": 2}}},
    {"result": {"segments": [{"start_time": 1}]}},
    {"result": {"hooks": [{"timestamp": 1, "type": "nonsense"}]}}],
    ids=json.dumps)
def test_what_is_no_message_is_refused(gate, broken):
    job = handed_off(gate)
    ident = "msg_" + job
    answer = say(gate, **{"job": job, **{
        "job" if k == "jobId" else k: v for k, v in broken.items()}},
        ident=ident)
    assert answer.status == 400, answer.body
    assert answer.json["error"].startswith("Invalid ")
    assert state(gate, job) == "processing"
    assert not seen(gate, ident)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b'{"a":"\\u0000"}'])
def test_a_signed_body_that_is_no_object_is_refused(gate, body):
    assert post(gate.api + CALLBACK, SECRET, body).status == 400


def test_a_large_body_is_refused(gate):
    body = b'{"x":"' + b"x" * (64 << 10) + b'"}'
    assert post(gate.api + CALLBACK, SECRET, body).status == 413


def test_the_url_may_carry_the_attempt(gate):
    job = handed_off(gate, attempts=3)
    assert say(gate, job, attempt=None,
               path=CALLBACK + "?attempt=2").json["ignored"]
    assert not say(gate, job, attempt=None,
                   path=CALLBACK + "?attempt=3").json["ignored"]
    assert state(gate, job) == "completed"


def test_a_stale_attempt_is_ignored(gate):
    job = handed_off(gate, attempts=2)
    for attempt in (1, 3):
        answer = say(gate, job, attempt=attempt)
        assert answer.status == 200
        assert answer.json == {"received": True, "ignored": True}
    assert state(gate, job) == "processing"


def test_a_job_that_was_not_handed_off_is_nobodys_to_end(gate):
    job = str(uuid.uuid4())
    gate.sql("INSERT INTO job_queue (id, type, status, attempts, locked_by) "
             f"VALUES ('{job}', 'ai_analysis', 'processing', 1, 'host:1:x')")
    assert say(gate, job).json["ignored"]
    gate.sql(f"UPDATE job_queue SET status = 'pending', attempts = 0, "
             f"run_at = 'infinity' WHERE id = '{job}'")
    assert say(gate, job).json["ignored"]
    assert state(gate, job) == "pending"


def test_progress_renews_the_lease(gate):
    job = handed_off(gate, lease=5)
    left = ("SELECT extract(epoch FROM lease_until - now()) > {} FROM workers "
            f"WHERE name = 'external:{job}:1'")
    assert gate.sql(left.format(10)) == [["f"]]
    assert say(gate, job, "processing", progress=40).status == 200
    assert state(gate, job, "progress") == "40"
    assert gate.sql(left.format(3000)) == [["t"]]
    assert say(gate, job, "processing", progress=30).status == 200
    assert state(gate, job, "progress") == "40"
    assert say(gate, job, "processing").status == 200


def test_a_failure_is_tried_again_unless_it_is_permanent(gate):
    job = handed_off(gate)
    assert say(gate, job, "failed", error="no GPU").status == 200
    status, error, wait = state(
        gate, job, "status, error, extract(epoch FROM run_at - failed_at)")
    assert (status, error) == ("failed", "no GPU")
    assert 11 < float(wait) < 19
    job = handed_off(gate)
    assert say(gate, job, "failed", error="bad codec",
               permanent=True).status == 200
    assert state(gate, job, "claimable, error") == ("f", "bad codec")


def test_callbacks_at_once_have_one_effect(gate):
    job = handed_off(gate)
    answers = []

    def one(i):
        answers.append(say(gate, job, ident=f"msg_{i % 2}_{job}",
                           result={"n": i}))
    threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    taken = [a for a in answers if a.status == 200]
    assert len(taken) == 2 and len([a for a in answers
                                    if a.status == 401]) == 6
    assert sorted(a.json["ignored"] for a in taken) == [False, True]
    assert state(gate, job, "status, attempts") == ("completed", "1")


def test_without_a_secret_nothing_is_accepted(own_stack):
    stack = own_stack(WEBHOOK_SECRET="")
    for secret in ("", SECRET):
        answer = post(stack.api + CALLBACK, secret, {})
        assert answer.status == 401
        assert answer.json["message"] == "No webhook secret is configured"


def test_the_secret_itself_is_a_signature_only_where_that_is_asked_for(
        own_machine):
    m = own_machine(REELGATE_WEBHOOK_RAW_SECRET="true",
                 WEBHOOK_SECRET=f"{SECRET} {OLD}")
    job = handed_off(m)
    body = json.dumps({"jobId": job, "status": "completed"}).encode()
    url = m.api + CALLBACK + "?attempt=1"
    for secret in ("", "x", OTHER, f"{SECRET} {OLD}", SECRET[:-1]):
        assert request("POST", url, body,
                       {"x-webhook-signature": secret}).status == 401
    assert request("POST", url, body,
                   {"x-webhook-signature": OLD}).status == 200
    assert state(m, job) == "completed"


@pytest.mark.parametrize("program,settings,line", [
    ("gateway", {"WEBHOOK_SECRET": "short"}, "16 to 128"),
    ("gateway", {"WEBHOOK_SECRET": "whsec_abcd"}, "base64"),
    ("processor", {"WEBHOOK_SECRET": "short"}, "16 to 128"),
    ("processor", {"WEBHOOK_URL": "https://h/SECRET"},
     "WEBHOOK_URL needs WEBHOOK_SECRET"),
    ("processor", {"WEBHOOK_URL": "a=ftp://h/SECRET"}, "http://"),
    ("processor", {"WEBHOOK_URL": "https://h/SECRET https://h/2"}, "NAME=URL"),
    ("processor", {"WEBHOOK_URL_SECRET": "short"}, "WEBHOOK_URL_SECRET"),
    ("processor", {"REELGATE_EXTERNAL_JOBS": "ai_analysis=https://h/SECRET"},
     "REELGATE_EXTERNAL_JOBS needs WEBHOOK_SECRET"),
    ("processor", {"WEBHOOK_SECRET": SECRET,
                   "REELGATE_EXTERNAL_JOBS": "https://h/SECRET"}, "no type"),
    ("processor", {"WEBHOOK_SECRET": SECRET,
                   "REELGATE_EXTERNAL_JOBS":
                   "webhook_deliver=https://h/SECRET"}, "no type"),
], ids=str)
def test_a_bad_setting_stops_the_start(gate, tmp_path, program, settings,
                                       line):
    env = {**gate.environment(), **settings}
    if "WEBHOOK_SECRET" not in settings:
        env["WEBHOOK_SECRET"] = ""
    done = subprocess.run(
        [BIN / f"reelgate-{program}", "--data", tmp_path,
         *(["--s3-listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"]
           if program == "gateway" else [])],
        env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 78, done.stderr
    said = done.stderr.splitlines()[-1]
    assert line in said
    assert "/SECRET" not in done.stderr and "short" not in said
