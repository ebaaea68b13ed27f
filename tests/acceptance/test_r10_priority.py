"""R10: jobs run high, normal, low; each eighth claim takes the oldest, so that
a flood of better ones starves none. The jobs end at once, for their payload
is none."""
import os

from web import wait_for

JOBS = int(os.environ.get("R10_JOBS", "10000"))
EACH = 8  # claims
# Jobs of the type that a processor claims with one slot at once, at most.
BATCH = 8
RANK = {"high": 0, "normal": 1, "low": 2}


def drained(machine, seconds=600):
    wait_for("drained queue", lambda: machine.sql(
        "SELECT count(*) FROM job_queue WHERE live") == [["0"]], seconds)


def started(machine):
    """Priorities in the order in which the jobs were started."""
    return [row[0] for row in machine.sql(
        "SELECT priority FROM job_queue WHERE type = 'generate_clips' "
        "ORDER BY started_at, prio, payload")]


def test_R10_mixed_jobs_run_high_then_normal_then_low(machine):
    machine.sql(
        "INSERT INTO job_queue (type, payload, priority, run_at) "
        "SELECT 'generate_clips', to_jsonb(i),"
        " (ARRAY['low','high','normal'])[1 + i % 3],"
        " now() - interval '1 h' + i * interval '1 ms' "
        f"FROM generate_series(1, {JOBS}) i")
    machine.processor(REELGATE_PROCESSOR_SLOTS="1")
    drained(machine)
    assert machine.sql(
        "SELECT count(*), max(attempts) FROM job_queue "
        "WHERE type = 'generate_clips'") == [[str(JOBS), "1"]]
    order = started(machine)
    left = {p: order.count(p) for p in RANK}
    early = 0  # started while a better one waited
    for priority in order:
        left[priority] -= 1
        early += any(left[p] for p in RANK if RANK[p] < RANK[priority])
    # while high jobs last, one claim in eight; while normal ones last, too
    assert JOBS * 2 / 3 / EACH / 4 < early < JOBS * 2 / 3 / (EACH - 1) * 1.5
    # within a priority by age
    assert machine.sql(
        "SELECT count(*) FROM (SELECT started_at < lag(started_at) OVER "
        "(PARTITION BY priority ORDER BY payload) AS back FROM job_queue "
        "WHERE type = 'generate_clips') q WHERE back") == [["0"]]


def test_R10_a_flood_of_high_does_not_starve_low(machine):
    machine.sql(
        "INSERT INTO job_queue (type, payload, priority, run_at) "
        "SELECT 'generate_clips', '0', 'low', now() - interval '1 h' "
        "FROM generate_series(1, 20);"
        "INSERT INTO job_queue (type, payload, priority, run_at) "
        "SELECT 'generate_clips', '0', 'high', now() - interval '1 min' "
        "FROM generate_series(1, 1000)")
    machine.processor(REELGATE_PROCESSOR_SLOTS="1")
    drained(machine)
    order = started(machine)
    last_low = len(order) - order[::-1].index("low")
    # 20 low ones in 160 claims, and not at the end of the flood
    assert last_low <= 20 * EACH * BATCH
    assert last_low < len(order)
