"""The pictures that reelgate-media writes: sizes, places and colours are
computed by hand from how each film was made."""
import base64
import itertools
import json
import re
import subprocess

import pytest

import worker

# Ten pictures a second; the luma of second n is 40 + 30 n.
STEPS = "color=black:s=64x48:r=10:d=6,geq=lum='40+30*floor(T)':cb=128:cr=128"
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def grey(second):
    """What the picture of that second looks like, 0..255."""
    return (40 + 30 * second - 16) * 255 / 219


def pixels(path):
    """(width, height, RGB bytes), as ffmpeg reads the picture."""
    data = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), "-f", "image2pipe", "-c:v",
         "ppm", "-"], check=True, capture_output=True).stdout
    _, size, _, rgb = data.split(b"\n", 3)
    width, height = map(int, size.split())
    assert len(rgb) == 3 * width * height
    return width, height, rgb


def colour_at(picture, x, y):
    """Mean of 4 x 4 pixels about (x, y)."""
    width, _, rgb = picture
    around = [3 * ((y + j) * width + x + i)
              for i, j in itertools.product(range(-2, 2), repeat=2)]
    return [sum(rgb[at + c] for at in around) / len(around) for c in range(3)]


def is_near(colour, want, tolerance=3):
    return max(abs(a - b) for a, b in zip(colour, want)) <= tolerance


# ---- storyboards -------------------------------------------------------------
CUE = re.compile(r"(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)")


def seconds(stamp):
    hours, minutes, rest = stamp.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


def tiles_of(outcome, storyboard):
    """[(start, end, grey)] by the WebVTT file, which must agree with the
    JSON file."""
    out = outcome.out
    index = json.loads((out / storyboard["json"]).read_text())
    text = (out / storyboard["vtt"]).read_text()
    assert text.startswith("WEBVTT\n\n")
    sheets = {s["file"]: pixels(out / s["file"]) for s in index["sprites"]}
    for sprite in index["sprites"]:
        assert sheets[sprite["file"]][:2] == (sprite["width"],
                                              sprite["height"])
    files = [f["file"] for f in outcome.result["files"]
             if f["role"] == "storyboard"]
    assert sorted(files) == sorted([*sheets, storyboard["vtt"],
                                    storyboard["json"]])
    tiles = []
    for cue, tile in itertools.zip_longest(CUE.findall(text), index["tiles"]):
        start, end, file, *place = cue
        x, y, w, h = map(int, place)
        assert (w, h) == (index["tile_width"], index["tile_height"])
        assert (x, y, seconds(start)) == (tile["x"], tile["y"], tile["start"])
        assert file == index["sprites"][tile["sprite"]]["file"]
        colour = colour_at(sheets[file], x + w // 2, y + h // 2)
        tiles.append((seconds(start), seconds(end), colour[0]))
    assert len(tiles) == storyboard["tiles"]
    return tiles


def levels(tiles):
    """The second whose grey each tile has."""
    found = [round((grey_ * 219 / 255 + 16 - 40) / 30) for *_, grey_ in tiles]
    for level, (_, _, grey_) in zip(found, tiles):
        assert abs(grey(level) - grey_) <= 4
    return found


@pytest.fixture(scope="module")
def steps(files):
    return files.make("steps.mp4", "-f", "lavfi", "-i", STEPS, *X264, "-g",
                      "20", "-bf", "2")


def test_a_tile_is_the_picture_on_the_screen_at_its_time(steps, tmp_path):
    outcome = worker.run(steps, tmp_path)
    storyboard = outcome.result["analysis"]["storyboard"]
    tiles = tiles_of(outcome, storyboard)
    assert levels(tiles) == [0, 1, 2, 3, 4, 5]
    assert [t[:2] for t in tiles] == [(n, n + 1) for n in range(6)]
    (sprite,) = storyboard["sprites"]
    assert (sprite["width"], sprite["height"]) == (6 * 64, 48)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_storyboard_of_key_frames_shows_the_one_before(files, steps,
                                                         tmp_path, name):
    path = files.make(name, "-i", steps, "-c", "copy")
    outcome = worker.run(path, tmp_path, job="storyboard")
    tiles = tiles_of(outcome, outcome.result["storyboard"])
    assert levels(tiles)[:6] == [0, 0, 2, 2, 4, 4]


def test_a_picture_stays_until_the_next_one(files, tmp_path):
    # Pictures at 0, 0.5, 3.2 and 5.9 s.
    path = files.make("slides.mkv", "-f", "lavfi", "-i",
                      STEPS + ",select='eq(n,0)+eq(n,5)+eq(n,32)+eq(n,59)'",
                      "-vsync", "vfr", *X264)
    outcome = worker.run(path, tmp_path)
    tiles = tiles_of(outcome, outcome.result["analysis"]["storyboard"])
    assert levels(tiles)[:6] == [0, 0, 0, 0, 3, 3]


def test_a_file_that_does_not_tell_its_duration_has_all_tiles(files, tmp_path):
    path = files.folder / "live.mkv"
    with open(path, "wb") as live:
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", STEPS,
                        *X264, "-f", "matroska", "-live", "1", "pipe:1"],
                       check=True, stdout=live)
    for job in "analyze", "storyboard":
        outcome = worker.run(path, tmp_path / job, job=job)
        result = outcome.result
        tiles = tiles_of(outcome, result.get("analysis",
                                             result)["storyboard"])
        if job == "analyze":
            assert "duration" not in result["probe"]["format"]
            assert levels(tiles) == [0, 1, 2, 3, 4, 5]


