"""R12: completed jobs go after seven days, with what no result names."""
from web import wait_for

DAYS_7 = 7 * 86400


def test_R12_row_older_than_seven_days_goes_a_younger_one_stays(machine):
    machine.processor()
    for name, age in (("old", DAYS_7 + 1), ("young", DAYS_7 - 60)):
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
