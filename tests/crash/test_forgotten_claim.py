"""A claim's commit does not wait for the disk, so a PostgreSQL that crashes
may have forgotten it. What then? The job is due again; its run goes on."""
import concurrent.futures
import contextlib
import json
import os
import re
import signal

import pytest

from machine import Machine, ffmpeg
from pg import Postgres
from web import wait_for


@pytest.fixture
def machine():
    server = Postgres()
    server.sql("postgres", "ALTER SYSTEM SET wal_writer_delay = '10s'")
    server.sql("postgres", "SELECT pg_reload_conf()")
    m = Machine(server)
    yield m
    m.close()
    server.remove()


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """Work of long enough to be met in the middle."""
    return ffmpeg(tmp_path_factory.mktemp("video") / "x.mp4", "-f", "lavfi",
                  "-i", "testsrc2=size=320x240:rate=25:duration=20",
                  "-c:v", "libx264", "-preset", "ultrafast",
                  "-pix_fmt", "yuv420p").read_bytes()


def crash(server):
    server.process.kill()
    server.process.wait()
    server.recover()


def job(machine, video):
    status, attempts, errors, by = machine.job(
        video, columns="status, attempts, errors, locked_by")
    return status, int(attempts), json.loads(errors), by


def forgotten(machine, body, tries=5):
    """A run that stands still, and PostgreSQL knows nothing of it. A commit
    of others just before the crash would have kept the claim: once more."""
    for _ in range(tries):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            upload = pool.submit(machine.upload, body)
            pid = machine.processors[0].freeze_child()
            video = upload.result()
        status, attempts, _, by = job(machine, video)
        assert (status, attempts) == ("processing", 1)
        machine.processors[0].process.send_signal(signal.SIGSTOP)
        crash(machine.postgres)
        known = job(machine, video)[3] == by
        machine.processors[0].process.send_signal(signal.SIGCONT)
        if not known:
            return video, pid
        os.kill(pid, signal.SIGCONT)
        machine.wait_video(video, "completed")
    raise AssertionError("PostgreSQL forgets nothing")


def test_the_same_processor_runs_it_once_at_a_time(machine, body):
    """The run goes on, unless a beat was told first that it is lost."""
    p = machine.processor(REELGATE_PROCESSOR_SLOTS="2")
    video, pid = forgotten(machine, body)
    wait_for("another claim", lambda: job(machine, video)[0] == "processing")
    other = machine.upload(body)  # nothing is held up by it
    machine.wait_job(other, "completed")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    machine.wait_video(video, "completed")
    assert job(machine, video) == ("completed", 1, [], "")
    name = f"process_video {machine.job(video, columns='id')[0]} "
    assert re.findall(name + r"(\w+)", p.log()) in (
        ["begins", "completed"], ["begins", "lost", "begins", "completed"])


def test_another_processor_takes_the_job(machine, body, tmp_path):
    """The run of the first is lost; its results would be refused."""
    first = machine.processor(REELGATE_PROCESSOR_SLOTS="1")
    video, _ = forgotten(machine, body)
    machine.processor("--data", tmp_path, S3_ENDPOINT=machine.url)
    machine.wait_video(video, "completed")
    assert job(machine, video) == ("completed", 1, [], "")
    wait_for("end of the first run", lambda: " lost: attempt 1" in first.log())
