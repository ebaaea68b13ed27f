"""R17: clips that exist: cut to the frame, sound with the picture, counted
truly, within the video's bounds."""
import array
import json
import subprocess

import pytest

from machine import Machine, ffmpeg, jpeg_size
from web import request, wait_for

RATE = 48000
FRAME = 1 / 30
STATUSES = {"queued", "processing", "ready", "failed"}


@pytest.fixture(scope="module")
def world(postgres, tmp_path_factory):
    """A machine that has analysed one video of 30 s at 30 fps: at 12.0 s the
    picture is white for three frames and a tone begins."""
    path = ffmpeg(
        tmp_path_factory.mktemp("v") / "clapper.mp4", "-f", "lavfi", "-i",
        "testsrc2=d=30:s=320x240:r=30,"
        "drawbox=c=white:t=fill:enable='between(n,360,362)'",
        "-f", "lavfi", "-i",
        "aevalsrc='if(between(t,12,12.1),0.5,0)*sin(1000*2*PI*t)'"
        f":d=30:s={RATE}", "-c:v", "libx264", "-preset", "ultrafast",
        "-pix_fmt", "yuv420p", "-c:a", "aac")
    m = Machine(postgres)
    m.processor()
    m.caller = m.user()
    m.film = m.caller.complete(
        m.caller.upload("clapper.mp4", path.read_bytes()),
        "clapper.mp4").json["video"]["id"]
    m.wait_video(m.film, "completed")
    yield m
    m.close()


def clip_of(world, **body):
    answer = world.caller.post("/api/clips", {"video_id": world.film, **body})
    assert answer.status == 201, answer.body
    return answer.json["clip"]


def ended(world, clip):
    seen = []

    def look():
        answer = world.caller.get(f"/api/clips/status?clipId={clip}").json
        seen.append(answer["status"])
        return answer["status"] in ("ready", "failed") and answer
    answer = wait_for("clip", look)
    assert set(seen) <= STATUSES
    return answer


def raw(path, *args):
    return subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", path,
                           *args, "-"], check=True, capture_output=True).stdout


def test_R17_clip_of_15_s_is_exact_and_in_step(world, tmp_path):
    clip = clip_of(world, start_time=10.0, end_time=25.0, title="T",
                   description="D")
    assert clip["status"] in ("queued", "processing")  # a worker is quick
    assert (clip["url"], clip["thumbnail_url"]) == (None, None)
    assert (clip["start_time"], clip["end_time"], clip["duration"]) == (
        10, 25, 15)
    done = ended(world, clip["id"])
    assert (done["status"], done["error"]) == ("ready", None)
    path = tmp_path / "clip.mp4"
    path.write_bytes(request("GET", done["url"]).body)
    found = {s["codec_type"]: s for s in json.loads(subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of",
         "json", path], check=True, capture_output=True).stdout)["streams"]}
    assert abs(int(found["video"]["nb_read_frames"]) - 450) <= 1
    for kind in ("video", "audio"):
        assert abs(float(found[kind]["duration"]) - 15) <= FRAME
    # the flash and the tone were together at 12.0 s: 2.0 s into the clip
    grey = raw(path, "-vf", "scale=1:1", "-f", "rawvideo", "-pix_fmt", "gray")
    flash = next(i for i, v in enumerate(grey) if v > 220) * FRAME
    pcm = array.array("h", raw(path, "-ac", "1", "-ar", str(RATE), "-f",
                               "s16le"))
    tone = next(i for i, v in enumerate(pcm) if abs(v) > 3000) / RATE
    assert abs(flash - 2) <= FRAME
    assert abs(tone - flash) <= FRAME
    jpeg = request("GET", done["thumbnail_url"]).body
    assert jpeg_size(jpeg)[0] > 0


def test_R17_reframed_and_copied(world, tmp_path):
    made = {}
    for how in {"aspect": "9:16"}, {"mode": "copy"}:
        clip = clip_of(world, start_time=0.0 if "mode" in how else 1.3,
                       end_time=3.0, **how)
        done = ended(world, clip["id"])
        assert (done["status"], done["error"], done["note"]) == (
            "ready", None, None)
        path = tmp_path / f"{len(made)}.mp4"
        path.write_bytes(request("GET", done["url"]).body)
        made[path] = json.loads(subprocess.run(
            ["ffprobe", "-v", "error", "-show_streams", "-select_streams", "v",
             "-of", "json", path], check=True, capture_output=True).stdout)
    sizes = [(s["streams"][0]["width"], s["streams"][0]["height"])
             for s in made.values()]
    assert sizes == [(136, 240), (320, 240)]
    clip = clip_of(world, start_time=1.1, end_time=3.0, mode="copy")
    assert "no key frame" in ended(world, clip["id"])["note"]


