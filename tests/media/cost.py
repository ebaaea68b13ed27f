#!/usr/bin/python3
"""What the analysis costs beside decoding: user CPU time of reelgate-media
against that of ffmpeg, which decodes the same file and throws it away, on as
many threads. Interleaved, because a machine is seldom alone.

usage: tests/media/cost.py FILE [RUNS] [THREADS]"""
import resource
import statistics
import subprocess
import sys
import tempfile

import worker


def user_time(work):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    work()
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def main(path, runs=5, threads=2):
    def decode():
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-threads",
                        str(threads), "-i", path, "-f", "null", "-"],
                       check=True)

    def analyse():
        with tempfile.TemporaryDirectory() as out:
            worker.run(path, out, threads=int(threads)).result

    times = [(user_time(decode), user_time(analyse))
             for _ in range(int(runs))]
    for name, pick in ("median", statistics.median), ("least", min):
        decoding, analysis = (pick(column) for column in zip(*times))
        print(f"{name}: decoding {decoding:.2f} s, analysis {analysis:.2f} s, "
              f"ratio {analysis / decoding:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
