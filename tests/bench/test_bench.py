"""Each row of the benchmark runs and finds figures; how large they are is no
matter of a test run. Limits by nginx are left out where there is none."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER))

import peers  # noqa: E402
import rows  # noqa: E402

PROGRAMS = pathlib.Path(os.environ.get(
    "BENCH_BIN", peers.ROOT / "build/release/bench"))
LOAD = PROGRAMS / "bench-load"


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


# ---- servers that close connections ----------------------------------------

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n%b\r\ndata"
LAST = ANSWER % b"Connection: close\r\n"


def read_request(connection):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        more = connection.recv(65536)
        if not more:
            return False
        data += more
    return True


def answers(connection, first, last=b""):
    """Some answers, and the end of the connection in place of another."""
    for answer in *first, last:
        if not read_request(connection):
            return
        connection.sendall(answer)


def late(seconds):
    """One answer, and silence until the client goes."""
    def serve(connection):
        read_request(connection)
        time.sleep(seconds)
        connection.sendall(ANSWER % b"")
        read_request(connection)
    return serve


class Peer:
    """Serves one connection after the other, each in a thread of its own, by
    the function of its place in the row; behind the last one it is gone."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.serve = serve
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with self.listener:
            for serve in self.serve:
                connection = self.listener.accept()[0]
                threading.Thread(target=self.one, args=(connection, serve),
                                 daemon=True).start()

    @staticmethod
    def one(connection, serve):
        with connection, contextlib.suppress(OSError):
            serve(connection)


def load_peer(serve, *words, op="get"):
    done = subprocess.run(
        [LOAD, "--json", "--warmup", "0", "--auth", "none", "--url",
         Peer(serve).url, "--op", op, "--size", "4", *words], text=True,
        timeout=30, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert all(line.startswith("bench-load: ")
               for line in done.stderr.splitlines()), done.stderr
    return done


def test_load_takes_no_harm_when_a_spare_connection_is_closed():
    """One request, four connections: three have nothing to do."""
    done = load_peer([late(0.3)] + [lambda connection: None] * 3, "--count",
                     "1", "--connections", "4", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["requests"] == 1


@pytest.mark.parametrize("connections,threads", [(1, 1), (8, 1), (8, 2)])
def test_load_counts_lost_connections_and_goes_on(connections, threads):
    def serve(connection):
        answers(connection, [ANSWER % b""] * 3)
    done = load_peer([serve] * 200, "--count", "80", "--connections",
                     str(connections), "--threads", str(threads))
    assert done.returncode == 1
    assert "status 0, 0 bytes, connection lost" in done.stderr
    found = json.loads(done.stdout)
    assert found["errors"] > 0 and found["requests"] >= 48
    assert found["errors"] + found["requests"] == 80


@pytest.mark.parametrize("last", [b"", ANSWER[:20], LAST, LAST[:-2], b"hello"],
                         ids=["nothing", "half a head", "an answer",
                              "half a body", "no HTTP"])
@pytest.mark.parametrize("connections", [1, 4])
def test_load_ends_with_a_line_when_the_server_is_gone(connections, last):
    def serve(connection):
        answers(connection, [ANSWER % b""] * 3, last)
    done = load_peer([serve] * connections, "--count", "1000",
                     "--connections", str(connections), "--threads", "1")
    assert done.returncode == 1
    assert "no connection: Connection refused" in done.stderr
    found = json.loads(done.stdout)
    assert found["errors"] >= connections
    assert found["requests"] == connections * (3 + (last == LAST))


def test_load_says_why_there_is_no_page():
    done = load_peer([lambda c: answers(c, [])], op="list")
    assert done.returncode == 1
    assert "status 0, 0 bytes, connection lost" in done.stderr


def test_load_says_why_nothing_was_measured():
    done = load_peer([late(2)], "--warmup", "0.2", "--seconds", "0.1")
    assert done.returncode == 1
    assert "no answer in time" in done.stderr


# ---- bench-fill ------------------------------------------------------------

def test_fill_outlasts_a_commit_of_seconds(own_gateway, tmp_path):
    """The store refuses new puts then (SlowDown); one that is asked again
    later is taken."""
    shim, marker = tmp_path / "slow.so", tmp_path / "slow"
    subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC",
                    "-D_GNU_SOURCE", "-o", shim,
                    peers.ROOT / "tests/lib/slow_sync.c"], check=True)
    gateway = own_gateway()
    gateway.stop()
    index = gateway.data / "index/data.mdb"
    before, keys = index.stat().st_mtime_ns, 50000
    began = time.monotonic()
    fill = subprocess.Popen(
        [PROGRAMS / "bench-fill", "--data", gateway.data, "--bucket",
         peers.product.DEFAULT_BUCKET, "--keys", str(keys), "--prefixes",
         "10"], text=True, stderr=subprocess.PIPE,
        env={"LD_PRELOAD": str(shim), "SLOW_SYNC_FILE": str(marker),
             "SLOW_SYNC_SECONDS": "6"})
    while index.stat().st_mtime_ns == before and fill.poll() is None:
        time.sleep(0.01)
    marker.touch()
    time.sleep(1)
    marker.unlink()
    assert fill.communicate(timeout=60)[1] == ""
    assert fill.returncode == 0
    assert time.monotonic() - began > 6
    gateway.start()
    found = gateway.client().get_paginator("list_objects_v2").paginate(
        Bucket=peers.product.DEFAULT_BUCKET)
    assert sum(page["KeyCount"] for page in found) == keys


