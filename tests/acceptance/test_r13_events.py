"""R13: the status of a video as server-sent events, which spare the polls."""
import subprocess
import uuid

import pytest

from machine import ffmpeg
from sse import Stream
from web import request

NOT_FOUND = {"error": "Video not found or access denied"}


def path(video):
    return f"/api/videos/{video}/events"


def bearer(user):
    return {"Authorization": f"Bearer {user.token}"}


@pytest.fixture
def watch():
    opened = []

    def start(stack, video, headers):
        opened.append(Stream(stack.api + path(video), headers, timeout=90))
        return opened[-1]
    yield start
    for s in opened:
        s.close()


@pytest.fixture
def video(user):
    return user.complete(user.upload()).json["video"]["id"]


def test_R13_stream_follows_a_real_video_from_upload_to_completed(
        machine, watch, tmp_path):
    data = ffmpeg(tmp_path / "v.mp4", "-f", "lavfi", "-i",
                  "testsrc2=size=320x180:rate=25:duration=4").read_bytes()
    user = machine.user()
    video = user.complete(user.upload(data=data)).json["video"]["id"]
    stream = watch(machine, video, bearer(user))
    first = stream.next()
    assert (first.kind, first.json["status"]) == ("status", "queued")
    machine.processor()
    *states, end = [first, *stream.rest()]
    assert {e.kind for e in states} == {"status"}
    assert (end.kind, end.json) == ("end", {"reason": "completed"})
    # each is news, in an order that never goes back
    bodies = [e.data for e in states]
    assert len(set(bodies)) == len(bodies)
    order = [("queued", "processing", "completed").index(e.json["status"])
             for e in states]
    progress = [e.json["progress"] for e in states]
    assert order == sorted(order) and progress == sorted(progress)
    assert set(order) == {0, 1, 2}
    last = states[-1]
    assert last.json["progress"] == 100
    assert last.json["duration"] == pytest.approx(4, abs=0.1)
    assert last.json["thumbnail_url"] and last.json["ai_suggestions"]
    poll = user.get(f"/api/videos/{video}/status")
    assert (poll.body.decode(), poll.headers["ETag"]) == (
        last.data, f'"{last.id}"')


def test_R13_stream_tells_why_a_video_failed(machine, watch):
    user = machine.user()
    video = user.complete(user.upload(data=b"no video")).json["video"]["id"]
    stream = watch(machine, video, bearer(user))
    machine.processor()
    *_, last, end = stream.rest()
    assert last.json["status"] == "failed" and last.json["error"]
    assert end.json == {"reason": "failed"}


def test_R13_stream_of_another_users_video_is_404_not_403(stack, user, video):
    for id in (video, uuid.uuid4(), "1"):
        answer = stack.user().get(path(id))
        assert (answer.status, answer.json) == (404, NOT_FOUND), id


def test_R13_stream_takes_the_token_as_header_or_cookie(
        stack, user, video, watch):
    for headers in ({}, {"Authorization": "Bearer x"},
                    {"Authorization": user.token},
                    {"Cookie": "reelgate-token=x"}):
        answer = request("GET", stack.api + path(video), None, headers)
        assert (answer.status, answer.json["error"]) == (401, "Unauthorized")
    for headers in (bearer(user), {"Cookie": f"reelgate-token={user.token}"}):
        stream = watch(stack, video, headers)
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.next().json["id"] == video


def test_R13_stream_sends_nothing_that_is_unchanged(stack, user, video, watch):
    first = watch(stack, video, bearer(user)).next()
    again = watch(stack, video, {**bearer(user), "Last-Event-ID": first.id})
    stack.sql(f"UPDATE videos SET width = 640 WHERE id = '{video}'")
    assert again.next().json["width"] == 640
    stack.sql("UPDATE videos SET analysis_status = 'completed',"
              f" progress = 100 WHERE id = '{video}'")
    last, end = again.rest()
    assert (last.json["status"], end.kind) == ("completed", "end")
    # 204 is how an EventSource is told not to come again
    assert user.get(path(video), **{"Last-Event-ID": last.id}).status == 204


def test_R13_stream_is_readable_by_curl_as_documented(stack, user, video):
    stack.sql("UPDATE videos SET analysis_status = 'completed',"
              f" progress = 100 WHERE id = '{video}'")
    out = subprocess.run(
        ["curl", "-sSfN", "-H", f"Authorization: Bearer {user.token}",
         stack.api + path(video)], check=True, timeout=20,
        capture_output=True, text=True).stdout
    status = user.get(f"/api/videos/{video}/status")
    assert out == (
        "retry: 5000\n\n"
        f"event: status\nid: {status.headers['ETag'][1:-1]}\n"
        f"data: {status.body.decode()}\n\n"
        'event: end\ndata: {"reason":"completed"}\n\n')
