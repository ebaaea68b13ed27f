"""R14: process_video says what ffprobe says of the same file, and its picture
is one of the film's."""
import subprocess

import pytest

from machine import ffprobe, jpeg_size
from web import request


def test_R14_metadata_is_what_ffprobe_says(analysed):
    video = analysed.caller.get(
        f"/api/videos/{analysed.films[0]}").json["video"]
    size = next(s for s in ffprobe(analysed.path, "streams")
                if s["codec_type"] == "video")
    duration = float(ffprobe(analysed.path, "format")["duration"])
    assert (video["width"], video["height"]) == (size["width"], size["height"])
    assert video["duration"] == pytest.approx(duration, abs=1 / 30)
    probe = video["metadata"]
    assert probe["format"]["format_name"] == ffprobe(
        analysed.path, "format")["format_name"]
    assert [s["codec_name"] for s in probe["streams"]] == ["h264", "aac"]


def grey(source, *filters):
    """16 x 12 grey values of each picture."""
    out = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-i", source, "-vf",
         ",".join([*filters, "scale=16:12:flags=area"]), "-f", "rawvideo",
         "-pix_fmt", "gray", "-"], check=True, capture_output=True).stdout
    return [out[i:i + 192] for i in range(0, len(out), 192)]


def test_R14_thumbnail_is_a_picture_of_the_film(analysed, tmp_path):
    url = analysed.caller.get(
        f"/api/videos/{analysed.films[0]}/status").json["thumbnail_url"]
    answer = request("GET", url)
    assert (answer.status, answer.headers["Content-Type"]) == (
        200, "image/jpeg")
    width, height = jpeg_size(answer.body)
    assert width / height == pytest.approx(320 / 240, abs=0.01)
    path = tmp_path / "thumbnail.jpg"
    path.write_bytes(answer.body)
    shown, = grey(path)
    nearest = min(sum(abs(a - b) for a, b in zip(shown, picture)) / 192
                  for picture in grey(analysed.path))
    assert nearest < 3  # of 255 levels
    # and not of any one colour
    assert max(shown) - min(shown) > 50
