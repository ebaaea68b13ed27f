"""What a migration tells the database: nothing that makes a video or a job,
but that objects have other version ids and times where they are now."""
import uuid

import pytest

from gateway import UPSTREAM_PAIR, Upstream
from stack import BUCKET


@pytest.fixture
def upstream():
    g = Upstream().start()
    yield g
    g.close()


def settings_of(upstream, folder):
    path = folder / "settings"
    settings = {"S3_ENDPOINT": upstream.url, **UPSTREAM_PAIR}
    path.write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))
    return path


def test_objects_that_are_brought_back_make_no_jobs(own_stack, upstream,
                                                    tmp_path):
    there = own_stack(REELGATE_BACKEND="s3", S3_ENDPOINT=upstream.url)
    user = there.user()
    upload = user.upload_url()
    user.put(upload, b"not really a video")
    there.relayed()
    count = ("SELECT (SELECT count(*) FROM videos),"
             " (SELECT count(*) FROM job_queue)")
    before, = there.sql(count)
    key = f"uploads/{user.id}/{uuid.uuid4()}.mp4"
    settings = settings_of(upstream, tmp_path)
    upstream.client().put_object(
        Bucket=BUCKET, Key=key, Body=b"past the gateway")
    done = there.admin("migrate", "--from", "s3", "--to", "local",
                       "--settings", settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 objects of" in done.stdout
    there.relayed()
    assert there.sql(count) == [before]
    status = there.admin("events", "tail", "--lines", "2")
    assert status.stdout.count("ObjectMigrated:Put") == 2

    # nor when all are walked, but for what had none before
    there.stop()
    there.backend = there.settings["REELGATE_BACKEND"] = "local"
    there.start()
    for had_none in (1, 0):
        walked = there.admin("events", "resync")
        assert (f"2 objects, 2 are to have a video, {had_none} had none"
                in walked.stdout), walked.stderr
    videos, jobs = map(int, before)
    assert there.sql(count) == [[str(videos + 1), str(jobs + 2)]]


def test_versions_that_moved_are_no_later_uploads(
        own_stack, own_postgres, upstream, tmp_path):
    here = own_stack(own_postgres, REELGATE_BACKEND="local")
    here.client().put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    user = here.user()
    upload = user.upload_url()
    user.put(upload, b"not really a video")
    here.relayed()
    known = "SELECT version_id, modified_at FROM videos"
    assert here.sql(known)[0][0]
    settings = settings_of(upstream, tmp_path)
    done = here.admin("migrate", "--from", "local", "--to", "s3",
                      "--settings", settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert here.sql(known) == [["", ""]]
    own_postgres.stop()
    done = here.admin("migrate", "--from", "local", "--to", "s3",
                      "--settings", settings)
    assert done.returncode == 1
    assert "run this again before the switch" in done.stdout + done.stderr
