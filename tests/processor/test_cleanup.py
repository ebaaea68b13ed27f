"""The daily cleanup: what nothing names goes, all else stays."""
import concurrent.futures
import json

import pytest

from gateway import DEFAULT_BUCKET as BUCKET
from machine import ffmpeg
from web import wait_for

CLIP = "11111111-1111-4111-8111-111111111111"
OLD = "0123456789abcdef0123456789abcdef"
NOW = json.dumps({"derived_age_s": 0})


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return ffmpeg(tmp_path_factory.mktemp("film") / "f.mp4", "-f", "lavfi",
                  "-i", "testsrc2=size=64x64:rate=10:duration=3").read_bytes()


@pytest.fixture
def video(machine, film):
    """An analysed one, and a processor that is there."""
    machine.processor()
    video = machine.upload(film)
    machine.wait_video(video, "completed")
    return video


def clean(machine, payload=NOW):
    """Runs one cleanup to its end; its result."""
    job = machine.sql("INSERT INTO job_queue (type, priority, payload) VALUES "
                      f"('cleanup', 'low', '{payload}') RETURNING id")[0][0]
    machine.sql("SELECT pg_notify('job_queue', 'cleanup')")
    row = f"SELECT status, coalesce(error, '') FROM job_queue WHERE id = '{job}'"
    wait_for("end of the cleanup", lambda: machine.sql(row)[0][0] in (
        "completed", "failed"), 60)
    assert machine.sql(row) == [["completed", ""]]
    return json.loads(machine.sql(
        f"SELECT result FROM job_queue WHERE id = '{job}'")[0][0])


def put(machine, *keys):
    client = machine.client()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: client.put_object(
            Bucket=BUCKET, Key=key, Body=b"x"), keys))


def cut_clip(machine, video):
    rows = json.dumps([{"id": CLIP, "start_time": 0, "end_time": 1}])
    machine.sql(f"SELECT clips_create('{video}', '{rows}')")
    machine.wait_job(video, "completed", "generate_clips")


def test_objects_no_result_names_are_deleted_and_others_stay(machine, video):
    cut_clip(machine, video)
    named = set(machine.keys("derived/"))
    foreign = {"derived/readme.txt", f"derived/{video}/notes/a.jpg",
               f"derived/{video}/{OLD}/deeper/a.jpg", f"derived/{OLD}.jpg",
               f"derived/{video}/{OLD.upper()}/a.jpg",
               # of a video nobody knows
               f"derived/{CLIP}/{OLD}/poster.jpg", f"uploads/{video}/x"}
    unnamed = {f"derived/{video}/{OLD}/poster.jpg",
               f"derived/{video}/{OLD}/analysis.json",
               f"derived/{video}/clips/{CLIP}.mov",
               f"derived/{video}/clips/{video}.mp4"}
    put(machine, *foreign, *unnamed)
    assert clean(machine)["objects"] == len(unnamed)
    kept = {k for k in foreign if k.startswith("derived/")}
    assert set(machine.keys("derived/")) == named | kept
    assert clean(machine)["objects"] == 0  # it can be done again


def test_young_objects_stay_whoever_names_them(machine, video):
    key = f"derived/{video}/{OLD}/poster.jpg"
    put(machine, key)
    assert clean(machine, "{}")["objects"] == 0
    assert key in machine.keys("derived/")


def test_objects_stay_while_their_video_has_jobs(machine, video):
    key = f"derived/{video}/{OLD}/poster.jpg"
    put(machine, key)
    machine.sql("INSERT INTO job_queue (type, video_id, run_at) VALUES "
                f"('generate_clips', '{video}', now() + interval '1 h')")
    assert clean(machine)["objects"] == 0
    machine.sql("DELETE FROM job_queue WHERE type = 'generate_clips'")
    assert clean(machine)["objects"] == 1
    assert key not in machine.keys("derived/")


def test_outputs_of_a_replaced_content_are_deleted(machine, video, film):
    before = set(machine.keys(f"derived/{video}/"))
    key = machine.video(video, "s3_key")
    machine.client().put_object(Bucket=BUCKET, Key=key, Body=film + bytes(8),
                                ContentType="video/mp4")
    machine.relayed()
    machine.wait_video(video, "completed")
    after = set(machine.keys(f"derived/{video}/")) - before
    assert before and after
    assert clean(machine)["objects"] == len(before)
    assert set(machine.keys(f"derived/{video}/")) == after


def test_many_objects_are_swept_page_by_page(machine, video):
    keys = [f"derived/{video}/{OLD}/{i:04}.jpg" for i in range(1100)]
    put(machine, *keys)
    named = machine.video(video, "thumbnail_key")
    assert clean(machine)["objects"] == len(keys)
    assert machine.keys(f"derived/{video}/{OLD}/") == []
    assert named in machine.keys("derived/")


def test_uploads_nobody_finished_are_aborted(machine, video):
    """By a processor: no new upload comes that would clear them away."""
    client = machine.client()
    user = machine.user()
    answer = user.post("/api/videos/multipart", {
        "action": "create", "fileName": "a.mp4", "fileType": "video/mp4",
        "fileSize": 20_000_000})
    assert answer.status in (200, 201), answer.body
    uploads = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    assert len(uploads) == 1
    assert clean(machine)["uploads"] == 0  # its time is not over
    machine.sql("UPDATE upload_intents SET expires_at = "
                "now() - interval '61 minutes'")
    assert clean(machine)["uploads"] == 1
    assert "Uploads" not in client.list_multipart_uploads(Bucket=BUCKET)


@pytest.mark.local_store("stops the gateway, not where objects are")
def test_store_away_fails_the_cleanup_but_not_its_rows(machine, video):
    machine.sql("UPDATE job_queue SET completed_at = "
                "now() - interval '8 days' WHERE type = 'ai_analysis'")
    machine.kill()
    machine.sql("INSERT INTO job_queue (type) VALUES ('cleanup')")
    machine.sql("SELECT pg_notify('job_queue', 'cleanup')")
    wait_for("failure", lambda: machine.sql(
        "SELECT error FROM job_queue WHERE type = 'cleanup'") == [
            ["store_unavailable"]])
    assert machine.sql("SELECT count(*) FROM job_queue "
                       "WHERE type = 'ai_analysis'") == [["0"]]
    machine.start()
    machine.sql("UPDATE job_queue SET run_at = now() WHERE type = 'cleanup'")
    machine.sql("SELECT pg_notify('job_queue', 'cleanup')")
    wait_for("completion", lambda: machine.sql(
        "SELECT status FROM job_queue WHERE type = 'cleanup'") == [
            ["completed"]])
