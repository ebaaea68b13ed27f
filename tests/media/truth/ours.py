"""What reelgate-media finds in a film."""
import bisect
import pathlib
import sys
import tempfile

from scoring import Found

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import worker  # noqa: E402  (beside this folder)


def frame_at(times, second):
    """The frame whose time is nearest."""
    at = bisect.bisect_left(times, second)
    around = [n for n in (at - 1, at) if 0 <= n < len(times)]
    return min(around, key=lambda n: abs(times[n] - second))


def read(scenes, times):
    """The analysis' scenes as detections. A transition with an extent says
    where it begins and ends; otherwise only the new scene's first frame is
    known. times: of all frames, in seconds from the first."""
    out = []
    for scene in scenes:
        if scene["transition"] is None:  # the first scene
            continue
        extent = [scene.get(name) for name in
                  ("transition_start", "transition_end")]
        if scene["transition"] != "cut" and None not in extent:
            first, end = (frame_at(times, second) for second in extent)
            out.append(Found(scene["frame"], first, max(end, first + 1)))
        else:
            out.append(Found(scene["frame"]))
    return out


def detect(path, times):
    with tempfile.TemporaryDirectory() as folder:
        outcome = worker.run(str(path), folder, deadline=300)
    return read(outcome.result["analysis"]["scenes"], times)
