"""A full or read-only disk and no descriptors left, seen over HTTP: each request gets a
clear answer, what was acknowledged stays whole, and the service goes on once
there is room again. Each single failing call: tests/unit/test_store_faults.c.
"""
import os
import random
import resource
import socket
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

from disk import MIB, LoggedGateway, SmallDisk
from gateway import DEFAULT_BUCKET as BUCKET
from web import wait_for

SIZES = (10, 40_000, 200_000, MIB + 1)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MiB."""
    disk = SmallDisk(tmp_path / "disk", 24)
    yield disk.where
    disk.close()


def body_of(key, size):
    return random.Random(key).randbytes(size)


def put(client, key, size):
    """None, or (status, code) of the refusal."""
    try:
        client.put_object(Bucket=BUCKET, Key=key, Body=body_of(key, size))
        return None
    except ClientError as e:
        return (e.response["ResponseMetadata"]["HTTPStatusCode"],
                e.response["Error"]["Code"])


def check_all(client, there):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    listed = {o["Key"]: o["Size"] for page in pages
              for o in page.get("Contents", [])}
    assert listed == there
    for key, size in there.items():
        got = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert got == body_of(key, size), f"{key}: other bytes"


def files(gateway):
    return sum(1 for p in (gateway.data / "blobs/f").rglob("*") if p.is_file())


def fill(client, there, sizes=SIZES):
    """Puts until ten in a row were refused; the refusals."""
    refused, row, n = [], 0, len(there)
    while row < 10:
        key, size = f"k{n}", sizes[n % len(sizes)]
        n += 1
        answer = put(client, key, size)
        if answer is None:
            there[key] = size
            row = 0
        else:
            refused.append(answer)
            row += 1
    return refused


def test_full_disk_is_a_507_and_loses_nothing(small_disk, tmp_path):
    gateway = LoggedGateway({"REELGATE_INDEX_MAP_SIZE": "1G"},
                            data=small_disk / "data")
    gateway.log_path = tmp_path / "log"
    there = {}
    try:
        client = gateway.start().client()
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(4 * MIB))
        spare = small_disk / "spare"
        spare.write_bytes(bytes(2 * MIB))
        refused = fill(client, there)
        assert len(there) > 8
        assert set(refused) == {(507, "InsufficientStorage")}
        check_all(client, there)
        # no refused upload keeps its bytes
        large = sum(size > 65536 for size in there.values())
        assert files(gateway) == large
        ballast.unlink()
        assert put(client, "room", 2 * MIB) is None
        there["room"] = 2 * MIB
        assert put(client, "small", 10) is None
        there["small"] = 10
        client.delete_object(Bucket=BUCKET, Key="k0")
        del there["k0"]
        fill(client, there)
        check_all(client, there)
        # a crash: with no room at all it starts, and serves what there is
        gateway.kill()
        with open(small_disk / "ballast", "wb", buffering=0) as f:
            with pytest.raises(OSError):
                while True:
                    f.write(bytes(4096))
        gateway.start()
        client = gateway.client()
        assert put(client, "late", MIB) == (507, "InsufficientStorage")
        check_all(client, there)
        spare.unlink()
        client.delete_object(Bucket=BUCKET, Key="room")
        del there["room"]
        assert put(client, "late", MIB) is None
        there["late"] = MIB
        check_all(client, there)
    finally:
        gateway.close()


def lowest_free_descriptor(gateway):
    used = {int(n) for n in os.listdir(f"/proc/{gateway.process.pid}/fd")}
    return min(set(range(len(used) + 1)) - used)


def test_no_descriptors_left_is_a_503_and_passes(own_gateway):
    gateway = own_gateway()
    pid = gateway.process.pid
    client = gateway.client()
    there = {"before": MIB}
    assert put(client, "before", MIB) is None
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    idle = []

    def all_taken():
        """Room for nothing but what is open already; connections of before
        may still be about to close."""
        resource.prlimit(pid, resource.RLIMIT_NOFILE,
                         (lowest_free_descriptor(gateway), limits[1]))
        return put(client, "before", MIB) is not None
    try:
        wait_for("end of room", all_taken)
        for n in range(5):
            assert put(client, f"k{n}", MIB) == (503, "SlowDown")
        with pytest.raises(ClientError) as e:
            client.get_object(Bucket=BUCKET, Key="before")
        assert e.value.response["Error"]["Code"] == "SlowDown"
        # what needs no descriptor works
        assert put(client, "inline", 100) is None
        there["inline"] = 100
        # clients that cannot be accepted wait or are refused
        idle = [socket.create_connection(("127.0.0.1", gateway.port))
                for _ in range(20)]
        assert put(client, "inline2", 100) is None
        there["inline2"] = 100
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for s in idle:
            s.close()
    assert put(gateway.client(), "after", MIB) is None
    there["after"] = MIB
    check_all(gateway.client(), there)
    assert files(gateway) == 2


# ---- index and blobs on disks of their own -----------------------------------

@pytest.fixture
def two_disks(tmp_path):
    """A gateway, and its two disks by name."""
    data, disks = tmp_path / "data", {}
    data.mkdir()
    for name in ("index", "blobs"):
        disks[name] = SmallDisk(data / name, 24)
    gateway = LoggedGateway({"REELGATE_INDEX_MAP_SIZE": "1G"}, data=data)
    gateway.log_path = tmp_path / "log"
    yield gateway.start(), disks
    gateway.close()
    for disk in disks.values():
        disk.close()


@pytest.mark.parametrize("full", ["index", "blobs"])
def test_one_of_two_disks_is_full(two_disks, full):
    gateway, disks = two_disks
    client, there = gateway.client(), {}
    for n, size in enumerate(SIZES):
        assert put(client, f"k{n}", size) is None
        there[f"k{n}"] = size
    before = files(gateway)
    disks[full].leave(0)
    time.sleep(1.1)  # the age of a reading
    for n, size in enumerate(SIZES):
        assert put(client, f"new{n}", size) == (507, "InsufficientStorage")
        assert put(client, f"k{n}", size) == (507, "InsufficientStorage")
    check_all(client, there)
    assert files(gateway) == before
    gateway.kill()
    client = gateway.start().client()
    check_all(client, there)
    disks[full].leave(8 * MIB)
    assert put(client, "room", MIB) is None
    there["room"] = MIB
    check_all(client, there)


# ---- a data directory that cannot be written ----------------------------------

def test_read_only_data_directory_is_one_line_at_the_start(small_disk):
    gateway = LoggedGateway(data=small_disk / "data")
    gateway.log_path = small_disk.parent / "log"
    gateway.start()
    assert put(gateway.client(), "k", 10) is None
    assert gateway.stop() == 0
    said = len(gateway.log())
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(RuntimeError, match="ended with 78"):
        gateway.start()
    lines = gateway.log()[said:].splitlines()
    assert len(lines) == 1 and str(small_disk / "data") in lines[0]
    assert "Read-only file system" in lines[0]
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    gateway.start()
    check_all(gateway.client(), {"k": 10})
    gateway.close()
