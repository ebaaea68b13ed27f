"""Whole installations, too: reelgate up."""
import os
import pathlib
import subprocess
import sys

import pytest

import films
from machine import Machine, ffmpeg

sys.path.append(str(pathlib.Path(__file__).parents[1] / "e2e"))

SEED = pathlib.Path(__file__).parent / "seed"


@pytest.fixture
def node():
    """Runs a script of seed/ under node, as a page or a driver would run it;
    answers the process."""
    started = []

    def run(script, stack, *args, **environment):
        started.append(subprocess.Popen(
            ["node", "--import", SEED / "page.mjs", SEED / script, *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"PATH": os.environ["PATH"], "API_URL": stack.api,
                 **environment}))
        return started[-1]
    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def analysed(postgres, tmp_path_factory):
    """films.BURST, uploaded twice and analysed by a processor."""
    path = ffmpeg(
        tmp_path_factory.mktemp("analysed") / "burst.mp4",
        "-f", "lavfi", "-i", films.BURST, "-f", "lavfi", "-i",
        films.BURST_SOUND, "-c:v", "libx264", "-preset",
        "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
    m = Machine(postgres)
    m.processor(REELGATE_PROCESSOR_SLOTS="2")
    m.path, m.caller = path, m.user()
    m.films = [m.caller.complete(m.caller.upload("burst.mp4",
                                                 path.read_bytes()),
                                 "burst.mp4").json["video"]["id"]
               for _ in range(2)]
    for film in m.films:
        m.wait_video(film, "completed")
    yield m
    m.close()
