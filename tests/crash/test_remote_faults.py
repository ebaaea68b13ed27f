"""Faults between a gateway and the other S3 that keeps its objects: nothing
hangs, nothing acknowledged is lost, no wrong byte is read, memory stays where
it was, and what happened has an event. REELGATE_TEST_LONG=1 adds stalls, which
take the gateway's deadlines, and a longer storm."""

import concurrent.futures
import hashlib
import http.client
import json
import os
import pathlib
import random
import time

import pytest

from fault_proxy import (HEAD, FaultProxy, cut, delay, error_in_200, flip, lie,
                         refuse, reset, slow, stall)
from gateway import Gateway, Upstream
from sigv4 import Signer, quote
from web import wait_for

pytestmark = pytest.mark.skipif(
    os.environ.get("REELGATE_TEST_BACKEND") == "s3",
    reason="starts its own pair")

LONG = bool(os.environ.get("REELGATE_TEST_LONG"))
BUCKET = "faults"
# Sent whole; streamed under the client's own hash; streamed in signed chunks,
# since the client signed no hash.
SMALL, LARGE, CHUNKED = 3000, 3_000_000, 3_000_001
DEADLINE_S = 120  # of the gateway's tries together


def bytes_of(key, size):
    return random.Random(f"{key} {size}").randbytes(size)


