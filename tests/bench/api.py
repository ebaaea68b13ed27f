#!/usr/bin/python3
"""Many users at once: uploads by signed URLs while clients poll.

usage: tests/bench/api.py [--uploads 500] [--pollers 5000] [--seconds 60]
                          [--every 5] [--changes 20] [--tries 30]
                         [--connections N]

Starts a PostgreSQL and a gateway of its own (of build/release, or
REELGATE_BIN). Each poller is a user with a video and a connection of its own,
which it keeps as long as the gateway does, and polls with the ETag it has.
Each upload is upload-url, PUT of a real video, complete-upload. 429 and 503
are "later": the client comes back after Retry-After. Meanwhile videos change.

Status 1 when anything but that was answered, a client was not served, one did
not see its video's last state, or descriptors stay open.
"""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from urllib.parse import urlsplit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from pg import Postgres  # noqa: E402
from stack import Stack, token  # noqa: E402
from web import wait_for  # noqa: E402

LATER = (429, 503)
FIRST_VIDEO = ("INSERT INTO videos (id, user_id, title, filename, bucket,"
               " s3_key, file_size, content, analysis_status) VALUES ")


def parse():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, default in (("uploads", 500), ("pollers", 5000),
                          ("seconds", 60), ("every", 5), ("changes", 20),
                          ("tries", 30)):
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--connections", type=int, metavar="N",
                   help="REELGATE_MAX_CONNECTIONS, else its default")
    return p.parse_args()


# ---- a client ---------------------------------------------------------------

class Broken(Exception):
    """The connection ended instead of an answer."""


