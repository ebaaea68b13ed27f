"""What a migration into the local store tells the database: nothing that
makes a video or a job."""
import uuid

import pytest

from gateway import Gateway, UPSTREAM_ACCESS_KEY, UPSTREAM_SECRET_KEY
from stack import BUCKET


@pytest.fixture
def upstream():
    g = Gateway({"AWS_ACCESS_KEY_ID": UPSTREAM_ACCESS_KEY,
                 "AWS_SECRET_ACCESS_KEY": UPSTREAM_SECRET_KEY,
                 "REELGATE_BACKEND": "local"}).start()
    yield g
    g.close()


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
    settings = tmp_path / "settings"
    settings.write_text(f"S3_ENDPOINT = {upstream.url}\n"
                        f"AWS_ACCESS_KEY_ID = {UPSTREAM_ACCESS_KEY}\n"
                        f"AWS_SECRET_ACCESS_KEY = {UPSTREAM_SECRET_KEY}\n")
    upstream.client(access_key=UPSTREAM_ACCESS_KEY,
                    secret_key=UPSTREAM_SECRET_KEY).put_object(
        Bucket=BUCKET, Key=key, Body=b"past the gateway")
    done = there.admin("migrate", "--from", "s3", "--to", "local",
                       "--settings", settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 objects of" in done.stdout
    there.relayed()
    assert there.sql(count) == [before]
    status = there.admin("events", "tail", "--lines", "2")
    assert status.stdout.count("ObjectMigrated:Put") == 2
