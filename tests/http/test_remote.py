"""A gateway with REELGATE_BACKEND=s3: how it starts, what it says when the
other S3 is not as it should be, what of its data directory is looked after.
That it answers like any other, the whole suite says when it runs with
REELGATE_TEST_BACKEND=s3."""

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

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
        with urllib.request.urlopen(gateway.url + path, timeout=5) as r:
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


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.mark.parametrize("settings, says", [
    (lambda: {"S3_ENDPOINT": f"http://127.0.0.1:{closed_port()}"},
     "the S3 does not answer"),
    (lambda: {"AWS_ACCESS_KEY_ID": "NOBODYSKEY"},
     "the S3 does not know the access key"),
    (lambda: {"AWS_SECRET_ACCESS_KEY": "not-the-secret"},
     "the S3 refuses the signature"),
    (lambda: {"AWS_S3_BUCKET": "nobody-made-it"}, "the bucket is not there"),
], ids=["unreachable", "key", "secret", "bucket"])
def test_trouble_is_told_and_the_gateway_starts(before, settings, says):
    g = before(**settings())
    wait_for("a word of the trouble", lambda: lines(g, "s3_trouble"))
    [line] = lines(g, "s3_trouble")
    assert line.startswith(says)
    assert g.settings["AWS_SECRET_ACCESS_KEY"] not in g.log() \
        if "AWS_SECRET_ACCESS_KEY" in g.settings else True
    assert status(g) == 503
    assert status(g, "/minio/health/live") == 200
    health = json.loads(error_body(g.api_url + "/health/ready"))
    assert health["store"] == "unavailable"
    assert health["trouble"] == says


def error_body(url):
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(url, timeout=5)
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
    backup = g.admin("backup", str(tmp_path / "backup"))
    assert backup.returncode == 0, backup.stderr
    assert g.stop() == 0
    check = subprocess.run([BIN / "reelgate", "admin", "fsck", "--data", g.data],
                           env=g.environment(), capture_output=True,
                           text=True, timeout=60)
    assert check.returncode == 0, check.stdout + check.stderr


def test_gateways_before_one_s3_agree_on_who_root_is(before):
    owners = set()
    for _ in range(2):
        g = before("ready")
        owners.add(g.client().list_buckets()["Owner"]["ID"])
    assert len(owners) == 1
