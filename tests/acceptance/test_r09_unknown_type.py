"""R9: a job of a type that nobody knows fails, without retries."""
from web import wait_for


def test_R9_unknown_type_fails_without_retries(machine):
    machine.sql("INSERT INTO job_queue (type) VALUES ('make_coffee')")
    machine.processor()
    wait_for("end of the job", lambda: machine.sql(
        "SELECT status FROM job_queue") == [["failed"]])
    assert machine.sql(
        "SELECT attempts, max_attempts, claimable, error, started_at IS NULL "
        "FROM job_queue") == [
        ["1", "1", "f", "unknown job type make_coffee", "t"]]
    assert machine.sql("SELECT type FROM job_dead_letters") == [
        ["make_coffee"]]
