"""What is told of sound: the waveform against a computation of its own."""
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
    (8000, 1, 256 * 17000 + 1, 256, 512)])
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
