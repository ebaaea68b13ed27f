#!/usr/bin/python3
"""PySceneDetect's own release on a film: every detector in many variants for
one decoding. Run as a program so that the release stays out of ours:

    PYTHONPATH=FOLDER peers.py FILM WIDTH HEIGHT RATE [VARIANT...]

FOLDER holds the package scenedetect, as pip's --target leaves it; it needs
Debian's python3-opencv. Prints {"version": V, "found": {variant: [frame]}}."""
import itertools
import json
import subprocess
import sys

import oracle


def adaptive(lib, ratio, least, window, shortest):
    return lib.AdaptiveDetector(
        adaptive_threshold=float(ratio), min_content_val=float(least),
        window_width=int(window), min_scene_len=int(shortest))


def content(lib, threshold, shortest):
    return lib.ContentDetector(threshold=float(threshold),
                               min_scene_len=int(shortest))


def hashed(lib, threshold, shortest):
    return lib.HashDetector(threshold=float(threshold),
                            min_scene_len=int(shortest))


def histogram(lib, threshold, shortest):
    return lib.HistogramDetector(threshold=float(threshold),
                                 min_scene_len=int(shortest))


def threshold(lib, level, shortest):
    return lib.ThresholdDetector(threshold=int(level),
                                 min_scene_len=int(shortest))


# Name: how it is made, and the values its numbers take, around the defaults;
# the last is the minimum length of a scene, by default 15 frames.
DETECTORS = {
    "adaptive": (adaptive, (2.0, 2.5, 3.0, 3.5, 4.0), (5.0, 10.0, 15.0),
                 (2, 3), (5, 10, 15)),
    "content": (content, (15, 18, 21, 24, 27, 30, 33), (5, 10, 15)),
    "hash": (hashed, (0.25, 0.3, 0.35, 0.4), (5, 15)),
    "histogram": (histogram, (0.05, 0.1, 0.2, 0.3), (5, 15)),
    "threshold": (threshold, (12, 24), (5,)),
}
GRID = [" ".join(map(str, (name, *numbers)))
        for name, (_, *values) in DETECTORS.items()
        for numbers in itertools.product(*values)]


def make(lib, variant):
    name, *numbers = variant.split()
    return DETECTORS[name][0](lib, *numbers)


def run(path, width, height, rate, variants):
    import cv2
    import scenedetect as lib
    cv2.setNumThreads(1)
    every = {variant: make(lib, variant) for variant in variants}
    meter = lib.ContentDetector()
    score = 0.0
    for one in every.values():
        if isinstance(one, lib.ContentDetector):
            # All would compute the same value: they share one computation.
            one._calculate_frame_score = lambda *_: score
    found = {variant: [] for variant in variants}
    code = None
    for n, frame in enumerate(oracle.frames(path, width, height, "bgr24")):
        code = lib.FrameTimecode(n, fps=rate)
        score = meter._calculate_frame_score(code, frame)
        for variant, one in every.items():
            found[variant] += [cut.frame_num for cut in
                               one.process_frame(code, frame)]
    for variant, one in every.items():
        found[variant] += [cut.frame_num for cut in one.post_process(code)]
    return {"version": lib.__version__, "found": found}


def detect(path, truth, folder, variants):
    """The same from another process; kept beside the film."""
    kept = path.with_suffix(".peers.json")
    known = (json.loads(kept.read_text()) if kept.exists()
             else {"version": None, "found": {}})
    missing = [v for v in variants if v not in known["found"]]
    if missing:
        over, under = map(int, truth["rate"].split("/"))
        done = subprocess.run(
            ["/usr/bin/python3", __file__, str(path), str(truth["width"]),
             str(truth["height"]), str(over / under), *missing],
            env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
            check=True, capture_output=True)
        made = json.loads(done.stdout)
        known = {"version": made["version"],
                 "found": {**known["found"], **made["found"]}}
        kept.write_text(json.dumps(known))
    return known


if __name__ == "__main__":
    film, wide, high, fps, *names = sys.argv[1:]
    print(json.dumps(run(film, int(wide), int(high), float(fps),
                         names or GRID)))
