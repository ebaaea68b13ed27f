"""The processor with a real gateway, PostgreSQL and media worker."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from gateway import BIN, DEFAULT_BUCKET as BUCKET
from machine import Machine, SHARED, ffmpeg, ffprobe, jpeg_size
from stack import JOB_TOKEN
from web import request, wait_for

ONE_SECOND = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1",
              "-f", "lavfi", "-i", "sine=frequency=440:duration=1",
              "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
              "-c:a", "aac", "-shortest")
LONG = ("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=20",
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
# Noise does not shrink: about 12 MB.
NOISE = ("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=2,"
         "noise=alls=100:allf=t",
         "-c:v", "libx264", "-preset", "ultrafast", "-qp", "1",
         "-pix_fmt", "yuv420p")


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    """Generated files by name."""
    folder = tmp_path_factory.mktemp("media")
    return {"short": ffmpeg(folder / "short.mp4", *ONE_SECOND),
            "long": ffmpeg(folder / "long.mp4", *LONG),
            "noise": ffmpeg(folder / "noise.mp4", *NOISE)}


def check_video(machine, video, path):
    """What the database says of it is what ffprobe says."""
    picture = [s for s in ffprobe(path, "streams")
               if s["codec_type"] == "video"][0]
    duration, width, height, poster, document, probe, ideas = machine.sql(
        "SELECT duration, width, height, thumbnail_key, analysis_key, probe, "
        f"ai_suggestions FROM videos WHERE id = '{video}'")[0]
    assert abs(float(duration) -
               float(ffprobe(path, "format")["duration"])) < 0.01
    assert (int(width), int(height)) == (picture["width"], picture["height"])
    assert json.loads(probe)["streams"][picture["index"]]["codec_name"] == \
        picture["codec_name"]
    answer = machine.object(poster)
    assert answer["ContentType"] == "image/jpeg"
    poster_size = jpeg_size(answer["Body"].read())
    assert abs(poster_size[0] / poster_size[1] -
               picture["width"] / picture["height"]) < 0.05
    answer = machine.object(document)
    assert answer["ContentType"] == "application/json"
    analysis = json.loads(answer["Body"].read())
    assert analysis["scenes"] and analysis["version"] >= 1
    assert json.loads(ideas)["clips"] == analysis["suggestions"]["clips"]
    rows = machine.sql("SELECT count(*) FROM engagement_segments "
                       f"WHERE video_id = '{video}'")[0][0]
    assert int(rows) == len(analysis["segments"]) > 0
    prefix = poster.rsplit("/", 1)[0] + "/"
    assert prefix.startswith(f"derived/{video}/")
    return analysis, prefix


@pytest.mark.parametrize("name", ["example.mp4", "testsrc-hevc.mp4"])
def test_uploaded_file_is_completed_with_real_values(machine, name):
    path = SHARED / name
    if not path.exists():
        pytest.skip("the shared sample files are not here")
    processor = machine.processor()
    video = machine.upload(path.read_bytes())
    machine.wait_video(video, "completed")
    analysis, prefix = check_video(machine, video, path)
    assert machine.job(video) == ["completed", "1", ""]
    assert machine.job(video, "ai_analysis") == ["completed", "1", ""]
    # one decode served both
    assert processor.log().count('"media_end"') == 1
    result = json.loads(machine.job(video, columns="result")[0])
    assert result["scenes"] == len(analysis["scenes"])
    listed = {t["key"] for t in result["thumbnails"]} | {
        result["poster"], result["analysis"]} | {
            f["key"] for f in result["files"]}
    assert set(machine.keys(prefix)) == listed
    for thumb in result["thumbnails"]:
        data = machine.object(thumb["key"])["Body"].read()
        assert jpeg_size(data) == (thumb["width"], thumb["height"])
    assert machine.work() == []


def padded(film, size):
    """The same film: an MP4 may end with a box to be skipped."""
    free = max(size - len(film), 8)
    return film + free.to_bytes(4, "big") + b"free" + bytes(free - 8)


@pytest.mark.local_store("asks how the gateway lent the parts")
# 13 parts in 280 descriptors: more than they allow, so read over HTTP.
@pytest.mark.parametrize("parts,files", [(3, None), (13, 280)],
                         ids=["leased", "spooled"])
def test_video_uploaded_in_parts_is_completed(machine, media, tmp_path, parts,
                                              files):
    part = 5 << 20
    film = media["noise"].read_bytes()
    assert len(film) > 2 * part  # its index, at the end, is in the third
    data = padded(film, (parts - 1) * part + 100)
    path = tmp_path / "padded.mp4"
    path.write_bytes(data)
    processor = machine.processor(files=files)
    video = machine.upload(data, part_size=part)
    machine.wait_video(video, "completed")
    check_video(machine, video, path)
    assert machine.job(video) == ["completed", "1", ""]
    assert machine.work() == []
    assert ('"input_spooled"' in processor.log()) == bool(files)


def test_text_named_mp4_fails_for_good_as_unsupported(machine):
    machine.processor()
    video = machine.upload(b"certainly no video\n" * 1000)
    machine.wait_video(video, "failed")
    assert machine.video(video, "error") == "unsupported_media"
    assert machine.job(video) == ["failed", "1", "unsupported_media"]
    assert machine.keys(f"derived/{video}/") == []


@pytest.mark.local_store("damages a file of an object")
def test_damaged_object_fails_for_good(machine, media):
    film = media["noise"].read_bytes()
    video = machine.upload(film)
    [path] = [p for p in pathlib.Path(machine.data).glob("blobs/f/*/*/*")
              if p.stat().st_size == len(film)]
    with open(path, "r+b") as f:
        f.seek(len(film) // 2)
        f.write(b"a failing disk")
    machine.processor()
    machine.wait_video(video, "failed")
    assert machine.job(video) == ["failed", "1", "object_damaged"]
    assert machine.keys(f"derived/{video}/") == []


def test_truncated_file_fails_without_a_crash(machine, media):
    machine.processor()
    video = machine.upload(media["short"].read_bytes()[:400])
    machine.wait_video(video, "failed")
    assert machine.video(video, "error") in ("corrupt_media",
                                             "unsupported_media")


def admin(machine, *words):
    return subprocess.run(
        [BIN / "reelgate", "admin", *words, "--data", machine.data], text=True,
        env=machine.environment(), capture_output=True, check=True).stdout


def test_bytes_that_crash_the_worker_are_held_until_cleared(machine, media):
    """The first worker fails as one that crashes does: by its exit status."""
    film = media["short"].read_bytes()
    etag = hashlib.md5(film).hexdigest()
    crashing = machine.processor(worker="/bin/false")
    first = machine.upload(film)
    wait_for("first crash", lambda: machine.job(first)[0] == "failed")
    assert machine.job(first) == ["failed", "1", "worker_crash"]
    assert re.search(f"{etag} +{len(film)} no +1 ",
                     admin(machine, "quarantine", "list"))
    machine.sql("UPDATE job_queue SET run_at = now() WHERE status = 'failed'")
    machine.sql("SELECT pg_notify('job_queue', 'process_video')")
    machine.wait_video(first, "failed")
    assert machine.job(first) == ["failed", "2", "worker_crash"]
    assert crashing.stop() == 0
    healthy = machine.processor()
    again = machine.upload(film, name="innocent.mp4")
    machine.wait_video(again, "failed")
    assert machine.job(again) == ["failed", "1", "quarantined"]
    assert machine.video(again, "error") == "quarantined"
    assert '"media_end"' not in healthy.log()
    other = machine.upload(media["long"].read_bytes()[:400])
    machine.wait_video(other, "failed")
    assert machine.video(other, "error") != "quarantined"
    assert re.search(f"{etag} +{len(film)} yes +2 +1 ",
                     admin(machine, "quarantine", "list"))
    admin(machine, "quarantine", "clear", etag)
    admin(machine, "jobs", "retry", machine.job(again, columns="id")[0])
    machine.wait_video(again, "completed")


def test_killed_processor_is_rescued_and_the_job_completes_once(machine,
                                                                media):
    first = machine.processor()
    video = machine.upload(media["long"].read_bytes())
    worker = first.freeze_child()
    first.kill()
    wait_for("death of the worker with its broker",
             lambda: not os.path.exists(f"/proc/{worker}"))
    assert machine.job(video)[:2] == ["processing", "1"]
    assert machine.work() != []
    machine.sql("UPDATE workers SET lease_until = now() - interval '1 s'")
    second = machine.processor()
    wait_for("rescue", lambda: machine.job(video)[0] == "failed")
    machine.sql("UPDATE job_queue SET run_at = now() WHERE status = 'failed'")
    machine.sql("SELECT pg_notify('job_queue', 'process_video')")
    machine.wait_video(video, "completed")
    assert machine.job(video) == ["completed", "2", ""]
    check_video(machine, video, media["long"])
    assert second.log().count('completed') >= 1
    assert machine.work() == []


def test_processor_that_lost_its_lease_discards_its_result(machine, media):
    slow = machine.processor()
    video = machine.upload(media["long"].read_bytes())
    worker = slow.freeze_child()
    # Someone else has it now, for a while.
    machine.sql("INSERT INTO workers (name, lease_until) "
                "VALUES ('another', now() + interval '1 h')")
    machine.sql("UPDATE job_queue SET locked_by = 'another', attempts = 2 "
                f"WHERE video_id = '{video}' AND status = 'processing'")
    wait_for("end of the worker",
             lambda: not os.path.exists(f"/proc/{worker}"), 40)
    wait_for("lost job", lambda: " lost" in slow.log())
    assert machine.sql("SELECT status, attempts, locked_by FROM job_queue "
                       f"WHERE video_id = '{video}' "
                       "AND type = 'process_video'") == [
                           ["processing", "2", "another"]]
    assert machine.keys(f"derived/{video}/") == []


def test_cancelled_job_ends_its_worker(machine, media):
    processor = machine.processor()
    video = machine.upload(media["long"].read_bytes())
    worker = processor.freeze_child()
    job = machine.job(video, columns="id")[0]
    machine.sql(f"SELECT job_cancel('{job}', 'asked for')",
                )
    machine.wait_job(video, "cancelled", seconds=40)
    assert not os.path.exists(f"/proc/{worker}")
    assert machine.job(video, "ai_analysis")[0] == "cancelled"
    assert machine.work() == []


def test_cancelled_job_ends_at_once(machine, media):
    """By a notification, not by the next beat."""
    processor = machine.processor()
    video = machine.upload(media["long"].read_bytes())
    worker = wait_for("a worker", processor.child)
    job = machine.job(video, columns="id")[0]
    machine.sql(f"SELECT job_cancel('{job}', 'asked for')")
    asked = time.monotonic()
    wait_for("end of the worker",
             lambda: not os.path.exists(f"/proc/{worker}"))
    assert time.monotonic() - asked < 4  # a beat comes after 5 s
    machine.wait_job(video, "cancelled")


def test_sigterm_alone_gives_back_after_25_seconds(machine, media):
    processor = machine.processor()
    video = machine.upload(media["long"].read_bytes())
    processor.freeze_child()
    processor.process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert processor.wait(40) == 0
    assert 24 < time.monotonic() - begun < 35
    assert machine.job(video) == ["pending", "0", ""]
    assert machine.work() == []


def test_sigterm_lets_the_running_job_finish(machine, media):
    processor = machine.processor()
    video = machine.upload(media["long"].read_bytes())
    worker = processor.freeze_child()
    processor.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert processor.process.poll() is None
    os.kill(worker, signal.SIGCONT)
    assert processor.wait() == 0
    assert machine.job(video) == ["completed", "1", ""]
    # nothing more was claimed
    assert machine.job(video, "ai_analysis")[:2] == ["pending", "0"]


def test_second_sigterm_gives_the_attempt_back(machine, media):
    processor = machine.processor()
    video = machine.upload(media["long"].read_bytes())
    processor.freeze_child()
    processor.process.send_signal(signal.SIGTERM)
    wait_for("drain", lambda: "stopping" in processor.log())
    processor.process.send_signal(signal.SIGTERM)
    assert processor.wait(20) == 0  # less than the 25 s of one
    assert machine.job(video) == ["pending", "0", ""]
    assert machine.work() == []
    machine.processor()
    machine.wait_video(video, "completed")
    assert machine.job(video) == ["completed", "1", ""]


def test_process_one_drains_on_demand(machine, media):
    machine.processor("--on-demand")
    assert machine.process_one() == {"hasJob": False}
    video = machine.upload(media["short"].read_bytes())
    time.sleep(0.5)
    assert machine.job(video)[:2] == ["pending", "0"]  # nobody asked yet
    first = machine.process_one()
    assert first["hasJob"] and first["jobType"] == "process_video"
    assert first["jobId"] == machine.job(video, columns="id")[0]
    assert first["result"]["poster"] == machine.video(video, "thumbnail_key")
    # without its document the second decodes for itself
    machine.client().delete_object(
        Bucket=BUCKET, Key=machine.video(video, "analysis_key"))
    second = machine.process_one()
    assert second["jobType"] == "ai_analysis" and second["result"]["scenes"]
    assert machine.process_one() == {"hasJob": False}
    assert machine.video(video) == "completed"
    machine.upload(b"no video")
    failed = machine.process_one()
    assert failed["hasJob"] and failed["error"] == "unsupported_media"
    assert machine.process_one(b"nonsense\n") == {"error": "bad_request"}


def test_process_one_in_parallel_runs_each_job_once(machine, media):
    machine.processor("--on-demand", REELGATE_PROCESSOR_SLOTS="3")
    data = media["short"].read_bytes()
    videos = [machine.upload(data, f"{i}.mp4") for i in range(6)]
    url = machine.api + "/api/jobs/process"
    head = {"Authorization": f"Bearer {JOB_TOKEN}"}

    def drain(_):
        done = []
        while True:
            answer = request("POST", url, headers=head, timeout=60).json
            if not answer["hasJob"]:
                return done
            done.append(answer["jobId"])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(drain, range(4)), [])
    done += drain(0)
    assert len(done) == len(set(done)) == 12
    for video in videos:
        assert machine.video(video) == "completed"
    assert machine.sql("SELECT DISTINCT status, attempts FROM job_queue") == [
        ["completed", "1"]]


def test_clips_are_cut_and_published(machine, media, tmp_path):
    machine.processor()
    video = machine.upload(media["long"].read_bytes())
    machine.wait_video(video, "completed")
    ids = ["11111111-1111-4111-8111-111111111111",
           "22222222-2222-4222-8222-222222222222"]
    rows = json.dumps([
        {"id": ids[0], "title": "a", "start_time": 3, "end_time": 5},
        {"id": ids[1], "title": "b", "start_time": 10.5, "end_time": 12}])
    machine.sql(f"SELECT clips_create('{video}', '{rows}')")
    machine.wait_job(video, "completed", "generate_clips")
    for clip, length in zip(ids, (2, 1.5)):
        status, key, picture = machine.sql(
            "SELECT status, s3_key, thumbnail_key FROM clips "
            f"WHERE id = '{clip}'")[0]
        assert status == "ready"
        assert key == f"derived/{video}/clips/{clip}.mp4"
        answer = machine.object(key)
        assert answer["ContentType"] == "video/mp4"
        path = tmp_path / "clip.mp4"
        path.write_bytes(answer["Body"].read())
        assert abs(float(ffprobe(path, "format")["duration"]) - length) <= 0.05
        jpeg_size(machine.object(picture)["Body"].read())


def test_clip_that_cannot_be_cut_keeps_its_own_error(machine, media):
    machine.processor()
    video = machine.upload(media["short"].read_bytes())
    machine.wait_video(video, "completed")
    ids = ["11111111-1111-4111-8111-111111111111",
           "22222222-2222-4222-8222-222222222222"]
    rows = json.dumps([
        {"id": ids[0], "start_time": 500, "end_time": 510},
        {"id": ids[1], "start_time": 0.2, "end_time": 0.8}])
    machine.sql(f"SELECT clips_create('{video}', '{rows}')")
    machine.wait_job(video, "completed", "generate_clips")
    got = dict(machine.sql("SELECT id, status FROM clips"))
    assert got == {ids[0]: "failed", ids[1]: "ready"}
    assert machine.sql(f"SELECT error FROM clips WHERE id = '{ids[0]}'")[0][0]
    assert len(machine.keys(f"derived/{video}/clips/")) == 2


@pytest.mark.local_store("has the gateway as its remote store")
def test_remote_store_is_read_by_ranges(machine, media):
    machine.processor(S3_ENDPOINT=machine.url)
    video = machine.upload(media["long"].read_bytes())
    machine.wait_video(video, "completed")
    check_video(machine, video, media["long"])
    assert machine.work() == []


@pytest.mark.local_store("stops the gateway, not where objects are")
def test_gateway_away_is_tried_again(machine, media):
    processor = machine.processor("--on-demand")
    video = machine.upload(media["short"].read_bytes())
    machine.kill()
    answer = machine.process_one()
    assert answer["error"] == "store_unavailable"
    assert machine.job(video) == ["failed", "1", "store_unavailable"]
    assert machine.video(video) == "processing"  # it will be tried again
    machine.start()  # on another port
    machine.sql("UPDATE job_queue SET run_at = now() WHERE status = 'failed'")
    assert "result" in machine.process_one()
    assert processor.process.poll() is None


@pytest.mark.local_store("stops the gateway, not where objects are")
@pytest.mark.parametrize("remote", [False, True])
def test_attempts_are_not_spent_while_the_store_is_away(machine, media,
                                                        remote):
    video = machine.upload(media["short"].read_bytes())
    machine.keep_port = True
    machine.kill()
    processor = machine.processor(
        **{"S3_ENDPOINT": machine.url} if remote else {})
    wait_for("notice", lambda: "gateway_away" in processor.log())
    time.sleep(1.5)  # some more looks at the gateway
    assert machine.job(video) == ["pending", "0", ""]
    machine.start()
    machine.wait_video(video, "completed")
    assert machine.job(video) == ["completed", "1", ""]
    assert processor.log().count("gateway_away") == 1
    assert processor.log().count("gateway_back") == 1


def test_deleted_object_fails_for_good(machine, media):
    machine.processor("--on-demand")
    video = machine.upload(media["short"].read_bytes())
    key = machine.video(video, "s3_key")
    job = machine.job(video, columns="id")[0]
    machine.client().delete_object(Bucket=BUCKET, Key=key)
    machine.relayed()  # cancels what waits; this one is wanted regardless
    machine.sql("UPDATE job_queue SET status = 'pending', attempts = 0, "
                f"max_attempts = 3 WHERE id = '{job}'")
    assert machine.process_one()["error"] == "object_missing"
    assert machine.job(video) == ["failed", "1", "object_missing"]


def test_postgres_away_is_waited_for_with_one_line(own_postgres, media):
    machine = Machine(own_postgres)
    try:
        processor = machine.processor()
        video = machine.upload(media["long"].read_bytes())
        worker = processor.freeze_child()
        own_postgres.stop()
        os.kill(worker, signal.SIGCONT)
        wait_for("notice", lambda: "database_away" in processor.log(), 30)
        time.sleep(2)
        own_postgres.start()
        machine.wait_video(video, "completed")
        assert processor.log().count("database_away") == 1
        assert processor.log().count("database_back") == 1
        assert machine.job(video) == ["completed", "1", ""]
    finally:
        machine.close()


def test_start_is_refused_in_one_line(machine, tmp_path):
    def refused(*args, **settings):
        done = subprocess.run(
            [BIN / "reelgate-processor", *args],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path),
                 **settings}, capture_output=True, text=True, timeout=20)
        assert done.returncode == 78, done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr
    machine.processor()
    assert "no database" in refused("--data", tmp_path / "new")
    assert "another processor" in refused(
        "--data", machine.data, DATABASE_URL="host=/nowhere")
    assert "NO_SUCH_SETTING" not in refused(
        "--data", tmp_path / "new", REELGATE_PROCESSOR_SLOTS="many",
        DATABASE_URL="host=/nowhere")


def test_options():
    for option in ("--help", "--version"):
        done = subprocess.run([BIN / "reelgate-processor", option],
                              capture_output=True, text=True)
        assert done.returncode == 0 and "reelgate-processor" in done.stdout
    done = subprocess.run([BIN / "reelgate-processor", "--wat"],
                          capture_output=True, text=True)
    assert done.returncode == 64 and "usage" in done.stderr
