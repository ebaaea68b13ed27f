#!/usr/bin/python3
"""Mutated media files through the broker's own code and the real worker.

usage: tests/media/mutate.py [--files 10000] [--seed 1] [--jobs 2]
                             [--keep DIRECTORY] [--seconds 10]

Tiny files of every container and codec are damaged in ways that readers of
such files must survive, and given to tests/media/drive.c, which runs and
judges workers as reelgate-processor does. The broker must outlive them all
and no output of a worker may be refused. Ends are tallied; a file that made
its worker crash, break a rule or lose its way is kept, with the end in its
name. The same seed makes the same files on the same ffmpeg."""
import argparse
import collections
import concurrent.futures
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import worker

DRIVE = worker.BIN.parent / "tests/drive"
PICTURE = ["-f", "lavfi", "-i", "testsrc2=d=0.6:s=64x64:r=15"]
SOUND = ["-f", "lavfi", "-i", "sine=d=0.6:r=32000"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
# File name -> arguments behind the inputs.
SEEDS = {
    "h264-aac.mp4": X264 + ["-g", "5", "-c:a", "aac"],
    "fast.mp4": X264 + ["-c:a", "aac", "-movflags", "+faststart"],
    "fragments.mp4": X264 + ["-c:a", "aac", "-movflags",
                             "+frag_keyframe+empty_moov", "-g", "3"],
    "mpeg4-alac.mp4": ["-c:v", "mpeg4", "-c:a", "alac"],
    "mjpeg-pcm.mov": ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p",
                      "-c:a", "pcm_s16be"],
    "prores.mov": ["-c:v", "prores_ks", "-c:a", "pcm_s24le"],
    "hevc-flac.mkv": ["-c:v", "libx265", "-preset", "ultrafast",
                      "-x265-params", "log-level=none", "-c:a", "flac"],
    "h264-eac3.mkv": X264 + ["-c:a", "eac3", "-ac", "1"],
    "vp8-vorbis.webm": ["-c:v", "libvpx", "-c:a", "libvorbis", "-ac", "2"],
    "vp9-opus.webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime",
                      "-c:a", "libopus", "-ar", "48000"],
    "av1.mkv": ["-c:v", "libaom-av1", "-cpu-used", "8", "-an"],
    "mpeg4-mp3.avi": ["-c:v", "mpeg4", "-c:a", "mp3"],
    "mjpeg.avi": ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-an"],
    "mpeg2-mp2.ts": ["-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"],
    "h264-ac3.ts": X264 + ["-c:a", "ac3", "-ac", "2"],
    "h264.flv": X264 + ["-c:a", "aac"],
    "vorbis.ogg": ["-vn", "-c:a", "libvorbis", "-ac", "2"],
    "opus.ogg": ["-vn", "-c:a", "libopus", "-ar", "48000"],
    "pcm.wav": ["-vn", "-c:a", "pcm_s16le"],
    "float.wav": ["-vn", "-c:a", "pcm_f32le"],
    "tagged.mp3": ["-vn", "-c:a", "mp3", "-metadata", "title=x",
                   "-id3v2_version", "4"],
}
INTERESTING = [0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff,
               0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff]
# Ends that are nobody's wish: their files are kept.
KEPT = ("worker_crash", "worker_policy", "worker_protocol", "worker_limits",
        "worker_start", "timeout", "bad_output", "internal")


def make_seeds(folder):
    made = {}
    for name, arguments in SEEDS.items():
        path = folder / name
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin", "-y", *PICTURE, *SOUND,
             "-fflags", "+bitexact", "-flags", "+bitexact", *arguments, path],
            capture_output=True)
        if done.returncode == 0:
            made[name] = path.read_bytes()
        else:
            print(f"no {name}: this ffmpeg cannot make it", file=sys.stderr)
    return made


# ---- damage ------------------------------------------------------------------
def place(chance, data):
    """Headers are where readers decide: half of the hits lie in the first or
    last 2 KiB."""
    pick = chance.randrange(4)
    if pick == 0:
        return chance.randrange(min(2048, len(data)))
    if pick == 1:
        return len(data) - 1 - chance.randrange(min(2048, len(data)))
    return chance.randrange(len(data))


def flip_bits(chance, data, other):
    for _ in range(chance.choice([1, 1, 4, 32, 256])):
        data[place(chance, data)] ^= 1 << chance.randrange(8)


def set_bytes(chance, data, other):
    for _ in range(chance.choice([1, 2, 8])):
        data[place(chance, data)] = chance.choice(INTERESTING) & 0xff


def set_number(chance, data, other):
    """A count, size or stamp that lies."""
    for _ in range(chance.choice([1, 1, 3])):
        order, kind = chance.choice("<>"), chance.choice("HIQ")
        size = struct.calcsize(kind)
        at = min(place(chance, data), len(data) - size)
        value = chance.choice(INTERESTING) & ((1 << 8 * size) - 1)
        if chance.randrange(3) == 0:
            (now,) = struct.unpack_from(order + kind, data, at)
            value = (now + chance.choice([-1, 1, 1000, now])) & (
                (1 << 8 * size) - 1)
        struct.pack_into(order + kind, data, at, value)


