"""Several processors, as on several hosts, share one queue."""
import re
import signal
import time

import pytest

from machine import ffmpeg
from web import wait_for

LIGHT = 1000


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return ffmpeg(tmp_path_factory.mktemp("film") / "f.mp4", "-f", "lavfi",
                  "-i", "testsrc2=size=64x64:rate=10:duration=2").read_bytes()


def is_held_at_work(machine, processor):
    """Whether it has done some work and has more of it; then it is stopped."""
    if " completed: attempt" not in processor.log():
        return False
    processor.process.send_signal(signal.SIGSTOP)
    if machine.sql(
            "SELECT count(*) FROM job_queue WHERE status = 'processing' AND "
            f"locked_by LIKE '%:{processor.process.pid}:%'") != [["0"]]:
        return True
    processor.process.send_signal(signal.SIGCONT)
    return False


@pytest.mark.local_store("has the gateway as its remote store")
def test_each_job_is_completed_once_when_one_of_three_dies(machine, film,
                                                           tmp_path):
    videos = [machine.upload(film, f"{i}.mp4") for i in range(4)]
    # Each with a data directory of its own, as on another host.
    processors = [machine.processor("--data", tmp_path / f"host{i}",
                                    S3_ENDPOINT=machine.url)
                  for i in range(3)]
    # Not before there are all three.
    machine.sql("INSERT INTO job_queue (type, priority) SELECT 'cleanup', "
                f"'low' FROM generate_series(1, {LIGHT})")
    machine.sql("SELECT pg_notify('job_queue', 'cleanup')")
    wait_for("the work of the second", lambda: is_held_at_work(
        machine, processors[1]))
    sessions = ("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                f"'{machine.database}' AND "
                "application_name = 'reelgate-processor'")
    before = int(machine.sql(sessions)[0][0])
    processors[1].kill()
    # A statement that it had sent may still end after it.
    wait_for("the end of its sessions", lambda: int(
        machine.sql(sessions)[0][0]) <= before * 2 // 3)
    died = machine.sql("SELECT clock_timestamp()")[0][0]
    left = int(machine.sql(
        "SELECT count(*) FROM job_queue WHERE status = 'processing' AND "
        f"locked_by LIKE '%:{processors[1].process.pid}:%'")[0][0])
    # 30 s have passed
    machine.sql("UPDATE workers SET lease_until = now() - interval '1 s' "
                f"WHERE name LIKE '%:{processors[1].process.pid}:%'")
    live = "SELECT count(*) FROM job_queue WHERE status <> 'completed'"
    wait_for("the end of all", lambda: machine.sql(live) == [["0"]], 120)

    for video in videos:
        assert machine.video(video) == "completed"
    rescued = machine.sql(
        "SELECT attempts, errors -> 0 ->> 'error' FROM job_queue "
        "WHERE errors <> '[]'")
    assert rescued == [["2", "lease expired"]] * left
    assert machine.sql("SELECT count(*) FROM job_queue WHERE attempts = 1") \
        == [[str(LIGHT + 2 * len(videos) - left)]]
    logs = [p.log() for p in processors]
    told = re.findall(r"(\d+) jobs whose worker fell silent", "".join(logs))
    assert sum(map(int, told)) == left
    ended = re.findall(r"([0-9a-f-]{36}) completed: attempt", "".join(logs))
    assert len(ended) == len(set(ended))
    # Ends that the second wrote, and died before it could log them.
    unlogged = [row[0] for row in machine.sql(
        f"SELECT id FROM job_queue WHERE completed_at < '{died}'")
        if row[0] not in ended]
    assert len(ended) + len(unlogged) == LIGHT + 2 * len(videos)
    for log in logs:
        assert " completed: attempt" in log  # each had its share


def test_processor_that_ends_in_order_leaves_no_worker_behind(machine):
    first, second = machine.processor(), None
    workers = "SELECT count(*) FROM workers"
    wait_for("registration", lambda: machine.sql(workers) == [["1"]])
    assert first.stop() == 0
    assert machine.sql(workers) == [["0"]]
    second = machine.processor()
    wait_for("registration", lambda: machine.sql(workers) == [["1"]])
    assert second.process.poll() is None


def test_connections_cut_at_random_lose_and_double_nothing(machine):
    """An answer that is lost may be one of a claim that was made."""
    processor = machine.processor()
    for _ in range(30):
        machine.sql("INSERT INTO job_queue (type) SELECT 'cleanup' "
                    "FROM generate_series(1, 10)")
        machine.sql("SELECT pg_notify('job_queue', 'cleanup')")
        machine.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    f"WHERE datname = '{machine.database}' AND "
                    "application_name = 'reelgate-processor'")
        time.sleep(0.05)
    wait_for("the end of all", lambda: machine.sql(
        "SELECT count(*) FROM job_queue WHERE status <> 'completed' "
        "AND NOT (status = 'failed' AND claimable)") == [["0"]], 60)
    # a job whose own statements were cut has failed, and is tried again
    machine.sql("UPDATE job_queue SET run_at = now() WHERE status = 'failed'")
    machine.sql("SELECT pg_notify('job_queue', 'cleanup')")
    wait_for("the end of all", lambda: machine.sql(
        "SELECT count(*) FROM job_queue WHERE status <> 'completed'") ==
        [["0"]], 60)
    assert processor.process.poll() is None
    ended = re.findall(r"([0-9a-f-]{36}) completed: attempt", processor.log())
    assert len(ended) == len(set(ended))
