"""The films: that a seed fixes them, that the truth is that of the file, and
what the detectors find in a few of them."""
import pathlib
import subprocess

import numpy as np
import pytest

import encoding
import film
import generate
import oracle
import ours
import scoring
import sources
import transitions

SEED = 6


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("truth")


@pytest.fixture(scope="module")
def films(cache):
    """Small ones, of pictures that need nothing installed."""
    return generate.films(cache, SEED, "train", 0.4, "made", seconds=8,
                          sizes=((160, 90),))


@pytest.fixture(scope="module")
def values(films):
    return [oracle.content_values(path, truth["width"], truth["height"])
            for path, truth in films]


def test_split_is_by_picture():
    names = [{s.name for s in sources.sources(split)}
             for split in ("train", "test")]
    assert all(names) and not names[0] & names[1]


@pytest.mark.parametrize("variants", [
    ("wood-d.webp", "wood-l.webp"), ("Elephants.jpg", "Elephants_5640x3172.jpg"),
    ("Kite/contents/images/1x1.png", "Kite/contents/images/1920x1080.png")])
def test_variants_of_a_motif_stay_together(variants):
    assert len({sources.motif(pathlib.Path(v)) for v in variants}) == 1


def test_seed_fixes_truth(cache):
    pool = sources.sources("train", "made", cache)[:3]

    def truth(seed, number):
        return film.Film(seed, "train", number, pool, 3).truth()

    assert truth(1, 0) == truth(1, 0)
    assert truth(1, 0) != truth(2, 0)
    assert truth(1, 0) != truth(1, 1)


def pure(one, shot, n):
    """Frame n as the shot alone gives it."""
    return np.clip(one.grade.draw(shot.frame(n)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", [None, "Dissolve", "Fade", "Wipe", "Push"])
def test_transition_begins_and_ends_where_the_truth_says(monkeypatch, cache,
                                                         kind):
    """To the frame: before `first` and from `end` on there is one shot alone,
    between them no frame is that of one alone."""
    make = kind and getattr(transitions, kind)
    monkeypatch.setattr(transitions, "transition",
                        lambda rng, rate: make and make(rng, rate))
    pool = sources.sources("train", "made", cache)[:3]
    joins = 0
    for number in range(2):
        one = film.Film(SEED, "train", number, pool, 12, ((64, 36),))
        one.overlays = []
        joins += len(one.joins)
        for i, (first, end, join) in enumerate(one.joins):
            old, new = one.shots[i:i + 2]
            assert (one.frame(first - 1) == pure(one, old, first - 1)).all()
            assert (one.frame(end) == pure(one, new, end)).all()
            if join:
                assert (one.frame(first) != pure(one, old, first)).any()
                assert (one.frame(end - 1) != pure(one, new, end - 1)).any()
                assert join.length == end - first
    assert joins >= 4


def test_seed_fixes_file(cache, tmp_path):
    pool = sources.sources("train", "made", cache)[:3]
    made = []
    for name in "a", "b":
        one = film.Film(SEED, "train", 0, pool, 1.5, ((160, 90),))
        path = tmp_path / f"{name}.{one.encoding.container}"
        generate.render(one, path)
        made.append(path.read_bytes())
    assert made[0] == made[1]


def test_times_are_those_of_the_file(films):
    for path, truth in films:
        expected = encoding.times(truth)
        assert len(expected) == truth["frames"]
        # Matroska counts milliseconds.
        assert encoding.probe(path) == pytest.approx(expected, abs=0.0011)


@pytest.mark.parametrize("kind", ["two rates", "beat", "stalls"])
def test_variable_rate(tmp_path, kind):
    """ffmpeg's expression and our list say the same."""
    class Chosen:
        """Gives this kind of variation, and small numbers."""
        def choice(self, options):
            return kind if kind in options else options[-1]

        def choices(self, options, weights):
            return ["h264"]

        def randint(self, low, high):
            return min(high, low + 6)

        def random(self):
            return 0.0

    code = encoding.Encoding(Chosen(), "30000/1001", 20)
    code.container, code.sound = "mp4", False
    code.vary(Chosen())
    path = tmp_path / "a.mp4"
    subprocess.run(code.command((64, 48), path, None), check=True,
                   input=bytes(64 * 48 * 3 * 20))
    truth = dict(code.truth(), frames=20, rate="30000/1001")
    assert encoding.probe(path) == pytest.approx(encoding.times(truth),
                                                 abs=1e-5)
    steps = {b - a for a, b in zip(truth["ticks"], truth["ticks"][1:])}
    assert len(steps) > 1


def test_pictures_change_where_the_truth_says(films, values):
    """The frame of a cut differs more from the one before it than the frames
    around it do, in most places; in all there is a change to see."""
    sharp = cuts = 0
    for (_, truth), value in zip(films, values):
        assert len(value) == truth["frames"]
        for cut in truth["cuts"]:
            cuts += 1
            assert value[cut] > 3
            sharp += value[cut] > 2 * max(value[cut - 1], value[cut + 1])
    assert cuts >= 8
    assert sharp >= 0.8 * cuts


def test_ours_on_a_few_films(films, values):
    """A small sample of what score.py does at length: we find the cuts, and
    do better than the documented detectors at their defaults."""
    mine, theirs = scoring.Score(), scoring.Score()
    for (path, truth), value in zip(films, values):
        mine += scoring.score(ours.detect(path, encoding.times(truth)), truth)
        found = [scoring.Found(n) for n in oracle.adaptive(value)]
        theirs += scoring.score(found, truth)
    assert mine.cuts.f1 >= 0.9, mine
    assert mine.per_minute("flash", "pan", "whip") <= 3, mine
    assert mine.cuts.f1 >= theirs.cuts.f1, (mine, theirs)
