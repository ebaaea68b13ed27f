"""Clips: by hand, from suggestions, and reading them."""
import json
import uuid

import pytest

from test_videos import finish


def suggestion(start, end, confidence, **more):
    return {"startTime": start, "endTime": end, "confidence": confidence,
            "title": f"at {start}", "description": "why", **more}


def make_video(stack, user, clips=(), **columns):
    video = user.complete(user.upload()).json["video"]["id"]
    finish(stack, video, duration=100.0, ai_suggestions=json.dumps(
        {"clips": list(clips), "bestMoments": [], "overallScore": 0.5}),
        **columns)
    return video


CLIP = {"id", "video_id", "title", "description", "start_time", "end_time",
        "duration", "score", "status", "url", "thumbnail_url", "error",
        "created_at", "mode", "aspect", "note"}


# ---- by hand ----------------------------------------------------------------

def test_create_answers_the_clip_and_queues_its_job(stack, user):
    video = make_video(stack, user)
    answer = user.post("/api/clips", {
        "video_id": video, "start_time": 10, "end_time": 25.5,
        "title": "Goal", "description": "The goal"})
    assert answer.status == 201
    clip = answer.json["clip"]
    assert set(clip) == CLIP
    assert clip["video_id"] == video
    assert (clip["start_time"], clip["end_time"], clip["duration"]) == (
        10, 25.5, 15.5)
    assert (clip["title"], clip["description"]) == ("Goal", "The goal")
    assert clip["status"] == "queued"
    assert clip["url"] is None and clip["score"] is None
    assert stack.sql("SELECT j.type, j.status FROM clips c JOIN job_queue j "
                     f"ON j.id = c.job_id WHERE c.id = '{clip['id']}'") == [
        ["generate_clips", "pending"]]
    status = user.get(f"/api/clips/status?clipId={clip['id']}")
    assert status.json == clip
    assert int(status.headers["Retry-After"]) > 0


@pytest.mark.parametrize("start,end", [
    (-1, 5), (5, 5), (6, 5), (90, 100.001), (1e308, 1e309), ("1", "2"),
    (None, 5), (True, 5)])
def test_create_with_bad_bounds_is_400(stack, user, start, end):
    video = make_video(stack, user)
    answer = user.post("/api/clips", {
        "video_id": video, "start_time": start, "end_time": end})
    assert answer.status == 400
    assert "error" in answer.json
    assert user.get(f"/api/clips?videoId={video}").json["clips"] == []


def test_create_up_to_the_very_end_is_fine(stack, user):
    video = make_video(stack, user)
    assert user.post("/api/clips", {"video_id": video, "start_time": 0,
                                    "end_time": 100}).status == 201


def test_create_of_somebody_elses_video_is_404(stack, user):
    video = make_video(stack, user)
    body = {"video_id": video, "start_time": 0, "end_time": 5}
    for who, id in ((stack.user(), video), (user, str(uuid.uuid4())),
                    (user, "x")):
        answer = who.post("/api/clips", {**body, "video_id": id})
        assert answer.status == 404
        answer = who.post("/api/clips/generate", {"videoId": id})
        assert answer.status == 404


def test_create_before_the_video_is_processed_is_409(user):
    video = user.complete(user.upload()).json["video"]["id"]
    answer = user.post("/api/clips", {"video_id": video, "start_time": 0,
                                      "end_time": 5})
    assert answer.status == 409
    answer = user.post("/api/clips/generate", {"videoId": video})
    assert answer.status == 409
    assert answer.json == {"error": "The video has not been processed yet"}


# ---- from suggestions -------------------------------------------------------

