"""The database away, the gateway killed, a database of another past: nothing
acknowledged is lost, nothing happens twice."""
import os
import socket
import threading
import time

import pytest

from stack import BUCKET
from web import request, wait_for


def videos_and_jobs(stack):
    return (stack.sql("SELECT s3_key, count(*) FROM videos GROUP BY 1"),
            stack.sql("SELECT v.s3_key, j.type, count(*) FROM videos v "
                      "JOIN job_queue j ON j.video_id = v.id GROUP BY 1, 2"))


def assert_each_once(stack, keys):
    videos, jobs = videos_and_jobs(stack)
    assert sorted(videos) == sorted([k, "1"] for k in keys)
    assert sorted(jobs) == sorted(
        [k, t, "1"] for k in keys for t in ("ai_analysis", "process_video"))


def test_database_away_puts_go_on_and_jobs_appear_later(
        own_stack, own_postgres):
    stack = own_stack(own_postgres)
    user = stack.user()
    signed = [user.upload_url(f"{i}.mp4", 5) for i in range(10)]
    first = user.upload("before.mp4", b"12345")
    assert user.complete(first).status == 201
    stack.relayed()
    own_postgres.stop()
    # URLs signed before serve; the API says that it cannot
    for upload in signed:
        assert user.put(upload, b"12345").status == 200
    calls = {
        "upload-url": user.post("/api/videos/upload-url", {
            "fileName": "a.mp4", "fileType": "video/mp4"}),
        "complete": user.complete(signed[0]),
        "list": user.get("/api/videos"),
        "ready": request("GET", stack.api + "/health/ready"),
    }
    for name, answer in calls.items():
        assert answer.status == 503, name
        assert int(answer.headers["Retry-After"]) > 0, name
    assert calls["list"].json == {"error": "The database is not available"}
    ready = calls["ready"].json
    assert (ready["store"], ready["database"]) == ("ok", "unavailable")
    wait_for("waiting relay",
             lambda: stack.ready()["relay"]["state"] == "waiting")
    assert stack.ready()["relay"]["lag"] == len(signed)
    assert request("GET", stack.api + "/health/live").status == 200
    assert request("GET", stack.s3 + "/minio/health/ready").status == 200
    metrics = request("GET", stack.api + "/metrics").body.decode()
    assert "reelgate_database_up 0" in metrics
    time.sleep(1)
    own_postgres.start()
    stack.relayed()
    assert_each_once(stack, [u["key"] for u in signed + [first]])
    assert user.complete(signed[0]).status == 201
    log = stack.log()
    assert log.count("relay_waiting") == 1, log
    assert log.count("relay_running") == 1, log


def test_gateway_starts_without_a_database(own_stack, own_postgres):
    stack = own_stack(own_postgres)
    user = stack.user()
    upload = user.upload_url(size=5)
    stack.stop()
    own_postgres.stop()
    stack.start()
    # the port may differ now: the client's URL names the old one
    upload["uploadUrl"] = stack.s3 + upload["uploadUrl"][
        upload["uploadUrl"].index("/", 8):]
    assert request("GET", stack.s3 + "/minio/health/ready").status == 200
    own_postgres.start()
    wait_for("readiness", lambda: stack.ready()["status"] == "ready")


def test_gateway_killed_while_putting_loses_and_doubles_nothing(own_stack):
    stack = own_stack()
    user = stack.user()
    acknowledged = []
    for _ in range(3):
        uploads = [user.upload_url(f"{i}.mp4", 5) for i in range(60)]
        done = []

        def put(todo):
            for upload in todo:
                try:
                    if user.put(upload, b"12345").status == 200:
                        done.append(upload["key"])
                except OSError:
                    return
        threads = [threading.Thread(target=put, args=(uploads[i::4],))
                   for i in range(4)]
        for t in threads:
            t.start()
        wait_for("some uploads", lambda: len(done) > 10)
        stack.kill()
        for t in threads:
            t.join()
        acknowledged += done
        stack.start()
    stack.relayed()
    # what was not acknowledged may be there too, but then wholly, once
    videos, jobs = videos_and_jobs(stack)
    keys = [row[0] for row in videos]
    assert set(acknowledged) <= set(keys)
    assert_each_once(stack, keys)
    for upload in acknowledged[:5]:
        assert user.complete({"key": upload}).status == 201
    assert_each_once(stack, keys)


def test_relay_starts_again_at_the_databases_cursor(own_stack):
    stack = own_stack()
    user = stack.user()
    keys = [user.upload()["key"] for _ in range(3)]
    stack.relayed()
    # jobs done and cleaned up long ago must not come back
    stack.sql("DELETE FROM job_queue")
    stack.kill()
    stack.start()
    keys.append(user.upload()["key"])
    stack.relayed()
    assert stack.sql("SELECT type FROM job_queue ORDER BY 1") == [
        ["ai_analysis"], ["process_video"]]
    assert stack.sql("SELECT count(*) FROM videos") == [["4"]]


@pytest.mark.parametrize("change", [
    "last_seq = last_seq + 1000",
    "last_event_id = 'ffffffffffffffffffffffffffffffff'"],
    ids=["later", "other"])
def test_cursor_of_another_past_stops_the_relay(own_stack, change):
    stack = own_stack()
    user = stack.user()
    user.upload()
    stack.relayed()
    stack.stop()
    stack.sql(f"UPDATE relay_cursor SET {change}")
    stack.start()
    user.upload()
    wait_for("stop", lambda: stack.ready()["relay"]["state"] == "stopped")
    assert stack.log().count("relay_stopped") == 1
    assert stack.ready()["relay"]["lag"] == 1  # kept, not dropped
    metrics = request("GET", stack.api + "/metrics").body.decode()
    assert 'reelgate_relay_state{state="stopped"} 1' in metrics
    assert stack.sql("SELECT count(*) FROM videos") == [["1"]]


def test_stop_is_quick_and_clean(own_stack):
    stack = own_stack()
    stack.user().upload()
    start = time.monotonic()
    assert stack.stop() == 0
    assert time.monotonic() - start < 20  # nobody is waited for: that is 30 s
    assert not os.path.exists(os.path.join(stack.data, "run", "lease.sock"))


@pytest.mark.local_store("leases a file of an object")
def test_data_directory_too_long_for_a_socket_works(own_stack, tmp_path):
    data = tmp_path / ("d" * 100)
    data.mkdir()
    stack = own_stack(data=data)
    key = stack.user().upload(data=b"12345")["key"]
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(stack.run_dir() / "lease.sock"))
        s.sendall(f'{{"bucket":"{BUCKET}","key":"{key}"}}\n'.encode())
        assert b'"size":5' in s.recv(65536)
    assert stack.stop() == 0
    os.rmdir(stack.run_dir())
