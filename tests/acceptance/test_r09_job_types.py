"""R9: each job type has its lane, how many run at once, its time; a type that
nobody knows fails without retries."""
import os
import time

import pytest

from machine import ffmpeg
from web import wait_for


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return ffmpeg(tmp_path_factory.mktemp("film") / "f.mp4", "-f", "lavfi",
                  "-i", "testsrc2=size=640x360:rate=25:duration=20", "-c:v",
                  "libx264", "-preset", "ultrafast", "-pix_fmt",
                  "yuv420p").read_bytes()


def add(machine, kind):
    job = machine.sql(f"INSERT INTO job_queue (type) VALUES ('{kind}') "
                      "RETURNING id")[0][0]
    machine.sql(f"SELECT pg_notify('job_queue', '{kind}')")
    return job


def row(machine, job, columns="status"):
    return machine.sql(f"SELECT {columns} FROM job_queue WHERE id = '{job}'")[0]


def test_R9_unknown_type_fails_without_retries(machine):
    machine.processor()
    job = add(machine, "transmogrify")
    wait_for("verdict", lambda: row(machine, job) == ["failed"])
    assert row(machine, job, "attempts, max_attempts, claimable, error") == [
        "1", "1", "f", "unknown job type transmogrify"]
    assert machine.sql("SELECT count(*) FROM job_dead_letters") == [["1"]]


def test_R9_as_many_run_at_once_as_there_are_slots(machine, film):
    processor = machine.processor(REELGATE_PROCESSOR_SLOTS="2")
    for i in range(4):
        machine.upload(film, f"{i}.mp4")
    running = ("SELECT count(*) FROM job_queue WHERE status = 'processing'")
    wait_for("full slots", lambda: machine.sql(running) == [["2"]])
    frozen = processor.freeze_child()
    time.sleep(0.5)
    assert int(machine.sql(running)[0][0]) <= 2
    # a full lane does not hold up the other
    light = add(machine, "cleanup")
    wait_for("cleanup", lambda: row(machine, light) == ["completed"])
    os.kill(frozen, 18)
    wait_for("all", lambda: machine.sql(
        "SELECT count(*) FROM videos WHERE analysis_status = 'completed'") ==
        [["4"]], 180)


def test_R9_run_past_its_time_is_killed_and_has_failed(machine, film):
    processor = machine.processor(REELGATE_MEDIA_TIMEOUT_S="10")
    video = machine.upload(film)
    worker = processor.freeze_child()
    wait_for("end of the run", lambda: machine.job(video)[0] == "failed")
    assert 10 <= float(machine.job(
        video, columns="extract(epoch FROM failed_at - started_at)")[0]) < 40
    assert not os.path.exists(f"/proc/{worker}")
    assert machine.job(video) == ["failed", "1", "timeout"]
    assert machine.job(video, columns="claimable") == ["t"]
