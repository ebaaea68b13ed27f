"""What is seen in the pictures: black and frozen spans, beside FFmpeg's own
filters on the same file."""
import pathlib
import re
import subprocess

import pytest

import drawn
import worker

CASCADE = pathlib.Path("/usr/share/opencv4/lbpcascades/"
                       "lbpcascade_frontalface_improved.xml")
needs_cascade = pytest.mark.skipif(not CASCADE.exists(),
                                   reason="no opencv-data")


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


# ---- faces -------------------------------------------------------------------
@pytest.fixture(scope="module")
def face(tmp_path_factory):
    return drawn.write_pgm(tmp_path_factory.mktemp("face") / "face.pgm", 120,
                           drawn.face(120))


def over(files, name, background, face, places, *more):
    """A film of 640x360 on which the face lies at (x, y, from second, to)."""
    graph = [f"movie={face},gblur=1.5,split={len(places)}" +
             "".join(f"[f{n}]" for n in range(len(places)))]
    last = "b"
    graph.append(f"{background},format=gray,setsar=1[b]")
    for n, (x, y, start, end) in enumerate(places):
        graph.append(f"[{last}][f{n}]overlay={x}:{y}:eof_action=repeat:"
                     f"enable='between(t,{start},{end}-0.001)'[o{n}]")
        last = f"o{n}"
    return files.video(name, ";".join(graph) + f";[{last}]null", *more)


@needs_cascade
def test_faces_are_counted_and_placed(files, face, tmp_path):
    path = over(files, "faces.mp4", "color=0x303030:d=6:s=640x360:r=10", face,
                [(100, 80, 1, 3), (400, 160, 2, 4)])
    found = analysis_of(path, tmp_path)
    assert found["faces"]["count"] == [0, 1, 2, 1, 0, 0]
    for box in found["faces"]["boxes"]:
        centre = (640 * (box["x"] + box["width"] / 2),
                  360 * (box["y"] + box["height"] / 2))
        # The eyes and the mouth lie above the middle of the head.
        near = min((160, 140), (460, 220),
                   key=lambda at: abs(at[0] - centre[0]))
        assert centre == pytest.approx(near, abs=15)
        assert 60 < 640 * box["width"] < 120
    assert [round(box["time"]) for box in found["faces"]["boxes"]] == [
        1, 2, 2, 3]
    (segment,) = found["segments"]
    assert segment["face_count"] == 2


@needs_cascade
@pytest.mark.parametrize("turn", [90, 180])
def test_faces_are_looked_for_in_the_upright_picture(files, face, tmp_path,
                                                     turn):
    back = {90: "transpose=clock", 180: "vflip,hflip"}[turn]
    plain = files.video(
        f"lying{turn}.mp4",
        f"movie={face},gblur=1.5,loop=5:1,setpts=N/5/TB,scale=200:200,"
        f"pad=300:500:30:60:color=0x303030,{back}", "-r", "5")
    path = files.make(f"upright{turn}.mp4", "-i", plain, "-c", "copy",
                      "-metadata:s:v", f"rotate={turn}")
    found = analysis_of(path, tmp_path / "turned")["faces"]
    assert set(found["count"]) == {1}
    box = found["boxes"][0]
    assert 300 * (box["x"] + box["width"] / 2) == pytest.approx(130, abs=15)
    assert 500 * (box["y"] + box["height"] / 2) == pytest.approx(160, abs=30)
    lying = analysis_of(plain, tmp_path / "plain")["faces"]
    assert sum(lying["count"]) == 0


@needs_cascade
def test_textures_have_no_faces(files, tmp_path):
    path = files.video(
        "no-faces.mp4", "testsrc2=d=2:s=640x360:r=2,setsar=1[a];"
        "smptebars=d=2:s=640x360:r=2,noise=alls=60:allf=t,setsar=1[b];"
        "life=s=640x360:r=2:seed=1,trim=duration=2,setsar=1[c];"
        "[a][b][c]concat=n=3")
    assert analysis_of(path, tmp_path)["faces"] == {"count": [0] * 6,
                                                    "boxes": []}


def test_sound_alone_has_no_faces(files, tmp_path):
    path = files.make("tone3.wav", "-f", "lavfi", "-i", "sine=d=3")
    found = analysis_of(path, tmp_path)
    assert found["faces"] is None
    assert found["segments"][0]["face_count"] is None


