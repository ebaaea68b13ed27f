"""R24: the seed's block of variables, and nothing else, makes a server that
works."""
import os
from urllib.parse import urlsplit

from up import Up
from web import request

SEED = {
    "AWS_ACCESS_KEY_ID": "your-access-key-id",
    "AWS_SECRET_ACCESS_KEY": "your-secret-access-key",
    "AWS_REGION": "us-west-2",
    "AWS_S3_BUCKET": "socialitix-videos",
    "WEBHOOK_SECRET": "your-webhook-secret",
    "JOB_PROCESSOR_TOKEN": "your-job-processor-token",
    "SUPABASE_URL": "https://your-project.supabase.co",
    "SUPABASE_ANON_KEY": "your-anon-key",
    "SUPABASE_SERVICE_ROLE_KEY": "your-service-role-key",
}


def test_R24_the_seeds_block_alone_starts_a_working_server(tmp_path):
    up = Up()
    up.env = {"PATH": os.environ["PATH"], "HOME": str(up.home), **SEED}
    try:
        up.start()
        user = up.user()
        uploaded = user.upload("a.mp4", b"no video, but an upload")
        url = urlsplit(uploaded["video"]["url"])
        assert url.path.startswith("/socialitix-videos/uploads/")
        assert "%2Fus-west-2%2Fs3%2F" in url.query
        assert "your-access-key-id" in url.query
        assert request("GET", uploaded["video"]["url"]).body == \
            b"no video, but an upload"
        ended = user.result(uploaded["video"]["id"])
        assert (ended["status"], ended["error"]) == (
            "failed", "unsupported_media")
        answer = request("POST", up.api + "/api/jobs/process", None, {
            "Authorization": "Bearer your-job-processor-token"}, timeout=60)
        assert (answer.status, answer.json["hasJob"]) == (200, False)
        for secret in ("your-secret-access-key", "your-webhook-secret",
                       "your-job-processor-token", "your-service-role-key"):
            assert secret not in up.text()
    finally:
        up.close()