class Pair:
    def __init__(self):
        self.b = Upstream().start()
        self.proxy = FaultProxy(self.b.port)
        self.a = Gateway({"REELGATE_BACKEND": "s3",
                          "S3_ENDPOINT": self.proxy.url,
                          "AWS_S3_BUCKET": BUCKET})
        self.direct = self.b.client()
        self.direct.create_bucket(Bucket=BUCKET)
        self.a.start()
        self.client = self.a.client()
        self.made = set()  # keys that requests through A named

    def close(self):
        self.a.close()
        self.proxy.close()
        self.b.close()

    def ask(self, method, key, body=b"", query=(), **headers):
        """Status and body; the status is 0 when the answer broke off."""
        payload = "UNSIGNED-PAYLOAD" if len(body) == CHUNKED else \
            hashlib.sha256(body).hexdigest()
        path = f"/{BUCKET}/{key}"
        h = {n.replace("_", "-"): v for n, v in headers.items()}
        h = Signer().headers(method, path, f"127.0.0.1:{self.a.port}",
                             payload, query, h)
        target = quote(path, "-._~/") + "?" + "&".join(
            f"{quote(k)}={quote(v)}" for k, v in query)
        c = http.client.HTTPConnection("127.0.0.1", self.a.port,
                                       timeout=DEADLINE_S)
        try:
            c.request(method, target.rstrip("?"), body, h)
            r = c.getresponse()
            return r.status, r.read()
        except (http.client.HTTPException, ConnectionError):
            return 0, b""
        finally:
            c.close()

    def put(self, key, size):
        self.made.add(key)
        return self.ask("PUT", key, bytes_of(key, size))[0]

    def at_b(self, key):
        """What the other S3 has, asked without the proxy; None: nothing."""
        try:
            return self.direct.get_object(Bucket=BUCKET,
                                          Key=key)["Body"].read()
        except self.direct.exceptions.NoSuchKey:
            return None

    def seed(self, key, size):
        self.direct.put_object(Bucket=BUCKET, Key=key,
                               Body=bytes_of(key, size))

    def memory(self):
        """Most bytes that A ever had in memory."""
        status = pathlib.Path(f"/proc/{self.a.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


@pytest.fixture(scope="module")
def pair():
    p = Pair()
    yield p
    p.close()


@pytest.fixture(autouse=True)
def calm(pair):
    yield
    pair.proxy.calm()


def name(value):
    return f"{value.kind}-{value.side}-{value.at}-{value.status or ''}" \
        if hasattr(value, "kind") else None


# ---- writing ----------------------------------------------------------------

PUT_FAULTS = [
    cut("request", HEAD), cut("request", 0), cut("request", -1),
    reset("request", 1000), flip("request", 1500),
    cut("answer", HEAD), cut("answer", 0), reset("answer", HEAD),
    refuse(500), refuse(503, retry_after=0), refuse(500, after=True),
    delay(0.2, "answer"),
] + ([stall("request", 1000), stall("answer", HEAD)] if LONG else [])


@pytest.mark.parametrize("size", [SMALL, LARGE, CHUNKED])
@pytest.mark.parametrize("fault", PUT_FAULTS, ids=name)
def test_put(pair, fault, size):
    key = f"put-{name(fault)}-{size}"
    kinds = pair.proxy.done[fault.kind]
    pair.proxy.script(f"PUT /{BUCKET}/{key}", fault)
    status = pair.put(key, size)
    assert pair.proxy.done[fault.kind] == kinds + 1
    found = pair.at_b(key)
    assert found in (None, bytes_of(key, size)), "torn"
    if status == 200:
        assert found is not None, "acknowledged and lost"
    else:
        assert status in (0, 400, 500, 503)
        assert pair.put(key, size) == 200
    assert pair.ask("GET", key) == (200, bytes_of(key, size))


def test_an_overwrite_that_fails_leaves_old_or_new(pair):
    pair.proxy.script(f"PUT /{BUCKET}/over", cut("request", 2_000_000))
    pair.seed("over", SMALL)
    status, _ = pair.ask("PUT", "over", bytes_of("over", LARGE))
    found = pair.at_b("over")
    assert found in (bytes_of("over", SMALL), bytes_of("over", LARGE))
    assert status != 200 or len(found) == LARGE


# ---- reading ----------------------------------------------------------------

GET_FAULTS = [
    cut(at=HEAD), cut(at=0), cut(at=1000), cut(at=-1),
    reset(at=1000), flip(at=0), flip(at=-1), lie(-10), lie(10),
    refuse(500), refuse(503, retry_after=0), delay(0.2),
] + ([stall(at=1000), stall(at=HEAD), slow(200_000)] if LONG else [])


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("fault", GET_FAULTS, ids=name)
def test_get(pair, fault, size):
    key = f"get-{size}"
    if pair.at_b(key) is None:
        assert pair.put(key, size) == 200
    kinds = pair.proxy.done[fault.kind]
    pair.proxy.script(f"GET /{BUCKET}/{key}", fault)
    status, body = pair.ask("GET", key)
    assert pair.proxy.done[fault.kind] == kinds + 1
    assert status in (0, 200, 500, 503)
    if status == 200:
        assert body == bytes_of(key, size), "corrupted"
    assert pair.ask("GET", key) == (200, bytes_of(key, size))


@pytest.mark.parametrize("fault", [cut(at=1000), reset(at=1000), refuse(503)],
                         ids=name)
def test_get_range(pair, fault):
    pair.seed("range", LARGE)
    pair.proxy.script(f"GET /{BUCKET}/range", fault)
    status, body = pair.ask("GET", "range", Range="bytes=100000-1999999")
    assert status in (0, 206, 500, 503)
    if status == 206:
        assert body == bytes_of("range", LARGE)[100000:2000000]


# ---- what has no body -------------------------------------------------------

@pytest.mark.parametrize("fault", [
    cut("answer", HEAD), reset("answer", HEAD), refuse(500),
    refuse(503, after=True)], ids=name)
def test_delete(pair, fault):
    key = f"delete-{name(fault)}"
    pair.seed(key, SMALL)
    pair.proxy.script(f"DELETE /{BUCKET}/{key}", fault)
    status, _ = pair.ask("DELETE", key)
    assert status in (0, 204, 500, 503)
    if status == 204:
        assert pair.at_b(key) is None


@pytest.mark.parametrize("fault", [
    cut("answer", HEAD), reset("answer", 10), refuse(503), error_in_200(),
    error_in_200(after=True)], ids=name)
def test_copy(pair, fault):
    key = f"copy-{name(fault)}-{fault.after}"
    pair.made.add(key)
    pair.seed("source", SMALL)
    pair.proxy.script(f"PUT /{BUCKET}/{key}", fault)
    status, _ = pair.ask("PUT", key,
                         **{"x-amz-copy-source": f"/{BUCKET}/source"})
    assert status in (0, 200, 500, 503)
    if status == 200:
        assert pair.at_b(key) == bytes_of("source", SMALL)


def complete(pair, key, fault):
    """Status and body of a completion that meets the fault."""
    pair.made.add(key)
    where = {"Bucket": BUCKET, "Key": key}
    up = pair.client.create_multipart_upload(**where)["UploadId"]
    etag = pair.client.upload_part(**where, UploadId=up, PartNumber=1,
                                   Body=bytes_of(key, SMALL))["ETag"]
    body = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>").encode()
    pair.proxy.script(f"POST /{BUCKET}/{key}", fault)
    return pair.ask("POST", key, body, [("uploadId", up)])


@pytest.mark.parametrize("fault", [
    cut("answer", 10), refuse(500), refuse(500, after=True), error_in_200(),
    error_in_200(after=True)], ids=name)
def test_complete(pair, fault):
    key = f"complete-{name(fault)}-{fault.after}"
    status, answer = complete(pair, key, fault)
    assert status in (0, 200, 500, 503)
    if status == 200 and b"<Error>" not in answer:
        assert pair.at_b(key) == bytes_of(key, SMALL)


@pytest.mark.skipif(not LONG, reason="takes its time")
def test_a_completion_may_take_longer_than_a_stall(pair):
    status, answer = complete(pair, "slow-complete", delay(40, "answer"))
    assert status == 200 and b"<Error>" not in answer


# ---- everything at once -----------------------------------------------------

STORM = [cut("request", 1000), cut("answer", 500), cut("answer", HEAD),
         reset("request", 20), reset("answer", 20), flip("answer", 100),
         flip("request", 100), refuse(500), refuse(503, retry_after=0),
         refuse(500, after=True), delay(0.05)]


def work(pair, worker):
    """One client; what it was told and what it saw that cannot be."""
    dice, known, faults = random.Random(worker), {}, []
    for n in range(200 if LONG else 12):
        key = f"storm-{worker}-{dice.randrange(4)}"
        size = dice.choice((SMALL, 200_000, LARGE))
        if dice.random() < 0.6:
            status = pair.put(key, size)
            if status == 200:
                known[key] = {size}
            else:
                known.setdefault(key, {None}).add(size)
        elif key in known:
            status, body = pair.ask("GET", key)
            if status == 404 and None not in known[key]:
                faults.append(f"{key} is lost")
            if status == 200 and not any(
                    size is not None and body == bytes_of(key, size)
                    for size in known[key]):
                faults.append(f"{key}: {len(body)} wrong bytes")
    return known, faults


def test_storm(pair):
    began, before = time.monotonic(), pair.memory()
    pair.proxy.storm(7, 0.2, STORM, "(PUT|GET) /faults/storm")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda w: work(pair, w), range(8)))
    pair.proxy.calm()
    assert [f for _, faults in results for f in faults] == []
    for known, _ in results:
        for key, sizes in known.items():
            found = pair.at_b(key)
            wanted = [s if s is None else bytes_of(key, s) for s in sizes]
            assert found in wanted, f"{key}: neither of {sizes}"
    assert time.monotonic() - began < (DEADLINE_S * 20 if LONG else DEADLINE_S)
    assert pair.memory() - before < 100 << 20
    assert sum(pair.proxy.done.values()) - pair.proxy.done["requests"] > 20


def test_what_happened_has_an_event(pair):
    """Comes last: of all keys of the tests above."""
    def told():
        done = pair.a.admin("events", "tail", "--after", "0", "--lines", "500")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {r["s3"]["object"]["key"] for r in rows}
    there = {o["Key"] for page in pair.direct.get_paginator(
        "list_objects_v2").paginate(Bucket=BUCKET)
        for o in page.get("Contents", [])}
    changed = (there & pair.made) | {
        k for k in there if k.startswith("storm-")}
    assert changed
    wait_for("events of all keys", lambda: changed <= told())
