"""R25: a job starts within milliseconds of its commit; without the listening
connection within the poll of 10 s."""
import statistics
import time

from web import wait_for

JOBS = 40
ROUNDS = 5  # the machine may be busy with something else


def add(machine, wake=True):
    """A job that ends at once, for its payload is none."""
    return machine.sql(
        "WITH j AS (INSERT INTO job_queue (type, max_attempts) VALUES "
        "('generate_clips', 1) RETURNING id) SELECT id"
        + (", pg_notify('job_queue', 'generate_clips')" if wake else "")
        + " FROM j")[0][0]


def waited(machine, job, seconds=15):
    """Seconds from its transaction to its claim."""
    wait_for("start", lambda: machine.sql(
        f"SELECT started_at FROM job_queue WHERE id = '{job}' "
        "AND started_at IS NOT NULL"), seconds)
    return float(machine.sql(
        "SELECT extract(epoch FROM started_at - created_at) "
        f"FROM job_queue WHERE id = '{job}'")[0][0])


def test_R25_half_of_the_jobs_start_within_5_ms(machine):
    machine.processor()
    waited(machine, add(machine))
    medians = []
    while len(medians) < ROUNDS and not any(m < 0.005 for m in medians):
        times = []
        for _ in range(JOBS):
            times.append(waited(machine, add(machine)))
            time.sleep(0.03)
        medians.append(statistics.median(times))
    assert min(medians) < 0.005, medians


def test_R25_without_its_listening_connection_a_job_starts_within_10_s(
        machine):
    machine.processor()
    waited(machine, add(machine))
    time.sleep(0.5)
    machine.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                "query LIKE 'LISTEN%' AND datname = current_database()")
    # in the gap, and nobody is told
    assert waited(machine, add(machine, wake=False)) <= 10.5
    # and later it listens again
    time.sleep(1)
    assert waited(machine, add(machine)) < 2