def test_generate_takes_the_best_above_the_threshold(stack, user):
    video = make_video(stack, user, [
        suggestion(0, 20, 0.80), suggestion(30, 95, 0.95),
        suggestion(20, 28, 0.749), suggestion(60, 70, 0.60),
        suggestion(90, 110, 0.85)])
    answer = user.post("/api/clips/generate", {
        "videoId": video, "settings": {
            "viralThreshold": 75, "maxClips": 5, "clipDuration": 60,
            "platforms": ["TikTok", "youtube"], "autoGenerate": True}})
    assert answer.status == 200
    assert set(answer.json) == {"message", "jobId", "clipsQueued", "clips"}
    clips = answer.json["clips"]
    assert answer.json["clipsQueued"] == len(clips) == 4
    assert [(c["startTime"], c["endTime"], c["viralPotential"])
            for c in clips] == [(30, 90, 95), (90, 100, 85), (0, 20, 80),
                                (20, 28, 75)]
    assert all({"title", "duration", "viralPotential", "description"}
               <= set(c) for c in clips)
    listed = user.get(f"/api/clips?videoId={video}").json
    assert {c["id"] for c in listed["clips"]} == {c["id"] for c in clips}
    assert listed["pagination"]["total"] == 4
    job = answer.json["jobId"]
    assert stack.sql("SELECT type, video_id FROM job_queue "
                     f"WHERE id = '{job}'") == [["generate_clips", video]]


def test_generate_obeys_max_clips_and_duration(stack, user):
    video = make_video(stack, user, [
        suggestion(i * 10, i * 10 + 40, 0.9) for i in range(6)])
    answer = user.post("/api/clips/generate", {
        "videoId": video, "settings": {"maxClips": 3, "clipDuration": 15}})
    assert [(c["startTime"], c["duration"]) for c in answer.json["clips"]] \
        == [(0, 15), (10, 15), (20, 15)]


def test_generate_takes_one_moment_once(stack, user):
    video = make_video(stack, user, [
        suggestion(0, 15, 0.9), suggestion(0, 30, 0.8),
        suggestion(10, 24, 0.85), suggestion(14, 29, 0.8)])
    answer = user.post("/api/clips/generate", {
        "videoId": video, "settings": {"clipDuration": 30}})
    assert [(c["startTime"], c["endTime"]) for c in answer.json["clips"]] \
        == [(0, 15), (10, 24)]


def test_generate_without_fitting_suggestion_says_so(stack, user):
    video = make_video(stack, user, [suggestion(0, 20, 0.6)])
    answer = user.post("/api/clips/generate", {"videoId": video})
    assert answer.status == 400
    assert answer.json == {"error": "No clips meet the specified criteria",
                           "bestViralPotential": 60}
    lower = user.post("/api/clips/generate", {
        "videoId": video, "settings": {"viralThreshold": 60}})
    assert lower.json["clipsQueued"] == 1
    empty = make_video(stack, user)
    answer = user.post("/api/clips/generate", {"videoId": empty})
    assert answer.json["bestViralPotential"] is None


def test_generate_skips_suggestions_without_usable_bounds(stack, user):
    video = make_video(stack, user, [
        suggestion(-1, 5, 0.9), suggestion(5, 5, 0.9),
        suggestion(200, 300, 0.9), suggestion("a", 5, 0.9),
        {"start": 0, "end": 5, "viralPotential": 90}, None, 7,
        suggestion(1, 5, 0.9)])
    answer = user.post("/api/clips/generate", {"videoId": video})
    assert [c["startTime"] for c in answer.json["clips"]] == [1]


@pytest.mark.parametrize("settings", [
    {"viralThreshold": 49}, {"viralThreshold": 96}, {"viralThreshold": 75.5},
    {"viralThreshold": "75"}, {"maxClips": 4}, {"maxClips": 0},
    {"clipDuration": 61}, {"clipDuration": None}, {"platforms": "tiktok"},
    {"platforms": ["myspace"]}, {"platforms": [1]}, {"autoGenerate": 1}, [],
    "x"])
