#!/usr/bin/python3
"""The whole chain under blows: clients upload videos in every way there is
while the gateway with its relay, the processors, media workers, PostgreSQL,
its sessions and all of them at once are killed, cut off and frozen at random.
In the end every upload is one object, one video, one completed job of each
kind, with every effect once, and nothing else is there.

usage: chaos.py [--uploads N] [--seed N] [--clients N] [--rate PER_S] [--hasten]
"""

import argparse
import collections
import dataclasses
import pathlib
import random
import re
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "lib"))

import chaos_check  # noqa: E402
import chaos_state  # noqa: E402
from chaos_blows import Blows, World  # noqa: E402
from chaos_clients import Bodies, Client, Cutter  # noqa: E402
from machine import ffmpeg  # noqa: E402

# No job, video or event has moved for so long: more than a lease, its rescue
# and the end of a worker that hangs take together. How long all the work
# takes is the machine's business.
STILL_S = 150
VIDEOS = 12


@dataclasses.dataclass
class Plan:
    uploads: int = 2000
    seed: int = 1
    clients: int = 6
    rate: float = 4       # uploads in a second, of all clients
    between: tuple = (2, 8)  # seconds from blow to blow
    hasten: bool = False


def make_videos():
    """Small ones, each of other pictures; every second one has sound."""
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(VIDEOS):
            sound = ["-f", "lavfi", "-i", f"sine={220 + 40 * n}:duration=1",
                     "-c:a", "aac"] if n % 2 else []
            made.append(ffmpeg(
                pathlib.Path(folder, f"{n}.mp4"), "-f", "lavfi", "-i",
                f"testsrc2=size=64x48:rate=10:duration=1,hue=h={30 * n}",
                *sound, "-c:v", "libx264", "-preset", "ultrafast",
                "-pix_fmt", "yuv420p").read_bytes())
    return made


def strike(blows, plan, busy):
    """Blow after blow in an order of chance, each as often as the others, as
    long as clients upload; answers how many of each."""
    pick, done = random.Random(plan.seed), collections.Counter()
    while busy():
        for name in pick.sample(Blows.NAMES, len(Blows.NAMES)):
            time.sleep(pick.uniform(*plan.between))
            if not busy():
                break
            getattr(blows, name)()
            done[name] += 1
            if plan.hasten:
                blows.world.hurry()
    return done


# ---- the end ----------------------------------------------------------------

def tally(world):
    """Everything that moves on the way to the end."""
    return {what: int(n) for what, n in world.sql("""
        SELECT 'cursor', coalesce(sum(last_seq), 0) FROM relay_cursor UNION ALL
        SELECT 'attempts', coalesce(sum(attempts), 0) FROM job_queue UNION ALL
        SELECT concat_ws(' ', CASE WHEN live THEN 'live' END, type, status),
          count(*) FROM job_queue GROUP BY 1 ORDER BY 1""")}


def notable(log):
    """Its last warnings and errors, and its end."""
    lines = log.splitlines(keepends=True)
    bad = [x for x in lines[:-20] if re.search(r'"level":"(warn|err)', x)]
    return "".join(bad[-20:] + lines[-20:])


def still_open(world):
    """What stands in the way of the end, for the message of a failure."""
    rows = world.sql(
        "SELECT id, type, payload->>'s3Key', status, attempts, run_at - now(),"
        " locked_by, lease_until - now(), right(errors::text, 600)"
        " FROM job_queue LEFT JOIN workers ON name = locked_by"
        " WHERE live ORDER BY job_queue.started_at NULLS LAST LIMIT 30")
    m = world.machine
    logs = [("gateway", m.process, m.log())] + [
        (f"processor {p.process.pid}", p.process, p.log())
        for p in world.processors()]
    return "\n".join([" ".join(row) for row in rows] + [
        f"--- {who}, status {process.poll()}\n" + notable(log)
        for who, process, log in logs])


def settle(world):
    """Waits until nothing is left to do, as long as there is progress."""
    before, moved = None, time.monotonic()
    while True:
        world.hurry()
        now, relay = tally(world), world.machine.ready()["relay"]
        if relay == {"state": "running", "lag": 0} and \
                not any(what.startswith("live ") for what in now):
            return
        if now != before:
            before, moved = now, time.monotonic()
        assert time.monotonic() - moved < STILL_S, \
            f"nothing moves: {now}, relay {relay}\n{still_open(world)}"
        time.sleep(0.2)


# ---- the run ----------------------------------------------------------------

@dataclasses.dataclass
class Report:
    state: chaos_state.State
    faults: list
    struck: int  # failed attempts
    text: str


def join(threads):
    for t in threads:
        t.join()
        if t.wrong:
            raise t.wrong


def report(plan, state, clients, done, blows, seconds):
    jobs = collections.Counter(f"{j['type']} {j['status']}"
                               for j in state.jobs)
    struck = sum(e["error"] in chaos_check.BLOWS
                 for j in state.jobs for e in j["errors"])
    text = (
        f"chaos, seed {plan.seed}: {plan.uploads} uploads in {seconds[0]:.0f}"
        f" s, all done after {seconds[1]:.0f} s; {len(state.objects)} objects,"
        f" {len(state.videos)} videos, {len(state.events)} events, "
        f"{len(state.taken)} messages in {len(state.told)} tries; "
        + ", ".join(f"{n} {what}" for what, n in sorted(jobs.items()))
        + f"; {sum(c.repeats for c in clients)} repeated requests, "
        f"{struck} runs struck; "
        f"{sum(done.values())} blows ("
        + ", ".join(f"{n} {name}" for name, n in sorted(done.items()))
        + f"; {blows.missed} hit nothing)")
    return Report(state, chaos_check.faults(state), struck, text)


def chaos(plan):
    begun = time.monotonic()
    bodies = Bodies(make_videos())
    world = World(plan.hasten)
    try:
        blows = Blows(world, plan.seed)
        share = [len(range(n, plan.uploads, plan.clients))
                 for n in range(plan.clients)]
        clients = [Client(world, n, count, bodies,
                          2 * plan.clients / plan.rate, plan.seed)
                   for n, count in enumerate(share)]
        cutters = [Cutter(c) for c in clients]
        for thread in clients + cutters:
            thread.start()
        done = strike(blows, plan,
                      lambda: any(c.is_alive() for c in clients))
        join(clients)
        seconds = [time.monotonic() - begun]
        settle(world)
        join(cutters)
        settle(world)
        seconds.append(time.monotonic() - begun)
        state = chaos_state.read(world, clients)
    finally:
        world.close()
    return report(plan, state, clients, done, blows, seconds)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--uploads", type=int, default=2000)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--clients", type=int, default=6)
    p.add_argument("--rate", type=float, default=4,
                   help="uploads in a second, at most")
    p.add_argument("--between", type=float, nargs=2, default=(2, 8),
                   metavar="S", help="seconds from blow to blow")
    p.add_argument("--hasten", action="store_true",
                   help="do not wait for leases and pauses between attempts")
    plan = Plan(**vars(p.parse_args()))
    done = chaos(plan)
    print(done.text)
    for kind, what in done.faults:
        print(f"{kind}: {what}")
    print(f"{len(done.faults)} faults")
    return 1 if done.faults else 0


if __name__ == "__main__":
    sys.exit(main())
