"""The job "hls": renditions that any player can switch between."""
import array
import json
import pathlib
import struct
import subprocess

import pytest

import worker

RATE = 48000
CLAP = 5.5  # s: the picture turns white and a tone begins
SOUND = (f"aevalsrc='if(between(t,{CLAP},{CLAP}+0.1),0.5,0)"
         f"*sin(1000*2*PI*t)':d=9:s={RATE}")


def pictures(size="192x108", rate=30):
    return (f"testsrc2=d=9:s={size}:r={rate},drawbox=c=white:t=fill:"
            f"enable='between(t,{CLAP}-0.001,{CLAP}+0.1)'")


def package(path, out):
    return worker.run(path, out, job="hls").result


def probe(path, *args):
    return json.loads(subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", *args, str(path)],
        check=True, capture_output=True).stdout)


def raw(path, *args):
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), *args, "-"],
        check=True, capture_output=True)
    assert done.stderr == b""
    return done.stdout


def renditions(result):
    return result["video"] + ([result["audio"]] if result["audio"] else [])


def check_layout(folder, r):
    """Header and segments, back to back, are the file."""
    data = (folder / r["file"]).read_bytes()
    assert r["header"] + sum(r["bytes"]) == len(data)
    at = r["header"]
    assert data[4:8] == b"ftyp" and b"moov" in data[:at]
    for n in r["bytes"]:
        assert data[at + 4:at + 8] == b"moof"
        (moof,) = struct.unpack(">I", data[at:at + 4])
        mdat, kind = struct.unpack(">I4s", data[at + moof:at + moof + 8])
        assert (kind, moof + mdat) == (b"mdat", n)
        at += n
    return data


def packets(path):
    return probe(path, "-show_packets")["packets"]


def check_segments(folder, r, durations):
    """Each segment, played alone behind the header, begins with an IDR at
    the time that the durations before it add up to."""
    data = check_layout(folder, r)
    at, when = r["header"], None
    for n, length in zip(r["bytes"], durations):
        part = folder / "part.mp4"
        part.write_bytes(data[:r["header"]] + data[at:at + n])
        own = packets(part)
        first = own[0]
        assert "K" in first["flags"]
        begin = min(float(p["pts_time"]) for p in own)
        assert float(first["pts_time"]) == begin
        if when is not None:
            assert begin == pytest.approx(when, abs=0.002)
        when = begin + length
        at += n


