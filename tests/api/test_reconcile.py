"""What nobody told of: uploads to another S3 whose page was closed, objects
that somebody put there."""
import re

import pytest

from stack import BUCKET, Stack, direct
from web import wait_for

LIMIT = 100_000


@pytest.fixture(scope="module")
def pair(postgres):
    s = direct(postgres, REELGATE_RECONCILE_S="1",
               MAX_UPLOAD_BYTES=str(LIMIT))
    yield s
    s.close()


@pytest.fixture
def user(pair):
    return pair.user()


def video(pair, key):
    """User, title, jobs that are to be done, all jobs; None: no video."""
    rows = pair.rows(f"""
        SELECT v.user_id, v.title,
               count(j.id) FILTER (WHERE j.status <> 'cancelled') AS live,
               count(j.id) AS jobs
        FROM videos v LEFT JOIN job_queue j ON j.video_id = v.id
        WHERE s3_key = '{key}' GROUP BY v.id""")
    return {**rows[0], "live": int(rows[0]["live"]),
            "jobs": int(rows[0]["jobs"])} if rows else None


def put(pair, key, body=b"film", **more):
    return pair.b.put_object(Bucket=BUCKET, Key=key, Body=body, **more)


def metric(pair, name):
    text = pair.get("/metrics").body.decode()
    return int(re.search(rf"^reelgate_reconcile_{name} (\d+)$", text,
                         re.M)[1])


def listed(pair):
    """Waits for a complete listing that began from now on."""
    now = pair.rows("SELECT clock_timestamp() AS now")[0]["now"]
    wait_for("listing", lambda: pair.rows(
        f"SELECT 1 FROM reconciler WHERE complete_from > '{now}'"))


def test_the_tab_was_closed_after_the_put(pair, user):
    upload = user.upload("Holiday.mp4")
    found = wait_for("video", lambda: video(pair, upload["key"]))
    assert (str(found["user_id"]), found["title"]) == (
        user.id, "Holiday.mp4")
    assert found["live"] == 2
    status = user.get("/api/videos?limit=1").json["videos"][0]
    assert status["status"] == "queued"
    # the page was opened again
    done = user.complete(upload, "Holiday.mp4")
    assert done.status == 201
    assert video(pair, upload["key"])["jobs"] == 2


def test_an_object_that_somebody_put_there(pair, user):
    keys = [f"uploads/{user.id}/put ü+%.mp4", "uploads/nobody's.mov"]
    put(pair, "elsewhere/a.mp4")
    put(pair, f"uploads/{user.id}/", b"")  # a folder
    put(pair, f"uploads/{user.id}/large.mp4", bytes(LIMIT + 1))
    for key in keys:
        put(pair, key)
    found = [wait_for("video", lambda: video(pair, key.replace("'", "''")))
             for key in keys]
    assert [f["user_id"] for f in found] == [user.id, ""]
    assert [f["jobs"] for f in found] == [2, 2]
    listed(pair)
    assert video(pair, "elsewhere/a.mp4") is None
    assert video(pair, f"uploads/{user.id}/") is None
    assert video(pair, f"uploads/{user.id}/large.mp4") is None
    # an operator's large film is left alone
    pair.b.head_object(Bucket=BUCKET, Key=f"uploads/{user.id}/large.mp4")


def test_the_same_put_again_is_done_again_and_then_it_is_quiet(pair, user):
    key = f"uploads/{user.id}/again.mp4"
    listed(pair)  # what was before is known, and was counted
    asked = metric(pair, "asked_total")
    put(pair, key)
    wait_for("video", lambda: video(pair, key))
    listed(pair)  # more than a second after the put: S3 tells times by it
    assert metric(pair, "asked_total") == asked + 1
    assert video(pair, key)["jobs"] == 2
    put(pair, key)
    wait_for("more jobs", lambda: video(pair, key)["jobs"] == 4)
    listed(pair)
    assert video(pair, key)["jobs"] == 4
    assert video(pair, key)["live"] == 2


def test_too_large_is_deleted_when_a_user_announced_it(pair, user):
    upload = user.upload_url()
    assert user.put(upload, bytes(LIMIT + 1)).status == 200

    def gone():
        return "Contents" not in pair.b.list_objects_v2(
            Bucket=BUCKET, Prefix=upload["key"])
    wait_for("deletion", gone)
    wait_for("end of the intent", lambda: user.complete(upload).status == 404)
    assert "upload_too_large" in pair.log()


def test_two_gateways_share_the_work(pair, user, postgres):
    other = Stack.__new__(Stack)
    other.postgres, other.database = pair.postgres, pair.database
    super(Stack, other).__init__(
        {**pair.settings, "S3_ENDPOINT": pair.upstream.url})
    other.start()
    try:
        keys = [f"uploads/{user.id}/{n}.mp4" for n in range(20)]
        for key in keys:
            put(pair, key)
        for key in keys:
            wait_for("video", lambda: video(pair, key))
        listed(pair)
        assert sum(video(pair, key)["jobs"] for key in keys) == 40
        wait_for("word of it", lambda: metric(other, "complete_seconds") > 0)
    finally:
        other.close()


def test_trouble_is_told_once_and_ends(pair, user):
    failures = metric(pair, "failures_total")
    told = pair.log().count('"event":"reconcile_waiting"')
    pair.upstream.kill()
    wait_for("failure", lambda: metric(pair, "failures_total") > failures)
    pair.upstream.start()
    key = f"uploads/{user.id}/after.mp4"
    put(pair, key)
    wait_for("video", lambda: video(pair, key))
    assert pair.log().count('"event":"reconcile_waiting"') == told + 1
    wait_for("word of it", lambda: '"event":"reconcile_running"' in pair.log())
