"""The job "captions": speech of known words in, words and times out."""
import json
import pathlib
import subprocess

import pytest

import worker

MODEL = pathlib.Path("/usr/share/pocketsphinx/model/en-us/en-us.lm.bin")
SENTENCE = ("the president of the united states went to washington "
            "this morning").split()
SIZE = "s=64x64"


@pytest.fixture(scope="module", autouse=True)
def recogniser(tmp_path_factory, files):
    """Skips where the program has no recogniser, and says so."""
    path = files.make("beep.wav", "-f", "lavfi", "-i", "sine=d=0.2")
    last = worker.run(path, tmp_path_factory.mktemp("beep"),
                      job="captions").last
    if last["type"] == "error":
        assert last["code"] == "unsupported_media"
        assert not MODEL.exists() or "built without" in last["message"]
        pytest.skip(last["message"])


@pytest.fixture(scope="module")
def speech(files):
    return files.make("sentence.wav", "-f", "lavfi", "-i",
                      f"flite=text='{' '.join(SENTENCE)}':voice=rms",
                      "-ar", "44100", "-ac", "2")


def captions(path, out):
    result = worker.run(path, out, job="captions").result
    told = json.loads((out / "captions.json").read_text())
    for name in "language", "engine", "accuracy", "speech", "keywords":
        assert told[name] == result["captions"][name]
    return result, told["words"]


def seconds(stamp):
    hours, minutes, rest = stamp.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


def cues(path):
    """(start, end, text) of each, by the form of the file alone."""
    header, note, *blocks = path.read_text().rstrip("\n").split("\n\n")
    assert header == "WEBVTT" and note.startswith("NOTE ")
    for block in blocks:
        timing, *lines = block.split("\n")
        start, end = timing.split(" --> ")
        yield seconds(start), seconds(end), " ".join(lines)


def test_words_are_understood_where_they_are_said(files, speech, tmp_path):
    """The sentence three times, between them 6 and 20 seconds in which the
    file has no sound at all: gaps of the stamps."""
    length = duration(speech)
    path = files.make(
        "thrice.mka", "-i", speech, "-i", speech, "-i", speech,
        "-filter_complex", "[0][1][2]concat=n=3:v=0:a=1,asetnsamples=n=441,"
        f"asetpts='PTS+(6*gte(T,{length})+20*gte(T,{2 * length}))/TB'",
        "-c:a", "pcm_s16le")
    result, words = captions(path, tmp_path)
    begins = [0, length + 6, 2 * length + 26]
    for begin in begins:
        said = [w for w in words if begin <= w["start"] <= begin + length]
        heard = [w["word"] for w in said]
        assert sum(w in heard for w in set(SENTENCE)) >= 7, heard
        assert heard[-1] == SENTENCE[-1]
        assert start_of(said, "washington") - begin == pytest.approx(
            start_of(words, "washington"), abs=0.15)
    assert all(a["end"] <= b["start"] + 0.01
               for a, b in zip(words, words[1:]))
    about = result["captions"]
    assert about["accuracy"] == "low" and about["language"] == "en-US"
    assert about["words"] == len(words)
    assert "washington" in [k["word"] for k in about["keywords"]]
    assert {f["role"]: f["file"] for f in result["files"]} == {
        "captions": "captions.vtt", "captions-words": "captions.json"}
    shown = list(cues(tmp_path / "captions.vtt"))
    assert " ".join(text for _, _, text in shown).split() == [
        w["word"] for w in words]
    assert all(start < end <= after[0] + 0.01
               for (start, end, _), after in zip(shown, shown[1:]))


def start_of(words, text):
    return next(w["start"] for w in words if w["word"] == text)


def duration(path):
    return float(subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of",
         "csv=p=0", path], check=True, capture_output=True).stdout)


def test_music_and_noise_make_no_words(files, tmp_path):
    path = files.make(
        "noise.mp4", "-f", "lavfi", "-i", f"testsrc2=d=6:{SIZE}", "-f",
        "lavfi", "-i", "anoisesrc=d=3:a=0.2:seed=1", "-f", "lavfi", "-i",
        "aevalsrc='0.2*sin(2*PI*t*(262+66*floor(mod(3*t,3))))':d=3",
        "-filter_complex", "[1][2]concat=n=2:v=0:a=1", "-c:a", "aac")
    result, words = captions(path, tmp_path)
    assert words == [] and result["captions"]["words"] == 0
    assert result["captions"]["keywords"] == []
    assert list(cues(tmp_path / "captions.vtt")) == []


def test_pictures_alone_have_no_captions(files, tmp_path):
    path = files.video("silent.mp4", f"testsrc2=d=1:{SIZE}")
    result = worker.run(path, tmp_path, job="captions").result
    assert result["captions"] is None
    assert result["files"] == []