def media_playlist(r, durations):
    """As the broker writes it."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:7",
             "#EXT-X-PLAYLIST-TYPE:VOD",
             f'#EXT-X-MAP:URI="{r["file"]}",BYTERANGE="{r["header"]}@0"']
    at = r["header"]
    for n, length in zip(r["bytes"], durations):
        lines += [f"#EXTINF:{length:.6f},", f"#EXT-X-BYTERANGE:{n}@{at}",
                  r["file"]]
        at += n
    return "\n".join(lines + ["#EXT-X-ENDLIST", ""])


def playlists(folder, result):
    """One multivariant playlist for each video rendition."""
    durations = result["video"][0]["durations"]
    names = []
    for i, r in enumerate(result["video"]):
        (folder / f"v{i}.m3u8").write_text(media_playlist(r, durations))
        sound = ""
        if result["audio"]:
            (folder / "a.m3u8").write_text(media_playlist(
                result["audio"], result["audio"]["durations"]))
            sound = ('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",'
                     'DEFAULT=YES,AUTOSELECT=YES,URI="a.m3u8"\n')
        names.append(folder / f"main{i}.m3u8")
        names[-1].write_text(
            f'#EXTM3U\n#EXT-X-VERSION:7\n{sound}#EXT-X-STREAM-INF:BANDWIDTH='
            f'1000000{",AUDIO=" + chr(34) + "a" + chr(34) if sound else ""}\n'
            f'v{i}.m3u8\n')
    return names


def offset(path, rate=30):
    """Seconds from the white picture to the tone, as they are played."""
    grey = raw(path, "-vf", f"fps={rate},scale=1:1", "-f", "rawvideo",
               "-pix_fmt", "gray")
    flash = next(i for i, v in enumerate(grey) if v > 220) / rate
    assert abs(flash - CLAP) < 1.5 / rate
    pcm = array.array("h", raw(path, "-ac", "1", "-ar", str(RATE), "-f",
                               "s16le"))
    return next(i for i, v in enumerate(pcm) if abs(v) > 3000) / RATE - flash


def test_compatible_source_is_copied_and_the_ladder_is_below_it(files,
                                                                tmp_path):
    source = files.video("ladder.mp4", pictures("600x450"), "-preset",
                         "veryfast", "-g", "75", "-x264-params", "scenecut=0",
                         audio=SOUND)
    result = package(source, tmp_path)
    assert [(r["width"], r["height"], r["copied"]) for r in result["video"]] \
        == [(600, 450, True), (480, 360, False)]
    assert result["audio"]["copied"]
    # its own key frames are 2.5 s apart
    assert result["video"][0]["durations"] == pytest.approx(
        [5, 4], abs=0.001)
    durations = result["video"][0]["durations"]
    for r in result["video"]:
        assert len(r["bytes"]) == 2
        check_segments(tmp_path, r, durations)
    check_segments(tmp_path, result["audio"], result["audio"]["durations"])
    for name in playlists(tmp_path, result):
        assert abs(offset(name)) <= 1 / 30
        assert len(raw(name, "-map", "0:v", "-vsync", "0", "-f",
                       "rawvideo", "-vf", "scale=1:1,format=gray")) == 270


@pytest.mark.parametrize("name,more", [
    ("far-keys.mp4", ["-g", "400", "-x264-params", "scenecut=0"]),
    ("open-keys.mp4", ["-preset", "veryfast", "-g", "60", "-x264-params",
                       "open-gop=1:scenecut=0:bframes=3"]),
    ("a-stream.ts", ["-g", "60"]),
    ("a-film.mkv", ["-c:v", "mpeg4", "-c:a", "libopus"])])
def test_other_sources_are_encoded(files, tmp_path, name, more):
    source = files.make(
        name, "-f", "lavfi", "-i", pictures(), "-f", "lavfi", "-i", SOUND,
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
        "-c:a", "aac", *more, "-shortest")
    result = package(source, tmp_path)
    (r,) = result["video"]
    assert not r["copied"] and (r["width"], r["height"]) == (192, 108)
    assert r["durations"][:-1] == pytest.approx([4, 4], abs=0.07)
    check_segments(tmp_path, r, r["durations"])
    (main,) = playlists(tmp_path, result)
    assert abs(offset(main)) <= 1 / 30


def test_a_picture_that_stays_is_repeated(files, tmp_path):
    """One picture at 0, the next at 11 s: no segment is longer than 4 s."""
    source = files.make(
        "slides.mkv", "-f", "lavfi", "-i", "testsrc2=d=12:s=64x64:r=10,"
        "select='eq(n,0)+gte(t,11)'", "-vsync", "vfr", "-c:v", "libx264",
        "-preset", "ultrafast")
    result = package(source, tmp_path)
    (r,) = result["video"]
    assert result["audio"] is None
    assert r["durations"] == pytest.approx([4, 4, 4], abs=0.11)
    check_segments(tmp_path, r, r["durations"])


def test_sound_alone(files, tmp_path):
    source = files.make("alone.mp3", "-f", "lavfi", "-i", "sine=d=9")
    result = package(source, tmp_path)
    assert result["video"] == []
    durations = result["audio"]["durations"]
    assert durations == pytest.approx([4, 4, 1], abs=0.06)
    check_segments(tmp_path, result["audio"], durations)


def test_renditions_stand_upright_and_have_square_pixels(files, tmp_path):
    """Stored lying and half as wide, shown as 540 x 640."""
    flat = files.video("lying.mp4", "testsrc2=d=1:s=320x540:r=10,setsar=2")
    source = files.make("standing.mp4", "-i", flat, "-c", "copy",
                        "-metadata:s:v", "rotate=90")
    result = package(source, tmp_path)
    assert [(r["width"], r["height"], r["copied"]) for r in result["video"]] \
        == [(540, 640, False), (360, 426, False)]


def test_a_file_without_pictures_or_sound_is_refused(files, tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("no film\n" * 100)
    assert worker.run(path, tmp_path / "o", job="hls").error == \
        "unsupported_media"
