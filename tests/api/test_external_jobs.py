"""Jobs that others run: told, taken or refused, and brought to an end by
their callbacks, whoever dies meanwhile."""
import hashlib
import json
import socket
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from hook import SECRET, SUGGESTIONS, post, verify
from machine import ffmpeg
from stack import BUCKET, token
from web import request, wait_for


@pytest.fixture(scope="module")
def video_bytes(tmp_path_factory):
    return ffmpeg(tmp_path_factory.mktemp("video") / "v.mp4", "-f", "lavfi",
                  "-i", "testsrc2=size=64x64:rate=10:duration=1").read_bytes()


def finish(message, status="completed", **more):
    job = message.json
    return post(job["callbackUrl"], SECRET, {
        "jobId": job["jobId"], "videoId": job["videoId"], "status": status,
        **more})


def told(r, n=1):
    wait_for(f"{n} jobs told", lambda: len(r.of("job")) >= n, 60)
    return r.of("job")[n - 1]


def hurry(m, video):
    m.sql(f"UPDATE job_queue SET run_at = now() WHERE video_id = '{video}' "
          "AND status = 'failed' AND claimable; "
          "SELECT pg_notify('job_queue', 'ai_analysis')")


def worker_of(m, video, kind="ai_analysis"):
    return m.job(video, kind, "locked_by")[0]


def test_an_analysis_made_elsewhere(own_machine, receiver, video_bytes):
    r = receiver()
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"ai_analysis={r.url}/analyse")
    m.processor()
    video = m.upload(video_bytes)
    message = told(r)
    job = message.json
    assert verify(SECRET, message.headers, message.body)
    assert message.path == "/analyse"
    assert set(job) == {"type", "timestamp", "jobId", "attempt", "jobType",
                        "videoId", "payload", "input", "callbackUrl",
                        "expiresAt"}
    assert (job["jobType"], job["videoId"], job["attempt"]) == (
        "ai_analysis", video, 1)
    assert job["payload"]["videoId"] == video
    # the bytes, by the URL alone
    answer = request("GET", job["input"]["url"])
    assert answer.status == 200 and answer.body == video_bytes
    assert job["input"]["size"] == len(video_bytes)
    assert job["input"]["etag"] == hashlib.md5(video_bytes).hexdigest()
    assert job["input"]["contentType"] == "video/mp4"
    query = parse_qs(urlsplit(job["input"]["url"]).query)
    assert int(query["X-Amz-Expires"][0]) == 3600 + 3600
    assert job["callbackUrl"].startswith(m.api)
    wait_for("hand-off", lambda: worker_of(m, video).startswith("external:"))
    assert finish(message, "processing", progress=50).json == {
        "received": True, "ignored": False}
    assert m.job(video, "ai_analysis", "progress") == ["50"]
    assert m.video(video, "progress") == "95"
    assert finish(message, result={
        "ai_suggestions": SUGGESTIONS, "thumbnail_url": "https://x/y.jpg",
        "segments": [{"start_time": 0, "end_time": 1, "score": 50}],
        "hooks": [{"timestamp": 0.5, "type": "audio"}]}).status == 200
    assert m.video(video) == "completed"
    assert json.loads(m.video(video, "ai_suggestions")) == SUGGESTIONS
    # the poster of process_video stays
    assert m.video(video, "thumbnail_key").startswith(f"derived/{video}/")
    assert m.sql("SELECT count(*) FROM engagement_segments") == [["1"]]
    assert m.sql("SELECT count(*) FROM hooks") == [["1"]]
    # not one more analysis (the original made one for each callback)
    assert m.sql("SELECT type, status FROM job_queue ORDER BY type") == [
        ["ai_analysis", "completed"], ["process_video", "completed"]]
    assert m.sql("SELECT name FROM workers WHERE host = 'external'") == []


def test_a_thumbnail_counts_when_it_is_an_object_of_the_video(
        own_machine, receiver, video_bytes):
    r = receiver()
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"process_video={r.url}")
    m.processor()
    keys = []
    for n, name in enumerate(("derived/{}/theirs.jpg", "derived/{}/none.jpg",
                              "derived/other/theirs.jpg", "uploads/x.jpg")):
        video = m.upload(video_bytes, f"{n}.mp4")
        message = told(r, n + 1)
        if n != 1:
            m.client().put_object(Bucket=BUCKET, Key=name.format(video),
                                  Body=b"jpeg")
        assert finish(message, result={
            "duration": 1.25, "width": 640, "height": 360,
            "thumbnail_url": name.format(video)}).status == 200
        assert m.video(video, "duration") == "1.25"
        assert m.video(video, "width") == "640"
        keys.append(m.video(video, "thumbnail_key"))
        # the analysis is ours, and decodes by itself
        m.wait_video(video, "completed")
    assert keys[0].endswith("/theirs.jpg") and not any(keys[1:])


