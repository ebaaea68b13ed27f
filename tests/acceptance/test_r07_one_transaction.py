"""R7: a video and both its jobs are seen together or not at all."""
import pytest

from stack import Stack
from web import wait_for

# Where PostgreSQL is made to fail, once for all rows it is asked to write.
POINTS = {
    "before the first job": ("job_queue", "BEFORE INSERT",
                             "NEW.type = 'process_video'"),
    "between the jobs": ("job_queue", "BEFORE INSERT",
                         "NEW.type = 'ai_analysis'"),
    "after the first job": ("job_queue", "AFTER INSERT",
                            "NEW.type = 'process_video'"),
    "after both jobs": ("job_queue", "AFTER INSERT",
                        "NEW.type = 'ai_analysis'"),
    "when the intent is fulfilled": ("upload_intents", "BEFORE UPDATE",
                                     "true"),
    "when the video is made": ("videos", "AFTER INSERT", "true"),
}


def arm(stack, point, state="P0001"):
    table, when, condition = POINTS[point]
    stack.sql("CREATE OR REPLACE FUNCTION fail() RETURNS trigger "
              "LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
              f"RAISE EXCEPTION 'injected' USING ERRCODE = '{state}'; "
              "END $$")
    stack.sql("GRANT EXECUTE ON FUNCTION fail() TO service_role")
    stack.sql(f"CREATE TRIGGER injected {when} ON {table} FOR EACH ROW "
              f"WHEN ({condition}) EXECUTE FUNCTION fail()")


def disarm(stack, point):
    stack.sql(f"DROP TRIGGER injected ON {POINTS[point][0]}")


def counts(stack):
    return stack.sql("SELECT (SELECT count(*) FROM videos),"
                     " (SELECT count(*) FROM job_queue)")[0]


@pytest.fixture(scope="module")
def world(postgres):
    s = Stack(postgres)
    yield s
    s.close()


@pytest.mark.parametrize("point", POINTS)
def test_R7_rollback_leaves_neither_video_nor_job(world, point):
    user = world.user()
    upload = user.upload_url(size=5)
    before = counts(world)
    arm(world, point)
    try:
        # the event fails as the request does, and comes again
        assert user.put(upload, b"hello").status == 200
        for _ in range(3):
            answer = user.complete(upload)
            assert (answer.status, answer.json) == (
                500, {"error": "Internal error"})
            assert counts(world) == before
            assert user.get("/api/videos").json["videos"] == []
    finally:
        disarm(world, point)
    done = user.complete(upload)
    assert done.status == 201
    world.relayed()
    assert counts(world) == [str(int(before[0]) + 1), str(int(before[1]) + 2)]
    assert world.sql("SELECT type FROM job_queue WHERE video_id = "
                     f"'{done.json['video']['id']}' ORDER BY 1") == [
                         ["ai_analysis"], ["process_video"]]


@pytest.mark.parametrize("point", POINTS)
def test_R7_rollback_of_the_event_leaves_neither_and_is_made_good(world, point):
    user = world.user()
    upload = user.upload_url(size=5)
    before = counts(world)
    arm(world, point)
    try:
        assert user.put(upload, b"hello").status == 200
        wait_for("event that waits",
                 lambda: world.ready()["relay"]["lag"] > 0)
        assert counts(world) == before
    finally:
        disarm(world, point)
    world.relayed()
    assert counts(world) == [str(int(before[0]) + 1), str(int(before[1]) + 2)]
