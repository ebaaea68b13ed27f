"""The job "clips": exact to the frame, sound and picture together."""
import array
import json
import subprocess

import pytest

import worker

RATE = 48000


@pytest.fixture(scope="module")
def clapper(files):
    """30 s at 30 fps; at 12.0 s the picture turns white for a tenth of a
    second and a tone begins, elsewhere there is silence."""
    return files.video(
        "clapper.mp4", "testsrc2=d=30:s=320x240:r=30,"
        "drawbox=c=white:t=fill:enable='between(n,360,362)'",
        audio=f"aevalsrc='if(between(t,12,12.1),0.5,0)*sin(1000*2*PI*t)'"
        f":d=30:s={RATE}")


def cut(path, out, *spans, **more):
    clips = [{"id": f"c{i}", "start": a, "end": b}
             for i, (a, b) in enumerate(spans)]
    return worker.run(path, out, job="clips", clips=clips, **more)


def streams(path):
    text = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of",
         "json", str(path)], check=True, capture_output=True).stdout
    return {s["codec_type"]: s for s in json.loads(text)["streams"]}


def raw(path, *args):
    return subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), *args, "-"],
        check=True, capture_output=True).stdout


def test_a_clip_is_exact_to_the_frame(clapper, tmp_path):
    (clip,) = cut(clapper, tmp_path, (10, 25)).result["clips"]
    found = streams(tmp_path / clip["file"])
    assert int(found["video"]["nb_read_frames"]) == 450
    assert float(found["video"]["duration"]) == pytest.approx(15, abs=1 / 30)
    assert float(found["audio"]["duration"]) == pytest.approx(15, abs=1 / 30)
    assert clip["duration"] == pytest.approx(15, abs=1 / 30)
    assert found["video"]["codec_name"] == "h264"
    assert found["audio"]["codec_name"] == "aac"


def test_sound_and_picture_stay_together(clapper, tmp_path):
    (clip,) = cut(clapper, tmp_path, (10, 15)).result["clips"]
    path = tmp_path / clip["file"]
    grey = raw(path, "-vf", "scale=1:1", "-f", "rawvideo", "-pix_fmt", "gray")
    white = next(i for i, v in enumerate(grey) if v > 220)
    assert white == 60
    pcm = array.array("h", raw(path, "-ac", "1", "-ar", str(RATE), "-f",
                               "s16le"))
    loud = next(i for i, v in enumerate(pcm) if abs(v) > 3000)
    assert loud / RATE == pytest.approx(white / 30, abs=1 / 30)


def test_a_clip_plays_while_it_loads_and_has_a_picture(clapper, tmp_path):
    (clip,) = cut(clapper, tmp_path, (1, 3)).result["clips"]
    data = (tmp_path / clip["file"]).read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    thumb = streams(tmp_path / clip["thumbnail"])["video"]
    assert (thumb["codec_name"], thumb["width"], thumb["height"]) == (
        "mjpeg", 320, 240)


def test_one_bad_clip_does_not_spoil_the_others(clapper, tmp_path):
    clips = cut(clapper, tmp_path, (5, 6), (40, 50), (7, 8)).result["clips"]
    assert [c["id"] for c in clips] == ["c0", "c1", "c2"]
    assert "after the end" in clips[1]["error"] and "file" not in clips[1]
    for clip in clips[0], clips[2]:
        found = streams(tmp_path / clip["file"])
        assert int(found["video"]["nb_read_frames"]) == 30


def test_a_clip_ends_with_its_file(clapper, tmp_path):
    (clip,) = cut(clapper, tmp_path, (29, 35)).result["clips"]
    assert clip["duration"] == pytest.approx(1, abs=0.05)


def test_odd_sizes_become_even_and_sar_is_kept(files, tmp_path):
    path = files.make("odd-sar.mkv", "-f", "lavfi", "-i",
                      "testsrc2=d=2:s=400x300:r=30,format=yuv444p,"
                      "crop=321:243:exact=1,setsar=2/3", "-c:v", "libx264",
                      "-preset", "ultrafast")
    video = streams(path)["video"]
    assert (video["width"], video["height"]) == (321, 243)
    (clip,) = cut(path, tmp_path, (0.5, 1.5)).result["clips"]
    video = streams(tmp_path / clip["file"])["video"]
    assert (video["width"], video["height"]) == (320, 242)
    assert video["sample_aspect_ratio"] == "2:3"
    assert int(video["nb_read_frames"]) == 30


def test_a_clip_of_sound_alone_has_no_picture(samples, tmp_path):
    (clip,) = cut(samples / "mono.mp3", tmp_path, (1, 3)).result["clips"]
    assert clip["thumbnail"] is None
    found = streams(tmp_path / clip["file"])
    assert list(found) == ["audio"]
    assert float(found["audio"]["duration"]) == pytest.approx(2, abs=0.03)


@pytest.mark.parametrize("name", ["a.ts", "a.mkv"])
def test_other_containers_are_cut_too(files, tmp_path, name):
    path = files.video("long-" + name, "testsrc2=d=20:s=320x240:r=30", "-g",
                       "100", audio="sine=d=20")
    (clip,) = cut(path, tmp_path, (13, 16)).result["clips"]
    found = streams(tmp_path / clip["file"])
    assert int(found["video"]["nb_read_frames"]) in (89, 90, 91)
    assert float(found["audio"]["duration"]) == pytest.approx(3, abs=0.05)