def test_files_of_others_join_those_of_the_video(own_machine, receiver,
                                                 video_bytes):
    r = receiver()
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"transcribe={r.url}")
    m.processor()
    video = m.upload(video_bytes)
    m.wait_video(video, "completed")
    user = m.user()
    user.token = token(m.owner)
    assert user.post(f"/api/videos/{video}/tasks",
                     {"type": "captions"}).status == 202
    message = told(r, 1)
    assert message.json["jobType"] == "transcribe"
    key = f"derived/{video}/theirs/words.vtt"
    good = {"name": "captions.vtt", "role": "captions", "key": key}
    for bad in ({**good, "key": key + "x"}, {**good, "key": "uploads/x"},
                {**good, "name": "../x"}, {**good, "role": ""}, {}, 7):
        answer = finish(message, result={"files": [bad]})
        assert (answer.status, answer.json) == (400,
                                                {"error": "Invalid files"})
    m.client().put_object(Bucket=BUCKET, Key=key, Body=b"WEBVTT\n\nhello\n")
    assert finish(message, result={"files": [good]}).status == 200
    files = {f["name"]: f["role"]
             for f in user.get(f"/api/videos/{video}/files").json["files"]}
    assert files["captions.vtt"] == "captions"
    assert files["poster.jpg"] == "poster"
    captions = user.get(f"/api/videos/{video}/files/captions.vtt")
    assert captions.body == b"WEBVTT\n\nhello\n"


def test_a_slot_is_free_while_others_work(own_machine, receiver, video_bytes):
    r = receiver()
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"ai_analysis={r.url}")
    m.processor()
    videos = [m.upload(video_bytes, f"{i}.mp4") for i in range(3)]
    told(r, 3)
    for video in videos:
        assert m.job(video)[0] == "completed"
        assert m.job(video, "ai_analysis")[0] == "processing"


def test_a_new_type_needs_no_video(own_machine, receiver):
    r = receiver()
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"transcribe={r.url}",
                    API_PUBLIC_URL="https://api.example.org/base/")
    m.processor()
    m.sql("INSERT INTO job_queue (type, payload) VALUES ('transcribe', "
          "'{\"text\": \"hello\"}'); "
          "SELECT pg_notify('job_queue', 'transcribe')")
    job = told(r).json
    assert job["input"] is None and job["videoId"] is None
    assert job["payload"] == {"text": "hello"}
    assert job["callbackUrl"] == ("https://api.example.org/base/api/webhooks/"
                                  "video-processing?attempt=1")
    assert post(m.api + "/api/webhooks/video-processing", SECRET,
                {"jobId": job["jobId"], "attempt": 1, "status": "completed",
                 "result": {"text": "olleh"}}).status == 200
    assert m.sql("SELECT status, result ->> 'text' FROM job_queue") == [
        ["completed", "olleh"]]


def test_the_callback_may_be_quicker_than_the_answer(own_machine, receiver,
                                                     video_bytes):
    r = receiver()
    answers = []

    def at_once(message, n):
        answers.append(finish(message))
        return 200
    r.answer = at_once
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"ai_analysis={r.url}")
    p = m.processor()
    video = m.upload(video_bytes)
    m.wait_video(video, "completed")
    wait_for("the callback's answer", lambda: answers)
    assert [a.json["ignored"] for a in answers] == [False]
    assert len(r.of("job")) == 1
    assert m.sql("SELECT name FROM workers WHERE host = 'external'") == []
    p.stop()


def test_a_restarted_processor_changes_nothing(own_machine, receiver,
                                               video_bytes):
    r = receiver()
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"ai_analysis={r.url}")
    p = m.processor()
    video = m.upload(video_bytes)
    message = told(r)
    wait_for("hand-off", lambda: worker_of(m, video).startswith("external:"))
    p.kill()
    m.processor().stop()
    p = m.processor()
    time.sleep(1)
    assert m.job(video, "ai_analysis", "status, attempts") == [
        "processing", "1"]
    assert finish(message).json["ignored"] is False
    m.wait_video(video, "completed")
    assert len(r.of("job")) == 1


def test_without_word_the_attempt_has_failed(own_machine, receiver,
                                             video_bytes):
    r = receiver()
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"ai_analysis={r.url}")
    p = m.processor()
    video = m.upload(video_bytes)
    first = told(r)
    wait_for("long lease", lambda: m.sql(
        "SELECT 1 FROM workers WHERE host = 'external' "
        "AND lease_until > now() + interval '1000 s'"))
    # past its lease, with nobody to rescue it: word of it is still welcome
    p.stop()
    m.sql("UPDATE workers SET lease_until = now() - interval '1 s' "
          "WHERE host = 'external'")
    assert finish(first, "processing").json["ignored"] is False
    m.sql("UPDATE workers SET lease_until = now() - interval '1 s' "
          "WHERE host = 'external'")
    m.processor()
    second = told(r, 2)
    assert second.json["attempt"] == 2 and second.id != first.id
    assert second.json["jobId"] == first.json["jobId"]
    errors = json.loads(m.job(video, "ai_analysis", "errors")[0])
    assert errors[0]["error"] == "lease expired"
    # the first one comes back, too late
    assert finish(first).json == {"received": True, "ignored": True}
    assert m.video(video) == "processing"
    assert finish(second).json["ignored"] is False
    assert m.video(video) == "completed"


