"""`reelgate up` with the environment block of an application that uses AWS:
objects lie in another S3, all else is as ever."""
import pytest

from gateway import (DEFAULT_BUCKET as BUCKET, Gateway, UPSTREAM_ACCESS_KEY,
                     UPSTREAM_SECRET_KEY)
from web import request, wait_for


@pytest.fixture(scope="module")
def upstream():
    g = Gateway({"REELGATE_BACKEND": "local",
                 "AWS_ACCESS_KEY_ID": UPSTREAM_ACCESS_KEY,
                 "AWS_SECRET_ACCESS_KEY": UPSTREAM_SECRET_KEY}).start()
    yield g
    g.close()


@pytest.fixture
def block(upstream):
    return {"REELGATE_BACKEND": "s3", "S3_ENDPOINT": upstream.url,
            "AWS_ACCESS_KEY_ID": UPSTREAM_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": UPSTREAM_SECRET_KEY,
            "AWS_REGION": "us-east-1", "AWS_S3_BUCKET": BUCKET}


def test_video_in_another_s3_is_processed_there(upstream, block, make_up,
                                                video):
    up = make_up(**block).start()
    user = up.user()
    upload = user.upload("film.mp4", video.read_bytes())
    done = user.result(upload["video"]["id"])
    assert done["status"] == "completed", done
    there = upstream.client(access_key=UPSTREAM_ACCESS_KEY,
                            secret_key=UPSTREAM_SECRET_KEY)
    kept = {o["Key"]: o["Size"] for o in
            there.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert [size for key, size in kept.items()
            if key.startswith("uploads/")] == [video.stat().st_size]
    pictures = [k for k in kept if k.endswith(".jpg")]
    assert len(pictures) >= 3, kept
    # and the gateway serves them
    poster = request("GET", up.command("presign", "GET",
                                       f"s3://{BUCKET}/{pictures[0]}"))
    assert poster.status == 200 and poster.body[:3] == b"\xff\xd8\xff"
    assert "reelgate: " not in up.text()


def test_direct_upload_is_processed_with_and_without_a_word(
        upstream, block, make_up, video):
    """The film goes straight to the other S3; once complete-upload tells of
    it, once the tab is closed and the reconciler finds it."""
    up = make_up(REELGATE_S3_MODE="direct", REELGATE_RECONCILE_S="1",
                 **block).start()
    told, closed = up.user(), up.user()
    upload = told.upload("film.mp4", video.read_bytes())
    assert upload["video"]["url"].startswith(upstream.url)
    status, asked = closed.call("POST", "/api/videos/upload-url", {
        "fileName": "closed.mp4", "fileType": "video/mp4"})
    assert status == 200 and asked["uploadUrl"].startswith(upstream.url)
    assert request("PUT", asked["uploadUrl"], video.read_bytes(),
                   asked["headers"]).status == 200
    found = wait_for("the video of the closed tab", lambda: closed.call(
        "GET", "/api/videos")[1]["videos"])
    assert [v["title"] for v in found] == ["closed.mp4"]
    for user, one in ((told, upload["video"]["id"]), (closed, found[0]["id"])):
        done = user.result(one)
        assert done["status"] == "completed", done
        assert done["duration"] == pytest.approx(12, abs=0.2)
        poster = request("GET", done["thumbnail_url"])
        assert done["thumbnail_url"].startswith(upstream.url)
        assert poster.status == 200 and poster.body[:3] == b"\xff\xd8\xff"


def test_up_starts_while_the_other_s3_does_not_answer(block, make_up):
    up = make_up(args=("--no-processor",),
                 **{**block, "S3_ENDPOINT": "http://127.0.0.1:9"}).spawn()
    wait_for("its state", lambda: "not ready: " in up.text(), 60)
    assert "not ready: the S3 does not answer" in up.text()
    live = up.place("S3 endpoint") + "/minio/health/live"
    ready = up.place("video API") + "/health/ready"
    assert request("GET", live).status == 200
    assert request("GET", ready).status == 503
