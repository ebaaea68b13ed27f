"""`reelgate up` in front of another S3 that is away when it starts; what it
does when it is there: acceptance/test_r28_another_s3.py."""
import pytest

from gateway import DEFAULT_BUCKET, UPSTREAM_PAIR, Upstream
from web import request, wait_for


@pytest.fixture
def upstream():
    """One that is away, but can be started."""
    g = Upstream()
    g.keep_port = True
    g.start().stop()
    yield g
    g.close()


def test_up_starts_while_the_other_s3_is_away(make_up, upstream):
    up = make_up(args=("--no-processor",), REELGATE_BACKEND="s3",
                 S3_ENDPOINT=upstream.url, **UPSTREAM_PAIR,
                 AWS_S3_BUCKET=DEFAULT_BUCKET).spawn()
    wait_for("its state", lambda: "not ready: " in up.text())
    assert "not ready: the S3 does not answer" in up.text()
    assert "Failed to connect" in up.text()
    assert up.place("objects") == upstream.url
    live = up.place("S3 endpoint") + "/minio/health/live"
    ready = up.place("video API") + "/health/ready"
    assert request("GET", live).status == 200
    assert request("GET", ready).status == 503
    upstream.start()
    wait_for("ready", lambda: "ready" in up.text().splitlines())
    assert request("GET", ready).status == 200
    assert "socialitix-videos\" at " + upstream.url + " answers" in up.text()
