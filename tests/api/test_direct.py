"""Uploads that go straight to another S3 (REELGATE_S3_MODE=direct): a gateway
A, which signs for its upstream B and sees no byte of them."""
import concurrent.futures
import http.client
import subprocess
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from fault_proxy import FaultProxy, meanwhile
from gateway import BIN, UPSTREAM_ACCESS_KEY, Upstream
from stack import BUCKET, Stack, direct
from web import request, wait_for

MIB = 1 << 20
LIMIT = 20 * MIB


@pytest.fixture(scope="module")
def pair(postgres):
    s = direct(postgres, MAX_UPLOAD_BYTES=str(LIMIT))
    yield s
    s.close()


@pytest.fixture(scope="module")
def through_proxy(postgres, pair):
    with FaultProxy(pair.upstream.port) as proxy:
        s = Stack(postgres, REELGATE_BACKEND="s3", REELGATE_S3_MODE="direct",
                  MAX_UPLOAD_BYTES=str(MIB), REELGATE_RECONCILE_S="0",
                  S3_ENDPOINT=proxy.url, S3_PUBLIC_URL=pair.upstream.url)
        s.proxy = proxy
        yield s
        s.close()


@pytest.fixture
def user(pair):
    return pair.user()


def at(url):
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def jobs_of(pair, key):
    return pair.rows(f"""
        SELECT j.id, j.type FROM job_queue j JOIN videos v ON v.id = video_id
        WHERE v.s3_key = '{key}' AND j.status <> 'cancelled'""")


def all_jobs_of(pair, key):
    return int(pair.rows(f"""
        SELECT count(*) AS n FROM job_queue j JOIN videos v ON v.id = video_id
        WHERE v.s3_key = '{key}'""")[0]["n"])


def head(pair, key):
    try:
        return pair.b.head_object(Bucket=BUCKET, Key=key)
    except pair.b.exceptions.ClientError as e:
        return e.response["ResponseMetadata"]["HTTPStatusCode"]


def test_put_goes_to_the_other_s3_and_complete_upload_makes_the_video(
        pair, user):
    upload = user.upload_url(size=5)
    assert at(upload["uploadUrl"]) == pair.upstream.url
    assert UPSTREAM_ACCESS_KEY in upload["uploadUrl"]
    assert user.complete(upload).status == 409
    # what was signed is asked for by B: length, type, method
    assert user.put(upload, b"longer").status == 403
    assert user.put(upload, b"bytes", **{"Content-Type": "text/plain"}
                    ).status == 403
    assert user.put(upload, b"bytes").status == 200
    stored = head(pair, upload["key"])
    assert stored["ContentType"] == "video/mp4"
    assert stored["Metadata"]["user-id"] == user.id

    first = user.complete(upload)
    assert first.status == 201
    assert first.json["video"]["file_size"] == 5
    assert at(first.json["video"]["url"]) == pair.upstream.url
    assert request("GET", first.json["video"]["url"]).body == b"bytes"
    again = user.complete(upload)
    assert (again.status, again.json) == (201, first.json)
    assert len(jobs_of(pair, upload["key"])) == 2
    assert pair.user().complete(upload).status == 404


def test_complete_upload_from_many_at_once_makes_one(pair, user):
    upload = user.upload()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: user.complete(upload), range(16)))
    assert {a.status for a in answers} == {201}
    assert len({str(a.json["jobs"]) for a in answers}) == 1
    assert len(jobs_of(pair, upload["key"])) == 2


def test_the_same_url_used_again_is_another_upload(pair, user):
    upload = user.upload_url(size=5)
    assert user.put(upload, b"first").status == 200
    first = user.complete(upload).json
    assert user.put(upload, b"other").status == 200
    second = user.complete(upload).json
    assert second["video"]["id"] == first["video"]["id"]
    assert second["jobs"] != first["jobs"]
    assert len(jobs_of(pair, upload["key"])) == 2


