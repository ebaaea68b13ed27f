"""From a suggestion to a file: the clips a user asks for are cut and served."""
import json
import subprocess

import pytest

from web import request, wait_for


@pytest.fixture(scope="module")
def lively(tmp_path_factory):
    """40 s of quiet grey, but for 12 s to 28 s: loud, moving, a cut every
    2 s."""
    path = tmp_path_factory.mktemp("lively") / "lively.mp4"
    parts = "".join(
        f"testsrc2=s=320x240:r=25:d=2,hue=h={45 * i},format=yuv420p[t{i}];"
        for i in range(8))
    order = "[g0]" + "".join(f"[t{i}]" for i in range(8)) + "[g1]"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-filter_complex",
         parts + "color=c=gray:s=320x240:r=25:d=12,format=yuv420p,split[g0]"
         f"[g1];{order}concat=n=10[v];sine=f=300:d=40,"
         "volume='if(between(t,12,28),1,0.01)':eval=frame[a]",
         "-map", "[v]", "-map", "[a]", "-c:v", "libx264", "-preset",
         "veryfast", "-c:a", "aac", path], check=True)
    return path


def test_generated_clips_are_files_of_the_lively_part(running, lively,
                                                      tmp_path):
    user = running.user()
    upload = user.upload("lively.mp4", lively.read_bytes())
    video = upload["video"]["id"]
    assert user.result(video)["status"] == "completed"
    status, asked = user.call("POST", "/api/clips/generate", {
        "videoId": video, "settings": {"viralThreshold": 50, "maxClips": 3,
                                       "clipDuration": 15}})
    assert status == 200, asked
    assert asked["clipsQueued"] == len(asked["clips"]) >= 1
    best = asked["clips"][0]
    middle = (best["startTime"] + best["endTime"]) / 2
    assert 12 <= middle <= 28

    def made():
        _, answer = user.call("GET", f"/api/clips/status?clipId={best['id']}")
        clip = answer.get("clip", answer)
        return clip["status"] in ("ready", "failed") and clip
    clip = wait_for("clip", made, 60)
    assert clip["status"] == "ready", clip
    file = request("GET", clip["url"])
    assert file.status == 200
    assert file.headers["Content-Type"] == "video/mp4"
    (tmp_path / "clip.mp4").write_bytes(file.body)
    shown = json.loads(subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", "-show_format",
         tmp_path / "clip.mp4"], check=True, capture_output=True).stdout)
    assert float(shown["format"]["duration"]) == pytest.approx(
        best["endTime"] - best["startTime"], abs=0.08)
