"""reelgate admin backup and restore on a running gateway: under load, killed
at any moment, again and again, and every refusal."""

import hashlib
import json
import os
import random
import signal
import subprocess
import threading
import time

import botocore.exceptions
import pytest

from blobs import blobs
from disk import SmallDisk
from gateway import BIN, DEFAULT_BUCKET, Gateway

pytestmark = pytest.mark.local_store("copies files of objects")


@pytest.fixture
def gateway():
    g = Gateway().start()
    yield g
    g.close()


def manifest(place):
    return json.loads((place / "backup.json").read_text())


def body(seed, size):
    return random.Random(seed).randbytes(size)


def contents(g):
    """Key to digest of all that is in the default bucket, read in full."""
    s3 = g.client()
    keys = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=DEFAULT_BUCKET) for o in page.get("Contents", [])]
    return {k: hashlib.md5(s3.get_object(
        Bucket=DEFAULT_BUCKET, Key=k)["Body"].read()).hexdigest()
        for k in keys}


def restored(g, place, tmp_path, name="restored"):
    """A gateway on what the backup holds."""
    r = Gateway(data=tmp_path / name)
    done = r.admin("restore", "--from", place)
    assert done.returncode == 0, done.stderr
    assert "new epoch" in done.stdout
    done = r.admin("fsck", "--bytes")
    assert done.returncode == 0, done.stdout
    return r.start()


class Writers:
    """Puts, overwrites and deletes until it is stopped; knows what was
    acknowledged when."""

    def __init__(self, g, threads=4):
        self.g = g
        self.stop = False
        self.lock = threading.Lock()
        self.state = {}     # key: digest of the acknowledged bytes, or None
        self.busy = set()   # keys with a request in flight
        self.threads = [threading.Thread(target=self.run, args=(i,))
                        for i in range(threads)]
        for t in self.threads:
            t.start()

    def run(self, number):
        s3 = self.g.client()
        dice = random.Random(number)
        while not self.stop:
            key = f"{number}/{dice.randrange(40)}"
            gone = dice.random() < 0.2
            data = body(dice.random(), dice.choice([100, 70_000, 400_000]))
            with self.lock:
                self.busy.add(key)
            try:
                if gone:
                    s3.delete_object(Bucket=DEFAULT_BUCKET, Key=key)
                else:
                    s3.put_object(Bucket=DEFAULT_BUCKET, Key=key, Body=data)
            except (OSError, botocore.exceptions.BotoCoreError):
                return
            with self.lock:
                self.state[key] = None if gone else hashlib.md5(
                    data).hexdigest()
                self.busy.discard(key)

    def snapshot(self):
        """What was acknowledged, and the keys that nobody touches now."""
        with self.lock:
            return dict(self.state), set(self.busy)

    def end(self):
        self.stop = True
        for t in self.threads:
            t.join()


def test_backup_under_load_is_whole(gateway, tmp_path):
    """All that was acknowledged before it began and left alone since is in
    it; whatever else is in it is whole."""
    s3 = gateway.client()
    fixed = {}
    for n in range(60):
        data = body(n, 1000 if n % 2 else 200_000)
        s3.put_object(Bucket=DEFAULT_BUCKET, Key=f"fixed/{n}", Body=data)
        fixed[f"fixed/{n}"] = hashlib.md5(data).hexdigest()
    place = tmp_path / "backup"
    writers = Writers(gateway)
    counts = []
    try:
        for _ in range(3):
            time.sleep(0.7)
            done = gateway.admin("backup", place)
            assert done.returncode == 0, done.stderr
            counts.append(manifest(place)["objects"])
    finally:
        writers.end()
    state, busy = writers.snapshot()
    assert not busy and len(counts) == 3
    done = gateway.admin("fsck", place, "--bytes")
    assert done.returncode == 0, done.stdout
    r = restored(gateway, place, tmp_path)
    there = contents(r)
    r.close()
    assert {k: v for k, v in there.items() if k in fixed} == fixed
    # and a last one, of all
    done = gateway.admin("backup", place)
    assert done.returncode == 0, done.stderr
    r = restored(gateway, place, tmp_path, "last")
    expected = {k: v for k, v in state.items() if v} | fixed
    assert contents(r) == expected == contents(gateway)
    r.close()


def copied(done):
    line = next(s for s in done.stdout.splitlines() if "copied" in s)
    return int(line.split(": ")[1].split(" ")[0])


def test_second_backup_copies_only_what_is_new(gateway, tmp_path):
    s3 = gateway.client()
    place = tmp_path / "backup"
    for n in range(20):
        s3.put_object(Bucket=DEFAULT_BUCKET, Key=f"k{n}",
                      Body=body(n, 100_000))
    assert copied(gateway.admin("backup", place)) == 20
    inodes = {p: p.stat().st_ino for p in blobs(place)}
    for n in range(20, 25):
        s3.put_object(Bucket=DEFAULT_BUCKET, Key=f"k{n}",
                      Body=body(n, 100_000))
    s3.delete_object(Bucket=DEFAULT_BUCKET, Key="k0")
    done = gateway.admin("backup", place)
    assert copied(done) == 5
    assert "1 files removed" in done.stdout
    after = {p: p.stat().st_ino for p in blobs(place)}
    assert len(after) == 24
    assert sum(after.get(p) == i for p, i in inodes.items()) == 19
    # no byte is shared with the store
    ours = {(p.stat().st_dev, p.stat().st_ino)
            for p in gateway.data.rglob("*") if p.is_file()}
    assert not ours & {(p.stat().st_dev, p.stat().st_ino) for p in after}


