"""POST /api/jobs/process against a peer on run/processor.sock that speaks the
processor's line protocol, word by word; health and metrics."""
import os
import re
import socket
import threading
import time

import pytest

from stack import JOB_TOKEN
from web import request, wait_for

JOB = "0b2f6c1e-5d37-4c11-9a6e-2f6f3f0c7d42"


class Peer:
    """Answers one request per connection with the bytes given."""

    def __init__(self, stack, answer):
        self.path = os.path.join(stack.data, "run", "processor.sock")
        self.answer = answer
        self.asked = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(16)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                self.asked.append(peer.makefile("rb").readline())
                peer.sendall(self.answer)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        os.unlink(self.path)


@pytest.fixture
def peer(stack):
    made = []

    def make(answer):
        made.append(Peer(stack, answer))
        return made[-1]
    yield make
    for p in made:
        p.close()


def process(stack, body=None):
    return request("POST", stack.api + "/api/jobs/process", body,
                   {"Authorization": f"Bearer {JOB_TOKEN}"})


def test_process_passes_a_result_on(stack, peer):
    p = peer(b'{"hasJob":true,"jobId":"' + JOB.encode() +
             b'","jobType":"process_video",'
             b'"result":{"duration":1.5}}\n')
    answer = process(stack)
    assert answer.status == 200
    assert answer.json == {
        "message": "Job processed", "hasJob": True, "jobId": JOB,
        "jobType": "process_video", "result": {"duration": 1.5}}
    assert p.asked == [b'{"op":"process_one"}\n']


def test_process_with_nothing_to_do(stack, peer):
    peer(b'{"hasJob":false}\n')
    answer = process(stack, "{}")
    assert (answer.status, answer.json) == (
        200, {"message": "No jobs in queue", "hasJob": False})


def test_process_failure_of_the_job_is_200_with_its_error(stack, peer):
    peer(b'{"hasJob":true,"jobId":"' + JOB.encode() +
         b'","jobType":"t","error":"corrupt"}\n')
    answer = process(stack)
    assert answer.status == 200
    assert answer.json == {"hasJob": True, "jobId": JOB, "jobType": "t",
                           "error": "corrupt"}


@pytest.mark.parametrize("line", [
    b'{"error":"database away"}\n', b"", b"{", b"not json\n", b"[]\n"])
def test_process_of_a_peer_in_trouble_is_503(stack, peer, line):
    peer(line)
    answer = process(stack)
    assert answer.status == 503
    assert answer.json["error"]
    assert int(answer.headers["Retry-After"]) > 0


def test_process_that_waits_ends_with_503_when_the_gateway_stops(own_stack):
    stack = own_stack()
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(os.path.join(stack.data, "run", "processor.sock"))
    silent.listen(1)
    answers = []
    caller = threading.Thread(
        target=lambda: answers.append(process(stack)))
    caller.start()
    with silent, silent.accept()[0] as peer:
        assert peer.recv(100) == b'{"op":"process_one"}\n'
        start = time.monotonic()
        assert stack.stop() == 0
        assert time.monotonic() - start < 20  # not for the job's hour
    caller.join()
    assert answers[0].status == 503


# ---- health, metrics, page --------------------------------------------------

def test_health(stack):
    live = request("GET", stack.api + "/health/live")
    assert (live.status, live.json) == (200, {"status": "ok"})
    stack.relayed()
    ready = request("GET", stack.api + "/health/ready")
    assert ready.status == 200
    answer = ready.json
    space = answer.pop("space")
    assert space["state"] == "ok" and space["free_bytes"] > 0
    assert answer == {
        "status": "ready", "store": "ok", "database": "ok",
        "migrations": "ok", "relay": {"state": "running", "lag": 0}}


def test_health_of_an_old_schema_is_not_ready(own_stack):
    s = own_stack()
    s.sql("DELETE FROM schema_migrations")
    ready = request("GET", s.api + "/health/ready")
    assert ready.status == 503
    assert ready.json["database"] == "ok"
    assert ready.json["migrations"] == "unavailable"


@pytest.mark.local_store("objects elsewhere are not counted")
def test_metrics_are_prometheus_text(stack, user):
    user.complete(user.upload())
    stack.relayed()
    request("GET", stack.api + "/api/nothing")

    def metrics():
        """Answers count when they have gone out, which the client may know
        first."""
        answer = request("GET", stack.api + "/metrics")
        return all(row in answer.body for row in (
            b'path="",status="4xx"',
            b'path="/api/videos/complete-upload",status="2xx"')) and answer
    answer = wait_for("counts", metrics)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    values = {}
    for line in answer.body.decode().splitlines():
        if line.startswith("#"):
            assert re.match(r"# (HELP|TYPE) [a-z_]+ .", line), line
            continue
        found = re.fullmatch(
            r'([a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})?) (\S+)',
            line)
        assert found, line
        assert found[1] not in values, line
        values[found[1]] = float(found[2])
    assert values["reelgate_store_objects"] >= 1
    assert values["reelgate_outbox_lag"] == 0
    assert 0 < values["reelgate_index_used_bytes"] <= values[
        "reelgate_index_bytes"] < values["reelgate_index_map_bytes"]
    assert 0 <= values["reelgate_index_oldest_reader_seconds"] < 10
    assert values["reelgate_backups_running"] == 0
    assert values["reelgate_database_up"] == 1
    assert values['reelgate_relay_state{state="running"}'] == 1
    assert values['reelgate_jobs{type="process_video",status="pending"}'] >= 1
    assert values['reelgate_api_requests_total{method="POST",'
                  'path="/api/videos/complete-upload",status="2xx"}'] >= 1
    assert values['reelgate_api_requests_total{method="",path="",'
                  'status="4xx"}'] >= 1


def test_home_is_a_page(stack):
    answer = request("GET", stack.api + "/")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"Reelgate" in answer.body
