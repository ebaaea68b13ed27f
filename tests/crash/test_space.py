"""The marks of free space: below the soft one no new bytes are taken, below
the hard one only reading, listing and deleting go on; on a disk that is full
to the last page objects can still be deleted."""

import itertools
import json
import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

import form
from disk import MIB, LoggedGateway, SmallDisk
from gateway import DEFAULT_BUCKET as BUCKET
from sigv4 import Signer, head
from web import wait_for
from wire import Wire

SOFT, HARD = 64 * MIB, 16 * MIB  # REELGATE_MIN_FREE_BYTES, a quarter of it
LEFT = {"ok": 150 * MIB, "soft": 40 * MIB, "hard": 10 * MIB}
numbers = itertools.count()


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    d = SmallDisk(tmp_path_factory.mktemp("space") / "disk", 256)
    yield d
    d.close()


@pytest.fixture(scope="module")
def gateway(disk):
    g = LoggedGateway({"REELGATE_MIN_FREE_BYTES": str(SOFT),
                       "REELGATE_INDEX_MAP_SIZE": "1G"},
                      data=disk.where / "data")
    g.log_path = disk.where.parent / "log"
    g.disk = disk
    yield g.start()
    disk.leave(LEFT["ok"])
    g.close()


class Scene:
    """What requests need that must be there before the disk fills up."""

    def __init__(self, gateway):
        self.gateway, self.s3 = gateway, gateway.client()
        n = next(numbers)
        self.bucket, self.empty = f"full-{n}", f"empty-{n}"
        for name in (self.bucket, self.empty):
            self.s3.create_bucket(Bucket=name)
        self.at = {"Bucket": self.bucket, "Key": "there"}
        self.s3.put_object(**self.at, Body=b"v", Tagging="a=b")
        self.new = {"Bucket": self.bucket, "Key": "new"}
        self.upload = {**self.new, "UploadId": self.s3.
                       create_multipart_upload(**self.new)["UploadId"]}
        self.part = self.s3.upload_part(**self.upload, PartNumber=1,
                                        Body=b"part")["ETag"]

    def raw(self, method, query, size, headers=None):
        """(status, code) of a request of @size bytes that waits for 100
        Continue: none of them is sent."""
        path = f"/{self.bucket}" + ("/new" if method == "PUT" else "")
        h = {"Host": f"127.0.0.1:{self.gateway.port}", **(headers or {})}
        if method == "PUT":
            h = Signer().headers(method, path, h["Host"], "UNSIGNED-PAYLOAD",
                                 query)
        h.update({"Content-Length": str(size), "Expect": "100-continue"})
        target = path + ("?" if query else "") + "&".join(
            f"{k}={v}" for k, v in query)
        with Wire(self.gateway.port) as w:
            w.send(head(method, target, h))
            r = w.read()
            return r.status, r.code

    def put(self):
        return self.raw("PUT", [], 5)

    def put_part(self):
        return self.raw("PUT", [("partNumber", "2"), (
            "uploadId", self.upload["UploadId"])], 5)

    def post_form(self):
        return self.raw("POST", [], 5 * MIB, {
            "Content-Type": f"multipart/form-data; boundary={form.BOUNDARY}"})

    # bytes or uploads that are refused without a body

    def put_inline(self):
        self.s3.put_object(**self.new, Body=b"v")

    def copy(self):
        self.s3.copy_object(**self.new, CopySource=self.at)

    def copy_part(self):
        self.s3.upload_part_copy(**self.upload, PartNumber=2,
                                 CopySource=self.at)

    def create_upload(self):
        self.s3.create_multipart_upload(**self.new)

    # records alone

    def complete(self):
        self.s3.complete_multipart_upload(**self.upload, MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": self.part}]})

    def tag(self):
        self.s3.put_object_tagging(**self.at, Tagging={"TagSet": [
            {"Key": "k", "Value": "v"}]})

    def create_bucket(self):
        self.s3.create_bucket(Bucket=f"{self.bucket}-new")

    def tag_bucket(self):
        self.s3.put_bucket_tagging(Bucket=self.bucket, Tagging={"TagSet": [
            {"Key": "k", "Value": "v"}]})

    def version_bucket(self):
        self.s3.put_bucket_versioning(
            Bucket=self.empty, VersioningConfiguration={"Status": "Enabled"})

    # reading and deleting

    def get(self):
        assert self.s3.get_object(**self.at)["Body"].read() == b"v"

    def head(self):
        assert self.s3.head_object(**self.at)["ContentLength"] == 1

    def list(self):
        assert self.s3.list_objects_v2(Bucket=self.bucket)["KeyCount"] == 1

    def list_versions(self):
        assert self.s3.list_object_versions(Bucket=self.bucket)["Versions"]

    def list_parts(self):
        assert len(self.s3.list_parts(**self.upload)["Parts"]) == 1

    def untag(self):
        self.s3.delete_object_tagging(**self.at)

    def delete(self):
        self.s3.delete_object(**self.at)
        assert "Contents" not in self.s3.list_objects_v2(Bucket=self.bucket)

    def delete_many(self):
        assert not self.s3.delete_objects(Bucket=self.bucket, Delete={
            "Objects": [{"Key": "there"}]}).get("Errors")

    def delete_bucket(self):
        self.s3.delete_bucket(Bucket=self.empty)

    def abort(self):
        self.s3.abort_multipart_upload(**self.upload)


BYTES = (Scene.put_inline, Scene.copy, Scene.copy_part, Scene.create_upload)
WAITING = (Scene.put, Scene.put_part, Scene.post_form)
RECORDS = (Scene.complete, Scene.tag, Scene.create_bucket, Scene.tag_bucket,
           Scene.version_bucket)
OTHERS = (Scene.get, Scene.head, Scene.list, Scene.list_versions,
          Scene.list_parts, Scene.untag, Scene.delete, Scene.delete_many,
          Scene.delete_bucket, Scene.abort)
REFUSED = {"ok": (), "soft": BYTES, "hard": BYTES + RECORDS}


class State:
    """Its scenes were made while there was room."""

    def __init__(self, gateway, name):
        self.gateway, self.name = gateway, name
        settle(gateway, "ok")
        calls = BYTES + RECORDS + OTHERS + (WAITING if name != "ok" else ())
        self.scenes = {call: Scene(gateway) for call in calls}
        settle(gateway, name)


@pytest.fixture(scope="module", params=LEFT)
def state(request, gateway):
    return State(gateway, request.param)


def show(value):
    return getattr(value, "__name__", value)


@pytest.mark.parametrize("call", BYTES + RECORDS + OTHERS, ids=show)
def test_each_state_takes_what_it_should(state, call):
    if call not in REFUSED[state.name]:
        call(state.scenes[call])
        return
    with pytest.raises(ClientError) as e:
        call(state.scenes[call])
    r = e.value.response
    assert r["ResponseMetadata"]["HTTPStatusCode"] == 507
    assert r["Error"]["Code"] == "InsufficientStorage"
    assert "free disk space" in r["Error"]["Message"]


@pytest.mark.parametrize("call", WAITING, ids=show)
def test_no_body_is_asked_for(state, call):
    if state.name != "ok":
        assert call(state.scenes[call]) == (507, "InsufficientStorage")
    else:
        assert call(Scene(state.gateway))[0] in (100, 403)


def health(gateway):
    try:
        with urllib.request.urlopen(gateway.api_url + "/health/ready") as r:
            return json.load(r)
    except urllib.error.HTTPError as e:
        return json.load(e)


def settle(gateway, state):
    """The disk is so full, and the gateway knows: a reading is at most a
    second old."""
    gateway.disk.leave(LEFT[state])
    wait_for(f"space {state}",
             lambda: health(gateway)["space"]["state"] == state)


def test_what_is_announced_counts(gateway):
    """Two uploads of which each would fit alone."""
    settle(gateway, "ok")
    scene = Scene(gateway)
    size = LEFT["ok"] - SOFT - 20 * MIB
    path = f"/{scene.bucket}/new"
    h = Signer().headers("PUT", path, f"127.0.0.1:{scene.gateway.port}",
                         "UNSIGNED-PAYLOAD")
    h.update({"Content-Length": str(size), "Expect": "100-continue"})
    with Wire(scene.gateway.port) as first, Wire(scene.gateway.port) as other:
        first.send(head("PUT", path, h))
        assert first.read().status == 100
        other.send(head("PUT", path, h))
        assert other.read().code == "InsufficientStorage"


def test_each_change_of_state_is_told_once(gateway):
    settle(gateway, "ok")
    for state in ("soft", "hard", "soft", "ok"):
        before = gateway.events(f"space_{state}")
        settle(gateway, state)
        for _ in range(3):
            free = health(gateway)["space"]["free_bytes"]
            assert abs(free - LEFT[state]) < MIB
        assert gateway.events(f"space_{state}") == before + 1
        with urllib.request.urlopen(gateway.api_url + "/metrics") as r:
            text = r.read().decode()
        for name in LEFT:
            assert (f'reelgate_store_space{{state="{name}"}} '
                    f'{int(name == state)}\n') in text


def test_a_full_disk_takes_every_delete(gateway):
    """Delete markers need room until there is no free page left. Then deletes
    get the ballast's, and go on to the last object."""
    disk, s3 = gateway.disk, gateway.client()
    ballast = gateway.data / "index" / "ballast"
    settle(gateway, "ok")
    keys = [f"k{i:03}" for i in range(100)]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=bytes(20_000))
    kept = ballast.stat()
    assert kept.st_size == 2 * MIB and kept.st_blocks * 512 >= 2 * MIB
    s3.create_bucket(Bucket="marked")
    s3.put_bucket_versioning(Bucket="marked", VersioningConfiguration={
        "Status": "Enabled"})
    disk.leave(0)
    markers = 0
    while not gateway.events("ballast_dropped"):
        assert markers < 100_000, "the disk never had too little room"
        markers += len(s3.delete_objects(Bucket="marked", Delete={"Objects": [
            {"Key": f"absent{markers + i}"} for i in range(500)]})["Deleted"])
    assert not ballast.exists()
    # its room is nobody's
    time.sleep(1.1)
    assert health(gateway)["space"] == {"state": "hard", "free_bytes": 0}
    with pytest.raises(ClientError) as e:
        s3.put_object(Bucket=BUCKET, Key="new", Body=b"v")
    assert e.value.response["Error"]["Code"] == "InsufficientStorage"
    for key in keys[:50]:
        s3.delete_object(Bucket=BUCKET, Key=key)
    s3.delete_objects(Bucket=BUCKET, Delete={
        "Objects": [{"Key": key} for key in keys[50:80]]})
    gateway.kill()
    gateway.start()
    s3 = gateway.client()
    left = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [o["Key"] for o in left] == keys[80:]
    for key in keys[80:]:
        body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert body == bytes(20_000)
    pages = s3.get_paginator("list_object_versions").paginate(Bucket="marked")
    assert sum(len(p.get("DeleteMarkers", [])) for p in pages) == markers
    # with room again it is made anew
    disk.leave(LEFT["ok"])
    gateway.kill()
    gateway.start()
    assert ballast.stat().st_blocks * 512 >= 2 * MIB
    gateway.client().put_object(Bucket=BUCKET, Key="again", Body=b"v")


