"""R18: small files in a form, large ones by a signed URL: one store, the same
video, the same jobs."""
import pytest

from form import BOUNDARY
from machine import Machine, ffmpeg
from web import request

MAX = 4718592  # 4.5 MB
OWN = ("id", "created_at", "updated_at", "url", "storage_path",
       "thumbnail_url", "uploadedAt")


def send(user, data, name="a.mp4"):
    body = (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="video"; '
            f'filename="{name}"\r\nContent-Type: video/mp4\r\n\r\n').encode() \
        + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    return request("POST", user.stack.api + "/api/videos/upload", body, {
        "Authorization": f"Bearer {user.token}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})


def same(video):
    return {k: v for k, v in video.items() if k not in OWN}


@pytest.mark.parametrize("size,status", [
    (MAX - 1, 201), (MAX, 201), (MAX + 1, 413), (MAX + 65536, 413)])
def test_R18_4718592_bytes_and_no_more(user, size, status):
    answer = send(user, bytes(size))
    assert answer.status == status
    if status == 201:
        assert answer.json["video"]["file_size"] == size
        assert len(request("GET", answer.json["video"]["url"]).body) == size
    else:
        assert answer.json == {"error": f"File size exceeds {MAX} bytes limit"}


def test_R18_both_paths_answer_the_same_video(user):
    data = b"the same bytes"
    form = send(user, data, "My clip.mp4").json
    direct = user.complete(user.upload("My clip.mp4", data),
                           "My clip.mp4").json
    assert form["success"] is True and form["message"] == direct["message"]
    assert set(form["video"]) == set(direct["video"]) | {"uploadedAt"}
    assert same(form["video"]) == same(direct["video"])


def test_R18_both_paths_end_in_the_same_video(postgres, tmp_path):
    data = ffmpeg(tmp_path / "v.mp4", "-f", "lavfi", "-i",
                  "testsrc2=size=320x180:rate=25:duration=2", "-f", "lavfi",
                  "-i", "sine=d=2", "-c:v", "libx264", "-preset",
                  "ultrafast").read_bytes()
    assert len(data) < MAX
    machine = Machine(postgres)
    try:
        user = machine.user()
        ids = [send(user, data).json["video"]["id"],
               user.complete(user.upload(data=data)).json["video"]["id"]]
        machine.relayed()
        jobs = [sorted(machine.sql(
            "SELECT type, priority, payload - 'videoId' - 's3Key' FROM "
            f"job_queue WHERE video_id = '{v}'")) for v in ids]
        assert jobs[0] == jobs[1] and len(jobs[0]) == 2
        machine.processor()
        for video in ids:
            machine.wait_video(video, "completed")
        videos = [user.get(f"/api/videos/{v}").json["video"] for v in ids]
        assert set(videos[0]) == set(videos[1])
        assert same(videos[0]) == same(videos[1])
        assert videos[0]["duration"] and videos[0]["thumbnail_url"]
    finally:
        machine.close()
