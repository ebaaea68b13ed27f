"""The job "analyze" of reelgate-media: ffprobe and ffmpeg's own filters on
the same file are the oracle."""
import functools
import json
import re
import subprocess

import pytest

import films
import worker
from films import SIZE

PICTURES = ["example.mp4", "SAR-2by3.mp4", "h264-png.mp4", "mov_text.mp4",
            "testsrc-hevc.mp4"]


def ffprobe(path):
    text = subprocess.run(
        ["ffprobe", "-v", "error", "-show_format", "-show_streams",
         "-of", "json", str(path)], check=True, capture_output=True).stdout
    return json.loads(text)


def jpeg_size(path):
    stream = ffprobe(path)["streams"][0]
    assert stream["codec_name"] == "mjpeg"
    return stream["width"], stream["height"]


def analyze(path, out, **more):
    return worker.run(path, out, **more).result


@pytest.fixture(scope="module")
def outcome_of(samples, tmp_path_factory):
    """The outcome for a sample by name; each is analysed once."""
    @functools.cache
    def run(name):
        return worker.run(samples / name, tmp_path_factory.mktemp("sample"))
    return run


# ---- probe -------------------------------------------------------------------
@pytest.mark.parametrize("name, frames", [("example.mp4", 1272),
                                          ("testsrc-hevc.mp4", 60)])
def test_decoded_frames_are_counted(outcome_of, name, frames):
    decoded = outcome_of(name).result["probe"]["decoded"]
    assert decoded["video_frames"] == frames
    assert decoded["errors"] == 0
    assert decoded["variable_frame_rate"] is False


def test_chapters_and_tags_are_reported(files, tmp_path):
    meta = tmp_path / "meta.txt"
    meta.write_text(";FFMETADATA1\ntitle=A \u00e9 title\n[CHAPTER]\n"
                    "TIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n")
    plain = files.video("plain.mp4", f"testsrc2=d=1:{SIZE}")
    path = files.make("chapters.mp4", "-i", plain, "-i", meta, "-map", "0",
                      "-map_metadata", "1", "-c", "copy")
    result = analyze(path, tmp_path / "out")
    assert result["probe"]["format"]["tags"]["title"] == "A \u00e9 title"
    chapter = result["probe"]["chapters"][0]
    assert chapter["tags"]["title"] == "One"
    assert (chapter["start_time"], chapter["end_time"]) == (0, 0.5)


def corners(*source):
    """8 x 8 grey values, as ffmpeg shows the picture."""
    return subprocess.run(
        ["ffmpeg", "-v", "error", *map(str, source), "-frames:v", "1", "-vf",
         "scale=8:8:flags=area", "-f", "rawvideo", "-pix_fmt", "gray", "-"],
        check=True, capture_output=True).stdout


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_pictures_stand_upright(files, tmp_path, turn):
    plain = files.video("bars.mp4", f"smptebars=d=1:{SIZE}")
    path = files.make(f"turned{turn}.mp4", "-i", plain, "-c", "copy",
                      "-metadata:s:v", f"rotate={turn}")
    stream = analyze(path, tmp_path)["probe"]["streams"][0]
    (side,) = ffprobe(path)["streams"][0]["side_data_list"]
    assert stream["rotation"] == -int(side["rotation"]) % 360 != 0
    size = (320, 240) if turn == 180 else (240, 320)
    assert jpeg_size(tmp_path / "poster.jpg") == size
    ours = corners("-i", tmp_path / "poster.jpg")
    theirs = corners("-i", path)
    assert max(abs(a - b) for a, b in zip(ours, theirs)) < 12


def test_faststart_is_told_by_the_order_of_boxes(files, tmp_path):
    plain = files.video("plain.mp4", f"testsrc2=d=1:{SIZE}")
    fast = files.make("fast.mp4", "-i", plain, "-c", "copy",
                      "-movflags", "+faststart")
    for path, want in (plain, False), (fast, True):
        probe = analyze(path, tmp_path / path.name)["probe"]
        assert probe["format"]["faststart"] is want


# ---- pictures ----------------------------------------------------------------
@pytest.mark.parametrize("name, size", [
    ("example.mp4", (640, 360)), ("SAR-2by3.mp4", (427, 360)),
    ("h264-png.mp4", (640, 360)), ("mov_text.mp4", (300, 200)),
    ("testsrc-hevc.mp4", (640, 360))])
