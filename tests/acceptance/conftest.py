"""Whole installations, too: reelgate up."""
import os
import pathlib
import subprocess
import sys

import pytest

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
