"""reelgate admin fsck: statuses, lines and JSON, on stores that are whole,
damaged, torn, in use, or none at all."""

import json
import shutil

import pytest

from blobs import blobs, flip
from gateway import DEFAULT_BUCKET, Gateway

pytestmark = pytest.mark.local_store("checks files of objects")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """The data directory of a gateway that has stopped."""
    data = tmp_path_factory.mktemp("fsck") / "data"
    g = Gateway(data=data).start()
    s3 = g.client()
    for n in range(200):
        s3.put_object(Bucket=DEFAULT_BUCKET, Key=f"small/{n}", Body=b"s" * n)
    s3.put_object(Bucket=DEFAULT_BUCKET, Key="large", Body=b"l" * 3_000_000)
    g.close()
    return g


@pytest.fixture
def store(filled, tmp_path):
    """A copy to damage."""
    copy = tmp_path / "copy"
    shutil.copytree(filled.data, copy, symlinks=True,
                    ignore=shutil.ignore_patterns("*.sock"))
    return copy


def fsck(filled, *words):
    return filled.admin("fsck", *words)


def blob(store):
    [path] = blobs(store)
    return path


def test_whole_store_by_data_and_by_place(filled, store):
    for done in (fsck(filled), fsck(filled, "--bytes"), fsck(filled, store)):
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("201 objects of ")
        assert done.stdout.endswith(" 0 findings\n")
        assert done.stderr == ""
    place = Gateway(data=store)
    assert place.admin("fsck", "--index-only").returncode == 0


def test_json_is_a_document_a_line(filled, store):
    blob(store).unlink()
    done = Gateway(data=store).admin("fsck", "--json")
    assert done.returncode == 1
    *findings, summary = map(json.loads, done.stdout.splitlines())
    assert [f["finding"] for f in findings] == ["blob"]
    assert "No such file" in findings[0]["text"]
    assert findings[0]["bucket"] == DEFAULT_BUCKET
    assert findings[0]["key"] == "large"
    assert findings[0]["versionId"] == "null"
    assert summary["summary"]["findings"] == 1
    assert summary["summary"]["objects"] == 201


def test_flipped_byte_needs_bytes_to_be_seen(store):
    flip(blob(store), 2_000_000)
    place = Gateway(data=store)
    assert place.admin("fsck").returncode == 0
    done = place.admin("fsck", "--bytes")
    assert done.returncode == 1
    assert "block 1: its CRC-32C differs" in done.stdout
    assert f"blob: {DEFAULT_BUCKET}/large (version null): blob " in done.stdout


def test_a_store_in_use_is_refused_and_says_what_to_do():
    g = Gateway().start()
    try:
        done = g.admin("fsck")
        assert done.returncode == 2 and done.stdout == ""
        assert "in use" in done.stderr and "stop" in done.stderr
    finally:
        g.close()


def test_no_store(tmp_path):
    done = Gateway(data=tmp_path).admin("fsck")
    assert done.returncode == 2
    assert "No such file" in done.stderr


@pytest.mark.parametrize("seed", range(12))
def test_garbage_in_the_index_is_a_finding_whatever_lmdb_does(store, seed):
    """Pages that are overwritten, at different places: found, or not in use.
    A crash of LMDB is a finding as well, and never the tool's own."""
    index = store / "index" / "data.mdb"
    raw = bytearray(index.read_bytes())
    pages = len(raw) // 4096
    for page in range(2 + seed, pages, 12):
        raw[page * 4096:page * 4096 + 64] = bytes([0xa5 + seed]) * 64
    index.write_bytes(raw)
    done = Gateway(data=store).admin("fsck")
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    if done.returncode == 1:
        assert done.stdout.count("\n") >= 1


def test_a_cut_index_is_a_finding(store):
    index = store / "index" / "data.mdb"
    with open(index, "r+b") as f:
        f.truncate(index.stat().st_size // 2 // 4096 * 4096)
    done = Gateway(data=store).admin("fsck")
    assert done.returncode == 1
    assert done.stdout.startswith("index: ")


@pytest.mark.parametrize("words", [("--frob",), ("a", "b"), ("--bytes=1",)])
def test_wrong_use(filled, words):
    assert fsck(filled, *words).returncode == 64


def test_help(filled):
    done = fsck(filled, "--help")
    assert done.returncode == 0
    for text in ("--bytes", "--index-only", "--json", "status 0"):
        assert text in done.stdout
