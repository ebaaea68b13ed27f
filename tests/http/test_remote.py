"""A gateway with REELGATE_BACKEND=s3: how it starts, what it says when the
other S3 is not as it should be, what of its data directory is looked after.
That it answers like any other, the whole suite says when it runs with
REELGATE_TEST_BACKEND=s3."""

import functools
import hashlib
import json
import os
import re
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from fault_proxy import FaultProxy, header, meanwhile
from gateway import (BIN, DEFAULT_BUCKET, Gateway, UPSTREAM_ACCESS_KEY,
                     UPSTREAM_SECRET_KEY)
from web import wait_for

pytestmark = pytest.mark.local_store("starts its own pairs")


@pytest.fixture(scope="module")
def upstream():
    g = Gateway({"AWS_ACCESS_KEY_ID": UPSTREAM_ACCESS_KEY,
                 "AWS_SECRET_ACCESS_KEY": UPSTREAM_SECRET_KEY}).start()
    yield g
    g.close()


@pytest.fixture
def before(upstream):
    """Makes gateways before it, waiting until they are live."""
    made = []

    def make(until="live", **settings):
        made.append(Gateway({"REELGATE_BACKEND": "s3",
                             "S3_ENDPOINT": upstream.url, **settings}))
        return made[-1].start(until=until)
    yield make
    for g in made:
        g.close()


def status(gateway, path="/minio/health/ready"):
    try:
        with urllib.request.urlopen(gateway.url + path, timeout=30) as r:
            return r.status
    except urllib.error.HTTPError as e:
        return e.code


def lines(gateway, event):
    return [line["msg"] for line in map(json.loads,
                                        gateway.log().splitlines())
            if line["event"] == event]


# ---- starting ---------------------------------------------------------------

def test_the_environment_block_for_aws_alone_starts_a_gateway(upstream,
                                                              tmp_path):
    env = {
        "PATH": os.environ["PATH"],
        "REELGATE_BACKEND": "s3",
        "AWS_ACCESS_KEY_ID": UPSTREAM_ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": UPSTREAM_SECRET_KEY,
        "AWS_REGION": "us-east-1",
        "AWS_S3_BUCKET": DEFAULT_BUCKET,
        "S3_ENDPOINT": upstream.url,  # AWS's is not to be asked
        **{k: os.environ[k] for k in ("ASAN_OPTIONS", "UBSAN_OPTIONS")
           if k in os.environ},
    }
    with Block(env, tmp_path) as g:
        assert status(g) == 200
        pair = dict(line.split("=", 1) for line in
                    (tmp_path / "credentials").read_text().splitlines()
                    if "=" in line and not line.startswith("#"))
        mine = g.client(access_key=pair["REELGATE_ROOT_USER"],
                        secret_key=pair["REELGATE_ROOT_PASSWORD"])
        mine.put_object(Bucket=DEFAULT_BUCKET, Key="block", Body=b"through")
        there = upstream.client(access_key=UPSTREAM_ACCESS_KEY,
                                secret_key=UPSTREAM_SECRET_KEY)
        got = there.get_object(Bucket=DEFAULT_BUCKET, Key="block")
        assert got["Body"].read() == b"through"
        # The upstream's pair is no client's.
        with pytest.raises(Exception, match="InvalidAccessKeyId"):
            g.client(access_key=UPSTREAM_ACCESS_KEY,
                     secret_key=UPSTREAM_SECRET_KEY).list_buckets()


class Block(Gateway):
    """One with these variables and no other."""

    def __init__(self, env, data):
        super().__init__(data=data)
        self.block = env

    def environment(self):
        return {**self.block, "REELGATE_INDEX_MAP_SIZE": "8G"}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


