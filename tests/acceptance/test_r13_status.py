"""R13: the status of a video: its shape, whose it is, and when it is news."""
import json
import uuid

import pytest

from gateway import DEFAULT_BUCKET as BUCKET
from web import request

SUGGESTIONS = {"clips": [{"startTime": 1.5, "endTime": 9.25,
                          "confidence": 0.9, "title": "t",
                          "description": "d"}],
               "bestMoments": [2.5], "overallScore": 0.75}
NOT_FOUND = {"error": "Video not found or access denied"}


@pytest.fixture
def video(user):
    return user.complete(user.upload()).json["video"]["id"]


def paths(video):
    return (f"/api/videos/{video}/status",
            f"/api/videos/status?videoId={video}")


def finish(stack, video):
    """As a processor ends it."""
    stack.sql(
        "UPDATE videos SET analysis_status = 'completed', progress = 100,"
        " duration = 12.5, width = 1280, height = 720,"
        f" thumbnail_key = 'derived/{video}/poster.jpg',"
        f" ai_suggestions = '{json.dumps(SUGGESTIONS)}' WHERE id = '{video}'")


def test_R13_shape_of_a_new_video_is_golden(user, video):
    for path in paths(video):
        answer = user.get(path)
        assert (answer.status, answer.json) == (200, {
            "id": video, "status": "queued", "progress": 0, "duration": None,
            "width": None, "height": None, "thumbnail_url": None,
            "ai_suggestions": None, "error": None})
        assert int(answer.headers["Retry-After"]) > 0


def test_R13_shape_of_a_completed_video_is_golden(stack, user, video):
    finish(stack, video)
    bodies = []
    for path in paths(video):
        answer = user.get(path)
        url = answer.json["thumbnail_url"]
        assert (answer.status, answer.json) == (200, {
            "id": video, "status": "completed", "progress": 100,
            "duration": 12.5, "width": 1280, "height": 720,
            "thumbnail_url": url, "ai_suggestions": SUGGESTIONS,
            "error": None})
        assert url.startswith(
            f"{stack.s3}/{BUCKET}/derived/{video}/poster.jpg?X-Amz-")
        assert answer.headers["Retry-After"] is None
        bodies.append(answer.body)
    assert bodies[0] == bodies[1]


def test_R13_another_users_video_is_404_not_403(stack, user, video):
    strangers = [stack.user(), stack.user()]
    for path in (*paths(video), *paths(uuid.uuid4()), *paths("1"),
                 *paths("1%27%20OR%20%271%27=%271")):
        for stranger in strangers:
            answer = stranger.get(path)
            assert (answer.status, answer.json) == (404, NOT_FOUND), path
    assert user.get(paths(video)[0]).status == 200


def test_R13_a_token_is_required_as_header_or_cookie(stack, user, video):
    for path in paths(video):
        for headers in ({}, {"Authorization": "Bearer x"},
                        {"Authorization": user.token},
                        {"Cookie": "reelgate-token=x"}):
            answer = request("GET", stack.api + path, None, headers)
            assert answer.status == 401, headers
            assert answer.json["error"] == "Unauthorized"
        for headers in ({"Authorization": f"Bearer {user.token}"},
                        {"Cookie": f"a=b; reelgate-token={user.token}"}):
            assert request("GET", stack.api + path, None,
                           headers).status == 200


def test_R13_what_is_unchanged_is_304(stack, user, video):
    for end in (lambda: None, lambda: finish(stack, video)):
        end()
        for path in paths(video):
            first = user.get(path)
            tag = {"If-None-Match": first.headers["ETag"]}
            again = user.get(path, **tag)
            assert (again.status, again.body) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
            # a stranger does not learn that he guessed it
            assert stack.user().get(path, **tag).status == 404
    stack.sql(f"UPDATE videos SET width = 640 WHERE id = '{video}'")
    assert user.get(path, **tag).status == 200


def test_R13_without_an_id_is_400(user):
    for path in ("/api/videos/status", "/api/videos/status?videoId="):
        answer = user.get(path)
        assert (answer.status, answer.json) == (
            400, {"error": "Video ID is required"})