@pytest.mark.parametrize("status,again", [
    (400, False), (404, False), (410, False), (302, False),
    (408, True), (425, True), (429, True), (500, True), (503, True)])
def test_a_refusal_is_judged(own_machine, receiver, status, again):
    r = receiver(lambda message, n: (status, {"Location": "/other"}))
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"transcribe={r.url}")
    m.processor()
    m.sql("INSERT INTO job_queue (type) VALUES ('transcribe'); "
          "SELECT pg_notify('job_queue', 'transcribe')")
    told(r)
    wait_for("refusal", lambda: m.sql(
        "SELECT status FROM job_queue") == [["failed"]])
    (claimable, error, wait), = m.sql(
        "SELECT claimable, error, extract(epoch FROM run_at - failed_at) "
        "FROM job_queue")
    assert (claimable == "t", error) == (again, f"external_http_{status}")
    assert 11 < float(wait) < 19
    assert m.sql("SELECT name FROM workers WHERE host = 'external'") == []


def test_retry_after_lengthens_the_wait_only(own_machine, receiver):
    r = receiver(lambda message, n: (503, {
        "Retry-After": ("0", "100")[n]}))
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"transcribe={r.url}")
    m.processor()
    m.sql("INSERT INTO job_queue (type) VALUES ('transcribe'); "
          "SELECT pg_notify('job_queue', 'transcribe')")
    waits = []
    for n in (1, 2):
        told(r, n)
        wait_for("refusal", lambda: m.sql(
            "SELECT status, attempts FROM job_queue") == [["failed", str(n)]])
        waits.append(float(m.sql("SELECT extract(epoch FROM run_at - "
                                 "failed_at) FROM job_queue")[0][0]))
        m.sql("UPDATE job_queue SET run_at = now(); "
              "SELECT pg_notify('job_queue', 'transcribe')")
    assert 14 < waits[0] < 19 and 99 < waits[1] < 101


def test_nobody_there_is_tried_again(own_machine, video_bytes):
    with socket.socket() as nobody:  # the port is kept, nothing listens
        nobody.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % nobody.getsockname()[1]
        m = own_machine(REELGATE_EXTERNAL_JOBS=f"ai_analysis={url}")
        m.processor()
        video = m.upload(video_bytes)
        m.wait_job(video, "failed", "ai_analysis")
    assert m.job(video, "ai_analysis", "claimable, error") == [
        "t", "external_unreachable"]


def test_a_failure_told_for_good_fails_the_video(own_machine, receiver,
                                                 video_bytes):
    r = receiver()
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"ai_analysis={r.url}")
    m.processor()
    video = m.upload(video_bytes)
    assert finish(told(r), "failed", error="no model").status == 200
    assert m.job(video, "ai_analysis", "status, claimable") == ["failed", "t"]
    assert m.video(video) == "processing"
    hurry(m, video)
    assert finish(told(r, 2), "failed", error="no model",
                  permanent=True).status == 200
    assert m.video(video, "analysis_status") == "failed"
    assert m.video(video, "error") == "no model"


def test_a_cancelled_job_is_over_and_they_are_told(own_machine, receiver,
                                                   video_bytes):
    r = receiver()
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"ai_analysis={r.url}")
    m.processor()
    video = m.upload(video_bytes)
    message = told(r)
    wait_for("hand-off", lambda: worker_of(m, video).startswith("external:"))
    m.sql(f"SELECT job_cancel('{message.json['jobId']}', 'not wanted')")
    assert m.job(video, "ai_analysis", "status") == ["cancelled"]
    assert m.video(video) == "failed"
    wait_for("cancel message", lambda: r.of("job.cancelled"))
    cancel, = r.of("job.cancelled")
    assert verify(SECRET, cancel.headers, cancel.body)
    assert cancel.json["data"] == {
        "jobId": message.json["jobId"], "attempt": 1,
        "jobType": "ai_analysis", "videoId": video}
    assert finish(message).json["ignored"] is True
    assert m.job(video, "ai_analysis", "status") == ["cancelled"]


def test_two_callbacks_at_once_have_one_effect(own_machine, receiver,
                                               video_bytes):
    r = receiver()
    m = own_machine(REELGATE_EXTERNAL_JOBS=f"ai_analysis={r.url}")
    m.processor()
    video = m.upload(video_bytes)
    message = told(r)
    answers = []
    ways = [lambda: finish(message, result={"ai_suggestions": SUGGESTIONS}),
            lambda: finish(message, "failed", error="x", permanent=True)]
    threads = [threading.Thread(target=lambda w=w: answers.append(w()))
               for w in ways * 3]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(a.json["ignored"] for a in answers) == [False] + [True] * 5
    status, error = m.job(video, "ai_analysis", "status, error")
    assert (status, error) in [("completed", ""), ("completed", None),
                               ("failed", "x")]
    assert m.video(video) == status
