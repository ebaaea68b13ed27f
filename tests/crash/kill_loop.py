#!/usr/bin/python3
"""kill -9 over HTTP: workers put, overwrite, copy, delete and upload in parts
while the gateway is killed at a random moment, again and again. Each keeps a journal of what was
acknowledged. After every restart each key must be what its journal says: the
last acknowledged state, or that of the one request without an answer.

usage: kill_loop.py [--rounds N] [--workers N] [--seed N]
"""

import argparse
import dataclasses
import pathlib
import random
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "lib"))

from gateway import Gateway  # noqa: E402
from sigv4 import Signer, head  # noqa: E402
from wire import Wire  # noqa: E402

BUCKET = "socialitix-videos"
KEYS = 12  # per worker
NOTHING = None


def payload(version):
    """Bytes that only this version has; around the inline bound."""
    r = random.Random(version)
    return r.randbytes(r.choice([0, 1, 500, 65536, 65537, 200000]))


@dataclasses.dataclass
class Key:
    acknowledged: object = NOTHING  # version, or NOTHING
    pending: tuple = ()             # (version,) of a request without answer


def call(wire, gateway, method, key, body=b"", query=(), headers=None):
    path = f"/{BUCKET}/{key}"
    h = Signer().headers(method, path, f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD", query, headers)
    h["Content-Length"] = str(len(body))
    target = path + ("?" + urllib.parse.urlencode(query) if query else "")
    wire.send(head(method, target, h) + body)
    return wire.read()


class Worker(threading.Thread):
    """Runs until the server is gone. Its keys are its own, so its journal
    knows their order."""

    def __init__(self, number, gateway, journal, versions, seed):
        super().__init__()
        self.number, self.gateway = number, gateway
        self.journal, self.versions = journal, versions
        self.random = random.Random(seed)
        self.count = 0
        self.wrong = None

    def run(self):
        try:
            with Wire(self.gateway.port) as wire:
                while True:
                    self.step(wire)
        except (OSError, EOFError):
            pass
        except AssertionError as e:
            self.wrong = e

    def step(self, wire):
        name = f"uploads/w{self.number}/k{self.random.randrange(KEYS)}"
        key = self.journal.setdefault(name, Key())
        action = self.random.choices(ACTIONS, WEIGHTS)[0]
        version = action(self, wire, name, key)
        key.acknowledged, key.pending = version, ()
        self.count += 1

    def call(self, wire, *args, status=200, **more):
        r = call(wire, self.gateway, *args, **more)
        assert r.status == status, r
        return r

    # Each action names in key.pending what an unanswered request may have
    # made, and answers what an answered one has.

    def put(self, wire, name, key):
        version = next(self.versions)
        key.pending = (version,)
        self.call(wire, "PUT", name, payload(version))
        return version

    def delete(self, wire, name, key):
        key.pending = (NOTHING,)
        self.call(wire, "DELETE", name, status=204)
        return NOTHING

    def put_if_absent(self, wire, name, key):
        version = next(self.versions)
        absent = key.acknowledged is NOTHING
        key.pending = (version,) if absent else ()
        self.call(wire, "PUT", name, payload(version),
                  headers={"If-None-Match": "*"}, status=200 if absent else 412)
        return version if absent else key.acknowledged

    def copy(self, wire, name, key):
        others = [(n, k.acknowledged) for n, k in self.journal.items()
                  if k.acknowledged is not NOTHING and n != name]
        if not others:
            return self.put(wire, name, key)
        source, version = self.random.choice(others)
        key.pending = (version,)
        self.call(wire, "PUT", name,
                  headers={"x-amz-copy-source": f"{BUCKET}/{source}"})
        return version

    def multipart(self, wire, name, key):
        version = next(self.versions)
        made = self.call(wire, "POST", name, query=[("uploads", "")])
        upload = ("uploadId", made.element("UploadId"))
        part = self.call(wire, "PUT", name, payload(version),
                         query=[("partNumber", "1"), upload])
        key.pending = (version,)
        self.call(wire, "POST", name, (
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"
            f"{part.headers['etag']}</ETag></Part></CompleteMultipartUpload>"
        ).encode(), query=[upload])
        return version


ACTIONS = (Worker.put, Worker.delete, Worker.put_if_absent, Worker.copy,
           Worker.multipart)
WEIGHTS = (4, 3, 1, 2, 2)


def counter(number, step):
    """Versions of one worker, distinct from all others'."""
    while True:
        number += step
        yield number


def check_keys(gateway, journal):
    """Every key against its journal; answers the names that are there."""
    errors, present = [], set()
    with Wire(gateway.port) as wire:
        for name, key in journal.items():
            r = call(wire, gateway, "GET", name)
            allowed = {key.acknowledged, *key.pending}
            found = [v for v in allowed
                     if (v is NOTHING and r.status == 404)
                     or (v is not NOTHING and r.status == 200
                         and r.body == payload(v))]
            if not found:
                errors.append(f"{name}: acknowledged {key.acknowledged}, "
                              f"pending {key.pending}, got {r.status} with "
                              f"{len(r.body)} bytes")
                continue
            key.acknowledged, key.pending = found[0], ()
            if found[0] is not NOTHING:
                present.add(name)
    return errors, present


def list_keys(gateway):
    client, token = gateway.client(), {}
    while True:
        page = client.list_objects_v2(Bucket=BUCKET, Prefix="uploads/",
                                      **token)
        for o in page.get("Contents", []):
            yield o["Key"]
        if not page["IsTruncated"]:
            return
        token = {"ContinuationToken": page["NextContinuationToken"]}


def kill_loop(rounds, workers=8, seed=None, say=print):
    """Answers (requests acknowledged, errors)."""
    seed = seed if seed is not None else random.randrange(1 << 30)
    say(f"seed {seed}")
    r = random.Random(seed)
    journals = [{} for _ in range(workers)]
    versions = [counter(n, workers) for n in range(workers)]
    gateway, total, errors = Gateway().start(), 0, []
    try:
        for number in range(rounds):
            team = [Worker(n, gateway, journals[n], versions[n],
                           r.randrange(1 << 30)) for n in range(workers)]
            for w in team:
                w.start()
            time.sleep(r.uniform(0.005, 0.4))
            gateway.kill()
            for w in team:
                w.join()
            count = sum(w.count for w in team)
            total += count
            errors += [f"worker {w.number}: {w.wrong}" for w in team
                       if w.wrong]
            gateway.start()
            present = set()
            for journal in journals:
                wrong, names = check_keys(gateway, journal)
                errors += wrong
                present |= names
            listed = set(list_keys(gateway))
            if listed != present:
                errors.append(f"the listing differs by {listed ^ present}")
            say(f"round {number + 1}: {count} acknowledged, "
                f"{len(errors)} errors")
            if errors:
                break
    finally:
        gateway.close()
    return total, errors


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--rounds", type=int, default=6)
    p.add_argument("--workers", type=int, default=8)
    p.add_argument("--seed", type=int)
    o = p.parse_args()
    total, errors = kill_loop(o.rounds, o.workers, o.seed)
    for e in errors:
        print(e)
    print(f"{o.rounds} rounds, {total} acknowledged requests, "
          f"{len(errors)} errors")
    return 1 if errors or not total else 0


if __name__ == "__main__":
    sys.exit(main())
