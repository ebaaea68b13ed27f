"""reelgate admin scrub on a running gateway."""

import json
import pathlib
import random
import re
import urllib.request

import pytest

from blobs import blobs, flip
from web import wait_for

pytestmark = pytest.mark.local_store("scrubs files of objects")

MIB = 1 << 20
DATA = random.Random(5).randbytes(2 * MIB + 99)


class Store:
    def __init__(self, gateway):
        self.gateway, self.client = gateway, gateway.client()
        self.client.create_bucket(Bucket="films")

    def put(self, key, data=DATA):
        before = blobs(self.gateway.data)
        self.client.put_object(Bucket="films", Key=key, Body=data)
        [path] = blobs(self.gateway.data) - before
        return path

    def scrub(self, *words):
        return self.gateway.admin("scrub", *words)

    def metric(self, name):
        with urllib.request.urlopen(self.gateway.api_url + "/metrics") as r:
            text = r.read().decode()
        return int(re.search(f"^{name} (\\d+)$", text, re.M)[1])


@pytest.fixture
def store(own_gateway):
    return Store(own_gateway())


def test_clean_store(store):
    store.put("a.mp4")
    store.client.put_object(Bucket="films", Key="small", Body=b"x" * 5000)
    done = store.scrub("start", "--rate", "0", "--wait")
    assert done.returncode == 0, done.stderr
    assert "no damage is known" in done.stdout
    assert "idle" in done.stdout
    assert store.metric("reelgate_scrub_damage") == 0
    assert store.metric("reelgate_scrub_finished_seconds") > 1_700_000_000
    assert store.metric("reelgate_scrub_pass_bytes") > len(DATA)


def test_damage_is_told_with_its_objects_until_they_are_gone(store):
    good, bad = store.put("good.mp4"), store.put("täst/bad one.mp4")
    store.client.copy_object(Bucket="films", Key="copy.mp4", CopySource={
        "Bucket": "films", "Key": "täst/bad one.mp4"})
    flip(bad, MIB + 5)
    done = store.scrub("start", "--rate", "0", "--wait")
    assert done.returncode == 1, done.stderr
    place = bad.relative_to(store.gateway.data)
    assert f"{place}, block 1: its CRC-32C differs" in done.stdout
    assert "films/täst/bad one.mp4, version null" in done.stdout
    assert "films/copy.mp4, version null" in done.stdout
    assert "good.mp4" not in done.stdout
    assert str(good.relative_to(store.gateway.data)) not in done.stdout
    assert "Put each object again" in done.stdout
    assert store.metric("reelgate_scrub_damage") == 1
    assert store.metric("reelgate_store_damage_met_total") == 1
    assert f"blob {bad.name}, block 1" in store.gateway.log()

    status = store.scrub("status")
    assert status.returncode == 1
    assert "films/copy.mp4" in status.stdout
    store.client.delete_object(Bucket="films", Key="copy.mp4")
    status = store.scrub("status")
    assert status.returncode == 1
    assert "films/copy.mp4" not in status.stdout
    store.client.put_object(Bucket="films", Key="täst/bad one.mp4", Body=DATA)
    status = store.scrub("status")
    assert status.returncode == 0
    assert "no damage is known" in status.stdout
    assert store.metric("reelgate_scrub_damage") == 0


def test_damage_met_by_a_client_is_told_and_a_file_put_back_is_seen(store):
    path = store.put("a.mp4")
    flip(path, 7)
    with pytest.raises(store.client.exceptions.ClientError):
        store.client.get_object(Bucket="films", Key="a.mp4")
    status = store.scrub("status")
    assert status.returncode == 1
    assert "films/a.mp4" in status.stdout
    path.write_bytes(DATA)
    done = store.scrub("start", "--rate=0", "--wait")
    assert done.returncode == 0, done.stdout
    got = store.client.get_object(Bucket="films", Key="a.mp4")["Body"].read()
    assert got == DATA


def test_keys_cannot_command_the_terminal(store):
    flip(store.put("a\x1b[2J\x7f\\.mp4"), 7)
    done = store.scrub("start", "--rate=0", "--wait")
    assert done.returncode == 1
    assert "films/a\\x1b[2J\\x7f\\x5c.mp4, version" in done.stdout


def test_slow_pass_outlives_a_kill_and_can_be_stopped(store):
    for n in range(3):
        store.put(f"{n}.mp4")
    assert store.scrub("start", "--rate", "100K").returncode == 0
    status = store.scrub("status")
    assert status.returncode == 0
    assert "reading the" in status.stdout
    assert re.search(r"rate +102400 bytes/s", status.stdout)
    assert store.metric("reelgate_scrub_running") == 1

    kept = store.gateway.data / "scrub"  # by a thread that takes its time
    wait_for("its state", kept.exists)
    store.gateway.kill()
    store.gateway.start()
    status = store.scrub("status")
    assert re.search(r"rate +102400 bytes/s", status.stdout), status.stdout
    assert store.scrub("stop").returncode == 0
    wait_for("end", lambda: "idle" in store.scrub("status").stdout)
    status = store.scrub("status")
    assert re.search(r"finished +-\n", status.stdout)

    # Cleanly ended in its midst, and then as fast as it goes.
    store.scrub("start", "--rate", "100K")
    assert store.gateway.stop() == 0
    state = json.loads(kept.read_text())
    assert state["running"] is True
    store.gateway.start()
    done = store.scrub("start", "--rate", "0", "--wait")
    assert done.returncode == 0
    assert "idle" in done.stdout


@pytest.mark.parametrize("words,status,text", [
    ((), 64, "usage"), (("begin",), 64, "start, status or stop"),
    (("start", "now"), 64, "usage"),
    (("start", "--rate", "fast"), 64, "no size"),
    (("start", "--rate", "-5"), 64, ""),
    (("--help",), 0, "")])
def test_command_line(store, words, status, text):
    done = store.scrub(*words)
    assert done.returncode == status, done.stderr
    assert text in done.stderr.lower() + done.stdout.lower()


def test_without_a_gateway(store):
    store.gateway.stop()
    done = store.scrub("status")
    assert done.returncode == 69
    assert "no gateway answers" in done.stderr


def test_passes_that_are_configured_are_announced(own_gateway):
    on, off = own_gateway(), own_gateway({"REELGATE_SCRUB_BYTES_PER_S": "0"})
    assert re.search(r"next +20\d\d-", on.admin("scrub", "status").stdout)
    assert re.search(r"next +-\n", off.admin("scrub", "status").stdout)
    assert not pathlib.Path(off.data / "scrub").exists()
