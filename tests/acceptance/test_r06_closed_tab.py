"""R6: the object's event alone brings a video to its end; its status is one
of five and its progress never falls."""
import time

from machine import ffmpeg

STATUSES = ("pending", "queued", "processing", "completed", "failed")


def test_R6_tab_closed_after_the_put(machine, tmp_path):
    data = ffmpeg(tmp_path / "v.mp4", "-f", "lavfi", "-i",
                  "testsrc2=size=320x180:rate=25:duration=4", "-c:v",
                  "libx264", "-preset", "ultrafast").read_bytes()
    user = machine.user()
    upload = user.upload_url("closed.mp4", len(data))
    assert user.put(upload, data).status == 200
    # nobody calls complete-upload
    machine.processor()
    seen = []
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        for video in user.get("/api/videos").json["videos"]:
            status = user.get(f"/api/videos/{video['id']}/status").json
            seen.append((status["status"], status["progress"]))
        if seen and seen[-1][0] in ("completed", "failed"):
            break
        time.sleep(0.02)
    assert seen[-1] == ("completed", 100), status["error"]
    assert {s for s, _ in seen} <= set(STATUSES)
    order = [STATUSES.index(s) for s, _ in seen]
    assert order == sorted(order)
    progress = [p for _, p in seen]
    assert progress == sorted(progress)
    (video,) = user.get("/api/videos").json["videos"]
    assert (video["filename"], video["file_size"]) == ("closed.mp4", len(data))
    assert abs(video["duration"] - 4) < 0.1