def test_too_large_is_deleted_and_refused(pair, user):
    upload = user.upload_url()  # no length was announced
    assert user.put(upload, bytes(LIMIT + 1)).status == 200
    answer = user.complete(upload)
    assert (answer.status, answer.json) == (
        400, {"error": "File size exceeds 20MB limit"})
    assert head(pair, upload["key"]) == 404
    assert user.complete(upload).status == 404
    assert not pair.rows(
        f"SELECT 1 FROM videos WHERE s3_key = '{upload['key']}'")

    exact = user.upload_url()
    assert user.put(exact, bytes(LIMIT)).status == 200
    assert user.complete(exact).status == 201


@pytest.mark.parametrize("before", ["HEAD", "DELETE"])
def test_what_replaces_what_is_too_large_stays(pair, through_proxy, before):
    user = through_proxy.user()
    upload = user.upload_url()
    assert user.put(upload, bytes(MIB + 1)).status == 200

    def replace():
        assert user.put(upload, b"small enough").status == 200

    through_proxy.proxy.calm()
    through_proxy.proxy.script(
        f"{before} /{BUCKET}/{upload['key']}",
        *([meanwhile(lambda: None)] if before == "HEAD" else []),
        meanwhile(replace))
    assert user.complete(upload).status == 400
    assert head(pair, upload["key"])["ContentLength"] == 12
    assert user.complete(upload).status == 201


def test_parts_go_to_the_other_s3(pair, user):
    data = bytes(range(256)) * 4096 * 9  # 9 MiB: two parts
    made = user.post("/api/videos/multipart", {
        "action": "create", "fileName": "f.mp4", "fileType": "video/mp4",
        "fileSize": len(data)}).json
    named = {"key": made["key"], "uploadId": made["uploadId"]}
    signed = user.post("/api/videos/multipart", {
        "action": "sign", "partNumbers": [1, 2], **named}).json
    place = 0
    for part in signed["parts"]:
        assert at(part["url"]) == pair.upstream.url
        assert request("PUT", part["url"],
                       data[place:place + part["size"] - 1]).status == 403
        assert request("PUT", part["url"],
                       data[place:place + part["size"]]).status == 200
        place += part["size"]
    done = user.post("/api/videos/multipart", {"action": "complete", **named})
    assert done.status == 201
    assert head(pair, made["key"])["ContentLength"] == len(data)
    pair.relayed()  # A made this object visible: it has an event, too
    assert len(jobs_of(pair, made["key"])) == 2
    again = user.post("/api/videos/multipart", {"action": "complete", **named})
    assert again.json["jobs"] == done.json["jobs"]


def test_parts_completed_by_many_at_once_are_one_upload(pair, user):
    """B takes each of them for the first, and A tells an event of each."""
    made = user.post("/api/videos/multipart", {
        "action": "create", "fileName": "f.mp4", "fileType": "video/mp4",
        "fileSize": 3}).json
    named = {"key": made["key"], "uploadId": made["uploadId"]}
    part, = user.post("/api/videos/multipart", {
        "action": "sign", "partNumbers": [1], **named}).json["parts"]
    assert request("PUT", part["url"], b"abc").status == 200
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: user.post(
            "/api/videos/multipart", {"action": "complete", **named}),
            range(24)))
    assert {a.status for a in answers} == {201}
    pair.relayed()
    assert len({str(a.json["jobs"]) for a in answers}) == 1
    assert len(jobs_of(pair, made["key"])) == 2
    again = user.post("/api/videos/multipart", {"action": "complete", **named})
    assert again.json["jobs"] == answers[0].json["jobs"]


def test_the_same_bytes_put_through_the_gateway_twice_are_two(pair, user):
    key = f"uploads/{user.id}/twice.mp4"
    for n in (1, 2):
        time.sleep(1.1 * (n - 1))  # S3 tells times by the second
        pair.client().put_object(Bucket=BUCKET, Key=key, Body=b"x",
                                 ContentType="video/mp4")
        pair.relayed()
        wait_for("jobs", lambda: all_jobs_of(pair, key) == 2 * n)


