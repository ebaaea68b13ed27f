"""The power is cut at every moment of a recorded run, in many ways; the store
that each cut leaves must have all that was acknowledged, and nothing half. The
same with one promise broken must be caught: else the test would prove nothing.

power_record.c records, power_driver.c is recorded, power_replay.c cuts."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

LONG = bool(os.environ.get("REELGATE_TEST_LONG"))
SEEDS = range(1, 21) if LONG else (1, 2)
STATES = 0 if LONG else 1000  # 0: all
AGAIN = 200 if LONG else 6
CAUGHT_OF = 2000 if LONG else 200
PROGRAMS = pathlib.Path(os.environ.get("REELGATE_BIN", "build/debug/bin")) \
    .resolve().parent / "tests" / "power"


@pytest.fixture
def work():
    where = tempfile.mkdtemp(prefix="reelgate-power-", dir="/dev/shm")
    yield pathlib.Path(where)
    shutil.rmtree(where)


def run_recorded(data, trace, *args, lmdb=""):
    env = dict(os.environ, LD_PRELOAD=PROGRAMS / "record.so", POWER_DIR=data,
               POWER_TRACE=trace, POWER_SYNC_US="200", POWER_LMDB=lmdb)
    run = subprocess.run([PROGRAMS / "driver", data, *map(str, args)],
                         env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]


def record(work, seed, workers=3, steps=40, late=False, lmdb=""):
    (work / "data").mkdir()
    run_recorded(work / "data", work / "trace", seed, workers, steps,
                 *["events-late"] * late, lmdb=lmdb)


def replay(work, *options):
    """Exit status and report of the replayer."""
    run = subprocess.run(
        [PROGRAMS / "replay", work / "trace", work / "cuts", "-j",
         str(os.cpu_count()), *map(str, options)],
        capture_output=True, text=True)
    return run.returncode, (run.stdout + run.stderr).strip()


@pytest.fixture
def show(capsys):
    def show(title, report):
        with capsys.disabled():
            print(f"\npower cut: {title}: {report.splitlines()[-1]}", end=" ")
    return show


@pytest.mark.parametrize("seed", SEEDS)
def test_acknowledged_survives_and_nothing_is_half_there(work, show, seed):
    record(work, seed)
    code, report = replay(work, "-c", work / "data", "-n", STATES, "-s", seed)
    show(f"correct order, seed {seed}", report)
    assert code == 0, report


@pytest.mark.parametrize("title, lie, how", [
    ("no sync of files", "file-sync", {}),
    ("commit before the sync of files", "commit-first", {}),
    ("no sync of folders", "folder-sync", {}),
    ("MDB_NOMETASYNC", None, {"lmdb": "nometasync"}),
    ("MDB_NOSYNC", None, {"lmdb": "nosync"}),
    ("events in a transaction of their own", None,
     {"late": True, "workers": 1})])
def test_broken_promise_is_caught(work, show, title, lie, how):
    record(work, 1, steps=15, **how)
    code, report = replay(work, "-x", "-n", CAUGHT_OF,
                          *(("-l", lie) if lie else ()))
    show(title, report)
    assert code == 0, report


def go_on_and_cut(work, n, *how):
    """The recorded program ends in n different places, another one goes on
    from what is left, and the power of that one is cut. Yields the options for
    the replayer."""
    record(work, 1, steps=25)
    trace, where = work / "trace-after", work / "cuts" / "killed"
    for place in range(n):
        end = (*how, "-k", place)
        assert replay(work, *end)[0] == 0
        run_recorded(where, trace, place, 1, 6, "recover")
        yield *end, "-r", trace, "-n", 60, "-c", where


def states_of(report):
    return int(re.search(r"(\d+) crash states", report)[1])


def test_what_was_seen_after_a_kill_survives_a_cut(work, show):
    """What a killed process had not synced is in the page cache: its successor
    sees it, and must make it durable before it builds on it. Without the
    commit that does so the cut must be caught."""
    states = caught = 0
    for options in go_on_and_cut(work, AGAIN):
        code, report = replay(work, *options)
        assert code == 0, f"{options}: {report}"
        states += states_of(report)
        _, report = replay(work, *options, "-x", "-l", "first-commit")
        caught += int(re.search(r"caught in (\d+)", report)[1])
    show("after a kill", f"{AGAIN} kills, {states} crash states, 0 violations")
    show("no commit at opening", f"caught in {caught} of {states} crash states")
    assert caught > 0


def test_cut_while_it_recovers_from_a_cut(work, show):
    states = 0
    for options in go_on_and_cut(work, AGAIN, "-p"):
        code, report = replay(work, *options)
        assert code == 0, f"{options}: {report}"
        states += states_of(report)
    show("two cuts", f"{AGAIN} first cuts, {states} crash states, 0 violations")