def test_thumbnails_have_the_shape_of_the_shown_picture(outcome_of, name,
                                                        size):
    result, out = outcome_of(name).result, outcome_of(name).out
    times = [t["time"] for t in result["thumbnails"]]
    assert len(times) == 3 and times == sorted(set(times))
    for thumb in result["thumbnails"]:
        assert jpeg_size(out / thumb["file"]) == size
        assert (thumb["width"], thumb["height"]) == size
    width, height = jpeg_size(out / result["poster"])
    assert width <= 1280
    assert abs(width / height - size[0] / size[1]) < 0.01


def test_poster_is_not_the_black_part(files, tmp_path):
    path = files.video(
        "black.mp4", f"color=black:d=3:{SIZE}[a];testsrc2=d=1:{SIZE}[b];"
        f"color=black:d=2:{SIZE}[c];[a][b][c]concat=n=3")
    result = analyze(path, tmp_path)
    mean = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", tmp_path / result["poster"], "-vf",
         "scale=1:1", "-f", "rawvideo", "-pix_fmt", "gray", "-"],
        check=True, capture_output=True).stdout[0]
    assert mean > 60


def test_sound_alone_has_no_pictures(outcome_of):
    result = outcome_of("mono.mp3").result
    assert result["poster"] is None
    assert result["thumbnails"] == []
    assert result["analysis"]["scenes"] == []
    assert result["analysis"]["motion"] == []
    assert result["analysis"]["loudness"]["integrated"] < 0
    assert all(s["motion_intensity"] is None and s["scene_change"] is None
               for s in result["analysis"]["segments"])


def test_pictures_alone_have_no_sound(files, tmp_path):
    path = files.video("plain.mp4", f"testsrc2=d=1:{SIZE}")
    analysis = analyze(path, tmp_path)["analysis"]
    assert analysis["loudness"] is None
    assert analysis["silences"] == []
    assert analysis["segments"][0]["volume"] is None


# ---- scenes ------------------------------------------------------------------
def cuts_of(path, out):
    scenes = analyze(path, out)["analysis"]["scenes"]
    return [(s["frame"], s["transition"]) for s in scenes[1:]]


def test_cuts_are_found_at_their_frames(files, tmp_path):
    path = files.video(
        "cuts.mp4", f"testsrc2=d=2:{SIZE}[a];smptebars=d=1.5:{SIZE}[b];"
        f"testsrc=d=2.5:{SIZE}[c];mandelbrot={SIZE}[d];"
        "[d]trim=duration=2,setsar=1[e];[c]setsar=1[f];"
        "[b]setsar=1[g];[a]setsar=1[h];[h][g][f][e]concat=n=4")
    assert cuts_of(path, tmp_path) == [(60, "cut"), (105, "cut"),
                                       (180, "cut")]


def test_a_flash_is_no_cut(files, tmp_path):
    path = files.video(
        "flash.mp4", f"testsrc2=d=4:{SIZE},"
        "drawbox=c=white:t=fill:enable='between(n,50,51)'")
    assert cuts_of(path, tmp_path) == []


def test_a_pan_is_no_cut(files, tmp_path):
    path = files.video("pan.mp4", "smptebars=d=4:s=640x480:r=30,"
                       "scroll=horizontal=0.01,scale=320:240")
    assert cuts_of(path, tmp_path) == []


def test_a_fade_through_black_is_one_transition(files, tmp_path):
    path = files.video(
        "fade.mp4", f"testsrc2=d=3:{SIZE},fade=out:60:30[a];"
        f"testsrc=d=3:{SIZE},setsar=1,fade=in:0:30[b];"
        "[a]setsar=1[c];[c][b]concat=n=2")
    _, scene = analyze(path, tmp_path)["analysis"]["scenes"]
    assert scene["transition"] == "fade"
    assert scene["transition_start"] == pytest.approx(2, abs=0.15)
    assert scene["transition_end"] == pytest.approx(4, abs=0.15)
    assert scene["start"] == scene["transition_end"]


# ---- sound -------------------------------------------------------------------
def test_silence_is_found_to_the_hundredth(files, tmp_path):
    path = files.make(
        "silence.wav", "-f", "lavfi", "-i",
        "aevalsrc='if(between(t,2,3.5)+between(t,4,4.3),0,"
        "0.5*sin(440*2*PI*t))':d=5:s=48000")
    (silence,) = analyze(path, tmp_path)["analysis"]["silences"]
    assert silence["start"] == pytest.approx(2, abs=0.02)
    assert silence["end"] == pytest.approx(3.5, abs=0.02)