class Client:
    """One connection, made anew when the gateway has ended it."""

    def __init__(self, netloc):
        self.host, self.port = netloc.split(":")
        self.reader = self.writer = None

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection(
            self.host, self.port)

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def once(self, head, body):
        if self.writer is None or self.reader.at_eof():
            self.close()
            await self.connect()
        self.writer.write(head + body)
        try:
            answer = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as e:
            self.close()
            raise Broken from e
        status, *lines = answer[:-4].decode().split("\r\n")
        status = int(status.split()[1])
        headers = dict(x.lower().split(": ", 1) if ": " in x else (x, "")
                       for x in lines)
        n = 0 if status in (204, 304) else int(headers["content-length"])
        data = await self.reader.readexactly(n)
        if headers.get("connection") == "close":
            self.close()
        return status, headers, data

    async def request(self, method, target, headers, body=b""):
        """A kept connection may be ended by the gateway while a request is
        on its way (RFC 9112, 9.3.1): then once more, on a new one."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}:{self.port}",
                 *(f"{k}: {v}" for k, v in headers.items())]
        if method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        kept = self.writer is not None
        try:
            return await self.once(head, body)
        except (Broken, ConnectionError):
            if not kept:
                raise
            return await self.once(head, body)


class Tally:
    def __init__(self, tries):
        self.tries = tries
        self.statuses = collections.Counter()
        self.seconds = collections.defaultdict(list)
        self.later = 0
        self.wrong = []
        self.most_tries = 0

    async def patiently(self, what, call):
        """The first answer that is no "later"."""
        for tries in range(1, self.tries + 1):
            begun = time.monotonic()
            status, headers, body = await call()
            self.seconds[what].append(time.monotonic() - begun)
            self.statuses[what, status] += 1
            self.most_tries = max(self.most_tries, tries)
            if status not in LATER:
                return status, headers, body
            self.later += 1
            await asyncio.sleep(int(headers["retry-after"]))
        raise AssertionError(f"{what}: never served")

    async def guarded(self, client):
        try:
            await client
        except Exception as e:  # told at the end, with all others
            self.wrong.append(repr(e))


# ---- what they do -----------------------------------------------------------

class Poller:
    def __init__(self, netloc):
        self.user, self.video = str(uuid.uuid4()), str(uuid.uuid4())
        self.client = Client(netloc)
        self.headers = {"Authorization": f"Bearer {token(self.user)}"}
        self.seen = None

    async def poll(self, tally):
        status, headers, body = await tally.patiently(
            "poll", lambda: self.client.request(
                "GET", f"/api/videos/{self.video}/status", self.headers))
        if status == 200:
            self.seen = json.loads(body)
            self.headers["If-None-Match"] = headers["etag"]
        elif status != 304:
            raise AssertionError(f"poll: {status} {body[:200]}")

    async def run(self, tally, first, end, every, changing):
        await asyncio.sleep(first)
        while time.monotonic() < end:
            await self.poll(tally)
            await asyncio.sleep(every)
        await asyncio.wait([changing])
        await self.poll(tally)  # after the last change
        self.client.close()


async def upload(netloc, tally, video):
    user = str(uuid.uuid4())
    client = Client(netloc)
    bearer = {"Authorization": f"Bearer {token(user)}",
              "Content-Type": "application/json"}

    async def post(what, **body):
        status, _, answer = await tally.patiently(
            what, lambda: client.request("POST", f"/api/videos/{what}",
                                         bearer, json.dumps(body).encode()))
        assert status in (200, 201), (what, status, answer[:200])
        return json.loads(answer)
    ticket = await post("upload-url", fileName="a.mp4", fileType="video/mp4",
                        fileSize=len(video))
    at = urlsplit(ticket["uploadUrl"])
    store = Client(at.netloc)
    status, _, answer = await tally.patiently(
        "put", lambda: store.request("PUT", f"{at.path}?{at.query}", {
            "Content-Type": ticket["fields"]["Content-Type"]}, video))
    assert status == 200, (status, answer[:200])
    store.close()
    await post("complete-upload", key=ticket["key"], fileName="a.mp4")
    client.close()


def make_video(path):
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
         "testsrc=s=320x240:d=2", "-c:v", "libx264", "-preset", "ultrafast",
         path], check=True)
    return pathlib.Path(path).read_bytes()


async def change(stack, pollers, per_second, end):
    """Videos move on, as a processor would have them."""
    i = 0
    while per_second and time.monotonic() < end:
        ids = [pollers[(i + k) % len(pollers)].video
               for k in range(per_second)]
        i += per_second
        process = await asyncio.create_subprocess_exec(
            f"{stack.postgres.bin}/psql", "-Xq", "-d",
            stack.postgres.url(stack.database), "-c",
            "UPDATE videos SET progress = progress % 99 + 1 WHERE id IN ("
            + ",".join(f"'{v}'" for v in ids) + ")")
        assert await process.wait() == 0
        await asyncio.sleep(1)


# ---- what it costs ----------------------------------------------------------

def ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    return sum(map(int, fields.split()[11:15]))  # with reaped children


def family(pid):
    """It and its children; threads come and go meanwhile."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:
            pass
    return found


def cpu_seconds(pid):
    total = 0
    for one in family(pid):
        try:
            total += ticks(one)
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def memory_mib(pid):
    """Its own share, so that PostgreSQL's buffers count once."""
    total = 0
    for one in family(pid):
        try:
            text = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in text.splitlines()
                      if line.startswith("Pss:"))
    return total / 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


class Watch:
    """The most of it that was seen."""

    def __init__(self, gateway, database):
        self.pids = {"gateway": gateway, "PostgreSQL": database}
        self.memory = collections.Counter()
        self.threads = self.files = 0

    def look(self):
        for name, pid in self.pids.items():
            self.memory[name] = max(self.memory[name], memory_mib(pid))
        pid = self.pids["gateway"]
        self.threads = max(self.threads, threads(pid))
        self.files = max(self.files, descriptors(pid))

    async def run(self):
        while True:
            self.look()
            await asyncio.sleep(2)


# ---- the run ----------------------------------------------------------------

