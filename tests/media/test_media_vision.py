"""What is seen in the pictures: black and frozen spans, beside FFmpeg's own
filters on the same file."""
import re
import subprocess

import pytest

import worker


def analysis_of(path, out):
    return worker.run(path, out).result["analysis"]


# ---- black and freeze --------------------------------------------------------
S = "s=160x90:r=25"
# What is black, nearly black, not quite, still and nearly still, in parts.
PARTS = [
    f"testsrc2=d=2:{S}",
    f"color=black:d=2.6:{S},noise=alls=8:allf=t",
    f"testsrc=d=1:{S},format=yuv420p",
    f"testsrc2=d=0.04:{S},loop=80:1,setpts=N/25/TB",
    f"color=black:d=1.6:{S}",  # too short
    f"color=0x161616:d=2.4:{S},drawbox=w=16:h=12:c=white:t=fill",
    f"color=0x161616:d=2.4:{S},drawbox=w=24:h=24:c=white:t=fill",
    f"smptebars=d=3:{S},noise=alls=12:allf=t",
    f"rgbtestsrc=d=1.2:{S},hue=H=2*PI*t",
    f"color=black:d=2.2:{S}",
]


def dark_film(files, name, *more):
    graph = ";".join(f"{part},setsar=1,format=yuv444p[{n}]"
                     for n, part in enumerate(PARTS))
    graph += ";" + "".join(f"[{n}]" for n in range(len(PARTS)))
    return files.make(name, "-f", "lavfi", "-i",
                      f"{graph}concat=n={len(PARTS)}", "-c:v", "libx264",
                      "-preset", "ultrafast", "-qp", "4", *more)


def oracle_spans(path):
    """[(start, end)] of blackdetect and freezedetect; None: to the end."""
    log = subprocess.run(
        ["ffmpeg", "-nostdin", "-i", str(path), "-vf",
         "blackdetect,freezedetect=n=0.001", "-f", "null", "-"], check=True,
        capture_output=True, text=True).stderr
    black = [(float(a), float(b)) for a, b in
             re.findall(r"black_start:([\d.]+) black_end:([\d.]+)", log)]
    starts = re.findall(r"freeze_start: ([\d.]+)", log)
    ends = re.findall(r"freeze_end: ([\d.]+)", log)
    ends += [None] * (len(starts) - len(ends))
    return black, [(float(a), b and float(b)) for a, b in zip(starts, ends)]


@pytest.mark.parametrize("name, options", [
    ("dark.mp4", ("-pix_fmt", "yuv420p")),
    ("dark-full.mkv", ("-pix_fmt", "yuvj420p", "-color_range", "pc")),
    ("dark-deep.mkv", ("-pix_fmt", "yuv420p10le"))])
def test_black_and_freeze_are_those_of_ffmpegs_filters(files, tmp_path, name,
                                                       options):
    path = dark_film(files, name, *options)
    found = analysis_of(path, tmp_path)
    black, freeze = oracle_spans(path)
    assert len(black) >= 3 and len(freeze) >= 4
    for ours, theirs in (found["black"], black), (found["freeze"], freeze):
        assert len(ours) == len(theirs)
        for span, (start, end) in zip(ours, theirs):
            assert span["start"] == pytest.approx(start, abs=0.002)
            # At the end of the file, the last picture lasts as long as the
            # others; the filters stop at its start.
            assert end is None or span["end"] == pytest.approx(end, abs=0.042)


def test_sound_alone_is_neither_black_nor_frozen(files, tmp_path):
    path = files.make("tone3.wav", "-f", "lavfi", "-i", "sine=d=3")
    found = analysis_of(path, tmp_path)
    assert (found["black"], found["freeze"]) == ([], [])