def test_R17_total_is_true(world):
    user, film = world.caller, world.film
    before = user.get("/api/clips").json["pagination"]["total"]
    for i in range(5):
        clip_of(world, start_time=i, end_time=i + 1)
    for limit, page, n in ((2, 1, 2), (2, 3, None), (100, 1, None)):
        answer = user.get(
            f"/api/clips?limit={limit}&page={page}&videoId={film}").json
        total = answer["pagination"]["total"]
        assert total == before + 5
        assert answer["pagination"] == {
            "page": page, "limit": limit, "total": total,
            "pages": -(-total // limit)}
        assert len(answer["clips"]) == (
            n or min(limit, total - (page - 1) * limit))
    assert world.user().get("/api/clips").json["pagination"]["total"] == 0
    for clip in user.get("/api/clips?limit=100").json["clips"]:
        assert ended(world, clip["id"])["status"] == "ready"


@pytest.mark.parametrize("start,end,error", [
    (-1, 5, "end_time must be greater than start_time, and start_time not "
            "negative"),
    (5, 5, "end_time must be greater than start_time, and start_time not "
           "negative"),
    (6, 5, "end_time must be greater than start_time, and start_time not "
           "negative"),
    (29, 31, "end_time is beyond the video's duration of 30.000 s"),
    (1e9, 2e9, "end_time is beyond the video's duration of 30.000 s"),
    ("1", 2, "Missing required fields: video_id, start_time, end_time"),
    (None, 2, "Missing required fields: video_id, start_time, end_time"),
])
def test_R17_bounds_are_checked_against_the_duration(world, start, end, error):
    answer = world.caller.post("/api/clips", {
        "video_id": world.film, "start_time": start, "end_time": end})
    assert (answer.status, answer.json) == (400, {"error": error})


def test_R17_to_the_last_frame(world):
    assert ended(world, clip_of(world, start_time=29,
                                end_time=30)["id"])["status"] == "ready"


def test_R17_clips_of_suggestions_exist_too(world):
    """Whatever the analysis suggests of this film."""
    status = world.caller.get(f"/api/videos/{world.film}/status").json
    best = max(s["confidence"] for s in status["ai_suggestions"]["clips"])
    answer = world.caller.post("/api/clips/generate", {
        "videoId": world.film,
        "settings": {"viralThreshold": 50, "maxClips": 3, "clipDuration": 15,
                     "platforms": ["TikTok"], "autoGenerate": True}})
    if round(best * 100) < 50:
        assert (answer.status, answer.json) == (400, {
            "error": "No clips meet the specified criteria",
            "bestViralPotential": round(best * 100)})
        return
    assert answer.status == 200
    assert set(answer.json) == {"message", "jobId", "clipsQueued", "clips"}
    assert 1 <= answer.json["clipsQueued"] == len(answer.json["clips"]) <= 3
    for clip in answer.json["clips"]:
        assert {"title", "duration", "viralPotential",
                "description"} <= set(clip)
        assert 0 < clip["duration"] <= 15 and clip["viralPotential"] >= 50
        assert ended(world, clip["id"])["status"] == "ready"


def test_R17_clips_of_others_and_of_unready_videos(world):
    stranger = world.user()
    body = {"video_id": world.film, "start_time": 1, "end_time": 2}
    for path, what in (("/api/clips", body),
                       ("/api/clips/generate", {"videoId": world.film})):
        answer = stranger.post(path, what)
        assert (answer.status, answer.json) == (
            404, {"error": "Video not found or access denied"})
    clip = clip_of(world, start_time=1, end_time=2)["id"]
    answer = stranger.get(f"/api/clips/status?clipId={clip}")
    assert (answer.status, answer.json) == (
        404, {"error": "Clip not found or access denied"})
    failed = stranger.complete(stranger.upload()).json["video"]["id"]
    answer = stranger.post("/api/clips", {**body, "video_id": failed})
    assert (answer.status, answer.json) == (
        409, {"error": "The video has not been processed yet"})