@pytest.mark.parametrize("victim", ["tool", "gateway"])
def test_killed_backup_leaves_the_last_one(memory_path, own_gateway, victim):
    """SIGKILL at many moments; after each the folder holds a whole backup,
    and in the end a new one succeeds over what was left."""
    gateway = own_gateway(data=memory_path / "data")
    s3 = gateway.client()
    place = memory_path / "backup"
    now = {}

    def put(n, seed):
        data = body(seed, 300_000)
        s3.put_object(Bucket=DEFAULT_BUCKET, Key=f"k{n}", Body=data)
        now[f"k{n}"] = hashlib.md5(data).hexdigest()

    for n in range(40):
        put(n, n)
    took = -time.monotonic()
    assert gateway.admin("backup", place).returncode == 0
    took += time.monotonic()
    begun = place / "index" / "data.mdb.new"
    assert not begun.exists()
    wanted = dict(now)
    interrupted = 0
    moment = 0
    while moment < 5 or not interrupted:
        assert moment < 20, "no kill met a backup"
        for n in range(10):
            put(n, 100 + 10 * moment + n)
        tool = subprocess.Popen(
            [BIN / "reelgate", "admin", "backup", place, "--data",
             gateway.data], env=gateway.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if moment % 5 == 0:  # as soon as the new index is begun
            while not begun.exists() and tool.poll() is None:
                pass
        else:
            time.sleep(took * (moment % 5 + 0.5) / 5)
        if victim == "tool":
            tool.send_signal(signal.SIGKILL)
        else:
            gateway.kill()
        err = tool.communicate(timeout=60)[1].decode()
        if victim == "gateway":
            gateway.start()
            s3 = gateway.client()
        done = gateway.admin("fsck", place, "--bytes")
        assert done.returncode == 0, done.stdout
        r = restored(gateway, place, memory_path, f"r{moment}")
        there = contents(r)
        r.close()
        assert there in (wanted, now)
        if tool.returncode == 0:
            assert there == now
        elif there == wanted:
            interrupted += 1
        if victim == "gateway" and tool.returncode:
            assert "the last backup is as it was" in err or "gateway" in err
        wanted = there
        moment += 1
    done = gateway.admin("backup", place)
    assert done.returncode == 0, done.stderr
    assert not list(place.rglob("*.new"))
    r = restored(gateway, place, memory_path)
    assert contents(r) == contents(gateway) == now
    r.close()


def test_accounts_and_secrets_come_along(gateway, tmp_path):
    alice = gateway.add("user", "add", "alice")
    place = tmp_path / "backup"
    client = gateway.client(access_key=alice["access key"],
                            secret_key=alice["secret key"])
    client.create_bucket(Bucket="alices")
    client.put_object(Bucket="alices", Key="k", Body=b"hers")
    assert gateway.admin("backup", place).returncode == 0
    for name in ("accounts", "credentials", "backup.json"):
        assert (place / name).stat().st_mode & 0o777 == 0o600
    assert place.stat().st_mode & 0o777 == 0o700
    r = restored(gateway, place, tmp_path)
    client = r.client(access_key=alice["access key"],
                      secret_key=alice["secret key"])
    assert client.get_object(Bucket="alices",
                             Key="k")["Body"].read() == b"hers"
    r.close()
    bare = tmp_path / "bare"
    done = gateway.admin("backup", bare, "--without-secrets")
    assert done.returncode == 0
    assert not (bare / "credentials").exists()


def test_index_only_brings_a_lost_index_back(gateway, tmp_path):
    s3 = gateway.client()
    s3.put_object(Bucket=DEFAULT_BUCKET, Key="a", Body=body(1, 200_000))
    place = tmp_path / "index"
    done = gateway.admin("backup", place, "--index-only")
    assert done.returncode == 0 and not (place / "blobs").exists()
    assert gateway.admin("fsck", place, "--index-only").returncode == 0
    s3.put_object(Bucket=DEFAULT_BUCKET, Key="b", Body=body(2, 200_000))
    before = contents(gateway)
    gateway.stop()
    (gateway.data / "index" / "data.mdb").unlink()
    with pytest.raises(RuntimeError, match="holds objects but no index"):
        gateway.start()
    # into an empty folder there is nothing that the index could name
    done = Gateway(data=tmp_path / "empty").admin("restore", "--from", place)
    assert done.returncode == 64 and "--index-only" in done.stderr
    done = gateway.admin("restore", "--from", place, "--index-only")
    assert done.returncode == 0, done.stderr
    gateway.start()
    s3 = gateway.client()
    assert contents(gateway) == {"a": before["a"]}
    s3.put_object(Bucket=DEFAULT_BUCKET, Key="c", Body=body(3, 200_000))
    assert len(contents(gateway)) == 2
    # what the index does not know was not written over
    assert len(blobs(gateway.data)) == 3


def refused(done, status, text):
    assert done.returncode == status, (done.stdout, done.stderr)
    assert text in done.stderr, done.stderr
    assert done.stdout == ""


def test_backup_refusals(gateway, tmp_path):
    data = gateway.data
    refused(gateway.admin("backup", data / "backup"), 64, "one another")
    refused(gateway.admin("backup", data), 64, "one another")
    refused(gateway.admin("backup", data.parent), 64, "one another")
    (tmp_path / "link").symlink_to(data)
    refused(gateway.admin("backup", tmp_path / "link" / "b"), 64,
            "one another")
    full = tmp_path / "photos"
    full.mkdir()
    (full / "cat.jpg").write_bytes(b"")
    refused(gateway.admin("backup", full), 64, "holds other things")
    assert os.listdir(full) == ["cat.jpg"]
    assert gateway.admin("backup").returncode == 64
    (tmp_path / "file").write_bytes(b"")
    refused(gateway.admin("backup", tmp_path / "file" / "b"), 73,
            "Not a directory")
    other = Gateway().start()
    place = tmp_path / "b"
    assert gateway.admin("backup", place).returncode == 0
    before = (place / "index" / "data.mdb").read_bytes()
    refused(other.admin("backup", place), 64, "another store")
    assert (place / "index" / "data.mdb").read_bytes() == before
    other.close()
    refused(other.admin("backup", place), 66, "No such file")
    gateway.stop()
    refused(gateway.admin("backup", place), 69, "no gateway answers")


def test_restore_in_place_keeps_the_rest_of_the_data_directory(
        gateway, tmp_path):
    """Keys and accounts that are there are newer than those of the backup."""
    s3 = gateway.client()
    s3.put_object(Bucket=DEFAULT_BUCKET, Key="a", Body=body(1, 200_000))
    place = tmp_path / "b"
    assert gateway.admin("backup", place).returncode == 0
    alice = gateway.add("user", "add", "alice")
    gateway.stop()
    for name in ("index", "blobs"):
        (gateway.data / name).rename(tmp_path / name)
    done = gateway.admin("restore", "--from", place)
    assert done.returncode == 0, done.stderr
    gateway.start()
    assert list(contents(gateway)) == ["a"]
    client = gateway.client(access_key=alice["access key"],
                            secret_key=alice["secret key"])
    assert client.list_buckets()["Buckets"] == []


def test_restore_refusals(gateway, tmp_path):
    place = tmp_path / "b"
    assert gateway.admin("backup", place).returncode == 0
    refused(gateway.admin("restore", "--from", place), 64,
            "holds a store")
    refused(gateway.admin("restore"), 64, "--from is missing")
    empty = tmp_path / "empty"
    empty.mkdir()
    r = Gateway(data=tmp_path / "r")
    refused(r.admin("restore", "--from", empty), 66, "no complete backup")
    r.data.mkdir()
    (r.data / "file").write_bytes(b"")
    refused(r.admin("restore", "--from", place), 64,
            "holds other things")
    (r.data / "blobs").mkdir()
    refused(r.admin("restore", "--from", place), 64,
            "move its folder blobs away")
    refused(r.admin("restore", "--from", place, "--index-only"), 64,
            "no blobs")
    refused(gateway.admin("new-epoch"), 1, "in use")
    refused(r.admin("new-epoch"), 1, "holds no index")


@pytest.mark.parametrize("left,text", [
    (32 << 10, "the disk of the backup is full"),  # for the index
    (2 << 20, "No space left")])  # for the blobs
def test_full_disk_of_the_backup_is_said(gateway, tmp_path, left, text):
    small = SmallDisk(tmp_path / "small", 4)
    try:
        small.leave(left)
        s3 = gateway.client()
        for n in range(12):
            s3.put_object(Bucket=DEFAULT_BUCKET, Key=f"k{n}",
                          Body=body(n, 300_000))
        place = small.where / "b"
        done = gateway.admin("backup", place)
        assert done.returncode == 74 and text in done.stderr
        assert manifest(place)["complete"] is False
        assert manifest(place)["time"] > "2020"
        s3.put_object(Bucket=DEFAULT_BUCKET, Key="still", Body=b"works")
    finally:
        small.close()


@pytest.mark.parametrize("command,texts", [
    ("backup", ["--index-only", "--without-secrets", "docs/backup.md"]),
    ("restore", ["--from DIR", "--index-only", "epoch"]),
    ("new-epoch", ["--data DIR", "relay"])])
def test_help(gateway, command, texts):
    done = gateway.admin(command, "--help")
    assert done.returncode == 0
    for text in texts:
        assert text in done.stdout