def test_before_another_s3_room_is_about_events(disk, tmp_path):
    """Objects lie elsewhere: below the hard mark alone changes are refused,
    deletes as well, since nothing could tell of them."""
    disk.leave(LEFT["ok"])
    g = LoggedGateway({"REELGATE_BACKEND": "s3",
                       "REELGATE_MIN_FREE_BYTES": str(SOFT),
                       "REELGATE_INDEX_MAP_SIZE": "1G"},
                      data=disk.where / "journal")
    g.log_path, g.disk = tmp_path / "log", disk
    try:
        s3 = g.start().client()
        one = {"Bucket": BUCKET, "Key": "k"}
        disk.leave(LEFT["soft"])
        wait_for("the soft mark", lambda: s3.put_object(**one, Body=b"x") and
                 g.events("space_soft"))
        settle(g, "hard")
        for change in (lambda: s3.put_object(**one, Body=b"y"),
                       lambda: s3.delete_object(**one)):
            with pytest.raises(ClientError, match="InsufficientStorage"):
                change()
        assert s3.get_object(**one)["Body"].read() == b"x"
        assert "objects lie elsewhere, so all goes on" in g.log()
        assert "only reading and listing go on, since" in g.log()
        settle(g, "ok")
        s3.delete_object(**one)
    finally:
        disk.leave(LEFT["ok"])
        g.close()