def test_generate_refuses_settings(stack, user, settings):
    answer = user.post("/api/clips/generate", {
        "videoId": str(uuid.uuid4()), "settings": settings})
    assert answer.status == 400
    assert answer.json["error"]


def test_generate_without_video_id_is_400(user):
    answer = user.post("/api/clips/generate", {})
    assert (answer.status, answer.json) == (
        400, {"error": "Video ID is required"})


# ---- how --------------------------------------------------------------------

def test_mode_and_aspect_are_kept_and_go_to_the_job(stack, user):
    video = make_video(stack, user, [suggestion(0, 20, 0.9)])
    body = {"video_id": video, "start_time": 0, "end_time": 5}
    clip = user.post("/api/clips", body).json["clip"]
    assert (clip["mode"], clip["aspect"], clip["note"]) == (
        "exact", "original", None)
    for how in {"mode": "copy"}, {"aspect": "9:16"}, {
            "mode": "exact", "aspect": "1:1"}:
        clip = user.post("/api/clips", {**body, **how}).json["clip"]
        assert how.items() <= clip.items()
        asked = stack.sql("SELECT payload -> 'clips' -> 0 FROM job_queue WHERE "
                          f"payload -> 'clips' -> 0 ->> 'id' = '{clip['id']}'")
        assert how.items() <= json.loads(asked[0][0]).items()
    answer = user.post("/api/clips/generate", {
        "videoId": video, "settings": {"aspect": "9:16"}})
    (made,) = answer.json["clips"]
    clip = user.get(f"/api/clips/status?clipId={made['id']}").json
    assert (clip["mode"], clip["aspect"]) == ("exact", "9:16")


@pytest.mark.parametrize("how,error", [
    ({"mode": "fast"}, "mode must be exact or copy"),
    ({"mode": None}, "mode must be exact or copy"),
    ({"aspect": "4:3"}, "aspect must be original, 9:16 or 1:1"),
    ({"aspect": 1}, "aspect must be original, 9:16 or 1:1"),
    ({"mode": "copy", "aspect": "1:1"}, "A copied clip keeps its aspect")])
def test_how_is_checked(stack, user, how, error):
    video = make_video(stack, user, [suggestion(0, 20, 0.9)])
    for path, body in (
            ("/api/clips", {"video_id": video, "start_time": 0, "end_time": 5,
                            **how}),
            ("/api/clips/generate", {"videoId": video, "settings": how})):
        answer = user.post(path, body)
        assert (answer.status, answer.json) == (400, {"error": error})


# ---- reading ----------------------------------------------------------------

def test_ready_clip_has_urls(stack, user):
    video = make_video(stack, user)
    clip = user.post("/api/clips", {"video_id": video, "start_time": 0,
                                    "end_time": 5}).json["clip"]["id"]
    stack.sql("UPDATE clips SET status = 'ready', s3_key = 'derived/c.mp4', "
              f"thumbnail_key = 'derived/c.jpg' WHERE id = '{clip}'")
    answer = user.get(f"/api/clips/status?clipId={clip}")
    assert answer.json["status"] == "ready"
    assert "/derived/c.mp4?" in answer.json["url"]
    assert "/derived/c.jpg?" in answer.json["thumbnail_url"]
    assert "Retry-After" not in answer.headers


def test_clip_status_of_nobody_or_somebody_else(stack, user):
    video = make_video(stack, user)
    clip = user.post("/api/clips", {"video_id": video, "start_time": 0,
                                    "end_time": 5}).json["clip"]["id"]
    answer = user.get("/api/clips/status")
    assert (answer.status, answer.json) == (
        400, {"error": "Clip ID is required"})
    for who, id in ((stack.user(), clip), (user, str(uuid.uuid4())),
                    (user, "x")):
        answer = who.get(f"/api/clips/status?clipId={id}")
        assert (answer.status, answer.json) == (
            404, {"error": "Clip not found or access denied"})
    assert stack.user().get("/api/clips").json["pagination"]["total"] == 0
