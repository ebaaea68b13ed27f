"""The request "probe" of reelgate-media, member by member beside ffprobe, and
what the pass of "analyze" adds to it, beside ffprobe's list of packets."""
import json
import struct
import subprocess

import pytest

import worker

SIZE = "s=64x64:r=24"
# What ffprobe makes up by opening a decoder, or says of itself.
NOT_OURS = {"filename", "probe_score", "closed_captions", "film_grain",
            "coded_width", "coded_height", "refs", "is_avc",
            "nal_length_size", "max_bit_rate", "divx_packed", "quarter_sample",
            "dmix_mode", "ltrt_cmixlev", "ltrt_surmixlev", "loro_cmixlev",
            "loro_surmixlev"}


# What we leave out: not known.
UNKNOWN = ("0/0", "unknown", "[0][0][0][0]", "0x0000")


def ffprobe(path, *more):
    text = subprocess.run(
        ["ffprobe", "-v", "error", "-show_format", "-show_streams",
         "-show_chapters", *more, "-of", "json", str(path)], check=True,
        capture_output=True).stdout
    return json.loads(text)


def probe(path, out):
    outcome = worker.run(path, out, job="probe")
    assert list(outcome.result) == ["type", "probe"]
    assert not list(out.iterdir())
    return outcome.result["probe"]


