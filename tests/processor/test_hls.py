"""package_hls: from the API to a player, and through what may happen between."""
import array
import os
import re
import subprocess

import pytest

from machine import ffmpeg
from web import request, wait_for

RATE = 48000
SECONDS = 6
CLAP = 4.5  # s: the picture turns white and a tone begins


@pytest.fixture(scope="session")
def clapper(tmp_path_factory):
    """Two renditions: its own 450 lines, and 360 below."""
    return ffmpeg(
        tmp_path_factory.mktemp("hls") / "clapper.mp4", "-f", "lavfi", "-i",
        f"testsrc2=d={SECONDS}:s=600x450:r=30,drawbox=c=white:t=fill:"
        f"enable='between(t,{CLAP}-0.001,{CLAP}+0.1)'", "-f", "lavfi", "-i",
        f"aevalsrc='if(between(t,{CLAP},{CLAP}+0.1),0.5,0)"
        f"*sin(1000*2*PI*t)':d={SECONDS}:s={RATE}", "-c:v", "libx264",
        "-preset", "ultrafast", "-g", "120", "-pix_fmt", "yuv420p", "-c:a",
        "aac", "-shortest")


@pytest.fixture
def film(machine, tmp_path):
    """A video of a user of the API, and that user: its worker runs for long
    enough to be met."""
    return upload(machine, ffmpeg(
        tmp_path / "film.mp4", "-f", "lavfi", "-i",
        "testsrc2=d=10:s=320x180:r=25", "-c:v", "libx264", "-preset",
        "ultrafast", "-pix_fmt", "yuv420p"))


def upload(machine, path):
    user = machine.user()
    answer = user.complete(user.upload(path.name, path.read_bytes()),
                           path.name)
    return user, answer.json["video"]["id"]


def ask(machine, film):
    user, video = film
    machine.wait_video(video, "completed")
    answer = user.post(f"/api/videos/{video}/tasks", {"type": "hls"})
    assert answer.status == 202, answer.body
    return answer.json["jobId"]


def files(film):
    user, video = film
    return {f["name"]: f for f in
            user.get(f"/api/videos/{video}/files").json["files"]
            if f["role"].startswith("hls")}


def play(source, *args):
    """@args: what comes of it; the headers of a player stand before."""
    done = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *source,
                           *args, "-"], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def check_played(source):
    grey = play(source, "-vf", "fps=30,scale=1:1", "-f", "rawvideo",
                "-pix_fmt", "gray")
    assert abs(len(grey) - SECONDS * 30) <= 1
    flash = next(i for i, v in enumerate(grey) if v > 220) / 30
    pcm = array.array("h", play(source, "-ac", "1", "-ar", str(RATE), "-f",
                                "s16le"))
    tone = next(i for i, v in enumerate(pcm) if abs(v) > 3000) / RATE
    assert abs(flash - CLAP) <= 0.05
    assert abs(tone - flash) <= 1 / 30


def packaged(machine, film):
    """What the progress was on the way."""
    job = ask(machine, film)
    row = f"SELECT status, progress FROM job_queue WHERE id = '{job}'"
    seen = []

    def look():
        status, percent = machine.sql(row)[0]
        seen.append(int(percent))
        return status == "completed"
    wait_for("package", look, 90)
    return seen


def test_a_player_plays_it_by_the_api_and_from_a_folder(machine, clapper,
                                                        tmp_path):
    processor = machine.processor()
    film = upload(machine, clapper)
    seen = packaged(machine, film)
    assert seen == sorted(seen) and seen[-1] == 100
    user, video = film
    (task,) = user.get(f"/api/videos/{video}/tasks").json["tasks"]
    assert (task["type"], task["status"], task["progress"]) == (
        "hls", "completed", 100)
    made = files(film)
    assert set(made) == {"hls.m3u8", "hls-0.m3u8", "hls-0.mp4", "hls-1.m3u8",
                         "hls-1.mp4", "hls-audio.m3u8", "hls-audio.mp4"}
    # over HTTP: playlists with the user's cookie, segments by signed URLs
    main = f"{machine.api}/api/videos/{video}/files/hls.m3u8"
    cookie = f"Cookie: reelgate-token={user.token}\r\n"
    check_played(["-headers", cookie, "-i", main])
    assert request("GET", main).status == 401
    text = user.get(f"/api/videos/{video}/files/hls.m3u8").body.decode()
    assert re.findall(r"RESOLUTION=(\S+?),", text) == ["600x450", "480x360"]
    text = user.get(f"/api/videos/{video}/files/hls-1.m3u8").body.decode()
    urls = [line for line in text.splitlines() if line[0] != "#"]
    assert len(set(urls)) == 1 and "X-Amz-Signature" in urls[0]
    (expires,) = re.findall(r"X-Amz-Expires=(\d+)", urls[0])
    assert int(expires) > 24 * 3600
    lengths = [float(n) for n in re.findall(r"#EXTINF:(.*),", text)]
    assert lengths == pytest.approx([4, 2], abs=0.04)
    # nothing needs rewriting where the objects lie together
    for name, f in made.items():
        body = request("GET", f["url"]).body
        assert len(body) == f["size"]
        (tmp_path / name).write_bytes(body)
    check_played(["-allowed_extensions", "ALL", "-i", tmp_path / "hls.m3u8"])
    assert machine.work() == []
    assert "worker_" not in processor.log()


def test_a_cancelled_package_ends_its_worker_and_leaves_nothing(machine,
                                                                film):
    processor = machine.processor()
    user, video = film
    job = ask(machine, film)
    worker = processor.freeze_child()
    answer = user.call("DELETE", f"/api/videos/{video}/tasks/{job}")
    assert answer.status in (200, 202, 204), answer.body
    machine.wait_job(video, "cancelled", "package_hls", seconds=40)
    assert not os.path.exists(f"/proc/{worker}")
    assert files(film) == {} and machine.work() == []
    assert machine.video(video) == "completed"
    assert not [k for k in machine.keys(f"derived/{video}/") if "hls" in k]


def test_a_killed_processor_begins_again_and_ends_with_the_same(machine,
                                                                film):
    first = machine.processor()
    video = film[1]
    ask(machine, film)
    worker = first.freeze_child()
    first.kill()
    wait_for("death of the worker with its broker",
             lambda: not os.path.exists(f"/proc/{worker}"))
    machine.sql("UPDATE workers SET lease_until = now() - interval '1 s'")
    machine.processor()
    wait_for("rescue",
             lambda: machine.job(video, "package_hls")[0] == "failed")
    machine.sql("UPDATE job_queue SET run_at = now() WHERE status = 'failed'")
    machine.sql("SELECT pg_notify('job_queue', 'package_hls')")
    machine.wait_job(video, "completed", "package_hls")
    assert machine.job(video, "package_hls") == ["completed", "2", ""]
    assert set(files(film)) == {"hls.m3u8", "hls-0.m3u8", "hls-0.mp4"}
    assert machine.work() == []
