"""Clips that are not plain cuts: packets copied from an IDR, reframed
pictures, rotated, anamorphic, HDR and uneven sources."""
import array
import json
import subprocess

import pytest

import worker

RATE = 48000
CLAP = 4.5  # s: the picture turns white and a tone begins
PICTURES = (f"testsrc2=d=8:s=192x108:r=30,drawbox=c=white:t=fill:"
            f"enable='between(t,{CLAP}-0.001,{CLAP}+0.1)'")
SOUND = (f"aevalsrc='if(between(t,{CLAP},{CLAP}+0.1),0.5,0)"
         f"*sin(1000*2*PI*t)':d=8:s={RATE}")


def clip(path, out, start, end, **how):
    (made,) = worker.run(path, out, job="clips", clips=[
        {"id": "c", "start": start, "end": end, **how}]).result["clips"]
    assert "error" not in made, made
    return made, out / made["file"]


def probe(path, *args):
    return json.loads(subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", *args, str(path)],
        check=True, capture_output=True).stdout)


def video(path):
    return next(s for s in probe(path, "-count_frames", "-show_streams")
                ["streams"] if s["codec_type"] == "video")


def raw(path, *args):
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), *args, "-"],
        check=True, capture_output=True)
    assert done.stderr == b""  # nothing is missing, nothing is broken
    return done.stdout


def times(path, kind="v"):
    return [float(p["pts_time"]) for p in sorted(
        probe(path, "-select_streams", kind, "-show_packets")["packets"],
        key=lambda p: float(p["pts_time"]))]


def keys(path):
    """When the container says that there are key frames."""
    return [float(p["pts_time"]) for p in
            probe(path, "-select_streams", "v", "-show_packets")["packets"]
            if "K" in p["flags"]]


def offset(path):
    """Seconds from the white picture to the tone, as they are played."""
    grey = raw(path, "-vf", "fps=30,scale=1:1", "-f", "rawvideo", "-pix_fmt",
               "gray")
    flash = next(i for i, v in enumerate(grey) if v > 220) / 30
    pcm = array.array("h", raw(path, "-ac", "1", "-ar", str(RATE), "-f",
                               "s16le"))
    return next(i for i, v in enumerate(pcm) if abs(v) > 3000) / RATE - flash


def hashes(path, kind):
    """The packets' own bytes."""
    text = raw(path, "-map", f"0:{kind}:0", "-c", "copy", "-f", "framemd5")
    return [line.split(b",")[5].strip() for line in text.splitlines()
            if not line.startswith(b"#")]


# ---- copied -----------------------------------------------------------------

@pytest.fixture(scope="module")
def clapper(files):
    """An IDR each second."""
    return files.make(
        "claps.mp4", "-f", "lavfi", "-i", PICTURES, "-f", "lavfi", "-i", SOUND,
        "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g",
        "30", "-x264-params", "scenecut=0", "-c:a", "aac", "-shortest")


def test_packets_are_copied_from_an_idr_on(clapper, tmp_path):
    made, path = clip(clapper, tmp_path, 4, 6, mode="copy")
    assert (made["mode"], made["note"]) == ("copy", None)
    for kind in "va":
        ours, source = hashes(path, kind), hashes(clapper, kind)
        assert any(source[i:i + len(ours)] == ours
                   for i in range(len(source)))
    # pictures behind the end only where those before it need them
    assert 60 <= int(video(path)["nb_read_frames"]) <= 63
    assert made["duration"] == pytest.approx(2, abs=0.11)
    assert abs(offset(path)) <= 1 / 30
    assert (tmp_path / made["thumbnail"]).stat().st_size > 0


def test_where_no_idr_lies_the_cut_is_exact(clapper, tmp_path):
    made, path = clip(clapper, tmp_path, 4.2, 6, mode="copy")
    assert made["mode"] == "exact"
    assert made["note"] == "no key frame lies at the start"
    assert int(video(path)["nb_read_frames"]) == 54


def test_an_open_key_frame_is_not_copied_from(files, tmp_path):
    path = files.video("open-gop.mp4", PICTURES, "-preset", "veryfast", "-g",
                       "30", "-x264-params", "open-gop=1:scenecut=0:bframes=3")
    assert any(abs(t - 4) < 0.01 for t in keys(path))  # so it is called
    made, _ = clip(path, tmp_path, 4, 5, mode="copy")
    assert made["mode"] == "exact" and "open" in made["note"]
    made, _ = clip(path, tmp_path, 0, 1, mode="copy")
    assert made["mode"] == "copy"


def test_what_cannot_be_copied_says_why(files, clapper, tmp_path):
    made, _ = clip(clapper, tmp_path, 4, 5, mode="copy", aspect="9:16")
    assert made["mode"] == "exact" and "reframed" in made["note"]
    sound = files.make("sound.wav", "-f", "lavfi", "-i", "sine=d=4")
    made, _ = clip(sound, tmp_path, 1, 2, mode="copy")
    assert made["mode"] == "exact" and "no pictures" in made["note"]
    made, _ = clip(clapper, tmp_path, 4, 5)
    assert (made["mode"], made["note"]) == ("exact", None)


@pytest.mark.parametrize("name,codec", [
    ("c.ts", "libx264"), ("c.mkv", "libx264"), ("c5.mp4", "libx265")])
