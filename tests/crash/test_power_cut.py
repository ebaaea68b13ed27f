"""The power is cut at every moment of a recorded run, in many ways; the store
that each cut leaves must have all that was acknowledged, and nothing half. The
same with one promise broken must be caught: else the test would prove nothing.

power_record.c records, power_driver.c is recorded, power_replay.c cuts."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

LONG = bool(os.environ.get("REELGATE_TEST_LONG"))
SEEDS = range(1, 21) if LONG else (1, 2)
STATES = 0 if LONG else 1200  # 0: all
CAUGHT_OF = 2000 if LONG else 200
PROGRAMS = pathlib.Path(os.environ.get("REELGATE_BIN", "build/debug/bin")) \
    .resolve().parent / "tests" / "power"


@pytest.fixture
def work():
    where = tempfile.mkdtemp(prefix="reelgate-power-", dir="/dev/shm")
    yield pathlib.Path(where)
    shutil.rmtree(where)


def record(work, seed, workers=3, steps=40, late=False, lmdb=""):
    data = work / "data"
    data.mkdir()
    env = dict(os.environ, LD_PRELOAD=PROGRAMS / "record.so", POWER_DIR=data,
               POWER_TRACE=work / "trace", POWER_SYNC_US="200",
               POWER_LMDB=lmdb)
    run = subprocess.run(
        [PROGRAMS / "driver", data, str(seed), str(workers), str(steps)] +
        ["events-late"] * late, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]


def replay(work, capsys, title, *options):
    """The replayer's report; its last line is shown."""
    run = subprocess.run(
        [PROGRAMS / "replay", work / "trace", work / "cuts", "-c",
         work / "data", "-j", str(os.cpu_count()), *map(str, options)],
        capture_output=True, text=True)
    report = (run.stdout + run.stderr).strip()
    with capsys.disabled():
        print(f"\npower cut: {title}: {report.splitlines()[-1]}", end=" ")
    return run.returncode, report


@pytest.mark.parametrize("seed", SEEDS)
def test_acknowledged_survives_and_nothing_is_half_there(work, capsys, seed):
    record(work, seed)
    code, report = replay(work, capsys, f"correct order, seed {seed}",
                          "-n", STATES, "-s", seed)
    assert code == 0, report


@pytest.mark.parametrize("title, lie, how", [
    ("no sync of files", "file-sync", {}),
    ("commit before the sync of files", "commit-first", {}),
    ("no sync of folders", "folder-sync", {}),
    ("MDB_NOMETASYNC", None, {"lmdb": "nometasync"}),
    ("MDB_NOSYNC", None, {"lmdb": "nosync"}),
    ("events in a transaction of their own", None,
     {"late": True, "workers": 1})])
def test_broken_promise_is_caught(work, capsys, title, lie, how):
    record(work, 1, steps=15, **how)
    code, report = replay(work, capsys, title, "-x", "-n", CAUGHT_OF,
                          *(("-l", lie) if lie else ()))
    assert code == 0, report
