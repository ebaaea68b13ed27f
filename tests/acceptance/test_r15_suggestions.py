"""R15: the same bytes are judged alike, the loud and moving part comes first,
clips go by both namings, and every score says why."""
import pytest


@pytest.fixture(scope="module")
def suggestions(analysed):
    return [analysed.caller.get(f"/api/videos/{film}/status").json[
        "ai_suggestions"] for film in analysed.films]


def test_R15_same_bytes_same_suggestions(suggestions):
    assert suggestions[0] == suggestions[1]


def test_R15_loud_and_moving_ranks_first(suggestions):
    best = suggestions[0]["clips"][0]
    assert best["startTime"] < 30 and best["endTime"] > 20
    assert 20 <= suggestions[0]["bestMoments"][0] <= 30
    assert 0 < suggestions[0]["overallScore"] <= 1
    assert best["confidence"] == max(
        c["confidence"] for c in suggestions[0]["clips"])


def test_R15_clips_go_by_both_namings(suggestions):
    for clip in suggestions[0]["clips"]:
        assert (clip["start"], clip["end"]) == (clip["startTime"],
                                                clip["endTime"])
        assert 0 <= clip["start"] < clip["end"] <= 40.1
        assert clip["viralPotential"] == round(100 * clip["confidence"])
        # what nothing here can know is left out, not invented
        assert clip.keys().isdisjoint({"platforms", "keywords", "sentiment"})


def test_R15_every_score_is_explained(suggestions):
    for clip in suggestions[0]["clips"]:
        assert clip["title"] and clip["description"] and clip["reasons"]
        assert clip["components"] and all(
            0 <= v <= 1 for v in clip["components"].values() if v is not None)
    reasons = " ".join(suggestions[0]["clips"][0]["reasons"])
    assert "loud" in reasons and "motion" in reasons
