"""The documented detectors on values and pictures worked out by hand."""
import colorsys
import random

import numpy as np
import pytest

import oracle


def test_hsv_is_that_of_the_standard_library():
    rng = random.Random(3)
    colours = [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0),
               (0, 0, 255), (255, 0, 1)] + [
        tuple(rng.randrange(256) for _ in range(3)) for _ in range(200)]
    hue, saturation, value = oracle.hsv(np.array([colours], np.uint8))
    for i, colour in enumerate(colours):
        h, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
        away = abs(hue[0, i] - h * 180) % 180
        assert min(away, 180 - away) <= 0.5 + 1e-3
        assert abs(saturation[0, i] - s * 255) <= 0.5 + 1e-3
        assert value[0, i] == round(v * 255)


def values(length, **spikes):
    out = [1.0] * length
    for at, value in spikes.items():
        out[int(at[1:])] = value
    return out


@pytest.mark.parametrize("spikes, cuts", [
    (dict(_20=30.0), [20]),
    (dict(_20=26.9), []),
    (dict(_20=27.0), [20]),
    (dict(_10=30.0), []),              # the first scene is too short
    (dict(_20=30.0, _40=30.0), [20, 40]),
    # closer than 15 frames: merged, and too short to be said
    (dict(_20=30.0, _25=30.0), [20]),
    # merged over 15 frames or more: said at the last of them
    (dict(_20=30.0, _25=30.0, _35=30.0, _45=30.0), [20, 45]),
])
def test_content(spikes, cuts):
    assert oracle.content(values(100, **spikes)) == cuts


@pytest.mark.parametrize("spikes, cuts", [
    (dict(_20=20.0), [20]),
    (dict(_20=14.9), []),              # below the floor
    (dict(_20=20.0, _21=20.0, _22=20.0), []),  # not 3 x the mean of 10.5
    (dict(_20=20.0, _22=17.0), [20]),  # 20 is 4 x the mean of 5
    (dict(_20=20.0, _30=20.0), [20]),  # 10 frames later is too soon
    (dict(_1=20.0, _99=20.0), []),     # no window around them
])
def test_adaptive(spikes, cuts):
    assert oracle.adaptive(values(100, **spikes)) == cuts


def test_adaptive_in_stillness_asks_for_the_floor_alone():
    still = [0.0] * 40
    still[20] = 15.0
    assert oracle.adaptive(still) == [20]