async def load(options, stack, pollers, video, tally, watch):
    netloc = urlsplit(stack.api).netloc
    end = time.monotonic() + options.seconds
    looking = asyncio.create_task(watch.run())
    changing = asyncio.create_task(tally.guarded(change(
        stack, pollers, options.changes, end - 1)))
    every = options.every
    await asyncio.gather(
        *(tally.guarded(p.run(tally, i * every / len(pollers), end, every,
                              changing))
          for i, p in enumerate(pollers)),
        *(tally.guarded(upload(netloc, tally, video))
          for _ in range(options.uploads)))
    await changing
    looking.cancel()


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))] * 1000


def report(tally, watch, used, seconds):
    for what, values in sorted(tally.seconds.items()):
        print(f"{what:<16}{len(values):>7}  p50 {percentile(values, .5):.1f}"
              f" ms  p99 {percentile(values, .99):.1f} ms"
              f"  most {max(values) * 1000:.0f} ms  " + ", ".join(
                  f"{status}: {n}" for (name, status), n in
                  sorted(tally.statuses.items()) if name == what))
    print(f"told to come later {tally.later} times; most tries of a request "
          f"{tally.most_tries}")
    for name, t in used.items():
        print(f"{name:<12}{t:.1f} s of processor in {seconds:.0f} s"
              + (f", at most {watch.memory[name]:.0f} MiB"
                 if name in watch.memory else ""))
    print(f"gateway: at most {watch.threads} threads, {watch.files} "
          "descriptors")


def unseen(stack, pollers):
    """Pollers whose last answer is not what the database says."""
    rows = dict(stack.sql("SELECT id, progress FROM videos"))
    return sum(p.seen is None or int(rows[p.video]) != p.seen["progress"]
               for p in pollers)


def run(options, stack, video):
    pollers = [Poller(urlsplit(stack.api).netloc)
               for _ in range(options.pollers)]
    for i in range(0, len(pollers), 500):
        stack.sql(FIRST_VIDEO + ",".join(
            f"('{p.video}','{p.user}','t','a.mp4','b','k/{p.video}',1,'c',"
            "'processing')" for p in pollers[i:i + 500]))
    gateway, database = stack.process.pid, stack.postgres.process.pid
    tally, watch = Tally(options.tries), Watch(gateway, database)
    wait_for("quiet start", lambda: threads(gateway) < 40)
    before = descriptors(gateway), threads(gateway)
    pids = {**watch.pids, "load": os.getpid()}
    used = {name: cpu_seconds(pid) for name, pid in pids.items()}
    begun = time.monotonic()
    asyncio.run(load(options, stack, pollers, video, tally, watch))
    seconds = time.monotonic() - begun
    used = {name: cpu_seconds(pid) - used[name] for name, pid in pids.items()}
    stack.relayed()
    wait_for("end of connections", lambda: threads(gateway) <= before[1], 120)
    # connections to the database are made as needed, and kept
    left = descriptors(gateway) - before[0]
    missed = unseen(stack, pollers)
    made = int(stack.sql("SELECT count(*) FROM videos")[0][0])
    report(tally, watch, used, seconds)
    print(f"descriptors: {left} more than before (16 are the database's); "
          f"{missed} pollers with an old state; "
          f"{made - options.pollers} of {options.uploads} uploads are videos")
    for text, n in collections.Counter(tally.wrong).most_common(10):
        print(f"WRONG {n} x {text}")
    return not tally.wrong and not missed and left <= 16 and \
        made == options.pollers + options.uploads


def main():
    options = parse()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settings = {"LOG_LEVEL": "warn"}
    if options.connections:
        settings["REELGATE_MAX_CONNECTIONS"] = str(options.connections)
    with tempfile.TemporaryDirectory() as folder, Postgres() as postgres:
        stack = Stack(postgres, **settings)
        try:
            good = run(options, stack, make_video(f"{folder}/a.mp4"))
        finally:
            stack.close()
    print("passed" if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
