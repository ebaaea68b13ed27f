"""Services die, files lie: what the supervisor, the queue and the sandbox
make of it."""
import http.client
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from errno import EIO

import pytest

from faults import Faults
from up import descendants
from web import request, wait_for


def is_ready(up):
    try:
        return request("GET", up.api + "/health/ready").status == 200
    except OSError:
        return False


def test_gateway_killed_is_started_again_at_its_address(make_up):
    up = make_up(args=("--no-processor", "--s3-listen", "127.0.0.1:0")).start()
    target = "s3://socialitix-videos/before.txt"
    put = request("PUT", up.command("presign", "PUT", target), b"x")
    assert put.status == 200
    up.kill("reelgate-gateway")

    def object_is_there():
        try:
            got = request("GET", up.command("presign", "GET", target))
            return got.body == b"x"
        except OSError:
            return False
    wait_for("gateway", object_is_there)
    assert "gateway ended (signal 9, Killed)" in up.text()
    assert up.stop() == (0, [])


def test_failed_meta_page_ends_the_gateway_and_it_is_started_again(make_up):
    """Whether that commit happened the disk alone knows: nobody is answered,
    the next start reads it."""
    up = make_up(args=("--no-processor",))
    where = up.home / "faults"
    where.mkdir()
    where.chmod(0o777)  # up leaves root
    faults = Faults(where)
    up.env.update(faults.settings())
    up.start()

    def send(method, name, body=None):
        target = f"s3://socialitix-videos/{name}"
        return request(method, up.command("presign", method, target), body)

    def is_served():
        try:
            return send("GET", "before").body == b"v"
        except OSError:
            return False
    assert send("PUT", "before", b"v").status == 200
    faults.set(("write", "*/index/data.mdb@dsync", EIO))
    with pytest.raises((OSError, http.client.HTTPException)):
        send("PUT", "unknown", b"v")
    assert faults.clear() == 1
    wait_for("gateway", is_served)
    assert "gateway ended (status 70), it is started again" in up.text()
    assert send("GET", "unknown").status in (200, 404)
    assert send("PUT", "after", b"v").status == 200
    assert up.stop() == (0, [])


def test_postgres_killed_comes_back_by_itself(make_up):
    up = make_up(args=("--no-processor",)).start()
    up.kill("postgres")
    wait_for("readiness", lambda: is_ready(up), 40)
    assert up.command("admin", "jobs", "list").startswith("id ")
    unknown = up.run("admin", "jobs", "list", "done")
    assert unknown.returncode == 64
    assert "done: no status of pending" in unknown.stderr
    assert up.stop() == (0, [])


def test_processor_killed_in_mid_job_the_job_completes_once(make_up, video,
                                                            tmp_path):
    long = tmp_path / "long.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "9", "-i", video,
                    "-c", "copy", long], check=True)
    up = make_up().start()
    user = up.user()
    # Held in mid-job: the worker is stopped as soon as it runs, which may be
    # before the upload's last answer is read.
    with ThreadPoolExecutor() as pool:
        upload = pool.submit(user.upload, "a.mp4", long.read_bytes())
        worker = wait_for("worker", lambda: up.service("reelgate-media"))
        os.kill(worker, signal.SIGSTOP)
        answer = upload.result()
    assert user.status(answer["video"]["id"])["status"] == "processing"
    up.kill("reelgate-processor")
    assert worker not in descendants(up.process.pid)
    result = user.result(answer["video"]["id"], 180)
    assert result["status"] == "completed", result
    job = up.job(answer["jobs"]["processing"])
    assert (job["status"], job["attempts"]) == ("completed", "2 of 3")
    listing = up.command("admin", "jobs", "list").splitlines()[1:]
    kinds = sorted(line.split()[1] for line in listing)
    assert kinds == ["ai_analysis", "process_video"]
    assert up.stop() == (0, [])


def test_text_named_mp4_fails_as_unsupported_media(running):
    user = running.user()
    answer = user.upload("notes.mp4", b"these are notes, no video\n" * 100)
    result = user.result(answer["video"]["id"])
    assert result["status"] == "failed"
    assert result["error"].startswith("unsupported_media")
    job = running.job(answer["jobs"]["processing"])
    assert job["attempts"].startswith("1 "), "a lasting error is not retried"


def test_truncated_mp4_fails(running, video):
    user = running.user()
    data = video.read_bytes()
    cut = data[:len(data) // 50]  # inside the index, before any picture
    answer = user.upload("cut.mp4", cut)
    result = user.result(answer["video"]["id"])
    assert result["status"] == "failed"
    assert result["error"].split(":")[0] in ("unsupported_media",
                                             "corrupt_media")
