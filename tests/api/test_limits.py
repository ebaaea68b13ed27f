"""When another upload is refused before it begins: one user's bytes, the
disk's, the jobs that wait."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from web import wait_for

USER = {"error": "Too many bytes in your unfinished uploads"}
DISK = {"error": "Not enough disk space for this file"}
PROMISED = {"error": "The disk space left is promised to other uploads"}
JOBS = {"error": "Too many videos are waiting to be processed"}


def ask(user, size):
    body = {"fileName": "a.mp4", "fileType": "video/mp4"}
    if size is not None:
        body["fileSize"] = size
    return user.post("/api/videos/upload-url", body)


def refused(answer, status, body):
    assert (answer.status, answer.json) == (status, body)
    assert int(answer.headers["Retry-After"]) > 0


def test_unfinished_uploads_of_a_user_are_bounded(own_stack):
    s = own_stack(REELGATE_USER_INFLIGHT_BYTES="1M", MAX_UPLOAD_BYTES="5M")
    user = s.user()
    data = b"x" * 700000
    first = ask(user, len(data))
    assert first.status == 200
    refused(ask(user, len(data)), 429, USER)
    refused(ask(user, None), 429, USER)  # may be as much as is allowed
    assert ask(user, 300000).status == 200
    assert ask(s.user(), len(data)).status == 200
    # what has come is no longer under way, however that became known
    assert user.put(first.json, data).status == 200
    s.relayed()
    assert ask(user, len(data)).status == 200
    refused(ask(user, len(data)), 429, USER)
    s.sql("UPDATE upload_intents SET expires_at = now()")
    assert ask(user, len(data)).status == 200


def test_one_upload_alone_is_never_over_the_users_bound(own_stack):
    s = own_stack(REELGATE_USER_INFLIGHT_BYTES="1M")
    user = s.user()
    assert ask(user, None).status == 200
    refused(ask(user, 1), 429, USER)


def test_the_users_bound_holds_for_many_requests_at_once(own_stack):
    s = own_stack(REELGATE_USER_INFLIGHT_BYTES="1000000")
    user = s.user()
    with ThreadPoolExecutor(30) as pool:
        status = list(pool.map(lambda _: ask(user, 100000).status, range(60)))
    assert sorted(status) == [200] * 10 + [429] * 50


def test_no_bound_for_users_when_it_is_0(own_stack):
    s = own_stack(REELGATE_USER_INFLIGHT_BYTES="0")
    user = s.user()
    assert all(ask(user, 524288000).status == 200 for _ in range(30))


@pytest.mark.local_store("objects take no room on this disk")
def test_disk_space_is_promised_once(own_stack):
    disk = os.statvfs("/tmp")
    free = disk.f_bavail * disk.f_frsize
    s = own_stack(REELGATE_MIN_FREE_BYTES=str(free // 2),
                  REELGATE_USER_INFLIGHT_BYTES="0",
                  MAX_UPLOAD_BYTES=str(free))
    user = s.user()
    refused(ask(user, free * 7 // 10), 507, DISK)
    assert ask(user, free * 3 // 10).status == 200
    refused(ask(s.user(), free * 3 // 10), 503, PROMISED)
    assert ask(s.user(), free // 20).status == 200
    s.sql("UPDATE upload_intents SET expires_at = now()")
    wait_for("room", lambda: ask(user, free * 3 // 10).status == 200)


@pytest.mark.local_store("objects take no room on this disk")
def test_disk_space_is_promised_once_to_many_at_once(own_stack):
    disk = os.statvfs("/tmp")
    free = disk.f_bavail * disk.f_frsize
    s = own_stack(REELGATE_MIN_FREE_BYTES=str(free // 2),
                  REELGATE_USER_INFLIGHT_BYTES="0",
                  MAX_UPLOAD_BYTES=str(free))
    with ThreadPoolExecutor(20) as pool:
        status = list(pool.map(
            lambda _: ask(s.user(), free * 3 // 10).status, range(40)))
    assert status.count(200) == 1 and set(status) == {200, 503}


def test_a_long_queue_turns_uploads_away_until_it_is_shorter(own_stack):
    s = own_stack(REELGATE_QUEUE_DEPTH_MAX="3")
    user = s.user()
    s.sql("INSERT INTO job_queue (type, run_at) "
          "SELECT 'process_video', now() FROM generate_series(1, 3)")
    # what waits for its time does not wait for a processor
    s.sql("INSERT INTO job_queue (type, run_at) "
          "SELECT 'process_video', 'infinity' FROM generate_series(1, 9)")
    assert ask(user, 1).status == 200
    s.sql("INSERT INTO job_queue (type) VALUES ('process_video')")
    wait_for("refusal", lambda: ask(user, 1).status == 503)
    refused(ask(user, 1), 503, JOBS)
    s.sql("DELETE FROM job_queue WHERE run_at < 'infinity'")
    wait_for("admission", lambda: ask(user, 1).status == 200)