def test_other_streams_are_copied_too(files, tmp_path, name, codec):
    path = files.make(
        name, "-f", "lavfi", "-i", PICTURES, "-f", "lavfi", "-i", SOUND,
        "-c:v", codec, "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g",
        "30", *(["-x265-params", "log-level=none:open-gop=0:scenecut=0"]
                if codec == "libx265" else ["-bf", "2"]),
        "-c:a", "mp2" if name == "c.mkv" else "aac", "-shortest")
    zero = float(probe(path, "-show_format")["format"]["start_time"])
    (start,) = [t - zero for t in keys(path) if 3.5 < t - zero < 4.5]
    made, path = clip(path, tmp_path, start, start + 2, mode="copy")
    assert (made["mode"], made["note"]) == ("copy", None)
    assert abs(offset(path)) <= 1 / 30
    assert [s["codec_name"] for s in probe(path, "-show_streams")["streams"]
            if s["codec_type"] == "audio"] == ["aac"]


# ---- reframed ---------------------------------------------------------------

# Three fields side by side, each of one grey: 40, 120 and 200.
FIELDS = ("color=black:s=320x180:r=10:d=0.5,format=gray,"
          "geq=lum='40+80*floor(X*3/W)',format=yuv420p")


def size(v):
    """Of a stream, as ffmpeg shows it: upright."""
    turned = any(abs(int(d.get("rotation", 0))) in (90, 270)
                 for d in v.get("side_data_list", []))
    return (v["height"], v["width"]) if turned else (v["width"], v["height"])


def greys(path, shown, *places):
    """The values at shares of the displayed width, middle of the height."""
    w, h = shown
    data = raw(path, "-vf", "scale=out_range=full,format=gray", "-frames:v",
               "1", "-f", "rawvideo")
    assert len(data) == w * h
    return [data[h // 2 * w + int(p * (w - 1))] for p in places]


SHAPES = [({"aspect": "9:16", "center_x": 0.1}, (102, 180), [40, 40]),
          ({"aspect": "1:1"}, (180, 180), [40, 200]),
          ({"aspect": "original"}, (320, 180), [40, 200])]


@pytest.mark.parametrize("turned,stored", [
    (0, ""), (90, ",transpose=1"), (180, ",hflip,vflip"),
    (270, ",transpose=2")])
def test_reframed(files, tmp_path, turned, stored):
    """The same pictures, whichever way up they are stored."""
    flat = files.make(f"flat{turned}.mp4", "-f", "lavfi", "-i",
                      FIELDS + stored, "-c:v", "libx264", "-preset",
                      "ultrafast")
    path = files.make(f"fields{turned}.mp4", "-i", flat, "-c", "copy",
                      "-metadata:s:v", f"rotate={turned}")
    assert greys(path, (320, 180), 0.1, 0.9) == pytest.approx([40, 200],
                                                              abs=4)
    clips = worker.run(path, tmp_path, job="clips", clips=[
        {"id": f"c{i}", "start": 0, "end": 0.5, **how}
        for i, (how, _, _) in enumerate(SHAPES)]).result["clips"]
    for (how, shown, grey), made in zip(SHAPES, clips):
        found = video(tmp_path / made["file"])
        assert size(found) == shown
        assert int(found["nb_read_frames"]) == 5
        assert greys(tmp_path / made["file"], shown, 0.1, 0.9) == \
            pytest.approx(grey, abs=6)
    thumb = video(tmp_path / clips[0]["thumbnail"])
    assert (thumb["width"], thumb["height"]) == (102, 180)


def test_pixels_that_are_not_square_become_so(files, tmp_path):
    path = files.video("wide.mp4", FIELDS + ",scale=160:180,setsar=2")
    _, path = clip(path, tmp_path, 0, 1, aspect="9:16", center_x=0)
    v = video(path)
    assert (v["width"], v["height"]) == (102, 180)
    assert v.get("sample_aspect_ratio", "1:1") == "1:1"
    assert abs(greys(path, (102, 180), 0.5)[0] - 40) < 6


@pytest.mark.parametrize("how", [
    {"mode": "fast"}, {"aspect": "4:3"}, {"center_x": 1.1}, {"center_x": "a"},
    {"mode": 1}])
def test_a_request_that_is_not_valid(clapper, tmp_path, how):
    assert worker.run(clapper, tmp_path, job="clips", clips=[
        {"id": "c", "start": 0, "end": 1, **how}]).error == "internal"


# ---- kept -------------------------------------------------------------------

def test_hdr_is_brought_to_what_every_display_shows(files, tmp_path):
    """PQ of 0.58 is 203 nits, the white of a page: close to full."""
    path = files.make(
        "hdr.mp4", "-f", "lavfi", "-i", "color=black:s=128x72:r=10:d=0.5,"
        "format=gray10le,geq=lum='594+0*X',format=yuv420p10le", "-c:v",
        "libx264", "-preset", "ultrafast", "-color_primaries", "bt2020",
        "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-color_range",
        "pc")
    for how in {}, {"aspect": "1:1"}:
        v = video(clip(path, tmp_path, 0, 1, **how)[1])
        assert v["pix_fmt"] == "yuv420p"
        assert (v["color_transfer"], v["color_primaries"],
                v["color_space"]) == ("bt709", "bt709", "bt709")
        assert greys(tmp_path / "clip-c.mp4", size(v), 0.5)[0] > 200


def test_uneven_times_are_kept(files, tmp_path):
    path = files.make(
        "vfr.mkv", "-f", "lavfi", "-i", "testsrc2=d=4:s=64x64:r=30,"
        "select='if(lt(t,2),1,not(mod(n,3)))'", "-vsync", "vfr", "-c:v",
        "libx264", "-preset", "ultrafast")
    wanted = [t - 1 for t in times(path) if 1 - 1e-3 <= t < 3 - 1e-3]
    got = times(clip(path, tmp_path, 1, 3)[1])
    assert got == pytest.approx(wanted, abs=2e-3)
    assert len({round(b - a, 2) for a, b in zip(got, got[1:])}) > 1
