"""Starts reelgate-media as the broker does: empty environment, the input on
descriptor 3, the output directory on 4, the results on 5."""
import fcntl
import json
import os
import pathlib
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / os.environ.get(
    "REELGATE_BIN", os.environ.get("BIN", "build/release/bin"))
PROGRAM = BIN / "reelgate-media"
ATTACK = BIN.parent / "tests/attack"
# Real files, kept beside the checkout; tests that want them skip without.
SAMPLES = next((p / "shared/media" for p in ROOT.parents
                if (p / "shared/media").is_dir()), None)


class Outcome:
    """What a worker sent and how it ended."""

    def __init__(self, status, frames, log, out):
        self.status = status
        self.frames = frames
        self.log = log
        self.out = out

    @property
    def last(self):
        assert self.frames, f"no frame, status {self.status}: {self.log}"
        return self.frames[-1]

    @property
    def result(self):
        assert self.last["type"] == "result", (self.last, self.log)
        assert self.status == 0
        return self.last

    @property
    def error(self):
        assert self.last["type"] == "error", self.last
        assert self.status == 0
        return self.last["code"]


def read_frames(data):
    frames = []
    while data:
        (size,) = struct.unpack(">I", data[:4])
        assert len(data) >= 4 + size, "a frame was cut off"
        frames.append(json.loads(data[4 : 4 + size]))
        data = data[4 + size :]
    return frames


def dup_all(pairs):
    """dup2 that survives overlapping numbers; runs in the child."""
    above = 300  # every target
    moved = [(fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, above), target)
             for source, target in pairs]
    for source, target in moved:
        os.dup2(source, target, inheritable=True)


def run(inputs, out, job="analyze", clips=None, times=None, exact=None,
        threads=2, deadline=60, memory=2 << 30, timeout=60, request=None,
        flags=os.O_RDONLY):
    """inputs: a path, or a list of (path, offset, size) as extents.
    request: sent instead of a valid one."""
    if not isinstance(inputs, list):
        inputs = [(inputs, 0, os.path.getsize(inputs))]
    fds = [3] + list(range(6, 6 + len(inputs) - 1))
    document = {
        "job": job,
        "size": sum(size for _, _, size in inputs),
        "extents": [
            {"fd": fd, "offset": offset, "size": size}
            for fd, (_, offset, size) in zip(fds, inputs)
        ],
        "threads": threads,
        "memory_bytes": memory,
        "deadline_s": deadline,
    }
    if clips is not None:
        document["clips"] = clips
    if times is not None:
        document["times"] = times
    if exact is not None:
        document["exact"] = exact
    if request is None:
        request = json.dumps(document).encode()
    os.makedirs(out, exist_ok=True)
    opened = [os.open(path, flags) for path, _, _ in inputs]
    folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    results, results_in = os.pipe()
    pairs = list(zip(opened, fds)) + [(folder, 4), (results_in, 5)]
    child = subprocess.Popen(
        [str(PROGRAM)], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        env={}, close_fds=False, preexec_fn=lambda: dup_all(pairs))
    for fd in opened + [folder, results_in]:
        os.close(fd)
    child.stdin.write(request)
    child.stdin.close()
    data = b""
    while chunk := os.read(results, 1 << 16):
        data += chunk
    os.close(results)
    log = child.stderr.read().decode(errors="replace")
    child.stderr.close()
    return Outcome(child.wait(timeout), read_frames(data), log,
                   pathlib.Path(out))
