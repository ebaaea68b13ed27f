"""R28: the block of variables of an application that uses AWS keeps its videos
in another S3, which here a second Reelgate plays: through the gateway (proxy)
or straight there (direct)."""
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway import Gateway, UPSTREAM_ACCESS_KEY, UPSTREAM_SECRET_KEY
from machine import ffmpeg
from up import Up
from web import request, wait_for

REGION = "eu-central-1"


@pytest.fixture(scope="module")
def there():
    """The other S3."""
    g = Gateway({"REELGATE_BACKEND": "local",
                 "AWS_ACCESS_KEY_ID": UPSTREAM_ACCESS_KEY,
                 "AWS_SECRET_ACCESS_KEY": UPSTREAM_SECRET_KEY,
                 "AWS_REGION": REGION}).start()
    g.s3 = g.client(access_key=UPSTREAM_ACCESS_KEY, region=REGION,
                    secret_key=UPSTREAM_SECRET_KEY)
    yield g
    g.close()


@pytest.fixture(scope="module", params=["proxy", "direct"])
def up(request, there):
    bucket = f"videos-{request.param}"
    there.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={
        "LocationConstraint": REGION})
    u = Up(REELGATE_BACKEND="s3", S3_ENDPOINT=there.url,
           AWS_ACCESS_KEY_ID=UPSTREAM_ACCESS_KEY,
           AWS_SECRET_ACCESS_KEY=UPSTREAM_SECRET_KEY, AWS_REGION=REGION,
           AWS_S3_BUCKET=bucket, REELGATE_S3_MODE=request.param,
           REELGATE_RECONCILE_S="1").start()
    u.bucket = bucket
    # where browsers go, and whose pair signs for them
    kept = dict(line.split("=", 1) for line in
                (u.data / "credentials").read_text().splitlines()
                if "=" in line)
    u.at, u.signer = {
        "proxy": (u.s3, kept["REELGATE_ROOT_USER"]),
        "direct": (there.url, UPSTREAM_ACCESS_KEY)}[request.param]
    assert ("direct to" in u.text()) == (request.param == "direct")
    yield u
    u.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return ffmpeg(tmp_path_factory.mktemp("film") / "film.mp4", "-f", "lavfi",
                  "-i", "testsrc2=size=320x180:rate=25:duration=4", "-c:v",
                  "libx264", "-preset", "ultrafast").read_bytes()


def test_R28_a_film_is_uploaded_and_processed_there(up, there, film):
    user = up.user()
    status, upload = user.call("POST", "/api/videos/upload-url", {
        "fileName": "film.mp4", "fileType": "video/mp4",
        "fileSize": len(film)})
    assert status == 200, upload
    url = urlsplit(upload["uploadUrl"])
    assert f"{url.scheme}://{url.netloc}" == up.at
    assert url.path == f"/{up.bucket}/{upload['key']}"
    query = {name: value for name, (value,) in parse_qs(url.query).items()}
    signer, _, *scope = query["X-Amz-Credential"].split("/")
    assert (signer, scope) == (up.signer, [REGION, "s3", "aws4_request"])
    assert query["X-Amz-SignedHeaders"] == "content-length;content-type;host"

    def put(data, **headers):
        return request("PUT", upload["uploadUrl"], data,
                       {**upload["headers"], **headers})
    assert put(film + b"!").status == 403
    assert put(film, **{"Content-Type": "text/html"}).status == 403
    answer = user.call("POST", "/api/videos/complete-upload", {
        "key": upload["key"], "fileName": "film.mp4"})
    assert answer == (409, {"error": "The file has not been uploaded yet"})
    stored = put(film)
    assert (stored.status, bool(stored.headers["ETag"])) == (200, True)
    status, told = user.call("POST", "/api/videos/complete-upload", {
        "key": upload["key"], "fileName": "film.mp4"})
    assert status == 201, told

    done = user.result(told["video"]["id"])
    assert (done["status"], done["progress"]) == ("completed", 100), done
    assert done["duration"] == pytest.approx(4, abs=0.1)
    for link in told["video"]["url"], done["thumbnail_url"]:
        assert link.startswith(up.at)
    assert request("GET", told["video"]["url"]).body == film
    poster = request("GET", done["thumbnail_url"])
    assert (poster.status, poster.body[:3]) == (200, b"\xff\xd8\xff")

    # all of it lies there, and nothing here
    kept = there.s3.get_object(Bucket=up.bucket, Key=upload["key"])
    assert kept["Body"].read() == film
    made = there.s3.list_objects_v2(Bucket=up.bucket, Prefix="derived/")
    assert any(o["Key"].endswith(".jpg") for o in made["Contents"])
    wait_for("end of the work", lambda: not list((up.data / "work").iterdir()))
    assert not [f for f in (up.data / "blobs").rglob("*") if f.is_file()]


def test_R28_the_tab_is_closed_after_the_put(up, film):
    """Of a direct upload no gateway is told: the reconciler finds it."""
    user = up.user()
    status, upload = user.call("POST", "/api/videos/upload-url", {
        "fileName": "closed.mp4", "fileType": "video/mp4"})
    assert status == 200, upload
    assert request("PUT", upload["uploadUrl"], film,
                   upload["headers"]).status == 200
    video, = wait_for("video", lambda: user.call(
        "GET", "/api/videos")[1]["videos"])
    assert (video["filename"], video["file_size"]) == ("closed.mp4", len(film))
    assert user.result(video["id"])["status"] == "completed"


def test_R28_an_object_that_others_put_there_is_found(up, there, film):
    user = up.user()
    there.s3.put_object(Bucket=up.bucket, Key=f"uploads/{user.id}/theirs.mp4",
                        Body=film, ContentType="video/mp4")
    video, = wait_for("video", lambda: user.call(
        "GET", "/api/videos")[1]["videos"])
    assert user.result(video["id"])["status"] == "completed"


def test_R28_the_secret_for_the_other_s3_is_told_nowhere(up):
    logs = [f.read_text(errors="replace")
            for f in (up.data / "log").iterdir()]
    assert len(logs) > 2
    assert not [t for t in [up.text(), *logs] if UPSTREAM_SECRET_KEY in t]
