"""R29: many uploads at once stay within memory and descriptors; what is too
much is refused with an honest answer and a time to come back."""
import http.client
import json
import os
import pathlib
import threading
import time
from urllib.parse import urlsplit

import pytest

from web import request, wait_for

UPLOADS = 500 if os.environ.get("REELGATE_TEST_LONG") else 200
DATA = os.urandom(200_000)  # beyond what is kept inside the index


def patiently(call):
    """The answer that is no "later", and how often that was said."""
    for late in range(60):
        answer = call()
        if answer.status not in (429, 503):
            return answer, late
        time.sleep(min(int(answer.headers["Retry-After"]), 2))
    raise AssertionError("never served")


def put_at_once(upload, barrier):
    """Half of the bytes, then all wait for all, then the rest."""
    at = urlsplit(upload["uploadUrl"])
    c = http.client.HTTPConnection(at.netloc, timeout=120)
    c.putrequest("PUT", f"{at.path}?{at.query}")
    c.putheader("Content-Type", "video/mp4")
    c.putheader("Content-Length", str(len(DATA)))
    c.endheaders()
    c.send(DATA[:len(DATA) // 2])
    barrier.wait(120)
    c.send(DATA[len(DATA) // 2:])
    status = c.getresponse().status
    c.close()
    return status


class Burst:
    def __init__(self, stack, n):
        self.stack = stack
        self.barrier = threading.Barrier(n)
        self.done, self.failed, self.late = [], [], 0
        threads = [threading.Thread(target=self.one) for _ in range(n)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def one(self):
        try:
            user = self.stack.user()
            answer, late = patiently(lambda: user.post(
                "/api/videos/upload-url",
                {"fileName": "a.mp4", "fileType": "video/mp4",
                 "fileSize": len(DATA)}))
            assert answer.status == 200, answer.body
            assert put_at_once(answer.json, self.barrier) == 200
            done, more = patiently(lambda: user.complete(answer.json))
            assert done.status == 201, done.body
            self.done.append(done.json["video"]["id"])
            self.late += late + more
        except Exception as error:
            self.barrier.abort()
            self.failed.append(repr(error))


def figures(pid):
    """Open descriptors, threads and resident MiB."""
    status = dict(
        line.split(":", 1) for line in
        pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return (len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"]),
            int(status["VmRSS"].split()[0]) >> 10,
            int(status["VmHWM"].split()[0]) >> 10)


def test_R29_uploads_at_once_end_all_and_leave_nothing_open(own_stack):
    s = own_stack()
    pid = s.process.pid
    first = Burst(s, UPLOADS)  # opens connections to the database as well
    assert first.failed == []
    s.relayed()
    wait_for("end of connections", lambda: figures(pid)[1] < 40)
    files, threads, resident, _ = figures(pid)
    second = Burst(s, UPLOADS)
    assert second.failed == []
    assert len({*first.done, *second.done}) == 2 * UPLOADS
    s.relayed()
    wait_for("end of connections", lambda: figures(pid)[1] <= threads)
    wait_for("closed descriptors", lambda: figures(pid)[0] <= files)
    _, _, after, peak = figures(pid)
    assert after < resident + 64
    assert peak < 1024
    assert s.sql("SELECT (SELECT count(*) FROM videos),"
                 " (SELECT count(*) FROM job_queue)") == [
                     [str(2 * UPLOADS), str(4 * UPLOADS)]]


def test_R29_a_users_bytes_in_flight_are_bounded(own_stack):
    s = own_stack(REELGATE_USER_INFLIGHT_BYTES="10M")
    user = s.user()
    body = {"fileName": "a.mp4", "fileType": "video/mp4",
            "fileSize": 4 << 20}
    answers = [user.post("/api/videos/upload-url", body) for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert answers[2].json == {
        "error": "Too many bytes in your unfinished uploads"}
    assert int(answers[2].headers["Retry-After"]) > 0
    assert user.post("/api/videos/multipart",
                     {**body, "action": "create"}).status == 429
    assert user.put(answers[0].json, bytes(4 << 20)).status == 200
    assert user.complete(answers[0].json).status == 201
    assert user.post("/api/videos/upload-url", body).status == 200


@pytest.mark.local_store("objects take no room on this disk")
def test_R29_the_disk_is_not_promised_twice(own_stack):
    disk = os.statvfs("/tmp")
    free = disk.f_bavail * disk.f_frsize
    s = own_stack(REELGATE_MIN_FREE_BYTES=str(free // 2),
                  MAX_UPLOAD_BYTES=str(free),
                  REELGATE_USER_INFLIGHT_BYTES="0")
    body = {"fileName": "a.mp4", "fileType": "video/mp4"}
    path = "/api/videos/upload-url"
    first = s.user().post(path, {**body, "fileSize": free * 3 // 10})
    second = s.user().post(path, {**body, "fileSize": free * 3 // 10})
    never = s.user().post(path, {**body, "fileSize": free * 7 // 10})
    assert [a.status for a in (first, second, never)] == [200, 503, 507]
    for answer in (second, never):
        assert int(answer.headers["Retry-After"]) > 0
        assert set(answer.json) == {"error"}


def test_R29_a_long_queue_pushes_back(own_stack):
    s = own_stack(REELGATE_QUEUE_DEPTH_MAX="100")
    s.sql("INSERT INTO job_queue (type) "
          "SELECT 'process_video' FROM generate_series(1, 101)")
    user = s.user()
    body = {"fileName": "a.mp4", "fileType": "video/mp4", "fileSize": 5}
    refused = wait_for("refusal", lambda: (
        lambda a: a.status == 503 and a)(
            user.post("/api/videos/upload-url", body)))
    assert refused.json == {
        "error": "Too many videos are waiting to be processed"}
    assert int(refused.headers["Retry-After"]) > 0
    assert user.post("/api/videos/multipart",
                     {**body, "action": "create"}).status == 503
    # what was signed before may still come, and reading goes on
    assert user.get("/api/videos").status == 200
    s.sql("UPDATE job_queue SET status = 'completed'")
    wait_for("admission", lambda: user.post(
        "/api/videos/upload-url", body).status == 200)


def test_R29_too_many_connections_are_told_to_come_back(own_stack):
    s = own_stack(REELGATE_MAX_CONNECTIONS="64")
    at = urlsplit(s.api)
    held = []
    try:
        for _ in range(64):
            c = http.client.HTTPConnection(at.netloc, timeout=30)
            c.connect()
            held.append(c)

        def refused():
            """Once the others are accepted."""
            held.append(http.client.HTTPConnection(at.netloc, timeout=30))
            held[-1].request("GET", "/health/live")
            answer = held[-1].getresponse()
            return answer.status == 503 and answer
        answer = wait_for("refusal", refused)
        assert int(answer.headers["Retry-After"]) > 0
        assert set(json.loads(answer.read())) == {"error"}
    finally:
        for c in held:
            c.close()
    wait_for("service again",
             lambda: request("GET", s.api + "/health/live").status == 200)