def compare(ours, theirs, where):
    """Everything they say, we say too."""
    if isinstance(theirs, dict):
        if where.endswith("disposition"):
            theirs = {k for k, v in theirs.items() if v}
            assert set(ours) == theirs, where
            return
        for key, value in theirs.items():
            if key in NOT_OURS or value in UNKNOWN or (
                    key == "level" and value < 0):
                continue
            if key == "displaymatrix":
                assert ours[key] == [
                    int(n) for line in value.strip().splitlines()
                    for n in line.split(":")[1].split()], where
                continue
            assert key in ours, f"{where}.{key} = {value}"
            compare(ours[key], value, f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for i, (a, b) in enumerate(zip(ours, theirs)):
            compare(a, b, f"{where}[{i}]")
    elif isinstance(ours, (int, float)):
        assert float(ours) == pytest.approx(float(theirs), abs=1e-5), where
    else:
        assert ours == theirs, where


def agree(path, out):
    ours, theirs = probe(path, out), ffprobe(path)
    for a, b in zip(ours["streams"], theirs["streams"]):
        if "attached_pic" in a["disposition"]:  # no decoder of ours reads it
            for key in ("width", "height", "pix_fmt", "color_range",
                        "sample_aspect_ratio", "display_aspect_ratio"):
                b.pop(key, None)
        if ours["format"]["format_name"] == "mpegts":
            b.pop("bit_rate", None)  # estimated from what was read
    compare(ours, theirs, "")
    return ours


# ---- files -------------------------------------------------------------------
def plain(files):
    return files.video("probe-plain.mp4", f"testsrc2=d=2:{SIZE}", "-g", 12,
                       "-shortest", audio="sine=d=2")


def box(kind, body):
    return struct.pack(">I4s", 8 + len(body), kind) + body


def boxed(path, out, boxes):
    """The MP4 with more boxes in the description of its first track. Its index
    lies behind the media, so no offset changes."""
    data = bytearray(path.read_bytes())
    at, end = 0, len(data)
    grown = []
    for kind in b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1":
        while data[at + 4:at + 8] != kind:
            at += struct.unpack_from(">I", data, at)[0]
            assert at < end
        size, = struct.unpack_from(">I", data, at)
        struct.pack_into(">I", data, at, size + len(boxes))
        grown.append(at)
        end = at + size
        at += 16 if kind == b"stsd" else 8
    data[end:end] = boxes
    out.write_bytes(data)
    return out


def rich_mkv(files, folder):
    meta = folder / "meta.txt"
    meta.write_text(";FFMETADATA1\ntitle=A é title\n[CHAPTER]\n"
                    "TIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n[CHAPTER]\n"
                    "TIMEBASE=1/1000\nSTART=500\nEND=1500\ntitle=Two\n")
    (folder / "notes.txt").write_text("attached")
    return files.make(
        "rich.mkv", "-i", plain(files), "-i", meta, "-map", 0, "-map", "0:a",
        "-map_metadata", 1, "-c", "copy", "-c:a:1", "flac",
        "-metadata:s:a:1", "language=fra", "-disposition:a:1", "comment",
        "-attach", folder / "notes.txt", "-metadata:s:t",
        "mimetype=text/plain")


FILES = {
    "mp4": lambda files, folder: plain(files),
    "mkv": rich_mkv,
    "ts": lambda files, folder: files.make(
        "probe.ts", "-i", plain(files), "-c", "copy"),
    "turned": lambda files, folder: files.make(
        "probe-turned.mp4", "-i", plain(files), "-c", "copy",
        "-metadata:s:v", "rotate=90"),
    "wav": lambda files, folder: files.make(
        "probe.wav", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "pcm_s24le",
        "-ac", 6),
    "webm": lambda files, folder: files.make(
        "probe.webm", "-f", "lavfi", "-i", f"testsrc2=d=1:{SIZE}", "-c:v",
        "libvpx-vp9", "-cpu-used", 8, "-color_primaries", "bt2020",
        "-color_trc", "smpte2084", "-colorspace", "bt2020nc"),
}


@pytest.mark.parametrize("name", FILES)
def test_probe_says_what_ffprobe_says(files, tmp_path, name):
    agree(FILES[name](files, tmp_path), tmp_path / "out")


@pytest.mark.parametrize("name", [
    "example.mp4", "SAR-2by3.mp4", "h264-png.mp4", "mono.mp3", "mov_text.mp4",
    "testsrc-hevc.mp4"])
def test_probe_of_samples_says_what_ffprobe_says(samples, tmp_path, name):
    agree(samples / name, tmp_path)


# ---- beside the parameters ---------------------------------------------------
def test_side_data_of_high_dynamic_range(files, tmp_path):
    mastering = struct.pack(">8H2I", 8500, 39850, 6550, 2300, 35400, 14600,
                            15635, 16450, 10000000, 50)
    dolby = bytes([1, 0, 5 << 1, 1 << 3 | 0b101, 0x10]) + bytes(19)
    path = boxed(plain(files), tmp_path / "hdr.mp4",
                 box(b"mdcv", mastering) +
                 box(b"clli", struct.pack(">2H", 1000, 400)) +
                 box(b"dvcC", dolby) +
                 box(b"st3d", bytes(4) + b"\1"))
    stream = agree(path, tmp_path / "out")["streams"][0]
    side = {s["side_data_type"]: s for s in stream["side_data_list"]}
    assert side["Content light level metadata"]["max_content"] == 1000
    assert side["Mastering display metadata"]["max_luminance"] == \
        "10000000/10000"
    assert side["DOVI configuration record"]["dv_profile"] == 5
    assert side["Stereo 3D"]["type"] == "top and bottom"


def test_edit_lists_are_told(files, tmp_path):
    late = files.make("late.mp4", "-itsoffset", "0.5", "-i", plain(files),
                      "-c", "copy")
    gap, shown = agree(late, tmp_path / "out")["streams"][0]["edit_list"]
    assert (gap["media_time"], gap["rate"]) == (None, 1)
    assert gap["duration"] == pytest.approx(0.5, abs=0.001)
    # x264's first picture is shown two pictures after it is decoded
    assert shown["duration"] == pytest.approx(2, abs=0.001)
    assert shown["media_time"] >= 0


def test_edit_list_with_a_false_count(files, tmp_path):
    data = bytearray(plain(files).read_bytes())
    at = data.index(b"elst") + 8
    data[at:at + 4] = b"\xff" * 4
    path = tmp_path / "false.mp4"
    path.write_bytes(data)
    stream = probe(path, tmp_path / "out")["streams"][0]
    assert len(stream["edit_list"]) == 1
    assert stream["edit_list_entries"] == 2**32 - 1


def test_programs_of_a_transport_stream(files, tmp_path):
    path = FILES["ts"](files, tmp_path)
    (ours,) = probe(path, tmp_path / "out")["programs"]
    (theirs,) = ffprobe(path, "-show_programs")["programs"]
    assert ours["streams"] == [s["index"] for s in theirs["streams"]]
    for key in "program_id", "program_num", "pmt_pid", "pcr_pid", "tags":
        assert ours[key] == theirs[key], key


# ---- what the pass over the file adds ------------------------------------------
def analyzed(path, out):
    return worker.run(path, out).result["probe"]


def test_headers_are_the_same_after_the_pass(files, tmp_path):
    headers = probe(plain(files), tmp_path / "probe")
    passed = analyzed(plain(files), tmp_path / "analyze")
    assert headers == {k: v for k, v in passed.items()
                       if k not in ("decoded", "packets")}


def test_packets_are_those_of_ffprobe(files, tmp_path):
    path = plain(files)
    packets = analyzed(path, tmp_path)["packets"]
    listed = ffprobe(path, "-show_packets")["packets"]
    for name in "video", "audio":
        sizes = [int(p["size"]) for p in listed if p["codec_type"] == name]
        assert packets[name]["count"] == len(sizes)
        assert packets[name]["bytes"] == sum(sizes)
        curve = packets["bit_rate"]
        assert sum(curve[name]) * curve["step"] == 8 * sum(sizes)
    assert packets["video"]["gop"] == {
        "count": 4, "min": 12, "mean": 12, "max": 12, "max_seconds": 0.5,
        "open": 0}


def test_open_groups_of_pictures_are_counted(files, tmp_path):
    path = files.make(
        "open.mp4", "-f", "lavfi", "-i", f"mandelbrot={SIZE}", "-t", 2,
        "-c:v", "libx264", "-pix_fmt", "yuv420p", "-x264-params",
        "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0")
    gop = analyzed(path, tmp_path)["packets"]["video"]["gop"]
    keys = [p for p in ffprobe(path, "-show_packets")["packets"]
            if "K" in p["flags"]]
    assert gop["count"] == len(keys) >= 4
    assert gop["open"] == gop["count"] - 1  # nothing leads the first


def test_frame_steps_of_a_variable_rate(files, tmp_path):
    path = files.video(
        "steps.mp4", "testsrc2=d=3:s=64x64:r=30,select='lt(n,30)+not(mod(n,3))'",
        "-vsync", "vfr", "-video_track_timescale", 90000)
    decoded = analyzed(path, tmp_path)["decoded"]
    assert decoded["variable_frame_rate"] is True
    assert decoded["frame_steps"] == [{"seconds": 0.03333, "count": 30},
                                      {"seconds": 0.1, "count": 19}]


def test_interlaced_pictures_are_counted(files, tmp_path):
    path = files.video("fields.mp4", f"testsrc2=d=1:{SIZE}", "-flags", "+ilme+ildct",
                       "-x264opts", "tff=1")
    result = analyzed(path, tmp_path)
    assert result["decoded"]["interlaced_frames"] == 24
    assert result["streams"][0]["field_order"] == \
        ffprobe(path)["streams"][0]["field_order"]
