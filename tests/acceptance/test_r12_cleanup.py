"""R12: completed jobs go after seven days, with what no result names."""
from web import wait_for

DAYS_7 = 7 * 86400


def test_R12_row_older_than_seven_days_goes_a_younger_one_stays(machine):
    machine.processor()
    for name, age in (("old", DAYS_7 + 1), ("young", DAYS_7 - 600)):
        machine.sql(
            "INSERT INTO job_queue (type, status, payload, completed_at) "
            f"VALUES ('ai_analysis', 'completed', '{{\"n\":\"{name}\"}}', "
            f"now() - interval '{age} s')")
    machine.sql("INSERT INTO job_queue (type) VALUES ('cleanup')")
    machine.sql("SELECT pg_notify('job_queue', 'cleanup')")
    wait_for("cleanup", lambda: machine.sql(
        "SELECT status, result ->> 'rows' FROM job_queue "
        "WHERE type = 'cleanup'") == [["completed", "1"]])
    assert machine.sql("SELECT payload ->> 'n' FROM job_queue "
                       "WHERE type = 'ai_analysis'") == [["young"]]


# ---- the statement itself ----------------------------------------------------

ROWS = [  # status, seconds beyond seven days, whether it stays
    ("completed", 1, False),
    ("completed", -300, True),
    ("completed", 60000000, False),
    ("failed", 60000000, True),
    ("cancelled", 60000000, True),
    ("pending", 60000000, True),
]


def cleanup(machine):
    """As the daily job: batch after batch."""
    batches = []
    while not batches or batches[-1]:
        batches.append(int(machine.sql("SELECT job_cleanup(7)")[0][0]))
    return batches


def test_R12_completed_jobs_go_after_7_days_others_stay(machine):
    for i, (status, beyond, _) in enumerate(ROWS):
        machine.sql(
            "INSERT INTO job_queue (type, status, payload, attempts,"
            " completed_at, failed_at) "
            f"SELECT 'ai_analysis', '{status}', '{i}', 3,"
            f" CASE WHEN '{status}' = 'completed' THEN t END,"
            f" CASE WHEN '{status}' = 'failed' THEN t END FROM (VALUES "
            f"(now() - interval '7 days' - interval '{beyond} s')) v (t)")
    machine.sql(
        "INSERT INTO job_queue (type, status, payload, completed_at) "
        "SELECT 'ai_analysis', 'completed', '9', now() - interval '8 days' "
        "FROM generate_series(1, 12000)")
    assert cleanup(machine) == [5000, 5000, 2002, 0]
    assert machine.sql("SELECT payload FROM job_queue ORDER BY payload::text") \
        == [[str(i)] for i, row in enumerate(ROWS) if row[2]]


def test_R12_boundary_to_the_second(machine):
    """At a known time: within one transaction now() stands still."""
    assert machine.sql(
        "BEGIN; INSERT INTO job_queue (type, status, payload, completed_at) "
        "SELECT 'ai_analysis', 'completed', to_jsonb(s), "
        "now() - interval '7 days' + s * interval '1 s' "
        "FROM generate_series(-1, 1) s; SELECT job_cleanup(7); COMMIT;"
        "SELECT payload FROM job_queue ORDER BY payload")[-2:] == [
        ["0"], ["1"]]


def test_R12_one_process_at_a_time_cleans_up(machine):
    machine.sql(
        "INSERT INTO job_queue (type, status, completed_at) VALUES "
        "('ai_analysis', 'completed', now() - interval '8 days')")
    assert machine.sql(
        "SELECT pg_advisory_lock(hashtext('reelgate'), "
        "hashtext('job_cleanup'));"
        # another session: the lock is not this one's to take
        "CREATE EXTENSION IF NOT EXISTS dblink;"
        f"SELECT * FROM dblink('host={machine.postgres.dir} user=postgres"
        " dbname=' || current_database(), 'SELECT job_cleanup(7)') d (n int);"
        # the session may end after its client has
        "SELECT pg_advisory_unlock(hashtext('reelgate'), "
        "hashtext('job_cleanup'))"
    )[-2:] == [["0"], ["t"]]
    assert machine.sql("SELECT job_cleanup(7)") == [["1"]]
