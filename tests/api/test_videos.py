"""Reading videos: status, one, all."""
import json
import uuid

import pytest

from web import request

STATUS = {"id", "status", "progress", "duration", "width", "height",
          "thumbnail_url", "ai_suggestions", "error"}
SUGGESTIONS = {"clips": [{"startTime": 1.5, "endTime": 9.25,
                          "confidence": 0.9, "title": "t",
                          "description": "d"}],
               "bestMoments": [2.5], "overallScore": 0.75}


@pytest.fixture
def video(user):
    return user.complete(user.upload()).json["video"]["id"]


def finish(stack, video, **columns):
    """What a processor writes at the end, put there by the superuser."""
    values = {"analysis_status": "completed", "progress": 100,
              "duration": 12.5, "width": 1280, "height": 720,
              "thumbnail_key": f"derived/{video}/poster.jpg",
              "probe": json.dumps({"format": "mov"}),
              "ai_suggestions": json.dumps(SUGGESTIONS), **columns}
    stack.sql("UPDATE videos SET " + ", ".join(
        f"{k} = '{v}'" for k, v in values.items()) + f" WHERE id = '{video}'")


def test_status_of_a_queued_video(user, video):
    answer = user.get(f"/api/videos/{video}/status")
    assert answer.status == 200
    assert answer.json == {
        "id": video, "status": "queued", "progress": 0, "duration": None,
        "width": None, "height": None, "thumbnail_url": None,
        "ai_suggestions": None, "error": None}
    assert int(answer.headers["Retry-After"]) > 0


def test_status_of_a_completed_video(stack, user, video):
    finish(stack, video)
    answer = user.get(f"/api/videos/{video}/status")
    status = answer.json
    assert set(status) == STATUS
    assert status["status"] == "completed" and status["progress"] == 100
    assert (status["duration"], status["width"], status["height"]) == (
        12.5, 1280, 720)
    assert status["ai_suggestions"] == SUGGESTIONS
    assert status["error"] is None
    assert status["thumbnail_url"].startswith(stack.s3)
    assert "X-Amz-Expires=5400" in status["thumbnail_url"]
    assert "Retry-After" not in answer.headers


def test_status_of_a_failed_video_tells_why(stack, user, video):
    finish(stack, video, analysis_status="failed", error="unsupported_media")
    status = user.get(f"/api/videos/{video}/status").json
    assert (status["status"], status["error"]) == (
        "failed", "unsupported_media")


def test_status_by_query_is_the_same_text(user, video):
    a = user.get(f"/api/videos/{video}/status")
    b = user.get(f"/api/videos/status?videoId={video}")
    assert a.body == b.body
    upper = user.get(f"/api/videos/status?x=1&videoId={video.upper()}")
    assert upper.body == a.body


def test_status_unchanged_is_304(stack, user, video):
    finish(stack, video)
    path = f"/api/videos/{video}/status"
    first = user.get(path)
    tag = first.headers["ETag"]
    assert user.get(path).body == first.body  # presigned URLs included
    for value in (tag, f'W/{tag}', f'"x", {tag}', "*"):
        again = user.get(path, **{"If-None-Match": value})
        assert (again.status, again.body) == (304, b""), value
        assert again.headers["ETag"] == tag
        assert again.headers["Content-Length"] == str(len(first.body))
    stack.sql(f"UPDATE videos SET width = 640 WHERE id = '{video}'")
    changed = user.get(path, **{"If-None-Match": tag})
    assert changed.status == 200 and changed.headers["ETag"] != tag


def test_status_without_id_is_400(user):
    for path in ("/api/videos/status", "/api/videos/status?videoId=",
                 "/api/videos/status?other=1", "/api/videos//status"):
        answer = user.get(path)
        assert answer.status == 400, path
        assert answer.json == {"error": "Video ID is required"}


def test_status_of_somebody_elses_or_no_video_is_404(stack, user, video):
    other = stack.user()
    expected = {"error": "Video not found or access denied"}
    for who, id in ((other, video), (user, str(uuid.uuid4())),
                    (user, "1"), (user, "' OR 1=1--".replace(" ", "%20")),
                    (user, video + "0")):
        for path in (f"/api/videos/{id}/status",
                     f"/api/videos/status?videoId={id}", f"/api/videos/{id}"):
            answer = who.get(path)
            assert (answer.status, answer.json) == (404, expected), path


def test_video_tells_everything_known(stack, user, video):
    finish(stack, video)
    answer = user.get(f"/api/videos/{video}")
    assert answer.status == 200
    found = answer.json["video"]
    assert set(found) == {
        "id", "title", "filename", "status", "progress", "file_size",
        "created_at", "url", "storage_path", "updated_at", "content_type",
        "duration", "width", "height", "thumbnail_url", "metadata",
        "ai_suggestions", "error"}
    assert found["metadata"] == {"format": "mov"}
    assert found["content_type"] == "video/mp4"
    assert request("GET", found["url"]).body == b"not really a video"


def test_videos_are_paged_newest_first(stack):
    u = stack.user()
    ids = [u.complete(u.upload(f"{i}.mp4")).json["video"]["id"]
           for i in range(5)]
    newest = list(reversed(ids))
    assert u.get("/api/videos").json["pagination"] == {
        "page": 1, "limit": 20, "total": 5, "pages": 1}
    seen = []
    for page in (1, 2, 3):
        answer = u.get(f"/api/videos?page={page}&limit=2").json
        assert answer["pagination"] == {
            "page": page, "limit": 2, "total": 5, "pages": 3}
        seen += [v["id"] for v in answer["videos"]]
    assert seen == newest
    beyond = u.get("/api/videos?page=9&limit=2").json
    assert beyond["videos"] == [] and beyond["pagination"]["total"] == 5
    assert stack.user().get("/api/videos").json == {
        "videos": [], "pagination": {"page": 1, "limit": 20, "total": 0,
                                     "pages": 0}}


@pytest.mark.parametrize("query", [
    "page=0", "limit=0", "limit=101", "page=-1", "page=x", "page=1.5",
    "limit=", "page=99999999999999999999"])
def test_bad_page_is_400(user, query):
    for path in ("/api/videos", "/api/clips"):
        answer = user.get(f"{path}?{query}")
        assert answer.status == 400
        assert answer.json == {"error": "Invalid page or limit"}


def test_head_has_the_length_and_no_body(user):
    answer = user.call("HEAD", "/api/videos")
    assert answer.status == 200 and answer.body == b""
    assert int(answer.headers["Content-Length"]) > 0