@pytest.mark.parametrize("settings, says", [
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
     "REELGATE_BACKEND=s3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ({"S3_ENDPOINT": "s3.example.org"}, "is not a URL like"),
    ({"AWS_SESSION_TOKEN": "two words"}, "AWS_SESSION_TOKEN: a blank"),
    ({"S3_CA_FILE": "/nowhere/ca.pem"},
     "cannot read S3_CA_FILE /nowhere/ca.pem: No such file or directory"),
])
def test_what_cannot_work_is_refused_in_one_line(upstream, tmp_path, settings,
                                                 says):
    g = Gateway({"REELGATE_BACKEND": "s3", "S3_ENDPOINT": upstream.url,
                 **settings}, data=tmp_path)
    done = subprocess.run(g.command(), env=g.environment(),
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr


@functools.cache
def closed():
    """A port where nobody listens, nor may anybody else."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    return s


@pytest.mark.parametrize("settings, says, why", [
    (lambda url: {"S3_ENDPOINT": "http://%s:%d" % closed().getsockname()},
     "the S3 does not answer", "Failed to connect"),
    (lambda url: {"S3_ENDPOINT": "http://s3.nowhere.invalid"},
     "the S3 does not answer", "Could not resolve host"),
    # The other side's words against TLS, or its hanging up, come first.
    (lambda url: {"S3_ENDPOINT": url.replace("http", "https")},
     "the S3 does not answer", "wrong version number|SSL_connect"),
    (lambda url: {"AWS_ACCESS_KEY_ID": "NOBODYSKEY"},
     "the S3 does not know the access key", "answer 403 InvalidAccessKeyId"),
    (lambda url: {"AWS_SECRET_ACCESS_KEY": "not-the-secret"},
     "the S3 refuses the signature", "answer 403 SignatureDoesNotMatch"),
    (lambda url: {"AWS_S3_BUCKET": "nobody-made-it"},
     "the bucket is not there", "answer 404 NoSuchBucket"),
], ids=["unreachable", "unknown-name", "https", "key", "secret", "bucket"])
def test_trouble_is_told_and_the_gateway_starts(before, upstream, settings,
                                                says, why):
    g = before(**settings(upstream.url))
    wait_for("a word of the trouble", lambda: lines(g, "s3_trouble"))
    [line] = lines(g, "s3_trouble")
    assert line.startswith(says) and re.search(why, line)
    assert g.settings["AWS_SECRET_ACCESS_KEY"] not in g.log() \
        if "AWS_SECRET_ACCESS_KEY" in g.settings else True
    assert status(g) == 503
    assert status(g, "/minio/health/live") == 200
    health = json.loads(error_body(g.api_url + "/health/ready"))
    assert health["store"] == "unavailable"
    assert health["trouble"] == says
    info = g.admin("info")
    assert info.returncode == 69
    assert f"trouble    {says}\n" in info.stdout


def test_keys_that_expired_are_not_the_clients_fault(upstream, before):
    """B gave no token, so it refuses any: InvalidToken, as AWS does."""
    token = "IQoJb3JpZ2luX2VjEXAMPLE/+of/the/tests=="
    with FaultProxy(upstream.port) as proxy:
        g = before(S3_ENDPOINT=proxy.url, AWS_SESSION_TOKEN=token)
        wait_for("a word of the trouble", lambda: lines(g, "s3_trouble"))
        [line] = lines(g, "s3_trouble")
        assert line.startswith("the S3 refuses the session token")
        assert "AWS_SESSION_TOKEN anew" in line
        s3 = g.client()
        for ask in (lambda: s3.put_object(Bucket=DEFAULT_BUCKET, Key="k",
                                          Body=b"x"),
                    lambda: s3.get_object(Bucket=DEFAULT_BUCKET, Key="k"),
                    lambda: s3.get_object(Bucket=DEFAULT_BUCKET, Key="k",
                                          VersionId="v"),
                    lambda: s3.head_object(Bucket=DEFAULT_BUCKET, Key="k"),
                    lambda: s3.list_objects_v2(Bucket=DEFAULT_BUCKET)):
            with pytest.raises(s3.exceptions.ClientError) as e:
                ask()
            status = e.value.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status == 503
        assert header(proxy.last, "x-amz-security-token") == token
        assert "x-amz-security-token" in header(proxy.last, "authorization")
    [line] = lines(g, "s3_credentials")  # one, however many were refused
    assert "InvalidToken" in line
    assert token not in g.log()


def error_body(url):
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(url, timeout=30)
    return e.value.read()


# ---- the journal ------------------------------------------------------------

def test_what_is_kept_here_is_looked_after(before, tmp_path):
    g = before("ready")
    metrics = urllib.request.urlopen(g.api_url + "/metrics").read().decode()
    assert "reelgate_store_reachable 1" in metrics
    assert "reelgate_store_objects" not in metrics
    assert "reelgate_outbox_last_seq 0" in metrics
    assert g.admin("scrub", "status").returncode == 0
    assert "outbox:" in g.admin("events", "status").stdout
    backup = str(tmp_path / "backup")
    done = [g.admin("scrub", "start", "--wait"), g.admin("backup", backup),
            g.admin("fsck", backup)]
    assert g.stop() == 0
    done += [g.admin("fsck"), g.admin("new-epoch")]
    done.append(subprocess.run(
        [BIN / "reelgate", "admin", "restore", "--from", backup, "--data",
         tmp_path / "restored"], capture_output=True, text=True, timeout=60))
    for d in done:
        assert d.returncode == 0, d.stdout + d.stderr
        assert "objects are in that S3, and no part of it" in d.stdout, d.args


def test_what_is_kept_by_a_local_store_is_no_journal(upstream, tmp_path):
    backup = str(tmp_path / "backup")
    for words in (["scrub", "status"], ["backup", backup], ["fsck", backup]):
        done = upstream.admin(*words)
        assert done.returncode == 0, done.stderr
        assert "another S3" not in done.stdout


def test_presigned_urls_of_the_command_are_the_gateways(before):
    g = before("ready", REELGATE_S3_MODE="direct",
               S3_PUBLIC_URL="https://s3.example.org")
    done = subprocess.run(
        [BIN / "reelgate", "presign", "GET", "s3://b/k", "--data", g.data],
        env=g.environment(), capture_output=True, text=True, timeout=30)
    assert done.stdout.startswith(f"{g.url}/b/k?"), done.stderr


def test_gateways_before_one_s3_agree_on_who_root_is(before):
    owners = set()
    for _ in range(2):
        g = before("ready")
        owners.add(g.client().list_buckets()["Owner"]["ID"])
    assert len(owners) == 1


# ---- an object that changes between the look at it and its bytes -------------

@pytest.fixture(scope="module")
def changing(upstream):
    """A gateway before a proxy, and "k" in it; replace(): by another one."""
    with FaultProxy(upstream.port) as proxy:
        g = Gateway({"REELGATE_BACKEND": "s3", "S3_ENDPOINT": proxy.url})
        g.start()
        g.proxy, g.s3 = proxy, g.client()
        g.there = upstream.client(access_key=UPSTREAM_ACCESS_KEY,
                                  secret_key=UPSTREAM_SECRET_KEY)
        g.made = 0

        def replace():
            g.made += 1
            g.body = b"content %d " % g.made * (1 + g.made % 2 * 20000)
            g.there.put_object(Bucket=DEFAULT_BUCKET, Key="k", Body=g.body)
        g.replace = replace
        yield g
        g.close()


def get_while(g, *happens, **how):
    """GetObject, with these done one after the other, each before another
    request for the bytes."""
    g.replace()
    g.proxy.calm()
    g.proxy.script(f"GET /{DEFAULT_BUCKET}/k", *map(meanwhile, happens))
    return g.s3.get_object(Bucket=DEFAULT_BUCKET, Key="k", **how)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_replaced_meanwhile_is_the_new_object(changing, times):
    got = get_while(changing, *[changing.replace] * times)
    assert got["Body"].read() == changing.body
    assert got["ETag"] == f'"{hashlib.md5(changing.body).hexdigest()}"'
    assert changing.proxy.done["meanwhile"] >= times


def test_replaced_meanwhile_is_the_range_of_the_new_object(changing):
    got = get_while(changing, changing.replace, Range="bytes=-5")
    assert got["Body"].read() == changing.body[-5:]
    assert got["ContentRange"].endswith(f"/{len(changing.body)}")


def test_replaced_meanwhile_is_compared_with_the_conditions_anew(changing):
    changing.replace()
    changing.made -= 1  # the next is the same object again
    was = f'"{hashlib.md5(changing.body).hexdigest()}"'
    with pytest.raises(changing.s3.exceptions.ClientError) as e:
        get_while(changing, changing.replace, IfMatch=was)
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


@pytest.mark.parametrize("happens, status, code", [
    (lambda g: [g.replace] * 4, 503, "SlowDown"),
    (lambda g: [lambda: g.there.delete_object(Bucket=DEFAULT_BUCKET,
                                              Key="k")], 404, "NoSuchKey"),
], ids=["again-and-again", "deleted"])
def test_what_does_not_hold_still_is_told(changing, happens, status, code):
    with pytest.raises(changing.s3.exceptions.ClientError) as e:
        get_while(changing, *happens(changing))
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert e.value.response["Error"]["Code"] == code


# ---- uploads that another gateway begins or ends ----------------------------

@pytest.mark.parametrize("size", [10, 3 << 20], ids=["held", "streamed"])
@pytest.mark.parametrize("end", ["abort", "complete"])
def test_a_part_of_an_upload_that_ended_elsewhere(changing, end, size):
    named = {"Bucket": DEFAULT_BUCKET, "Key": "ended"}
    named["UploadId"] = changing.s3.create_multipart_upload(
        **named, ChecksumAlgorithm="CRC32")["UploadId"]
    part = changing.s3.upload_part(**named, PartNumber=1, Body=b"x" * size,
                                   ChecksumAlgorithm="CRC32")
    if end == "abort":
        changing.there.abort_multipart_upload(**named)
    else:
        changing.there.complete_multipart_upload(**named, MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": part["ETag"],
                       "ChecksumCRC32": part["ChecksumCRC32"]}]})
    with pytest.raises(changing.s3.exceptions.ClientError) as e:
        changing.s3.upload_part(**named, PartNumber=2, Body=b"x" * size,
                                ChecksumAlgorithm="CRC32")
    assert e.value.response["Error"]["Code"] == "NoSuchUpload"


def test_parts_of_an_upload_ask_for_it_once(changing):
    named = {"Bucket": DEFAULT_BUCKET, "Key": "elsewhere"}
    named["UploadId"] = changing.there.create_multipart_upload(
        **named, ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    before = changing.proxy.asked.copy()
    for number in (1, 2, 3):
        made = changing.s3.upload_part(
            **named, PartNumber=number, Body=bytes(5 << 20),
            ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": made["ETag"],
                      "ChecksumSHA256": made["ChecksumSHA256"]})
    # the parts, and their list once
    asked = changing.proxy.asked - before
    assert sum(n for what, n in asked.items() if "/elsewhere" in what) == 4
    # a part without the checksum that the upload has is refused as ever
    with pytest.raises(changing.s3.exceptions.ClientError) as e:
        changing.s3.upload_part(**named, PartNumber=4, Body=b"x",
                                ChecksumAlgorithm="CRC32")
    assert e.value.response["Error"]["Code"] == "InvalidRequest"
    done = changing.s3.complete_multipart_upload(
        **named, MultipartUpload={"Parts": parts})
    assert done["ChecksumSHA256"].endswith("-3")