def oracle_loudness(path):
    log = subprocess.run(
        ["ffmpeg", "-nostdin", "-i", str(path), "-vn", "-af",
         "ebur128=peak=true", "-f", "null", "-"], check=True,
        capture_output=True, text=True).stderr.split("Summary:")[1]
    return [float(re.search(rf"{name}:\s+(-?[\d.]+)", log).group(1))
            for name in ("I", "LRA", "Peak")]


@pytest.mark.parametrize("name", ["example.mp4", "mono.mp3"])
def test_loudness_agrees_with_ebur128(samples, outcome_of, name):
    loudness = outcome_of(name).result["analysis"]["loudness"]
    integrated, spread, peak = oracle_loudness(samples / name)
    assert loudness["integrated"] == pytest.approx(integrated, abs=0.5)
    assert loudness["range"] == pytest.approx(spread, abs=1)
    assert loudness["true_peak"] == pytest.approx(peak, abs=0.5)


def test_loudness_of_the_reference_tone(files, tmp_path):
    # EBU Tech 3341 case 1: stereo sine, 1 kHz, -23 dBFS -> -23 LUFS.
    path = files.make(
        "tone.wav", "-f", "lavfi", "-i",
        "aevalsrc='pow(10,-23/20)*sin(1000*2*PI*t)"
        "|pow(10,-23/20)*sin(1000*2*PI*t)':d=20:s=48000")
    loudness = analyze(path, tmp_path)["analysis"]["loudness"]
    assert loudness["integrated"] == pytest.approx(-23, abs=0.1)
    assert all(m == pytest.approx(-23, abs=0.3)
               for m in loudness["momentary"])


# ---- scores ------------------------------------------------------------------
@pytest.fixture(scope="module")
def burst(files):
    return files.video("burst.mp4", films.BURST, audio=films.BURST_SOUND)


def test_loud_and_moving_ranks_first(burst, tmp_path):
    analysis = analyze(burst, tmp_path)["analysis"]
    best = max(analysis["segments"], key=lambda s: s["score"])
    assert 20 <= best["start_time"] < best["end_time"] <= 30
    assert any("loud" in reason for reason in best["reasons"])
    assert any("motion" in reason for reason in best["reasons"])
    suggestions = analysis["suggestions"]
    assert 20 <= suggestions["bestMoments"][0] <= 30
    clip = suggestions["clips"][0]
    assert clip["startTime"] < 30 and clip["endTime"] > 20
    assert 0 < suggestions["overallScore"] <= 1


def test_hooks_mark_where_the_burst_begins(burst, tmp_path):
    hooks = analyze(burst, tmp_path)["analysis"]["hooks"]
    found = {h["type"] for h in hooks if abs(h["timestamp"] - 20) < 0.1}
    assert {"audio", "visual"} <= found
    assert all(h["text"] is None for h in hooks)


def test_suggestions_have_both_namings_and_usual_lengths(burst, tmp_path):
    result = analyze(burst, tmp_path)
    duration = result["probe"]["decoded"]["duration"]
    clips = result["analysis"]["suggestions"]["clips"]
    assert clips
    for clip in clips:
        assert (clip["start"], clip["end"]) == (clip["startTime"],
                                                clip["endTime"])
        assert 0 <= clip["start"] < clip["end"] <= duration
        assert min(abs(clip["duration"] - n) for n in (15, 30, 60, 90)) <= 2
        assert 0 <= clip["confidence"] <= 1
        assert clip["viralPotential"] == round(100 * clip["confidence"])
        assert clip["title"] and clip["description"]
    scores = [c["confidence"] for c in clips]
    assert scores == sorted(scores, reverse=True)


def clips_of(path, out):
    """The suggestions, which never show the same moment twice."""
    clips = analyze(path, out)["analysis"]["suggestions"]["clips"]
    in_time = sorted(clips, key=lambda c: c["start"])
    for a, b in zip(in_time, in_time[1:]):
        assert a["end"] <= b["start"]
    return clips


def test_a_dull_file_stays_below_every_threshold(samples, tmp_path):
    clips = clips_of(samples / "example.mp4", tmp_path)
    assert clips and all(c["viralPotential"] < 50 for c in clips)


