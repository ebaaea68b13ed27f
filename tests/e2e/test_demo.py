"""tools/demo, as the README shows it, and the programs below a directory that
only root may enter."""
import os
import re
import shutil
import subprocess

import pytest

from gateway import BIN, ROOT
from web import request


def demo(up, file):
    return subprocess.run([ROOT / "tools/demo", file, "--data", up.data],
                          env=up.env, capture_output=True, text=True,
                          timeout=120)


def test_demo_prints_what_is_in_the_video(running, video):
    done = demo(running, video)
    assert done.returncode == 0, done.stderr
    out = dict(re.findall(r"^  (\w+) +(.*)$", done.stdout, re.M))
    assert float(out["duration"].split()[0]) == pytest.approx(12, abs=0.1)
    assert out["size"] == f"320 x 240, {video.stat().st_size} bytes"
    assert out["codecs"] == "h264 (video), aac (audio)"
    assert out["scenes"] == "3"
    assert re.fullmatch(r"upload [\d.]+ s, wait [\d.]+ s, processing [\d.]+ s",
                        out["times"])
    poster = request("GET", out["poster"])
    assert poster.status == 200
    assert poster.headers["Content-Type"] == "image/jpeg"
    assert poster.body[:3] == b"\xff\xd8\xff"
    assert "reelgate: " not in running.text()  # nothing but the banner


def test_demo_says_what_is_wrong_with_a_file(running, tmp_path):
    (tmp_path / "notes.mp4").write_text("no video at all")
    done = demo(running, tmp_path / "notes.mp4")
    assert done.returncode == 1
    assert "unsupported_media" in done.stderr


def test_demo_without_a_running_reelgate_says_so(make_up, video):
    done = demo(make_up(), video)
    assert done.returncode == 1
    assert "does not run" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_up_works_from_a_checkout_below_a_closed_directory(make_up, video,
                                                           mode):
    up = make_up()
    closed = up.home / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(BIN, closed / "bin")
    for program in (closed / "bin").iterdir():
        program.chmod(mode)
    up.bin = closed / "bin"
    up.start()
    user = up.user()
    answer = user.upload("a.mp4", video.read_bytes())
    assert user.result(answer["video"]["id"])["status"] == "completed"
    assert up.stop() == (0, [])
