"""What is told of sound: the waveform against a computation of its own, speech
and music against sounds that were made for it."""
import array
import json
import random
import struct
import wave

import pytest

import worker


def write_wav(path, rate, channels, samples):
    with wave.open(str(path), "wb") as out:
        out.setparams((channels, 2, rate, 0, "NONE", ""))
        out.writeframes(samples.tobytes())


def pixels(samples, channels, scale):
    """Least and greatest of every @scale samples, channel by channel."""
    each = [samples[c::channels] for c in range(channels)]
    values = []
    for at in range(0, len(each[0]), scale):
        for channel in each:
            part = channel[at : at + scale]
            values += [min(part), max(part)]
    return values


def noise(n, seed):
    return array.array("h", random.Random(seed).randbytes(2 * n))


@pytest.mark.parametrize("rate, channels, n, scale, overview_scale", [
    (48000, 2, 48000, 256, 256), (44100, 1, 10000, 256, 256),
    (192000, 1, 256 * 17000 + 1, 256, 512)])
def test_waveform_is_what_audiowaveform_writes(tmp_path, rate, channels, n,
                                               scale, overview_scale):
    samples = noise(n * channels, n)
    samples[5], samples[6] = -32768, 32767
    write_wav(tmp_path / "a.wav", rate, channels, samples)
    result = worker.run(tmp_path / "a.wav", tmp_path).result
    values = pixels(samples, channels, scale)
    length = len(values) // 2 // channels
    assert result["analysis"]["waveform"] == {
        "file": "waveform.dat", "overview": "waveform.json",
        "sample_rate": rate, "channels": channels,
        "samples_per_pixel": scale, "length": length}
    assert (tmp_path / "waveform.dat").read_bytes() == struct.pack(
        f"<iIiiIi{len(values)}h", 2, 0, rate, scale, length, channels,
        *values)
    values = [int(v / 256)
              for v in pixels(samples, channels, overview_scale)]
    assert json.loads((tmp_path / "waveform.json").read_text()) == {
        "version": 2, "channels": channels, "sample_rate": rate,
        "samples_per_pixel": overview_scale, "bits": 8,
        "length": len(values) // 2 // channels, "data": values}
    roles = {f["role"]: f["file"] for f in result["files"]}
    assert roles["waveform"] == "waveform.dat"
    assert roles["waveform-overview"] == "waveform.json"


def test_pictures_alone_have_no_waveform(files, tmp_path):
    path = files.video("plain.mp4", "testsrc2=d=1:s=320x240")
    result = worker.run(path, tmp_path).result
    assert result["analysis"]["waveform"] is None
    assert not any("waveform" in f["role"] for f in result["files"])


# ---- speech and music --------------------------------------------------------
TEXT = ("the river ran quietly past the old mill while children played along "
        "the bank. nobody remembered who had built it, or why the wheel had "
        "stopped turning.")
SYLLABLES = 37
TUNE = "+".join(f"sin(2*PI*t*{hz}*pow(2,floor(mod(t*2,4))/12*k))".replace(
    "k", str(k)) for hz, k in ((262, 2), (330, 5), (392, -3)))


@pytest.fixture(scope="module")
def talk_then_music(files):
    """Two seconds of silence, speech, three of silence, ten of music."""
    speech = files.make("speech.wav", "-f", "lavfi", "-i",
                        f"flite=text='{TEXT}':voice=rms", "-ar", "48000")
    with wave.open(str(speech)) as f:
        samples = array.array("h", f.readframes(f.getnframes()))
        seconds = len(samples) / f.getframerate()
        heard = [i / f.getframerate() for i, v in enumerate(samples)
                 if abs(v) > 500]
    path = files.make(
        "talk.wav", "-i", speech, "-f", "lavfi", "-i",
        f"aevalsrc='0.1*({TUNE})*exp(-2*mod(t,0.5))':d=10:s=48000",
        "-filter_complex", "[0]adelay=2000,apad=pad_dur=3[a];"
        "[a][1]concat=n=2:v=0:a=1", "-ac", "2")
    return path, seconds, 2 + heard[0], 2 + heard[-1]


def test_speech_and_music_are_told_apart(talk_then_music, tmp_path):
    path, seconds, begin, end = talk_then_music
    analysis = worker.run(path, tmp_path).result["analysis"]
    speech, music = analysis["activity"]
    assert (speech["type"], music["type"]) == ("speech", "music")
    assert speech["start"] == pytest.approx(begin, abs=0.6)
    assert speech["end"] == pytest.approx(end, abs=0.6)
    assert music["start"] == pytest.approx(5 + seconds, abs=0.6)
    assert music["end"] == pytest.approx(15 + seconds, abs=0.6)
    assert min(speech["confidence"], music["confidence"]) > 0.5
    spoken = [s for s in analysis["segments"]
              if s["components"]["speech"] == 1]
    played = analysis["segments"][-1]
    assert spoken
    for segment in spoken:
        # The voice is a man's; a third more or less is the method's.
        assert 85 <= segment["pitch"] <= 130
        assert segment["speech_rate"] == pytest.approx(
            SYLLABLES / (end - begin), rel=0.35)
        assert any("speech" in reason for reason in segment["reasons"])
    assert played["components"]["speech"] == 0
    assert played["speech_rate"] is None


def test_pictures_alone_have_no_activity(files, tmp_path):
    path = files.video("plain.mp4", "testsrc2=d=1:s=320x240")
    analysis = worker.run(path, tmp_path).result["analysis"]
    assert analysis["activity"] is None
    for segment in analysis["segments"]:
        assert segment["pitch"] is None and segment["speech_rate"] is None
        assert segment["components"]["speech"] is None