# ---- bench-relay -------------------------------------------------------------

@pytest.mark.parametrize("rule", ["video", "event", "none"])
def test_relay_delivers_all(rule):
    r = subprocess.run(
        [peers.ROOT / "tests/lib/with-pg", PROGRAMS / "bench-relay",
         "--rule", rule, "--events", "600"], text=True, timeout=120,
        stdout=subprocess.PIPE, check=True)
    got = json.loads(r.stdout)
    assert got["events"] == 600 and got["events_s"] > 0


# ---- bench-queue -------------------------------------------------------------

def test_queue_runs_every_row_without_peers():
    r = subprocess.run(
        [peers.ROOT / "tests/bench/queue_run", "--no-peers", "--rounds", "1", "--jobs",
         "5000", "--kept", "1000", "--failed", "100", "--waits", "5",
         "--seconds", "1", "--hold", "1"], text=True, timeout=120,
        stdout=subprocess.PIPE, check=True)
    rows = [line.split(" | ") for line in r.stdout.splitlines()
            if line.startswith("| ")][1:]
    assert len(rows) == 12
    for row in rows:
        assert float(row[1].split()[0].replace(",", "")) > 0, row


def test_media_bench_runs(tmp_path):
    names = ["film", "film-cli", "film-probe", "storyboard", "stills"]
    done = subprocess.run(
        [FOLDER / "media_run", "--tiny", "--rounds", "1", "--folder", tmp_path,
         *names], text=True, timeout=120, stdout=subprocess.PIPE)
    assert done.returncode == 0
    lines = [line.strip("| ").split("|") for line in done.stdout.splitlines()
             if line.startswith(("| film", "| st"))]
    assert [line[0].strip() for line in lines] == names
    for line in lines:
        for ratio in line[5].split("/"):
            assert float(ratio) > 0


# ---- the gateway in front of another S3 --------------------------------------

def test_remote_bench_runs():
    done = subprocess.run(
        [FOLDER / "remote.py", "--rounds=1", "--seconds=0.2", "--parallel=2",
         f"--size={2 << 20}", "--small"], text=True, timeout=120,
        stdout=subprocess.PIPE)
    lines = done.stdout.splitlines()
    loads = [["put", "presigned"], ["put", "signed"], ["get", "presigned"]]
    assert [line.split()[:4] for line in lines[:6]] == [
        [op, *size, kind] for size in (("2", "MiB"), ("4096", "bytes"))
        for op, kind in loads]
    assert all(" straight " in line for line in lines[:6])
    assert all("MB at most" in line for line in lines[6:8])
    assert lines[8:] in (["all bars met"], ["a bar was MISSED"])
