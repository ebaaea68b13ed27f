"""reelgate admin jobs: lists and filters, one job with its history, retry,
cancel, limits, figures."""
import json
import uuid

import pytest

VIDEO, USER = str(uuid.uuid4()), str(uuid.uuid4())


@pytest.fixture(scope="module")
def jobs(stack):
    """One of each kind, by name."""
    stack.relayed()  # no event of another test makes jobs later
    stack.sql("DELETE FROM job_queue")
    stack.sql(
        "INSERT INTO job_queue (type, status, attempts, video_id, user_id,"
        " created_at, error, errors) VALUES "
        f"('process_video', 'completed', 1, '{VIDEO}', '{USER}',"
        "  now() - interval '2 days', NULL, '[]'),"
        "('process_video', 'failed', 1, NULL, NULL, now(), 'try again', '[]'),"
        "('ai_analysis', 'failed', 3, NULL, NULL, now(), 'it broke',"
        "  '[{\"attempt\": 3, \"at\": \"2026-01-02\", "
        "\"error\": \"it broke\"}]'),"
        "('ai_analysis', 'pending', 0, NULL, NULL, now(), NULL, '[]')")
    rows = stack.sql("SELECT coalesce(error, status), id FROM job_queue")
    yield dict(rows)
    stack.sql("DELETE FROM job_queue")


def run(stack, *words, status=0):
    done = stack.admin("jobs", *words)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.mark.parametrize("words, names", [
    ([], {"completed", "try again", "it broke", "pending"}),
    (["failed"], {"try again", "it broke"}),
    (["dead"], {"it broke"}),
    (["--type", "ai_analysis"], {"it broke", "pending"}),
    (["--video", VIDEO], {"completed"}),
    (["--user", USER], {"completed"}),
    (["--older", "1d"], {"completed"}),
    (["--newer", "1d"], {"try again", "it broke", "pending"}),
    (["failed", "--type", "process_video"], {"try again"}),
    (["--type", "none"], set()),
])
def test_list_filters(stack, jobs, words, names):
    lines = run(stack, "list", *words).splitlines()[1:]
    assert {line.split()[0] for line in lines} == {jobs[n] for n in names}


@pytest.mark.parametrize("words", [
    ["list", "lost"], ["list", "--video", "x"], ["list", "--older", "soon"],
    ["list", "--limit", "0"], ["show"], ["retry"], ["retry", "x", "--all"],
    ["limit", "ai_analysis"], ["limit", "ai_analysis", "--max", "-1"],
    ["stats", "x"], ["dance"]])
def test_wrong_words_are_refused(stack, jobs, words):
    assert "reelgate:" in run(stack, *words, status=64)


def test_list_has_a_limit(stack, jobs):
    assert len(run(stack, "list", "--limit", "2").splitlines()) == 3


def test_show_tells_what_every_try_said(stack, jobs):
    text = run(stack, "show", jobs["it broke"])
    assert "try        3 at 2026-01-02: it broke" in text
    assert "attempts   3 of 3" in text
    assert "no such job" in run(stack, "show", VIDEO, status=1)


def test_limit_stands_in_the_figures(stack, jobs):
    run(stack, "limit", "ai_analysis", "--max", "2")
    stats = json.loads(run(stack, "stats", "--json"))
    assert stats["limits"] == {"ai_analysis": 2}
    assert stats["counts"]["ai_analysis"] == {"failed": 1, "pending": 1}
    assert stats["failed_for_good"] == 1
    row = next(line.split() for line in run(stack, "stats").splitlines()
               if line.startswith("ai_analysis"))
    assert row[1:6] == ["1", "0", "0", "1", "0"] and row[-1] == "2"
    run(stack, "limit", "ai_analysis", "--max", "none")
    assert json.loads(run(stack, "stats", "--json"))["limits"] == {}


def test_cancel_and_retry(stack, jobs):
    def status(name):
        return stack.sql("SELECT status FROM job_queue WHERE id = "
                         f"'{jobs[name]}'")[0][0]
    run(stack, "cancel", jobs["pending"])
    assert status("pending") == "cancelled"
    assert "not allow" in run(stack, "cancel", jobs["pending"], status=1)
    assert "not allow" in run(stack, "retry", jobs["completed"], status=1)
    assert run(stack, "retry", "--all", "--type", "process_video") == \
        "0 jobs\n"
    assert run(stack, "retry", "--all") == "1 jobs\n"
    assert status("it broke") == "pending"
    run(stack, "retry", jobs["try again"])
    assert status("try again") == "pending"