# ---- text --------------------------------------------------------------------
T = "s=640x360:r=2"
# Pictures without text, some of them full of fine or regular structure.
SCENERY = {
    "colours": f"smptehdbars={T}",
    "fractal": "mandelbrot=s=320x180:r=2:start_scale=0.3:end_scale=0.2,"
               "scale=640:360",
    "noise": f"color=gray:{T},noise=alls=70:allf=t+u",
    "blobs": f"color=gray:{T},noise=alls=100:allf=t,gblur=sigma=2,"
             "eq=contrast=4",
    "foliage": f"life=s=320x180:r=2:seed=3:ratio=0.4:mold=10,"
               "scale=640:360:flags=bicubic",
    "grid": f"color=0x506070:{T},drawgrid=w=12:h=12:t=2:c=white",
    "fence": "color=0x304020:s=640x80:r=2,drawgrid=w=9:h=500:t=3:c=white,"
             "pad=640:360:0:140:color=0x607080",
    "rails": "color=0x304020:s=640x20:r=2,drawgrid=w=9:h=500:t=3:c=white,"
             "pad=640:360:0:170:color=0x607080",
}


def series_of(files, name, graphs):
    """Two seconds of each."""
    graphs = list(graphs)
    parts = ";".join(f"{graph},trim=duration=2,setsar=1,format=yuv420p[{n}]"
                     for n, graph in enumerate(graphs))
    joined = "".join(f"[{n}]" for n in range(len(graphs)))
    return files.video(name, f"{parts};{joined}concat=n={len(graphs)}")


TITLE = "drawtext=text='{}':fontsize={}:fontcolor={}:x={}:y={}:{}"
TITLES = {
    "subtitle": TITLE.format("A sentence as people say it", 20, "white",
                             "(w-tw)/2", "h-40", "borderw=2:bordercolor=black"),
    "title": TITLE.format("The long way home", 56, "yellow", "(w-tw)/2",
                          "(h-th)/2", "borderw=3:bordercolor=black"),
    "name": TITLE.format("Maria Lopez, Vienna", 26, "white", 40, "h*0.75",
                         "box=1:boxborderw=8:boxcolor=navy"),
}


def test_scenery_has_no_text(files, tmp_path):
    found = analysis_of(series_of(files, "scenery.mkv", SCENERY.values()),
                        tmp_path)
    assert found["text"] == [0, 0] * len(SCENERY)


def test_titles_are_seen_over_scenery(files, tmp_path):
    shown = [f"{SCENERY[scenery]},{TITLES[title]}" for scenery, title in [
        ("colours", "subtitle"), ("fractal", "title"), ("blobs", "name"),
        ("fence", "subtitle"), ("foliage", "name"), ("noise", "title")]]
    found = analysis_of(series_of(files, "titles.mkv", shown), tmp_path)
    assert found["text"] == [1, 1] * len(shown)


def test_text_is_told_second_by_second(files, tmp_path):
    path = files.video(
        "text-some.mkv", f"smptehdbars=d=10:{T},{TITLES['title']}:"
        "enable='between(t,6,7.9)'")
    found = analysis_of(path, tmp_path)
    assert found["text"] == [0, 0, 0, 0, 0, 0, 1, 1, 0, 0]
    assert [s["text_present"] for s in found["segments"]] == [False, True]


def test_sound_alone_has_no_text(files, tmp_path):
    path = files.make("tone3.wav", "-f", "lavfi", "-i", "sine=d=3")
    found = analysis_of(path, tmp_path)
    assert found["text"] == [] and found["object_motion"] == []
    assert found["segments"][0]["text_present"] is None


# ---- camera ------------------------------------------------------------------
@pytest.mark.parametrize("turn, pan, tilt", [
    (None, 0.2, 0), (90, 0, 0.2)])
def test_a_pan_is_measured_as_it_is_shown(files, tmp_path, turn, pan, tilt):
    # One large smooth picture, past which 64 of 320 columns a second go.
    path = files.video(
        "pan-still.mkv", "color=gray:d=0.04:s=90x40:r=25,"
        "noise=alls=100:all_seed=5,scale=900:400:flags=bicubic,"
        "loop=49:1,setpts=N/25/TB,crop=320:240:x='10+n*64/25':y=60")
    if turn:
        path = files.make(f"pan{turn}.mp4", "-i", path, "-c", "copy",
                          "-metadata:s:v", f"rotate={turn}")
    found = analysis_of(path, tmp_path)
    for name, want in ("pan", pan), ("tilt", tilt), ("zoom", 0):
        assert found["camera"][name] == pytest.approx([want] * 2, abs=0.02)
    assert max(found["object_motion"]) < 0.05
