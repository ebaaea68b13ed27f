"""Fixtures: one running Reelgate for tests that leave it as it is, fresh ones
for those that do not; a short video of known content."""
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from up import Up  # noqa: E402


@pytest.fixture(scope="module")
def running():
    up = Up().start()
    yield up
    up.close()


@pytest.fixture
def make_up():
    """Makes starts that the test may disturb."""
    made = []

    def make(**options):
        made.append(Up(**options))
        return made[-1]
    yield make
    for up in made:
        up.close()


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    """12 s, 320x240, 25 fps: three scenes of 4 s, with a tone."""
    path = tmp_path_factory.mktemp("video") / "three scenes.mp4"
    scenes = "".join(
        f"color=c={c}:s=320x240:r=25:d=4[b{i}];testsrc2=s=160x120:r=25:d=4"
        f"[t{i}];[b{i}][t{i}]overlay=x={40 * i}:y=60[s{i}];"
        for i, c in enumerate(("navy", "white", "darkred")))
    subprocess.run(
        ["ffmpeg", "-v", "error", "-filter_complex",
         scenes + "[s0][s1][s2]concat=n=3[v];sine=f=440:d=12[a]",
         "-map", "[v]", "-map", "[a]", "-c:v", "libx264", "-preset",
         "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac",
         "-movflags", "+faststart", path], check=True)
    return path
