"""R16: engagement_segments and hooks hold what was measured of a film that is
known to the second, and NULL for what nothing here can hear or see."""
import json

import pytest


def rows(analysed, table, order):
    text, = analysed.sql(f"""SELECT coalesce(jsonb_agg(t ORDER BY t.{order}),
        '[]') FROM {table} t WHERE video_id = '{analysed.films[0]}'""")[0]
    return json.loads(text)


@pytest.fixture(scope="module")
def segments(analysed):
    return rows(analysed, "engagement_segments", "start_time")


@pytest.fixture(scope="module")
def hooks(analysed):
    return rows(analysed, "hooks", "timestamp")


def test_R16_segments_cover_the_film(segments):
    assert segments[0]["start_time"] == 0
    assert segments[-1]["end_time"] == pytest.approx(40, abs=0.1)
    for a, b in zip(segments, segments[1:]):
        assert a["end_time"] == b["start_time"]
        assert a["end_time"] - a["start_time"] == pytest.approx(5, abs=0.5)


def of(segments, begin, end):
    return [s for s in segments
            if begin <= s["start_time"] and s["end_time"] <= end + 0.01]


def test_R16_volume_motion_and_score_tell_the_loud_part(segments):
    loud = of(segments, 20, 30)
    still = of(segments, 0, 20) + of(segments, 31, 40)
    assert loud and still
    for name in ("volume", "motion_intensity", "score"):
        assert min(s[name] for s in loud) > max(s[name] for s in still), name
    for s in segments:
        assert 0 <= s["volume"] <= 1 and 0 <= s["motion_intensity"] <= 1
        assert 0 <= s["score"] <= 100
    assert all(s["motion_intensity"] < 0.01 for s in still)


def test_R16_scene_changes_are_where_the_film_was_joined(segments):
    for s in segments:
        joined = any(s["start_time"] <= at < s["end_time"] for at in (20, 30))
        assert s["scene_change"] is joined, s


def test_R16_every_score_above_nothing_has_reasons(segments):
    for s in of(segments, 20, 30):
        text = " ".join(s["reasons"])
        assert "loud" in text and "motion" in text


def test_R16_what_cannot_be_known_is_null(segments, hooks):
    for s in segments:
        assert s["pitch"] == pytest.approx(440, abs=5)  # the film's tone
        assert s["speech_rate"] is None and s["emotional_tone"] is None
        # Nobody in the pictures; unknown without the cascade.
        assert s["face_count"] in (0, None)
        assert s["text_present"] in (False, True)
    assert all(h["text"] is None for h in hooks)


def test_R16_hooks_mark_where_it_begins(hooks):
    assert {h["type"] for h in hooks
            if h["timestamp"] == pytest.approx(20, abs=0.1)} >= {
                "audio", "visual"}
    for h in hooks:
        assert h["type"] in ("visual", "audio", "transition")
        assert 19.9 <= h["timestamp"] <= 30.1  # nothing begins elsewhere
        assert 0 < h["confidence"] <= 1
        assert h["suggested_clip_start"] <= h["timestamp"] \
            < h["suggested_clip_end"]
        assert 0 <= h["suggested_clip_start"]
        assert h["suggested_clip_end"] <= 40.1