def test_what_an_edit_list_cuts_off_is_not_shown(files, tmp_path):
    long = files.make("one-gop.mp4", "-f", "lavfi", "-i", STEPS, *X264, "-g",
                      "100", "-bf", "0")
    path = files.make("edited.mp4", "-ss", "1.5", "-i", long, "-c", "copy")
    outcome = worker.run(path, tmp_path)
    tiles = tiles_of(outcome, outcome.result["analysis"]["storyboard"])
    assert levels(tiles)[:4] == [1, 2, 3, 4]


def test_sound_alone_has_no_storyboard(files, tmp_path):
    path = files.make("tone.m4a", "-f", "lavfi", "-i", "sine=d=1")
    analysis = worker.run(path, tmp_path / "a").result["analysis"]
    assert analysis["storyboard"] is None
    refused = worker.run(path, tmp_path / "s", job="storyboard")
    assert refused.error == "unsupported_media"


# ---- pictures at given times -------------------------------------------------
@pytest.fixture(scope="module")
def frames(files):
    """A picture every tenth of a second, of luma 20 + 3 n: more levels than
    the eye has, and one GOP of two seconds after the other."""
    return files.make(
        "frames.mp4", "-f", "lavfi", "-i", "color=black:s=64x48:r=10:d=6,"
        "geq=lum='20+3*N':cb=128:cr=128", "-c:v", "libx264", "-pix_fmt",
        "yuv420p", "-g", "20", "-bf", "3", "-qp", "2")


