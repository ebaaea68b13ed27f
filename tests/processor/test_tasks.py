"""What a user asks for of a video, from the request to the files."""
import re

import pytest

from machine import ffmpeg, jpeg_size
from stack import token
from web import request, wait_for


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return ffmpeg(tmp_path_factory.mktemp("film") / "f.mp4", "-f", "lavfi",
                  "-i", "testsrc2=size=320x180:rate=10:duration=6", "-f",
                  "lavfi", "-i", "sine=frequency=300:duration=6", "-shortest",
                  "-g", "10").read_bytes()


@pytest.fixture
def video(machine, film):
    """Its user, and its path in the API."""
    machine.processor()
    video = machine.upload(film)
    user = machine.user()
    user.token = token(machine.owner)
    machine.wait_video(video, "completed")
    return user, f"/api/videos/{video}"


def ended(video, **task):
    """The task as it ended."""
    user, path = video
    job = user.post(f"{path}/tasks", task).json["jobId"]
    return wait_for("end of the task", lambda: next(
        (t for t in user.get(f"{path}/tasks").json["tasks"]
         if t["jobId"] == job and t["status"] in ("completed", "failed")),
        None), 60)


def made(video, **task):
    """The video's files by name, after the task."""
    user, path = video
    task = ended(video, **task)
    assert (task["status"], task["error"]) == ("completed", None)
    assert task["progress"] == 100
    return {f["name"]: f for f in user.get(f"{path}/files").json["files"]}


def test_thumbnails_at_given_times(video):
    files = made(video, type="thumbnails", times=[0.5, 3])
    assert {n for n, f in files.items() if f["role"] == "picture"} == {
        "at-500.jpg", "at-500.webp", "at-3000.jpg", "at-3000.webp"}
    for name in ("at-500.jpg", "at-3000.jpg"):
        answer = request("GET", files[name]["url"])
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert jpeg_size(answer.body) == (320, 180)
    # the files of the analysis are still there
    assert {"analysis.json", "poster.jpg", "waveform.dat"} <= set(files)


def test_storyboard_opens_as_a_player_opens_it(video):
    made(video, type="storyboard")
    user, path = video
    vtt = user.get(f"{path}/files/storyboard.vtt").body.decode()
    assert vtt.startswith("WEBVTT\n")
    cues = re.findall(r"^(http\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$", vtt, re.M)
    assert cues
    width, height = jpeg_size(request("GET", cues[0][0]).body)
    for url, x, y, w, h in cues:
        assert url == cues[0][0]
        assert int(x) + int(w) <= width and int(y) + int(h) <= height


def test_captions_are_labelled(video):
    files = made(video, type="captions")
    user, path = video
    assert files["captions.vtt"]["role"] == "captions"
    answer = user.get(f"{path}/files/captions.vtt")
    assert answer.body.startswith(b"WEBVTT\n")
    words = user.get(f"{path}/files/captions.json").json
    assert words["accuracy"] == "low"
    assert words["engine"] == "pocketsphinx"