@pytest.fixture(scope="module")
def show(files):
    """Two minutes of a murmured title, but from 60 to 75 s a loud show with
    a cut every three seconds."""
    title = "smptebars=d=60:" + SIZE
    shots = [f"testsrc2=d=3:{SIZE},hue=h={70 * i},scroll=h=0.02:v=0.01"
             for i in range(5)]
    parts = [title] + shots + [title.replace("60", "45")]
    graph = ";".join(f"{part},setsar=1[p{i}]" for i, part in enumerate(parts))
    inputs = "".join(f"[p{i}]" for i in range(len(parts)))
    return files.video(
        "show.mp4", f"{graph};{inputs}concat=n={len(parts)}",
        audio="aevalsrc='if(between(t,60,75),0.25,0.01)"
        "*sin(600*2*PI*t)':d=120:s=48000")


def test_an_engaging_clip_passes_the_threshold_dull_ones_do_not(show,
                                                                tmp_path):
    suggestions = analyze(show, tmp_path)["analysis"]["suggestions"]
    best, *others = clips_of(show, tmp_path)
    assert best["viralPotential"] >= 75
    assert best["start"] == pytest.approx(60, abs=0.1)
    assert best["end"] == pytest.approx(75, abs=0.1)
    assert all(c["viralPotential"] < 50 for c in others)
    assert suggestions["overallScore"] == best["confidence"]


def test_the_dull_parts_alone_are_not_engaging(files, tmp_path):
    path = files.video("dull.mp4", f"smptebars=d=40:{SIZE}",
                       audio="sine=d=40")
    clips = clips_of(path, tmp_path)
    assert len(clips) == 2
    assert all(c["viralPotential"] < 50 for c in clips)


def test_a_short_file_is_one_clip(files, tmp_path):
    path = files.video("plain.mp4", f"testsrc2=d=1:{SIZE}")
    (clip,) = analyze(path, tmp_path)["analysis"]["suggestions"]["clips"]
    assert clip["startTime"] == 0
    assert clip["endTime"] == pytest.approx(1, abs=0.01)


def test_the_same_bytes_give_the_same_result(burst, tmp_path):
    results = [worker.run(burst, tmp_path / str(n), threads=n).frames[-1]
               for n in (1, 2)]
    assert results[0] == results[1]
    for name in ("poster.jpg", "thumb-1.jpg", "thumb-2.jpg", "thumb-3.jpg"):
        assert ((tmp_path / "1" / name).read_bytes() ==
                (tmp_path / "2" / name).read_bytes())


# ---- the protocol ------------------------------------------------------------
def test_extents_read_like_one_file(samples, tmp_path):
    data = (samples / "SAR-2by3.mp4").read_bytes()
    parts = tmp_path / "parts"
    parts.write_bytes(b"x" * 100 + data[5000:] + data[:5000])
    rest = len(data) - 5000
    result = analyze([(parts, 100 + rest, 5000), (parts, 100, rest)],
                     tmp_path / "out")
    whole = analyze(samples / "SAR-2by3.mp4", tmp_path / "whole")
    assert result == whole


def test_progress_rises_and_the_duration_is_told_once(outcome_of):
    frames = outcome_of("example.mp4").frames
    kinds = [f["type"] for f in frames]
    assert kinds[0] == "deadline" and kinds.count("deadline") == 1
    assert frames[0]["duration"] == pytest.approx(42.45, abs=0.01)
    percents = [f["percent"] for f in frames if f["type"] == "progress"]
    assert percents == sorted(percents) and percents[-1] <= 100


@pytest.mark.parametrize("name, codec", [
    ("a.mkv", ()), ("a.mov", ()), ("a.webm", ("-c:v", "libvpx")),
    ("a.avi", ("-c:v", "mpeg4")), ("a.ts", ())])
def test_ordinary_containers_are_read(files, tmp_path, name, codec):
    path = files.video(name, f"testsrc2=d=2:{SIZE}", *codec)
    result = analyze(path, tmp_path)
    assert result["probe"]["decoded"]["video_frames"] == 60
    assert len(result["thumbnails"]) == 3


def test_odd_sizes_and_ten_bits_are_read(files, tmp_path):
    path = files.make("odd.mkv", "-f", "lavfi", "-i",
                      "testsrc2=d=1:s=400x300:r=30,format=yuv444p10,"
                      "crop=321:243:exact=1", "-c:v", "libx265",
                      "-preset", "ultrafast",
                      "-x265-params", "log-level=error")
    result = analyze(path, tmp_path)
    stream = result["probe"]["streams"][0]
    assert (stream["width"], stream["height"]) == (321, 243)
    assert stream["bits_per_component"] == 10
    assert jpeg_size(tmp_path / "poster.jpg") == (321, 243)