def numbers_of(paths):
    """Which pictures of that film these are."""
    inputs = [word for path in paths for word in ("-i", str(path))]
    data = subprocess.run(
        ["ffmpeg", "-v", "error", *inputs, "-filter_complex",
         f"hstack={len(paths)}", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        check=True, capture_output=True).stdout
    row = data[24 * 64 * 3 * len(paths):]
    return [round((row[(64 * i + 32) * 3] * 219 / 255 - 4) / 3)
            for i in range(len(paths))]


TIMES = [0, 0.05, 1.9, 1.95, 2, 3.33, 4.7, 5.9, 5.95]


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "b.ts", "b.flv"])
def test_a_thumbnail_is_the_picture_on_the_screen(files, frames, tmp_path,
                                                  name):
    path = files.make(name, "-i", frames, "-c", "copy")
    # In any order, one of them twice.
    times = TIMES[::2] + TIMES[1::2] + [2.0001]
    outcome = worker.run(path, tmp_path, job="thumbnails", times=times)
    shown = outcome.result["pictures"]
    assert [p["time"] for p in shown] == TIMES
    wanted = [int(t * 10 + 0.01) for t in TIMES]
    assert numbers_of([tmp_path / p["file"] for p in shown]) == wanted
    assert [round(p["shown"] * 10) for p in shown] == wanted
    assert len(outcome.result["files"]) == 2 * len(TIMES)
    if name == "b.mp4":
        assert numbers_of([tmp_path / p["webp"] for p in shown]) == wanted


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "b.ts"])
def test_a_thumbnail_need_not_be_exact(files, frames, tmp_path, name):
    path = files.make(name, "-i", frames, "-c", "copy")
    shown = worker.run(path, tmp_path, job="thumbnails", exact=False,
                       times=[0, 1.9, 2, 3.5, 5.9]).result["pictures"]
    assert [round(p["shown"], 2) for p in shown] == [0, 0, 2, 2, 4]
    assert numbers_of([tmp_path / p["file"] for p in shown]) == [0, 0, 20, 20,
                                                                 40]


def test_a_thumbnail_of_a_picture_that_stays_for_long(files, tmp_path):
    # At 0, 0.1, ..., 1.9 s and then at 5.9 s: B-pictures at the end.
    path = files.make(
        "stays.mkv", "-f", "lavfi", "-i", "color=black:s=64x48:r=10:d=6,"
        "geq=lum='20+3*N':cb=128:cr=128,select='lt(n,20)+eq(n,59)'", "-vsync",
        "vfr", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "3",
        "-b_strategy", "0", "-qp", "2")
    result = worker.run(path, tmp_path, job="thumbnails",
                        times=[1.8, 5.5]).result
    assert [p["shown"] for p in result["pictures"]] == [1.8, 1.9]
    assert numbers_of([tmp_path / "at-1800.jpg",
                       tmp_path / "at-5500.jpg"]) == [18, 19]


def test_times_outside_are_told_one_by_one(frames, tmp_path):
    result = worker.run(frames, tmp_path / "some", job="thumbnails",
                        times=[3, 6, 7000]).result
    assert [sorted(p)[0] for p in result["pictures"]] == [
        "file", "error", "error"]
    assert [f["file"] for f in result["files"]] == ["at-3000.jpg",
                                                    "at-3000.webp"]
    nowhere = worker.run(frames, tmp_path / "none", job="thumbnails",
                         times=[6.01])
    assert nowhere.error == "corrupt_media"


@pytest.mark.parametrize("times", [None, [], [-1], ["1"], [1e9], [[]],
                                   list(range(31))])
def test_times_that_are_no_times_are_refused(frames, tmp_path, times):
    assert worker.run(frames, tmp_path, job="thumbnails",
                      times=times).error == "internal"


# ---- turns -------------------------------------------------------------------
COLOURS = {"r": (255, 0, 0), "g": (0, 128, 0), "b": (0, 0, 255),
           "w": (255, 255, 255)}
# The matrix {a, b, c, d}, and where red (from the upper left), green (upper
# right), blue (lower left) and white end up, row by row.
TURNS = [((1, 0, 0, 1), "rgbw"), ((-1, 0, 0, 1), "grwb"),
         ((1, 0, 0, -1), "bwrg"), ((-1, 0, 0, -1), "wbgr"),
         ((0, 1, -1, 0), "brwg"), ((0, -1, 1, 0), "gwrb"),
         ((0, 1, 1, 0), "rbgw"), ((0, -1, -1, 0), "wgbr")]


