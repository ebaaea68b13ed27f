"""What is chosen of the rivals, how two are compared, and the command itself
on annotations in another's format."""
import json
import pathlib
import subprocess
import sys

import pytest

import film
import generate
import rivals
import score
import scoring
import sources
from scoring import Found

FOLDER = pathlib.Path(__file__).parent


def truth(*cuts):
    return {"cuts": list(cuts), "graduals": [], "events": [], "seconds": 60}


def found(*frames):
    return [Found(n) for n in frames]


FILMS = [(None, truth(10, 20)), (None, truth(30))]
EVERY = [{"content 1": found(10), "content 2": found(10, 20),
          "threshold 12": found(20)},
         {"content 1": found(30), "content 2": found(),
          "threshold 12": found(30)}]


def test_best_variant_is_of_all_films_together():
    assert rivals.total("content 1", EVERY, FILMS).cuts.right == 2
    every = [dict(one) for one in EVERY]
    every[1]["content 2"] = found(30)
    assert rivals.best_of_each(every, FILMS) == {
        "content": "content 2", "threshold": "threshold 12"}


def test_joined_detectors_say_each_frame_once():
    every = [dict(one) for one in EVERY]
    name = rivals.join(every, ("content 1", "threshold 12"))
    assert [every[0][name], every[1][name]] == [found(10, 20), found(30)]


def test_difference_is_of_the_same_films():
    good, bad = (
        [scoring.score(found(*f), t) for f, (_, t) in zip(frames, FILMS)]
        for frames in (((10, 20), (30,)), ((10,), (31,))))
    assert score.difference(good, good) == (0, 0, 0)
    gap, low, high = score.difference(good, bad)
    # cuts: 1 against 2 / (2 + 1 + 2); no graduals: 1 for both
    assert gap == pytest.approx(100 * (1 - 0.4) / 2)
    assert low <= gap <= high


def test_command_on_a_collection(tmp_path):
    """A film of ours, annotated as ClipShots does it."""
    pool = sources.sources("train", "made")[:4]
    plans = (film.Film(2, "train", n, pool, 4, ((160, 90),))
             for n in range(20))
    one = next(plan for plan in plans if plan.truth()["cuts"])
    path = tmp_path / "films" / f"x.{one.encoding.container}"
    path.parent.mkdir()
    made = generate.render(one, path)
    path.with_suffix(".json").unlink()
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps({"x.mp4": {
        "transitions": [[n - 1, n] for n in made["cuts"]]
        + [[g["first"] - 1, g["end"]] for g in made["graduals"]]}}))
    done = subprocess.run(
        [sys.executable, FOLDER / "score.py", "--collection", "clipshots",
         "--annotations", listed, "--videos", path.parent],
        check=True, capture_output=True, text=True)
    assert "\nours " in done.stdout
    assert f"cut {len(made['cuts'])}/{len(made['cuts'])}" in done.stdout
    assert "1 films" in done.stdout and "synthetic" not in done.stdout
