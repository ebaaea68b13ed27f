#!/usr/bin/python3
"""kill -9 over HTTP: workers write in every way there is, in a plain, a
versioned and a suspended bucket, while the gateway is killed at a random
moment, again and again. Each keeps a journal of what was acknowledged. After
every restart all versions of all keys must be what the journals say, byte by
byte, and the outbox must hold exactly their events; the one request that had
no answer happened whole, with its events, or not at all.

usage: kill_loop.py [--rounds N] [--workers N] [--seed N]
"""

import argparse
import base64
import collections
import dataclasses
import hashlib
import pathlib
import random
import re
import sys
import threading
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "lib"))

import journal as j  # noqa: E402
import outbox  # noqa: E402
from gateway import Gateway  # noqa: E402
from sigv4 import Signer, head  # noqa: E402
from wire import Wire  # noqa: E402

KEYS = {j.PLAIN: 10, j.ENABLED: 4, j.SUSPENDED: 3}  # per worker
VERSIONS_MAX = 4


def call(wire, gateway, method, path, body=b"", query=(), headers=None):
    h = Signer().headers(method, path, f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD", query, headers)
    h["Content-Length"] = str(len(body))
    target = path + ("?" + urllib.parse.urlencode(query) if query else "")
    wire.send(head(method, target, h) + body)
    return wire.read()


class Worker(threading.Thread):
    """Runs until the server is gone. Its keys are its own, so its journal
    knows their order."""

    def __init__(self, number, gateway, journal, seed):
        super().__init__()
        self.number, self.gateway, self.journal = number, gateway, journal
        self.random = random.Random(seed)
        self.count = 0
        self.wrong = None

    def run(self):
        try:
            with Wire(self.gateway.port) as wire:
                self.wire = wire
                while True:
                    self.step()
        except (OSError, EOFError):
            pass
        except AssertionError as e:
            self.wrong = e

    def step(self):
        kind = self.random.choices(j.KINDS, (5, 3, 2))[0]
        name = self.name(self.random.randrange(KEYS[kind]))
        versions = self.journal.versions(kind, name)
        action = self.random.choices(ACTIONS, WEIGHTS)[0]
        if len(versions) >= VERSIONS_MAX:
            action = Worker.delete_version
        action(self, kind, name, versions)
        self.count += 1

    def name(self, n):
        return f"uploads/w{self.number}/k{n}"

    def call(self, method, kind, name, body=b"", query=(), headers=None,
             status=200):
        r = call(self.wire, self.gateway, method, f"/{kind}/{name}", body,
                 query, headers)
        assert r.status == status, (method, kind, name, query, r)
        return r

    def change(self, changes, *request, **more):
        """Sends what makes these changes. Without an answer they stay pending
        in the journal."""
        self.journal.pending = changes
        r = self.call(*request, **more)
        made = r.headers.get("x-amz-version-id")
        self.journal.settle([c.told(made) if made else c for c in changes])
        return r

    def bytes(self):
        data = j.payload(self.random)
        self.journal.written.add(j.digest(data))
        return data

    def other(self, kind, name):
        """(name, version on top) of another key that has an object."""
        there = [(n, v[0]) for (b, n), v in self.journal.keys.items()
                 if b == kind and n != name and v and v[0].body]
        return self.random.choice(there) if there else None

    # ---- the requests ----

    def put(self, kind, name, versions):
        data = self.bytes()
        self.change([j.written(kind, name, versions, j.PUT, j.digest(data))],
                    "PUT", kind, name, data)

    def put_if_absent(self, kind, name, versions):
        headers = {"If-None-Match": "*"}
        data = self.bytes()
        if versions and versions[0].body:
            self.call("PUT", kind, name, data, headers=headers, status=412)
            return
        self.change([j.written(kind, name, versions, j.PUT, j.digest(data))],
                    "PUT", kind, name, data, headers=headers)

    def delete(self, kind, name, versions):
        self.change([j.removed(kind, name, versions)], "DELETE", kind, name,
                    status=204)

    def delete_version(self, kind, name, versions):
        known = [v for v in versions if v.id]
        if kind == j.PLAIN or not known:
            return self.put(kind, name, versions)
        gone = self.random.choice(known)
        self.change([j.version_removed(kind, name, versions, gone)], "DELETE",
                    kind, name, query=[("versionId", gone.id)], status=204)

    def delete_many(self, kind, name, versions):
        names = {name} | {self.name(n) for n in range(2)}
        changes = [j.removed(kind, n, self.journal.versions(kind, n))
                   for n in sorted(names)]
        body = ("<Delete>" + "".join(
            f"<Object><Key>{c.key}</Key></Object>" for c in changes)
            + "</Delete>").encode()
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        r = self.change(changes, "POST", kind, "", body,
                        query=[("delete", "")], headers={"Content-MD5": md5})
        assert len(re.findall("<Deleted>", r.text)) == len(changes), r

    def copy(self, kind, name, versions):
        source = self.other(kind, name)
        if not source:
            return self.put(kind, name, versions)
        self.change([j.written(kind, name, versions, j.COPY, source[1].body,
                               source[1].tag)], "PUT", kind, name,
                    headers={"x-amz-copy-source": f"{kind}/{source[0]}"})

    def rename(self, kind, name, versions):
        source = self.other(kind, name)
        if not source or kind != j.PLAIN:
            return self.put(kind, name, versions)
        self.change([j.written(kind, name, versions, j.COPY, source[1].body,
                               source[1].tag),
                     j.removed(kind, source[0],
                               self.journal.versions(kind, source[0]))],
                    "PUT", kind, name, query=[("renameObject", "")],
                    headers={"x-amz-rename-source": source[0]})

    def tag(self, kind, name, versions):
        if not versions or not versions[0].body:
            return self.put(kind, name, versions)
        tag = str(self.random.randrange(1 << 30))
        self.change([j.tagged(kind, name, versions, tag)], "PUT", kind, name, (
            f"<Tagging><TagSet><Tag><Key>t</Key><Value>{tag}</Value></Tag>"
            "</TagSet></Tagging>").encode(), query=[("tagging", "")])

    def multipart(self, kind, name, versions):
        data = self.bytes()
        self.upload(kind, name, versions, j.digest(data), data, {})

    def part_copy(self, kind, name, versions):
        source = self.other(kind, name)
        if not source:
            return self.multipart(kind, name, versions)
        self.upload(kind, name, versions, source[1].body, b"",
                    {"x-amz-copy-source": f"{kind}/{source[0]}"})

    def upload(self, kind, name, versions, body, data, headers):
        """Of one part, whose bytes are sent or those of another key."""
        made = self.call("POST", kind, name, query=[("uploads", "")])
        upload = ("uploadId", made.element("UploadId"))
        part = self.call("PUT", kind, name, data, headers=headers,
                         query=[("partNumber", "1"), upload])
        etag = part.element("ETag") or part.headers["etag"]
        self.change([j.written(kind, name, versions, j.COMPLETE, body)],
                    "POST", kind, name, (
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"
            f"{etag}</ETag></Part></CompleteMultipartUpload>").encode(),
            query=[upload])


ACTIONS = (Worker.put, Worker.put_if_absent, Worker.delete,
           Worker.delete_version, Worker.delete_many, Worker.copy,
           Worker.rename, Worker.tag, Worker.multipart, Worker.part_copy)
WEIGHTS = (5, 2, 3, 4, 1, 2, 2, 2, 2, 2)


# ---- looking at what is there -------------------------------------------------

def read_versions(gateway, bucket):
    """{(bucket, key): [Version]}, newest first as the listing has them, with
    bytes and tags read by GET."""
    found = {}
    with Wire(gateway.port) as wire:
        for key, version_id, is_marker in list_raw(wire, gateway, bucket):
            version = j.Version(None, version_id)
            if not is_marker:
                version = read_version(wire, gateway, bucket, key, version_id)
            found.setdefault((bucket, key), []).append(version)
        for (_, key), versions in found.items():
            r = call(wire, gateway, "GET", f"/{bucket}/{key}")
            top = j.digest(r.body) if r.status == 200 else None
            assert top == versions[0].body, f"{bucket}/{key}: {r}"
    return found


def list_raw(wire, gateway, bucket):
    """(key, version id, is a marker) in the order of the listing."""
    marker = {}
    while True:
        r = call(wire, gateway, "GET", f"/{bucket}", query=[
            ("versions", ""), ("max-keys", "200"), *marker.items()])
        assert r.status == 200, r
        for kind, row in re.findall(r"<(Version|DeleteMarker)>(.*?)</\1>",
                                    r.text, re.S):
            yield (re.search("<Key>(.*?)</Key>", row)[1],
                   re.search("<VersionId>(.*?)</VersionId>", row)[1],
                   kind == "DeleteMarker")
        if r.element("IsTruncated") != "true":
            return
        marker = {"key-marker": r.element("NextKeyMarker"),
                  "version-id-marker": r.element("NextVersionIdMarker")}


def read_version(wire, gateway, bucket, key, version_id):
    query = [("versionId", version_id)]
    r = call(wire, gateway, "GET", f"/{bucket}/{key}", query=query)
    assert r.status == 200, f"{bucket}/{key} {version_id}: {r}"
    tag = ""
    if r.headers.get("x-amz-tagging-count"):
        tag = call(wire, gateway, "GET", f"/{bucket}/{key}",
                   query=[("tagging", ""), *query]).element("Value")
    return j.Version(j.digest(r.body), version_id, tag)


class Outbox:
    """What has been added since the last look."""

    def __init__(self):
        self.seq, self.ids = 0, set()

    def read(self, data):
        """({(bucket, key): [(name, version id)]}, faults)"""
        found, faults = collections.defaultdict(list), []
        for e in outbox.events(data, self.seq):
            if e.seq != self.seq + 1 or e.id in self.ids:
                faults.append(("events", f"after {self.seq}: {e}"))
            self.seq = e.seq
            self.ids.add(e.id)
            found[e.bucket, e.key].append((e.name, e.version))
        return found, faults


def count_objects(gateway):
    with urllib.request.urlopen(gateway.api_url + "/metrics") as r:
        return int(re.search(r"^reelgate_store_objects (\d+)$",
                             r.read().decode(), re.M)[1])


def compare(gateway, journals, events):
    """Every key against its journal."""
    found, faults = {}, []
    for bucket in KEYS:
        found.update(read_versions(gateway, bucket))
    for journal in journals:
        faults += journal.compare(found, events)
    known = {name for journal in journals for name in journal.keys}
    faults += [("lost", f"{name} is nobody's") for name in
               (found.keys() | events.keys()) - known]
    there = sum(v.body is not None for vs in found.values() for v in vs)
    if count_objects(gateway) != there:
        faults.append(("lost", f"{count_objects(gateway)} objects counted, "
                               f"{there} are there"))
    return faults


# ---- the loop -----------------------------------------------------------------

@dataclasses.dataclass
class Outcome:
    rounds: int = 0
    requests: int = 0
    events: int = 0
    faults: list = dataclasses.field(default_factory=list)

    def __str__(self):
        n = collections.Counter(kind for kind, _ in self.faults)
        return (f"{self.rounds} rounds, {self.requests} acknowledged requests,"
                f" {self.events} events: {n['lost']} lost, {n['torn']} torn, "
                f"{n['events']} missing or doubled events, {n['answer']} "
                "wrong answers")


def prepare(gateway, journals):
    """The buckets; in the suspended one each key has a version of before."""
    client = gateway.client()
    for bucket in KEYS:
        client.create_bucket(Bucket=bucket)
    for bucket in (j.ENABLED, j.SUSPENDED):
        client.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number, journal in enumerate(journals):
        for n in range(KEYS[j.SUSPENDED]):
            name, body = f"uploads/w{number}/k{n}", b"before"
            journal.written.add(j.digest(body))
            made = client.put_object(Bucket=j.SUSPENDED, Key=name, Body=body)
            change = j.written(j.ENABLED, name, (), j.PUT, j.digest(body))
            journal.settle([dataclasses.replace(
                change.told(made["VersionId"]), bucket=j.SUSPENDED)])
    client.put_bucket_versioning(
        Bucket=j.SUSPENDED, VersioningConfiguration={"Status": "Suspended"})


def one_round(gateway, journals, log, r):
    """(requests acknowledged, faults)"""
    team = [Worker(n, gateway, journal, r.randrange(1 << 30))
            for n, journal in enumerate(journals)]
    for w in team:
        w.start()
    time.sleep(r.uniform(0.005, 0.4))
    gateway.kill()
    for w in team:
        w.join()
    faults = [("answer", f"worker {w.number}: {w.wrong}") for w in team
              if w.wrong]
    events, wrong = log.read(gateway.data)
    gateway.start()
    return (sum(w.count for w in team),
            faults + wrong + compare(gateway, journals, events))


def kill_loop(rounds, workers=8, seed=None, say=print):
    seed = seed if seed is not None else random.randrange(1 << 30)
    say(f"seed {seed}")
    r, log, done = random.Random(seed), Outbox(), Outcome()
    journals = [j.Journal() for _ in range(workers)]
    gateway = Gateway().start()
    try:
        prepare(gateway, journals)
        while done.rounds < rounds and not done.faults:
            requests, done.faults = one_round(gateway, journals, log, r)
            done.rounds += 1
            done.requests += requests
            done.events = log.seq
            say(f"round {done.rounds}: {requests} acknowledged, "
                f"{len(done.faults)} faults")
    finally:
        gateway.close()
    return done


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--rounds", type=int, default=6)
    p.add_argument("--workers", type=int, default=8)
    p.add_argument("--seed", type=int)
    o = p.parse_args()
    done = kill_loop(o.rounds, o.workers, o.seed)
    for kind, text in done.faults:
        print(kind, text)
    print(done)
    return 1 if done.faults or not done.requests else 0


if __name__ == "__main__":
    sys.exit(main())