def lie_in_box(chance, data, other):
    """A field behind one of the file's own four-letter names."""
    names = [at for at in range(4, len(data) - 16)
             if data[at:at + 4].isalnum() and not data[at:at + 4].isdigit()]
    if not names:
        return set_number(chance, data, other)
    at = chance.choice(names) + chance.choice([-4, 0, 4, 8, 12, 16, 20, 24])
    at = min(at, len(data) - 4)
    struct.pack_into(">I", data, at, chance.choice(INTERESTING) & 0xffffffff)


def truncate(chance, data, other):
    del data[chance.randrange(len(data)):]


def remove_run(chance, data, other):
    at = place(chance, data)
    del data[at:at + chance.choice([1, 4, 188, 1000])]


def repeat_run(chance, data, other):
    at, size = place(chance, data), chance.choice([4, 64, 188, 1024])
    data[at:at] = data[at:at + size] * chance.choice([1, 2, 50])


def insert_noise(chance, data, other):
    at = place(chance, data)
    data[at:at] = chance.randbytes(chance.choice([1, 4, 300]))


def overwrite_run(chance, data, other):
    at = place(chance, data)
    run = chance.choice([bytes(64), b"\xff" * 64, chance.randbytes(256)])
    data[at:at + len(run)] = run


def splice(chance, data, other):
    """The beginning of one file, the end of another."""
    data[chance.randrange(len(data)):] = other[chance.randrange(len(other)):]


def swap_runs(chance, data, other):
    size = chance.choice([16, 188, 512])
    if len(data) > 2 * size:
        a, b = (chance.randrange(len(data) - size) for _ in range(2))
        data[a:a + size], data[b:b + size] = (data[b:b + size],
                                              data[a:a + size])


DAMAGE = [flip_bits, set_bytes, set_number, lie_in_box, lie_in_box, truncate,
          remove_run, repeat_run, insert_noise, overwrite_run, splice,
          swap_runs]


def mutated(seed, number, seeds):
    """The name of its origin and the bytes of file @number."""
    chance = random.Random(f"{seed}/{number}")
    names = sorted(seeds)
    name = names[number % len(names)]
    data = bytearray(seeds[name])
    for _ in range(chance.choice([1, 1, 2, 4])):
        if len(data) < 16:  # too short to be damaged further
            break
        chance.choice(DAMAGE)(chance, data, seeds[chance.choice(names)])
    return name, bytes(data)


# ---- running -----------------------------------------------------------------
class End:
    """What drive says of one run."""

    def __init__(self, line):
        end, code, seconds, cpu, peak, self.message = line.split(" ", 5)
        self.word = end if code == "-" else code
        self.seconds, self.cpu = float(seconds), float(cpu)
        self.peak = int(peak) << 10  # of all workers so far


class Broker:
    """drive, with one worker at a time."""

    def __init__(self, folder, seconds):
        self.path = folder / "input"
        self.process = subprocess.Popen(
            [DRIVE, worker.PROGRAM, folder / "out", str(seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, job, data):
        self.path.write_bytes(data)
        self.process.stdin.write(f"{job} {self.path}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the broker ended: {self.process.wait()}")
        return End(line.rstrip("\n"))

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0, "the broker failed"


def run_share(folder, seeds, options, numbers):
    """The files @numbers: their ends counted, the slowest, those kept."""
    folder.mkdir()
    broker = Broker(folder, options.seconds)
    ends, slowest, kept = collections.Counter(), 0.0, []
    for number in numbers:
        name, data = mutated(options.seed, number, seeds)
        job = "clips" if number % 7 == 3 else "analyze"
        end = broker.run(job, data)
        ends[end.word] += 1
        slowest = max(slowest, end.seconds)
        if end.word in KEPT:
            path = options.keep / f"{end.word}-{job}-{number}-{name}"
            options.keep.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            kept.append(path)
            print(f"{path}: {end.message}", flush=True)
    broker.close()
    return ends, slowest, kept


def run_all(options, seeds=None):
    """Counted ends, slowest run in seconds, files kept."""
    ends, slowest, kept = collections.Counter(), 0.0, []
    base = "/dev/shm" if shutil.os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=base) as temporary:
        folder = pathlib.Path(temporary)
        seeds = seeds or make_seeds(folder)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            shares = [pool.submit(run_share, folder / f"share-{i}", seeds,
                                  options, range(i, options.files,
                                                 options.jobs))
                      for i in range(options.jobs)]
        for share in shares:
            more, slow, found = share.result()
            ends += more
            slowest = max(slowest, slow)
            kept += found
    return ends, slowest, kept


def read_options(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=10,
                        help="deadline of a worker")
    parser.add_argument("--keep", type=pathlib.Path,
                        default=pathlib.Path("build/mutations"))
    return parser.parse_args(arguments)


def main():
    options = read_options()
    begun = time.monotonic()
    ends, slowest, kept = run_all(options)
    print(f"{sum(ends.values())} files, seed {options.seed}, "
          f"{time.monotonic() - begun:.0f} s; slowest {slowest:.1f} s; "
          "the broker lived")
    for end, count in ends.most_common():
        print(f"{count:7} {end}")
    bad = [path for path in kept
           if path.name.split("-")[0] in ("worker_protocol", "bad_output",
                                          "worker_policy", "worker_start")]
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
