"""Each row of the benchmark runs and finds figures; how large they are is no
matter of a test run. Limits by nginx are left out where there is none."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER))

import peers  # noqa: E402
import rows  # noqa: E402

LOAD = peers.ROOT / "build/release/bench/bench-load"


def run(*words):
    return subprocess.run([FOLDER / "run", *words], text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture(scope="module")
def folder():
    """One for all rows: filled stores are made once. Not pytest's, which only
    its owner may enter: nginx runs as somebody else."""
    path = tempfile.mkdtemp(prefix="reelgate-bench-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize("row", rows.ROWS, ids=lambda row: row.name)
def test_row_runs(row, folder):
    done = run("--smoke", "--folder", folder, row.name)
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.splitlines()
             if line.startswith("| ")]
    lines = table[2:]  # below the head
    assert len(lines) == len(row.usable_limits()), done.stdout
    for line, limit in zip(lines, row.usable_limits()):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        ours = float(cells[1].split()[0].split("/")[0].replace(",", ""))
        assert ours > 0
        if limit.side:
            assert float(cells[3]) >= 0
        assert cells[-1] in ("yes", "NO") or limit.bar is None


def test_unknown_row_is_refused():
    done = run("nothing")
    assert done.returncode != 0
    assert "nothing" in done.stderr


# ---- the load generator on a real gateway ---------------------------------

def load(gateway, op, *words):
    keys = peers.product
    return subprocess.run(
        [LOAD, "--json", "--create-bucket", "--warmup", "0", "--url",
         gateway.url, "--op", op, *words], text=True, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"AWS_ACCESS_KEY_ID": keys.ACCESS_KEY,
             "AWS_SECRET_ACCESS_KEY": keys.SECRET_KEY})


def test_load_counts_what_it_did(gateway, client):
    done = load(gateway, "put", "--bucket", "load-put", "--count", "50",
                "--keys", "50", "--size", "100", "--connections", "4")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["requests"], found["errors"]) == (50, 0)
    page = client.list_objects_v2(Bucket="load-put")
    assert page["KeyCount"] == 50
    assert {o["Size"] for o in page["Contents"]} == {100}


@pytest.mark.parametrize("auth", ["header", "presigned"])
def test_load_reads_what_was_put(gateway, auth):
    bucket = ("--bucket", f"load-get-{auth}", "--keys", "5")
    assert load(gateway, "put", "--count", "5", *bucket, "--auth",
                auth).returncode == 0
    for op in "get", "head", "list", "delete":
        done = load(gateway, op, "--count", "5", *bucket, "--auth", auth)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("size", ["4095", "4097"])
def test_load_counts_a_wrong_length_as_an_error(gateway, size):
    bucket = ("--bucket", "load-length", "--keys", "1", "--count", "1")
    assert load(gateway, "put", *bucket).returncode == 0
    done = load(gateway, "get", *bucket, "--size", size)
    assert done.returncode == 1
    assert '"errors":1' in done.stdout


def test_load_counts_refusals_as_errors(gateway):
    done = load(gateway, "get", "--bucket", "load-none", "--count", "3")
    assert done.returncode == 1
    assert '"errors":3' in done.stdout
    assert "status 404" in done.stderr
