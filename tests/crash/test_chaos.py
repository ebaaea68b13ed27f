"""The whole chain under kill -9: clients upload videos while the gateway, the
processor, PostgreSQL, one of its sessions, and all of them at once die and
come back. In the end every upload is one object, one event, one completed
video, one completed job of each kind, and nothing else."""
import collections
import hashlib
import itertools
import json
import os
import random
import re
import signal
import threading
import time

import pytest

from gateway import DEFAULT_BUCKET as BUCKET
from machine import Machine, ffmpeg
from pg import Postgres
from sigv4 import Signer, head
from wire import Wire

LONG = bool(os.environ.get("REELGATE_TEST_LONG"))
UPLOADS = 2000 if LONG else 200
CLIENTS = 4
# The short form lets a client rest so long between two uploads, at most, that
# they last as long as the blows.
REST_S = 0.5
# No job, video or event has moved for so long: more than a lease (30 s), its
# rescue (10 s) and the end of a worker that hangs (60 s) take together. How
# long all the work takes is the machine's business.
STILL_S = 120
USER = "5e9c3a52-8b60-4f0e-9a3e-0d7f5f2f9a11"
TINY = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=0.5",
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


@pytest.fixture
def postgres():
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return ffmpeg(tmp_path_factory.mktemp("v") / "tiny.mp4",
                  *TINY).read_bytes()


def body_of(video, key):
    """The video and a free box that only this key has."""
    mark = hashlib.sha256(key.encode()).digest()
    return video + (8 + len(mark)).to_bytes(4, "big") + b"free" + mark


class Client(threading.Thread):
    """Uploads its share. Each key is sent until it is known to be there; If-
    None-Match keeps a repeat after a lost answer from being a second write."""

    def __init__(self, machine, keys, video, seed):
        super().__init__()
        self.machine, self.keys, self.video = machine, keys, video
        self.random = random.Random(seed)
        self.wrong, self.repeats = [], 0

    def run(self):
        for key in self.keys:
            time.sleep(self.random.uniform(0, REST_S))
            body = body_of(self.video, key)
            while not self.sent(key, body):
                self.repeats += 1
                time.sleep(0.05)

    def sent(self, key, body):
        path, port = f"/{BUCKET}/{key}", self.machine.port
        h = Signer().headers("PUT", path, f"127.0.0.1:{port}",
                             "UNSIGNED-PAYLOAD")
        h.update({"Content-Length": str(len(body)), "If-None-Match": "*",
                  "Content-Type": "video/mp4"})
        try:
            with Wire(port) as wire:
                wire.send(head("PUT", path, h) + body)
                status = wire.read().status
        except (OSError, EOFError, AssertionError):
            return False
        if status not in (200, 412):
            self.wrong.append((key, status))
        return True


class Blows:
    """Each kills something and brings it back."""

    def __init__(self, machine, postgres):
        self.machine, self.postgres = machine, postgres
        self.processor = machine.processor()

    def gateway(self):
        self.machine.kill()
        self.machine.start()

    def start_processor(self):
        """A new one. What the dead one held is taken as expired: the short
        form does not wait for the 30 s of a lease."""
        if not LONG:
            pid = self.processor.process.pid
            self.machine.sql(
                "UPDATE workers SET lease_until = now() - interval '1 s' "
                f"WHERE name LIKE '%:{pid}:%'")
        self.processor = self.machine.processor()

    def worker(self):
        self.processor.kill()
        self.start_processor()

    def start_postgres(self):
        for _ in range(20):  # until the last child of the dead one is gone
            try:
                self.postgres.start()
                return
            except AssertionError:
                time.sleep(0.2)
        raise AssertionError("PostgreSQL does not start again")

    def database(self):
        self.postgres.process.kill()
        self.postgres.process.wait()
        time.sleep(0.3)
        self.start_postgres()

    def restart(self):
        self.postgres.stop()
        self.postgres.start()

    def session(self):
        """PostgreSQL then ends all others too and recovers."""
        for (pid,) in self.machine.sql(
                "SELECT pid FROM pg_stat_activity WHERE application_name "
                "LIKE 'reelgate%' LIMIT 1"):
            os.kill(int(pid), signal.SIGKILL)

    def everything(self):
        self.machine.kill()
        self.processor.kill()
        self.database()
        self.machine.start()
        self.start_processor()


BLOWS = ("gateway", "worker", "session", "gateway", "database", "restart",
         "worker", "everything")


def hurry(machine):
    """The short form does not wait for the pauses between attempts."""
    if not LONG:
        machine.sql("UPDATE job_queue SET run_at = now() WHERE status = "
                    "'failed' AND attempts < max_attempts AND run_at > now();"
                    "SELECT pg_notify('job_queue', 'process_video')")


def spare_attempts(machine):
    """Each blow may cost a job one of its attempts, and after three a job has
    failed for good, rightly. Here it may lose one to each blow, no more."""
    most = 1000 if LONG else 1 + len(BLOWS)
    machine.sql(f"ALTER TABLE job_queue ALTER max_attempts SET DEFAULT {most}")


def tally(machine):
    """Everything that moves on the way to the end."""
    return {what: int(n) for what, n in machine.sql("""
        SELECT 'cursor', coalesce(sum(last_seq), 0) FROM relay_cursor UNION ALL
        SELECT 'video ' || analysis_status, count(*) FROM videos
          GROUP BY 1 UNION ALL
        SELECT concat_ws(' ', type, status, CASE WHEN attempts >= max_attempts
          AND status = 'failed' THEN 'for good' END), count(*) FROM job_queue
          GROUP BY 1 ORDER BY 1""")}


