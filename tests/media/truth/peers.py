#!/usr/bin/python3
"""PySceneDetect's own release on a film: every detector in many variants for
one decoding. Run as a program so that the release stays out of ours:

    PYTHONPATH=FOLDER peers.py FILM WIDTH HEIGHT RATE

FOLDER holds the package scenedetect, as pip's --target leaves it; it needs
Debian's python3-opencv. Prints {"version": V, "found": {variant: [frame]}}."""
import json
import subprocess
import sys

import oracle


def detectors(scenedetect):
    """The variants: thresholds and windows around the defaults, with minimum
    scene lengths from short to the default, 15 frames."""
    adaptive = {
        f"adaptive {r} {f} {w} {m}": scenedetect.AdaptiveDetector(
            adaptive_threshold=r, min_content_val=f, window_width=w,
            min_scene_len=m)
        for r in (2.0, 2.5, 3.0, 3.5, 4.0) for f in (5.0, 10.0, 15.0)
        for w in (2, 3) for m in (5, 10, 15)}
    content = {
        f"content {t} {m}": scenedetect.ContentDetector(
            threshold=t, min_scene_len=m)
        for t in (15, 18, 21, 24, 27, 30, 33) for m in (5, 10, 15)}
    others = {
        **{f"hash {t} {m}": scenedetect.HashDetector(
            threshold=t, min_scene_len=m)
           for t in (0.25, 0.3, 0.35, 0.4) for m in (5, 15)},
        **{f"histogram {t} {m}": scenedetect.HistogramDetector(
            threshold=t, min_scene_len=m)
           for t in (0.05, 0.1, 0.2, 0.3) for m in (5, 15)},
        **{f"threshold {t}": scenedetect.ThresholdDetector(
            threshold=t, min_scene_len=5) for t in (12, 24)},
    }
    return adaptive, content, others


def run(path, width, height, rate):
    import scenedetect
    adaptive, content, others = detectors(scenedetect)
    meter = scenedetect.ContentDetector()
    score = 0.0
    for one in (*adaptive.values(), *content.values()):
        # All would compute the same value: they share one computation.
        one._calculate_frame_score = lambda *_: score
    every = {**adaptive, **content, **others}
    found = {name: [] for name in every}
    code = None
    for n, frame in enumerate(oracle.frames(path, width, height, "bgr24")):
        code = scenedetect.FrameTimecode(n, fps=rate)
        score = meter._calculate_frame_score(code, frame)
        for name, one in every.items():
            found[name] += [cut.frame_num for cut in
                            one.process_frame(code, frame)]
    for name, one in every.items():
        found[name] += [cut.frame_num for cut in one.post_process(code)]
    return {"version": scenedetect.__version__, "found": found}


def detect_all(path, truth, folder):
    """The same from another process, kept beside the film."""
    kept = path.with_suffix(".peers.json")
    if not kept.exists():
        over, under = map(int, truth["rate"].split("/"))
        done = subprocess.run(
            ["/usr/bin/python3", __file__, str(path), str(truth["width"]),
             str(truth["height"]), str(over / under)],
            env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin",
                 "OPENCV_FOR_THREADS_NUM": "1"},
            check=True, capture_output=True)
        kept.write_bytes(done.stdout)
    return json.loads(kept.read_text())


if __name__ == "__main__":
    film, wide, high, fps = sys.argv[1:]
    print(json.dumps(run(film, int(wide), int(high), float(fps))))
