"""The scorer on cases worked out by hand."""
import pytest

import scoring
from scoring import Found


def truth(cuts=(), graduals=(), events=(), ignore=(), seconds=60.0):
    return {"cuts": list(cuts), "seconds": seconds,
            "graduals": [{"type": "dissolve", "first": a, "end": b}
                         for a, b in graduals],
            "events": [{"type": kind, "first": a, "end": b}
                       for kind, a, b in events],
            "ignore": [list(pair) for pair in ignore]}


def points(*frames):
    return [Found(n) for n in frames]


def counts(tally):
    return tally.right, tally.wrong, tally.missed


@pytest.mark.parametrize("found, cuts, expected", [
    (points(10, 20), [10, 20], (2, 0, 0)),
    (points(10), [10, 20], (1, 0, 1)),
    (points(11), [10], (0, 1, 1)),          # one frame off is wrong
    (points(10, 10), [10], (1, 1, 0)),      # a cut is found once
    (points(), [10], (0, 0, 1)),
    (points(10), [], (0, 1, 0)),
    (points(), [], (0, 0, 0)),
    ([Found(10, 8, 12)], [10], (1, 0, 0)),  # its middle is the cut
])
def test_cuts(found, cuts, expected):
    assert counts(scoring.score(found, truth(cuts)).cuts) == expected


@pytest.mark.parametrize("found, right, missed, cuts_wrong, wrong", [
    (points(30), 1, 0, 0, 0),               # its first frame
    (points(40), 1, 0, 0, 0),               # the first frame after it
    (points(29), 0, 1, 1, 0),
    (points(41), 0, 1, 1, 0),
    (points(32, 36), 1, 0, 1, 0),           # named twice
    ([Found(40, 31, 39)], 1, 0, 0, 0),
    ([Found(60, 50, 60)], 0, 1, 0, 1),      # a gradual one that is not there
    ([Found(40, 31, 39), Found(35)], 1, 0, 1, 0),
    ([Found(40, 33, 60)], 0, 1, 0, 1),      # its middle lies outside
])
def test_gradual(found, right, missed, cuts_wrong, wrong):
    out = scoring.score(found, truth(graduals=[(30, 40)]))
    assert counts(out.graduals) == (right, wrong, missed)
    assert out.cuts.wrong == cuts_wrong
    assert out.alarms == cuts_wrong + wrong


def test_exact_cut_goes_before_gradual():
    """A cut at the end of a dissolve is the cut's, the dissolve is missed."""
    out = scoring.score(points(40), truth([40], [(30, 40)]))
    assert counts(out.cuts) == (1, 0, 0)
    assert counts(out.graduals) == (0, 0, 1)


def test_overlap_of_extents():
    out = scoring.score([Found(40, 28, 38)], truth(graduals=[(30, 40)]))
    assert (out.frame_precision, out.frame_recall) == (0.8, 0.8)
    out = scoring.score([Found(40, 33, 37)], truth(graduals=[(30, 40)]))
    assert (out.frame_precision, out.frame_recall) == (1.0, 0.4)


def test_tolerance_takes_the_nearest():
    """11 is the cut at 11 even though the one at 10 is within reach."""
    cuts, _, _ = scoring.match(points(11, 9), truth([10, 11]), tolerance=1)
    assert sorted(cuts) == [(0, 11), (1, 10)]


def test_ignored_frames_are_neither_right_nor_wrong():
    out = scoring.score(points(5, 21), truth(ignore=[(0, 20)]))
    assert (out.cuts.wrong, out.alarms) == (1, 1)


def test_alarms_are_blamed_on_the_shortest_event():
    events = [("pan", 0, 100), ("flash", 50, 52)]
    out = scoring.score(points(20, 51, 54, 55, 300),
                        truth(events=events, seconds=120))
    assert out.blamed == {"pan": 2, "flash": 2}
    assert out.alarms == 5
    assert out.per_minute("flash", "pan") == 2
    assert out.per_minute("flash") == 1
    assert out.per_minute() == 2.5


def test_right_detections_are_not_alarms():
    out = scoring.score(points(51), truth([51], events=[("pan", 0, 100)]))
    assert (out.blamed, out.alarms) == ({}, 0)


def test_figures():
    tally = scoring.Tally(right=6, wrong=2, missed=4)
    assert tally.precision == 0.75
    assert tally.recall == 0.6
    assert tally.f1 == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert scoring.Tally().f1 == 1.0
    assert scoring.Tally(missed=1).f1 == 0.0


def test_films_are_added_not_averaged():
    one = scoring.score(points(10), truth([10], [(30, 40)]))
    two = scoring.score(points(1, 2, 3), truth([5]))
    both = one + two
    assert counts(both.cuts) == (1, 3, 1)
    assert counts(both.all) == (1, 3, 2)
    assert both.seconds == 120
    assert both.mean_f1 == pytest.approx((2 / 6 + 0) / 2)
