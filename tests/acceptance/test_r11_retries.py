"""R11: what fails is tried again after 15 s, then after 60 s (±20 %), three
times in all. The time between is passed over, unless REELGATE_TEST_LONG is
set."""
import os
import subprocess

import pytest

from gateway import BIN
from machine import ffmpeg
from web import wait_for

LONG = bool(os.environ.get("REELGATE_TEST_LONG"))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return ffmpeg(tmp_path_factory.mktemp("film") / "f.mp4", "-f", "lavfi",
                  "-i", "testsrc2=size=64x64:rate=10:duration=1").read_bytes()


@pytest.fixture
def broken(machine, film):
    """A processor whose jobs have no room to work in, and a job for it."""
    machine.processor()
    (machine.data / "work").rename(machine.data / "away")
    return machine.upload(film)


def mend(machine):
    (machine.data / "away").rename(machine.data / "work")


def fail_again(machine, video, attempt, delay):
    """Waits until the attempt has failed: it is due again after the delay."""
    if attempt > 1 and not LONG:
        machine.sql("UPDATE job_queue SET run_at = now() WHERE status = "
                    "'failed'")
        machine.sql("SELECT pg_notify('job_queue', 'process_video')")
    wait_for(f"failure {attempt}", lambda: machine.job(video)[:2] == [
        "failed", str(attempt)], 180 if LONG else 60)
    assert machine.job(video)[2] == "work_directory"
    after = float(machine.job(
        video, columns="extract(epoch FROM run_at - failed_at)")[0])
    if delay:
        assert 0.8 * delay <= after <= 1.2 * delay
        assert machine.job(video, columns="claimable") == ["t"]


def test_R11_fails_twice_then_succeeds_is_completed_with_three(machine,
                                                               broken):
    fail_again(machine, broken, 1, 15)
    fail_again(machine, broken, 2, 60)
    mend(machine)
    if not LONG:
        machine.sql("UPDATE job_queue SET run_at = now() WHERE status = "
                    "'failed'")
        machine.sql("SELECT pg_notify('job_queue', 'process_video')")
    machine.wait_job(broken, "completed")
    assert machine.job(broken) == ["completed", "3", ""]
    errors = "errors -> 0 ->> 'error', errors -> 1 ->> 'error'"
    assert machine.job(broken, columns=errors) == ["work_directory"] * 2
    if LONG:  # each began when its time had come
        assert float(machine.job(
            broken, columns="extract(epoch FROM started_at - run_at)")[0]) < 2


def test_R11_always_fails_runs_three_times_and_no_more(machine, broken):
    fail_again(machine, broken, 1, 15)
    fail_again(machine, broken, 2, 60)
    fail_again(machine, broken, 3, None)
    assert machine.job(broken, columns="claimable, jsonb_array_length(errors)"
                       ) == ["f", "3"]
    assert machine.video(broken) == "failed"
    mend(machine)
    # by hand it begins anew; what has not failed cannot be tried again
    job = machine.job(broken, columns="id")[0]

    def retry():
        return subprocess.run(
            [BIN / "reelgate", "admin", "jobs", "retry", job, "--data",
             machine.data], env=machine.environment(),
            capture_output=True, text=True)
    done = retry()
    assert done.returncode == 0, done.stderr
    machine.wait_video(broken, "completed")
    assert machine.job(broken) == ["completed", "1", ""]
    assert retry().returncode != 0
