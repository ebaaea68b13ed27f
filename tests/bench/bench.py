"""What the rows of the benchmark are made of: servers that are started once,
loads, works of the machine, and the measuring itself, which takes turns."""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess

import peers


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much of everything."""
    seconds: float  # of one measurement
    warmup: float
    rounds: int
    sync: bool  # before each measurement
    names: int  # of objects in other rows, at most
    keys: int  # of the full index, a thousand below each prefix
    few_keys: int
    parts: int
    connections: int  # of the memory row, each putting so many bytes:
    upload: int


FULL = Effort(3, 0.5, 3, True, 20_000, 1_000_000, 10_000, 1000, 500, 16 << 20)
QUICK = dataclasses.replace(FULL, seconds=0.5, warmup=0.1)
# To see that all of it runs.
SMOKE = Effort(0.2, 0, 1, False, 50, 2000, 1000, 5, 20, 1 << 20)
KEYS_BELOW_PREFIX = 1000


class Bench:
    """One row's servers and folders; all is gone when it is left, but for
    filled stores, which are kept in `kept`."""

    def __init__(self, folder, kept, programs, effort=FULL):
        self.folder = folder
        self.kept = kept
        self.programs = programs
        self.effort = effort
        self.servers = {}
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_):
        self.stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- servers ----

    def server(self, name, make):
        if name not in self.servers:
            server = make()
            self.stack.callback(server.close)
            self.servers[name] = server
        return self.servers[name]

    def reelgate(self):
        return self.server("reelgate", lambda: peers.Reelgate(
            self.folder / "data"))

    def nginx(self):
        return self.server("nginx", lambda: peers.start_nginx(
            self.folder / "nginx"))

    def nginx_as_it_comes(self):
        """With the buffer for bodies that it has by default."""
        return self.server("nginx16k", lambda: peers.start_nginx(
            self.folder / "nginx16k", "16k"))

    def mhd(self, size):
        return self.server("mhd", lambda: peers.start_mhd(
            self.programs / "bench-limit", size))

    def filled_data(self, keys):
        """The data directory of a store with so many keys."""
        folder = self.kept / f"keys-{keys}"
        stamp = folder / "stamp"
        sources = ("docs/store-format.md", "tests/bench/fill.c")
        version = hashlib.sha256(b"".join(
            (peers.ROOT / name).read_bytes() for name in sources)).hexdigest()
        if not stamp.exists() or stamp.read_text() != version:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            with contextlib.closing(peers.Reelgate(folder / "data")) as s:
                self.load(s, "list", count=1)  # makes the bucket
            self._run("bench-fill", "--data", folder / "data", "--keys", keys,
                      "--prefixes", keys // KEYS_BELOW_PREFIX)
            stamp.write_text(version)
        return folder / "data"

    def filled(self, keys):
        return self.server(f"keys-{keys}", lambda: peers.Reelgate(
            self.filled_data(keys)))

    # ---- programs ----

    def _run(self, name, *words, environment=None):
        done = subprocess.run(
            [self.programs / name, *map(str, words)], text=True,
            env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise RuntimeError(f"{name} {' '.join(map(str, words))}: "
                               f"status {done.returncode}")
        return done.stdout

    def _measure(self, name, words, options, **environment):
        options.setdefault("seconds", self.effort.seconds)
        for option, value in options.items():
            words += ["--" + option.replace("_", "-"), value]
        found = json.loads(self._run(name, *words, **environment))
        found["p50_ms"] = found["p50_us"] / 1000
        return found

    def load(self, server, op, **options):
        """bench-load on a server: its JSON object."""
        words = ["--json", "--url", server.url, "--op", op,
                 "--auth", server.auth]
        options.setdefault("warmup", self.effort.warmup)
        if server.auth != "none":
            words.append("--create-bucket")
        return self._measure("bench-load", words, options,
                             environment=server.environment)

    def limit(self, work, **options):
        """bench-limit on the disk of the row: its JSON object."""
        options.setdefault("dir", self.folder / work)
        return self._measure("bench-limit", [work], options)


def take_turns(sides, rounds, sync):
    """Each side once, then each again ...: all figures of each side. @sync:
    before each turn what others left unwritten is written."""
    values = [[] for _ in sides]
    for _ in range(rounds):
        for side, measured in zip(sides, values):
            if sync:
                os.sync()
            measured.append(side())
    return values
