"""What there is at the end of the chaos test, read once: the objects by the
gateway, the events from the store's own index, the rows from PostgreSQL, and
what the processes have left lying about. chaos_check.py judges it."""

import contextlib
import dataclasses
import json
import os
import pathlib

import outbox
from gateway import DEFAULT_BUCKET as BUCKET
from web import wait_for


@dataclasses.dataclass
class State:
    uploads: list = None      # ledger of the clients
    unanswered: list = None   # bodies of forms without an answer
    objects: dict = None      # key: bytes, below uploads/
    derived: dict = None      # key: size
    outbox: list = None       # outbox.Event
    events: list = None       # rows of object_events ...
    cursors: list = None
    videos: list = None
    jobs: list = None
    clips: list = None
    parts: dict = None        # video: [segments, hooks]
    intents: list = None      # open ones
    told: list = None         # (id, message) of each webhook that arrived
    taken: set = None         # ids of those that were answered with success
    unsigned: list = None     # ids of those not signed by us
    left: list = None         # work directories, descriptors, processes
    errors: list = None       # lines of the logs


def _objects(machine, prefix):
    pages = machine.client().get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix=prefix)
    return {o["Key"]: o["Size"] for page in pages
            for o in page.get("Contents", [])}


def _jobs(machine):
    rows = machine.rows("SELECT id, type, status, attempts, live, video_id, "
                        "dedupe_key, error, errors, result, payload, progress "
                        "FROM job_queue")
    for row in rows:
        row["attempts"] = int(row["attempts"])
        for name in ("errors", "payload", "result"):
            row[name] = json.loads(row[name]) if row[name] else None
    return rows


def traces(pid, folders):
    """What of a process's open files is left of a job or a request: files of
    objects and of runs, unnamed ones, the folder of a run."""
    found = []
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            link, folder = os.readlink(fd), os.path.isdir(fd)
        except OSError:
            continue
        if link.startswith(folders) and (
                "/work/" in link or link.endswith("(deleted)") or
                "/blobs/" in link and not folder):
            found.append(link)
    return found


def _left(world):
    m = world.machine
    folders = (str(m.data), str(world.far_data))
    found = [f"work: {d}/work/{name}" for d in folders
             for name in os.listdir(f"{d}/work")]
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            name, pid = comm.read_text().strip(), int(comm.parent.name)
            if name.startswith("reelgate"):
                found += [f"{name} {pid} has open: {x}"
                          for x in traces(pid, folders)]
        except OSError:
            continue  # it has ended
    return found


def _errors(machine):
    logs = [("gateway", machine.log())] + [
        (f"processor {p.process.pid}", p.log()) for p in machine.processors]
    return [f"{who}: {line}" for who, log in logs
            for line in log.splitlines() if '"level":"error"' in line]


def read(world, clients):
    """The services run when it begins and are stopped when it has ended."""
    m = world.machine
    client = m.client()
    s = State(uploads=[u for c in clients for u in c.uploads],
              unanswered=[b for c in clients for b in c.unanswered])
    # A run that was lost to another processor may have its end before it.
    with contextlib.suppress(AssertionError):
        wait_for("end of the lost runs", lambda: not _left(world))
    s.left = _left(world)
    for p in world.processors():
        p.stop()
    s.objects = {key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
                 for key in _objects(m, "uploads/")}
    s.derived = _objects(m, "derived/")
    s.events = m.rows("SELECT deployment, epoch, seq, event_id, event_name, "
                      "bucket, key, error FROM object_events ORDER BY seq")
    s.cursors = m.rows("SELECT * FROM relay_cursor")
    s.videos = m.rows("SELECT * FROM videos")
    s.jobs = _jobs(m)
    s.clips = m.rows("SELECT * FROM clips")
    s.parts = {row[0]: [int(row[1]), int(row[2])] for row in m.sql(
        "SELECT id, (SELECT count(*) FROM engagement_segments "
        "WHERE video_id = v.id), (SELECT count(*) FROM hooks "
        "WHERE video_id = v.id) FROM videos v")}
    s.intents = m.rows("SELECT key FROM upload_intents "
                       "WHERE completed_at IS NULL")
    s.told = [(x.id, x.json) for x in world.told.messages]
    s.taken, s.unsigned = world.told.taken, world.told.unsigned
    m.stop()
    s.outbox = outbox.events(m.data)
    s.errors = _errors(m)
    return s
