"""The gateway, or one of the pair of gateways where one keeps its objects in
the other, is killed with -9 again and again while clients PUT, with its
database beside it. In the end every object has exactly one event and one job
of each kind, every acknowledged object is there, and every object is whole."""
import hashlib
import http.client
import os
import random
import threading
import time
from urllib.parse import urlsplit

import pytest

from gateway import DEFAULT_BUCKET as BUCKET
from pg import Postgres
from stack import Stack
from web import wait_for

LONG = os.environ.get("REELGATE_TEST_LONG")
WRITERS = 4
SIZES = (0, 1, 4000, 65536, 65537, 300_000, 2_000_000)
USER = "5e9c3a52-8b60-4f0e-9a3e-0d7f5f2f9a11"


@pytest.fixture
def postgres():
    server = Postgres()
    yield server
    server.remove()


def body_of(key, size):
    """Bytes that only this key has, so that a mix-up shows."""
    seed = hashlib.sha256(key.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


class Writers:
    """Clients that PUT until the gateway is gone."""

    def __init__(self, stack, number):
        self.client = stack.client()
        self.sent, self.acknowledged = {}, set()
        self.threads = [
            threading.Thread(target=self.run, args=(f"{number}-{i}",))
            for i in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def run(self, name):
        pick = random.Random(name)
        for i in range(10_000):
            key = f"uploads/{USER}/{name}-{i}.mp4"
            body = body_of(key, pick.choice(SIZES))
            self.sent[key] = len(body)
            url = urlsplit(self.client.generate_presigned_url(
                "put_object", Params={"Bucket": BUCKET, "Key": key}))
            connection = http.client.HTTPConnection(url.netloc, timeout=20)
            try:
                connection.request("PUT", f"{url.path}?{url.query}", body)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return
            finally:
                connection.close()
            if answer.status == 503:
                return  # its upstream is gone
            assert answer.status == 200
            self.acknowledged.add(key)

    def join(self):
        for thread in self.threads:
            thread.join()


def listed(client):
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="uploads/")
    return {o["Key"]: o for page in pages for o in page.get("Contents", [])}


def check_object(client, key, size, entry):
    want = body_of(key, size)
    got = client.get_object(Bucket=BUCKET, Key=key)
    assert got["Body"].read() == want, f"{key}: other bytes"
    assert entry["Size"] == size
    assert got["ETag"] == entry["ETag"] == \
        f'"{hashlib.md5(want).hexdigest()}"'


def counts(stack, query):
    """{key: how many} of a query's two columns."""
    return {key: int(n) for key, n in stack.sql(query)}


@pytest.mark.parametrize("settings, victim, rounds", [
    ({}, lambda stack: stack, 4),
    ({"REELGATE_BACKEND": "s3"}, lambda stack: stack, 2),
    ({"REELGATE_BACKEND": "s3"}, lambda stack: stack.upstream, 1),
], ids=["gateway", "gateway before another S3", "the other S3"])
def test_killed_every_object_has_its_jobs_once(postgres, capsys, settings,
                                               victim, rounds):
    rounds = 100 if LONG else rounds
    stack = Stack(postgres, **settings)
    pick = random.Random(20261122)
    sent, acknowledged, kept = {}, set(), set()
    try:
        for number in range(rounds):
            writers = Writers(stack, number)
            wait_for("write", lambda: writers.acknowledged)
            time.sleep(pick.uniform(0.05, 0.6))
            victim(stack).kill()
            writers.join()
            sent.update(writers.sent)
            acknowledged |= writers.acknowledged
            victim(stack).start()
            client = stack.client()
            found = listed(client)
            assert acknowledged <= found.keys(), "acknowledged and lost"
            assert found.keys() <= sent.keys(), "never sent"
            assert kept <= found.keys(), "seen after a start, lost later"
            for key in found.keys() - kept:
                check_object(client, key, sent[key], found[key])
            kept = set(found)
        events = "SELECT key, count(*) FROM object_events GROUP BY key"

        def all_told():
            """What had reached the other S3 may end after its sender has."""
            there = listed(client).keys()
            return there == counts(stack, events).keys() and there
        there = wait_for("events of all objects, and of no others", all_told)
        assert kept <= there <= sent.keys()
        kept = there
        jobs = counts(stack, "SELECT type || ' ' || (payload->>'s3Key'), "
                             "count(*) FROM job_queue GROUP BY 1")
        assert counts(stack, events) == dict.fromkeys(kept, 1)
        assert jobs == {f"{kind} {key}": 1 for key in kept
                        for kind in ("process_video", "ai_analysis")}
    finally:
        stack.close()
    assert len(acknowledged) >= rounds, "too few writes to prove anything"
    with capsys.disabled():
        print(f"\nkill -9 loop: {rounds} rounds, {len(acknowledged)} "
              f"acknowledged, {len(kept) - len(acknowledged)} more durable, "
              "0 lost, 0 doubled")