def set_matrix(data, matrix):
    """The display matrix in the track header of an MP4."""
    a, b, c, d = (n * 65536 for n in matrix)
    at = data.index(b"tkhd") + 44
    values = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    packed = b"".join(v.to_bytes(4, "big", signed=True) for v in values)
    return data[:at] + packed + data[at + 36:]


@pytest.mark.parametrize("matrix, corners", TURNS)
def test_all_ways_of_a_display_matrix_are_followed(files, tmp_path, matrix,
                                                   corners):
    plain = files.video(
        "corners.mp4", "color=red:s=80x48:r=5:d=1,"
        "drawbox=x=80:w=80:c=green:t=fill,scale=160:96,"
        "drawbox=x=80:y=0:w=80:h=48:c=green:t=fill,"
        "drawbox=x=0:y=48:w=80:h=48:c=blue:t=fill,"
        "drawbox=x=80:y=48:w=80:h=48:c=white:t=fill", "-crf", "1")
    path = tmp_path / "turned.mp4"
    path.write_bytes(set_matrix(plain.read_bytes(), matrix))
    result = worker.run(path, tmp_path / "out").result
    width, height = (160, 96) if matrix[0] else (96, 160)
    places = [(x, y) for y in (height // 4, 3 * height // 4)
              for x in (width // 4, 3 * width // 4)]
    picture = pixels(tmp_path / "out" / "poster.jpg")
    assert picture[:2] == (width, height)
    for place, corner in zip(places, corners):
        assert is_near(colour_at(picture, *place), COLOURS[corner])
    index = result["analysis"]["storyboard"]
    assert (index["tile_width"], index["tile_height"]) == (width, height)


# ---- high dynamic range ------------------------------------------------------
# Grey of BT.2020 in 10 bits of limited range, and the sRGB it becomes. PQ of
# 26 and 100 nits, the second one mastered at 4000 nits, too; HLG of three
# quarters.
PQ, HLG = "smpte2084", "arib-std-b67"
HDR = [(PQ, 397, None, 100), (PQ, 509, None, 186), (PQ, 509, 4000, 174),
       (HLG, 721, None, 229)]


@pytest.mark.parametrize("transfer, luma, peak, want", HDR)
def test_known_light_becomes_known_grey(files, tmp_path, transfer, luma, peak,
                                        want):
    codec = ["-c:v", "libx264", "-qp", "0", "-x264-params"]
    tags = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    if peak:
        codec = ["-c:v", "libx265", "-x265-params"]
        tags += (":lossless=1:log-level=error:master-display=G(13250,34500)"
                 "B(7500,3000)R(34000,16000)WP(15635,16450)"
                 f"L({peak}0000,50)")
    path = files.make(
        f"{transfer}-{luma}-{peak}.mp4", "-f", "lavfi", "-i",
        "color=black:s=64x64:r=5:d=0.4,format=yuv420p10,"
        f"geq=lum={luma}:cb=512:cr=512", "-preset", "ultrafast", *codec, tags)
    worker.run(path, tmp_path).result
    for name in "poster.jpg", "storyboard-1.jpg":
        colour = colour_at(pixels(tmp_path / name), 32, 32)
        assert is_near(colour, [want] * 3, 1), (name, colour)


# ---- the choice --------------------------------------------------------------
def test_a_line_of_text_on_black_is_no_poster(files, tmp_path):
    path = files.video(
        "title.mp4", "color=black:s=160x96:r=10:d=2,"
        "drawbox=x=40:y=44:w=80:h=8:c=white:t=2[a];"
        "testsrc=s=160x96:r=10:d=1,boxblur=4,setsar=1[b];[a][b]concat")
    poster = worker.run(path, tmp_path).result["analysis"]["pictures"][
        "poster"]
    assert 2 <= poster["time"] < 3
    assert poster["components"]["visible"] == 1
    assert poster["components"]["face"] in (None, 0)


def test_scores_follow_from_their_components(steps, tmp_path):
    pictures = worker.run(steps, tmp_path).result["analysis"]["pictures"]
    weights = {"sharpness": 0.35, "contrast": 0.25, "colour": 0.2,
               "exposure": 0.2}
    for picture in pictures["thumbnails"] + [pictures["poster"]]:
        parts = picture["components"]
        score = sum(weight * parts[name] for name, weight in weights.items())
        score = min(1, score + 0.15 * (parts["face"] or 0))
        for name in "visible", "calm", "settled":
            score *= parts[name]
        assert picture["score"] == pytest.approx(score, abs=0.002)
    best = max(p["score"] for p in pictures["thumbnails"])
    assert pictures["poster"]["score"] == best


def average(thumbhash):
    """The mean colour in a ThumbHash, 0..255."""
    head = int.from_bytes(base64.b64decode(thumbhash)[:3], "little")
    light = (head & 63) / 63
    yellow = (head >> 6 & 63) / 31.5 - 1
    red = (head >> 12 & 63) / 31.5 - 1
    b = light - 2 / 3 * yellow
    r = (3 * light - b + red) / 2
    return [255 * v for v in (r, r - red, b)]


# ---- covers ------------------------------------------------------------------
@pytest.mark.parametrize("name, cover", [("song.mp3", "cover.png"),
                                         ("song.m4a", "cover.jpg")])
def test_the_cover_is_the_poster_of_sound(files, tmp_path, name, cover):
    picture = files.make(cover, "-f", "lavfi", "-i",
                         "color=0x3080c0:s=120x90", "-frames:v", "1")
    path = files.make(name, "-f", "lavfi", "-i", "sine=d=1", "-i", picture,
                      "-map", "0", "-map", "1", "-c:v", "copy",
                      "-disposition:v", "attached_pic")
    result = worker.run(path, tmp_path).result
    poster = result["analysis"]["pictures"]["poster"]
    assert result["poster"] == poster["file"] == "poster.jpg"
    assert result["thumbnails"] == []
    assert poster["source"] == "cover" and poster["time"] is None
    shown = pixels(tmp_path / "poster.jpg")
    assert shown[:2] == (120, 90) == (poster["width"], poster["height"])
    assert is_near(colour_at(shown, 60, 45), (0x30, 0x80, 0xc0), 5)
    assert is_near(average(poster["thumbhash"]), (0x30, 0x80, 0xc0), 8)


def test_a_damaged_cover_is_no_poster(files, tmp_path):
    picture = files.make("noise.png", "-f", "lavfi", "-i",
                         "testsrc=s=64x64", "-frames:v", "1")
    path = files.make("broken.mp3", "-f", "lavfi", "-i", "sine=d=1", "-i",
                      picture, "-map", "0", "-map", "1", "-c:v", "copy",
                      "-disposition:v", "attached_pic")
    data = path.read_bytes()
    at = data.index(b"IHDR") + 20
    path.write_bytes(data[:at] + bytes(len(picture.read_bytes()) - 60)
                     + data[at + len(picture.read_bytes()) - 60:])
    assert worker.run(path, tmp_path).result["poster"] is None


# ---- the files ---------------------------------------------------------------
def test_files_carry_pixels_and_nothing_else(steps, tmp_path):
    worker.run(steps, tmp_path).result
    for path in tmp_path.glob("*.jpg"):
        data, at, markers = path.read_bytes(), 2, []
        while data and data[at + 1] != 0xda:
            markers.append(data[at + 1])
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        # JFIF, tables, one frame: no comment, no Exif, no profile.
        assert set(markers) <= {0xe0, 0xdb, 0xc0, 0xc4}, path
    for path in tmp_path.glob("*.webp"):
        data = path.read_bytes()
        assert data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8 "
        size = int.from_bytes(data[16:20], "little")
        assert len(data) == 20 + size + size % 2
