#!/usr/bin/python3
"""The gateway in front of another S3: what passing through it costs.

usage: tests/bench/remote.py [--rounds 3] [--seconds 3] [--connections 4]
                             [--parallel 100] [--size 67108864] [--small]

B is a gateway with the local backend, A one with REELGATE_BACKEND=s3 in front
of it, both of build/release (or REELGATE_BIN). The same load goes straight to
B and through A to B, in turns. It is of two kinds: "presigned" URLs, as
browsers have, whose bodies no signature covers; and "signed" headers with the
SHA-256 of the body, as SDKs send over http. The client, A and B share the
machine's processors: so each figure stands beside the CPU seconds that every
program took for 10^9 bytes. Then --parallel objects are put through A at once,
and got at once, and the most memory that A took meanwhile is read.

Status 1 when an answer was wrong, or a bar was missed (0.8 of the rate, 300 MB
of memory).
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))

import bench  # noqa: E402
import gateway  # noqa: E402

MIB = 1 << 20
RATE_BAR, MEMORY_BAR = 0.8, 300e6
# How a request is signed, and whether its signature covers the body.
KINDS = {"presigned": ("presigned", "unsigned"),
         "signed": ("header", "signed")}
LOADS = (("put", "presigned"), ("put", "signed"), ("get", "presigned"))
TICKS = os.sysconf("SC_CLK_TCK")


def parse():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, kind, default, what in (
            ("rounds", int, 3, "turns of each side"),
            ("seconds", float, 3, "of one turn"),
            ("connections", int, 4, "of one turn"),
            ("parallel", int, 100, "of the memory rows; 0: none"),
            ("size", int, 64 * MIB, "bytes of a large object")):
        p.add_argument(f"--{name}", type=kind, default=default, help=what)
    p.add_argument("--small", action="store_true",
                   help="objects of 4 KiB as well")
    return p.parse_args()


class Side:
    """A gateway as bench-load is told of it, and its process."""
    auth = "presigned"  # turn() sets it

    def __init__(self, served, secret):
        self.gateway = served
        self.url = served.url
        self.environment = {"AWS_ACCESS_KEY_ID": secret[0],
                            "AWS_SECRET_ACCESS_KEY": secret[1]}

    def _proc(self, name):
        return pathlib.Path(f"/proc/{self.gateway.process.pid}/{name}")

    def cpu_s(self):
        fields = self._proc("stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def forget_peak(self):
        self._proc("clear_refs").write_text("5")

    def peak(self):
        for line in self._proc("status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmHWM")


class Pair:
    """A in front of B, and the client of both."""

    def __init__(self, folder):
        settings = {"REELGATE_SCRUB_BYTES_PER_S": "0"}
        self.served = gateway.Gateway({"REELGATE_BACKEND": "s3", **settings},
                                      data=folder / "a")
        (folder / "a").mkdir()
        self.served.start()
        self.a = Side(self.served, (gateway.ACCESS_KEY, gateway.SECRET_KEY))
        self.b = Side(self.served.upstream, (gateway.UPSTREAM_ACCESS_KEY,
                                             gateway.UPSTREAM_SECRET_KEY))
        self.load = bench.Bench(folder / "bench", folder, gateway.BIN.parent
                                / "bench").load

    def close(self):
        self.served.close()

    def turn(self, side, op, size, kind="presigned", **options):
        """One load: its figures, with the CPU time of everyone."""
        side.auth, payload = KINDS[kind]
        before = self.a.cpu_s(), self.b.cpu_s()
        found = self.load(side, op, size=size, warmup=0, bucket="bench",
                          payload=payload, **options)
        gb = found["mb_s"] * found["seconds"] / 1000
        found["cpu"] = tuple((now - was) / gb for now, was in zip(
            (self.a.cpu_s(), self.b.cpu_s()), before))
        return found


def rates(pair, given, op, kind, size, keys):
    """Straight and through A, in turns: one line of the table."""
    if op == "get":
        pair.turn(pair.b, "put", size, keys=keys, count=keys,
                  connections=given.connections)
    sides = [lambda s=s: pair.turn(s, op, size, kind, keys=keys,
                                   connections=given.connections,
                                   seconds=given.seconds)
             for s in (pair.b, pair.a)]
    straight, through = bench.take_turns(sides, given.rounds, True)
    name = f"{op} {size // MIB} MiB" if size >= MIB else f"{op} {size} bytes"
    middle = [statistics.median(f["mb_s"] for f in side)
              for side in (straight, through)]
    cpu = [[statistics.median(f["cpu"][i] for f in side) for i in (0, 1)]
           for side in (straight, through)]
    ratio = middle[1] / middle[0]
    print(f"{name:<12} {kind:<9} straight {middle[0]:7.1f} MB/s, through "
          f"{middle[1]:7.1f} MB/s: {ratio:.2f}; CPU s/GB straight B "
          f"{cpu[0][1]:.2f}; through A {cpu[1][0]:.2f}, B {cpu[1][1]:.2f}",
          flush=True)
    return ratio


def memory(pair, given, op):
    """The most that A holds while so many bodies are on their way."""
    pair.a.forget_peak()
    pair.turn(pair.a, op, given.size, keys=given.parallel,
              count=given.parallel, connections=given.parallel)
    peak = pair.a.peak()
    print(f"{given.parallel} x {op} {given.size // MIB} MiB at once through "
          f"A: {peak / 1e6:.0f} MB at most", flush=True)
    return peak


def main():
    given = parse()
    met = True
    with tempfile.TemporaryDirectory(prefix="reelgate-bench-") as folder:
        pair = Pair(pathlib.Path(folder))
        try:
            for op, kind in LOADS:
                met &= rates(pair, given, op, kind, given.size,
                             16) >= RATE_BAR
            for op, kind in LOADS if given.small else ():
                rates(pair, given, op, kind, 4096, 2000)
            for op in ("put", "get") if given.parallel else ():
                met &= memory(pair, given, op) < MEMORY_BAR
        finally:
            pair.close()
    print("all bars met" if met else "a bar was MISSED")
    return not met


if __name__ == "__main__":
    sys.exit(main())