def is_end(now):
    jobs = {what: n for what, n in now.items()
            if what.startswith(("process_video ", "ai_analysis "))}
    return now.get("video completed", 0) >= UPLOADS and \
        set(jobs) == {"process_video completed", "ai_analysis completed"}


def notable(log):
    """Its last warnings and errors, and its end."""
    lines = log.splitlines(keepends=True)
    bad = [x for x in lines[:-20] if re.search(r'"level":"(warn|err)', x)]
    return "".join(bad[-20:] + lines[-20:])


def still_open(machine):
    """What stands in the way of the end, for the message of a failure."""
    rows = machine.sql(
        "SELECT id, type, payload->>'s3Key', status, attempts, run_at - now(),"
        " locked_by, lease_until - now(), right(errors::text, 600)"
        " FROM job_queue LEFT JOIN workers ON name = locked_by"
        " WHERE status <> 'completed'"
        " ORDER BY job_queue.started_at NULLS LAST LIMIT 30")
    logs = [("gateway", machine.process, machine.log())] + [
        (f"processor {p.process.pid}", p.process, p.log())
        for p in machine.processors[-2:]]
    return "\n".join([" ".join(row) for row in rows] + [
        f"--- {who}, status {process.poll()}\n" + notable(log)
        for who, process, log in logs])


def complete(machine):
    """Waits as long as there is progress; a job that failed for good cannot
    make any."""
    before, moved = None, time.monotonic()
    while not is_end(now := tally(machine)):
        hurry(machine)
        if now != before:
            before, moved = now, time.monotonic()
        why = [what for what in now
               if what.endswith((" for good", " cancelled"))] or \
            (time.monotonic() - moved > STILL_S and "nothing moves")
        if why:
            raise AssertionError(f"not all jobs complete: {why}, {now}, relay "
                                 f"{machine.ready()['relay']}\n"
                                 + still_open(machine))
        time.sleep(0.05)


def listed(client, prefix):
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix=prefix)
    return [o["Key"] for page in pages for o in page.get("Contents", [])]


def counts(machine, query):
    return {row[0]: int(row[1]) for row in machine.sql(query)}


def check(machine, keys, video):
    client = machine.client()
    once = dict.fromkeys(keys, 1)
    assert collections.Counter(listed(client, "uploads/")) == once
    for key in keys:
        got = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert got == body_of(video, key), f"{key}: other bytes"
    assert counts(machine, "SELECT key, count(*) FROM object_events WHERE key "
                           "LIKE 'uploads/%' GROUP BY key") == once
    assert counts(machine, "SELECT s3_key, count(*) FROM videos WHERE "
                           "analysis_status = 'completed' "
                           "GROUP BY s3_key") == once
    assert counts(machine, "SELECT count(*)::text, count(*) FROM videos") \
        == {str(len(keys)): len(keys)}
    for kind in ("process_video", "ai_analysis"):
        assert counts(machine, "SELECT payload->>'s3Key', count(*) FROM "
                      f"job_queue WHERE type = '{kind}' GROUP BY 1") == once
    # what the results name is there, and nothing else was left by the dead
    named = set()
    for (text,) in machine.sql("SELECT result FROM job_queue "
                               "WHERE type = 'process_video'"):
        result = json.loads(text)
        named |= {result["poster"], result["analysis"]}
        named |= {t["key"] for t in result["thumbnails"]}
    assert set(listed(client, "derived/")) == named


def strike(blows, clients):
    """Blow after blow while clients upload, the long form for as long as they
    do; answers how many of each."""
    pick, done = random.Random(20261122), collections.Counter()
    order = itertools.cycle(BLOWS) if LONG else BLOWS
    for name in order:
        if LONG and not any(c.is_alive() for c in clients):
            break
        time.sleep(pick.uniform(*((4, 15) if LONG else (0.3, 1.5))))
        getattr(blows, name)()
        done[name] += 1
    return done


def test_whole_chain_keeps_every_upload_exactly_once(postgres, video, capsys):
    machine = Machine(postgres)
    spare_attempts(machine)
    keys = [f"uploads/{USER}/{n}.mp4" for n in range(UPLOADS)]
    begun = time.monotonic()
    try:
        blows = Blows(machine, postgres)
        clients = [Client(machine, keys[n::CLIENTS], video, n)
                   for n in range(CLIENTS)]
        for c in clients:
            c.start()
        done = strike(blows, clients)
        for c in clients:
            c.join()
        assert [c.wrong for c in clients] == [[]] * CLIENTS
        complete(machine)
        machine.relayed()
        check(machine, keys, video)
        again = machine.sql("SELECT count(*) FROM job_queue "
                            "WHERE attempts > 1")[0][0]
    finally:
        machine.close()
    with capsys.disabled():
        print(f"\nchaos: {UPLOADS} uploads, {sum(c.repeats for c in clients)} "
              f"repeated requests, {again} jobs run again, "
              f"{sum(done.values())} blows ("
              + ", ".join(f"{n} {name}" for name, n in done.items())
              + f"), 0 lost, 0 doubled, {time.monotonic() - begun:.0f} s")
