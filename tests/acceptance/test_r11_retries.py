"""R11: three runs, backoff of about 15 s and about 60 s, then an end; retry by
hand. The worker is played through the functions that processors call; time
passes by setting run_at back."""
import pytest

WORKER = "acceptance"


@pytest.fixture
def queue(stack):
    """One job, and a worker that has registered."""
    stack.sql("DELETE FROM job_queue")
    stack.sql(f"SELECT worker_beat('{WORKER}', '', '{{ai_analysis}}', "
              "'1 h', '{}', '{}', '{}')")
    stack.sql("INSERT INTO job_queue (type) VALUES ('ai_analysis')")
    yield stack
    stack.sql("DELETE FROM job_queue")
    stack.sql(f"SELECT worker_leave('{WORKER}')")


def claim(queue):
    """Id and attempt of the job, None when it is not due."""
    rows = queue.sql(
        f"SELECT id, attempts FROM job_claim('{WORKER}', '{{ai_analysis}}', "
        "1, false, NULL, NULL)")
    return rows[0] if rows else None


def end(queue, job, how):
    assert queue.sql(
        f"SELECT jobs_end('{WORKER}', '{{{job[0]}}}', '{{{job[1]}}}', "
        f"'{{{how}}}', '{{it broke}}', '{{NULL}}', '{{NULL}}')") == []


def make_due(queue):
    queue.sql("UPDATE job_queue SET run_at = now()")


def row(queue):
    return queue.sql("SELECT status, attempts, claimable FROM job_queue")[0]


def test_R11_fails_twice_then_ok_is_completed_at_attempt_3(queue):
    for attempt in ("1", "2"):
        job = claim(queue)
        assert job[1] == attempt
        end(queue, job, "failed")
        assert row(queue) == ["failed", attempt, "t"]
        assert claim(queue) is None
        make_due(queue)
    end(queue, claim(queue), "completed")
    assert row(queue) == ["completed", "3", "f"]


def test_R11_always_failing_runs_3_times_15_and_60_seconds_apart(queue):
    for seconds in (15, 60):
        end(queue, claim(queue), "failed")
        delay = float(queue.sql("SELECT extract(epoch FROM run_at - failed_at)"
                                " FROM job_queue")[0][0])
        assert 0.8 * seconds <= delay <= 1.2 * seconds
        make_due(queue)
    end(queue, claim(queue), "failed")
    assert row(queue) == ["failed", "3", "f"]
    make_due(queue)
    assert claim(queue) is None
    assert queue.sql("SELECT attempts FROM job_dead_letters") == [["3"]]


def test_R11_retry_by_hand_is_for_failed_jobs_only(queue):
    job = claim(queue)
    done = queue.admin("jobs", "retry", job[0])
    assert done.returncode == 1 and "does not allow" in done.stderr
    end(queue, job, "failed for good")
    assert row(queue) == ["failed", "1", "f"]
    assert queue.admin("jobs", "retry", job[0]).returncode == 0
    assert queue.sql("SELECT status, attempts, max_attempts, run_at <= now() "
                     "FROM job_queue") == [["pending", "0", "3", "t"]]
    end(queue, claim(queue), "completed")
    assert queue.admin("jobs", "retry", job[0]).returncode == 1