def test_bucket_in_the_host(pair, postgres):
    """As at AWS; *.localhost is this machine."""
    with_host = Stack(postgres, REELGATE_BACKEND="s3",
                      REELGATE_S3_MODE="direct", S3_ADDRESSING_STYLE="virtual",
                      S3_ENDPOINT=f"http://localhost:{pair.upstream.port}")
    try:
        user = with_host.user()
        upload = user.upload_url(size=5)
        url = urlsplit(upload["uploadUrl"])
        assert url.netloc == f"{BUCKET}.localhost:{pair.upstream.port}"
        assert url.path == f"/{upload['key']}"

        def send(method, url, body=None, headers=None):
            there = http.client.HTTPConnection("127.0.0.1", url.port)
            there.request(method, f"{url.path}?{url.query}", body,
                          {"Host": url.netloc, **(headers or {})})
            answer = there.getresponse()
            return answer.status, answer.read()
        assert send("PUT", url, b"bytes", upload["headers"])[0] == 200
        done = user.complete(upload)
        assert done.status == 201
        assert send("GET", urlsplit(done.json["video"]["url"])) == (
            200, b"bytes")
    finally:
        with_host.close()


def test_urls_of_keys_that_expire_have_the_token(pair, postgres):
    class Refused(Stack):
        def start(self, **_):  # B gave no token, so it is never ready
            return super().start(until="live")
    token = "IQoJb3JpZ2luX2VjEXAMPLE/+of/the/tests=="
    expiring = Refused(postgres, REELGATE_BACKEND="s3",
                       REELGATE_S3_MODE="direct", AWS_SESSION_TOKEN=token,
                       S3_ENDPOINT=pair.upstream.url)
    try:
        url = expiring.user().upload_url(size=5)["uploadUrl"]
        assert parse_qs(urlsplit(url).query)["X-Amz-Security-Token"] == [token]
        refused = request("PUT", url, b"bytes", {"Content-Type": "video/mp4"})
        assert b"<Code>InvalidToken</Code>" in refused.body
    finally:
        expiring.close()


def test_urls_are_signed_for_the_region_of_the_bucket(postgres):
    """B takes signatures for its own region only, and says which that is."""
    with_region = Upstream(AWS_REGION="eu-west-3",
                              REELGATE_STRICT_REGION="true").start()
    stack = None
    try:
        stack = Stack(postgres, REELGATE_BACKEND="s3",
                      REELGATE_S3_MODE="direct", AWS_REGION="us-east-1",
                      S3_ENDPOINT=with_region.url)
        user = stack.user()
        upload = user.upload_url(size=5)
        assert "%2Feu-west-3%2Fs3%2F" in upload["uploadUrl"]
        assert user.put(upload, b"bytes").status == 200
        done = user.complete(upload)
        assert request("GET", done.json["video"]["url"]).body == b"bytes"
    finally:
        if stack:
            stack.close()
        with_region.close()


def test_what_passes_the_gateway_is_one_upload_too(pair, user):
    """The form is stored by A, which has an event of it."""
    key = f"uploads/{user.id}/through-a.mp4"
    pair.client().put_object(Bucket=BUCKET, Key=key, Body=b"x",
                             ContentType="video/mp4")
    pair.relayed()
    wait_for("jobs", lambda: len(jobs_of(pair, key)) == 2)


@pytest.mark.parametrize("settings, says", [
    ({"REELGATE_S3_MODE": "spool"}, "none of proxy|direct"),
    ({"REELGATE_S3_MODE": "direct", "REELGATE_BACKEND": "local"},
     "REELGATE_S3_MODE=direct is about another S3: it needs"
     " REELGATE_BACKEND=s3"),
])
def test_settings_that_are_refused(tmp_path, settings, says):
    done = subprocess.run(
        [BIN / "reelgate-gateway", "--data", tmp_path, "--s3-listen",
         "127.0.0.1:0", "--api-listen", "127.0.0.1:0"], env=settings,
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 78
    assert says in done.stderr
