"""Each way in which a disk fails, over HTTP: what the request is answered,
that it happened whole with its event or not at all, that nothing else is
harmed, that the next request works, and the same once more after a kill."""

from errno import (EDQUOT, EINTR, EIO, EMFILE, ENFILE, ENOSPC, EROFS)

import pytest

import journal as j
from faults import FOREVER, SHORT, Faults
from gateway import DEFAULT_BUCKET, Gateway
from kill_loop import Outbox, Worker, compare, prepare
from wire import Wire

FULL = (507, "InsufficientStorage")
BUSY = (503, "SlowDown")
BROKEN = (500, "InternalError")
DONE = "done"  # the client sees nothing of it
EXIT = "exit"  # nobody is answered, the process ends with status 70

SMALL, LARGE, HUGE = 500, 200_000, (1 << 20) + 70_000


class Refused(Exception):
    pass


class Client(Worker):
    """The requests of the kill loop, one at a time."""

    size = SMALL

    def bytes(self):
        data = self.random.randbytes(self.size)
        self.journal.written.add(j.digest(data))
        return data

    def call(self, *request, status=200, **more):
        try:
            return super().call(*request, status=status, **more)
        except AssertionError as e:
            r = e.args[0][-1]
            if r.status < 500:
                raise
            assert len(r.message) > 20, r
            raise Refused(r.status, r.code) from None

    def part_of_inline(self, kind, name, versions):
        """A copy that writes: parts are never inline."""
        source = self.name(0)
        body = self.journal.versions(kind, source)[0].body
        self.upload(kind, name, versions, body, b"",
                    {"x-amz-copy-source": f"{kind}/{source}"})

    def outcome(self, what, key):
        """Of a request of the table below."""
        kind, self.size, action = REQUESTS[what]
        try:
            with Wire(self.gateway.port) as self.wire:
                action(self, kind, key, self.journal.versions(kind, key))
            return DONE
        except Refused as e:
            self.journal.pending = ()
            return e.args
        except (EOFError, OSError):
            return EXIT


REQUESTS = {
    "put": (j.PLAIN, SMALL, Worker.put),
    "put version": (j.ENABLED, SMALL, Worker.put),
    "put null version": (j.SUSPENDED, SMALL, Worker.put),
    "put blob": (j.PLAIN, LARGE, Worker.put),
    "put huge version": (j.ENABLED, HUGE, Worker.put),
    "upload": (j.PLAIN, LARGE, Worker.multipart),
    "upload version": (j.ENABLED, SMALL, Worker.multipart),
    "part copy": (j.ENABLED, SMALL, Client.part_of_inline),
    "copy": (j.PLAIN, SMALL, Worker.copy),
    "rename": (j.PLAIN, SMALL, Worker.rename),
    "tag": (j.ENABLED, SMALL, Worker.tag),
    "delete": (j.PLAIN, SMALL, Worker.delete),
    "delete many": (j.PLAIN, SMALL, Worker.delete_many),
    "mark": (j.ENABLED, SMALL, Worker.delete),
    "mark null": (j.SUSPENDED, SMALL, Worker.delete),
    "delete version": (j.ENABLED, SMALL, Worker.delete_version),
}
REMOVALS = ("delete", "delete many", "mark", "mark null", "delete version")
BLOBS = ("put blob", "put huge version", "upload", "upload version",
         "part copy")
PAGES, META = "*/index/data.mdb@plain", "*/index/data.mdb@dsync"
FILE = "*/blobs/f/*/*/????????????????*"
DIRECTORY = "*/blobs/f/*/???@plain"

# name: rules, requests, outcome (of some another)
FAULTS = {
    # the index
    "pages EIO": ([("write", PAGES, EIO)], REQUESTS, BROKEN, {}),
    "pages SHORT": ([("write", PAGES, SHORT)], REQUESTS, BROKEN, {}),
    "pages EINTR": ([("write", PAGES, EINTR)], REQUESTS, DONE, {}),
    # a removal is tried once more, with the room of the ballast if need be
    "pages ENOSPC": ([("write", PAGES, ENOSPC)], REQUESTS, FULL,
                     dict.fromkeys(REMOVALS, DONE)),
    "pages EDQUOT": ([("write", PAGES, EDQUOT)], REQUESTS, FULL,
                     dict.fromkeys(REMOVALS, DONE)),
    "pages ENOSPC for long": ([("write", PAGES, ENOSPC, 1, FOREVER)],
                              REQUESTS, FULL, {}),
    "index sync EIO": ([("sync", PAGES, EIO)], REQUESTS, BROKEN, {}),
    "index sync ENOSPC": ([("sync", PAGES, ENOSPC)], REQUESTS, FULL,
                          dict.fromkeys(REMOVALS, DONE)),
    "meta EIO": ([("write", META, EIO)],
                 ("put version", "upload", "rename", "delete many"), EXIT, {}),
    "meta ENOSPC": ([("write", META, ENOSPC)],
                    ("put blob", "mark null", "tag"), EXIT, {}),
    "meta SHORT": ([("write", META, SHORT)], ("put", "copy"), EXIT, {}),
    "meta EINTR": ([("write", META, EINTR)], ("put", "copy"), DONE, {}),
    # files of blobs
    "create EIO": ([("open", FILE, EIO)], BLOBS, BROKEN, {}),
    "create ENOSPC": ([("open", FILE, ENOSPC)], BLOBS, FULL, {}),
    "create EMFILE": ([("open", FILE, EMFILE)], BLOBS, BUSY, {}),
    "create ENFILE": ([("open", FILE, ENFILE)], BLOBS, BUSY, {}),
    "data EIO": ([("write", FILE, EIO)], BLOBS, BROKEN, {}),
    "data ENOSPC": ([("write", FILE, ENOSPC)], BLOBS, FULL, {}),
    "data EDQUOT": ([("write", FILE, EDQUOT)], BLOBS, FULL, {}),
    "data SHORT": ([("write", FILE, SHORT)], BLOBS, DONE, {}),
    "data EINTR": ([("write", FILE, EINTR)], BLOBS, DONE, {}),
    "data sync EIO": ([("sync", FILE, EIO)], BLOBS, BROKEN, {}),
    "data sync ENOSPC": ([("sync", FILE, ENOSPC)], BLOBS, FULL, {}),
    "entry sync EIO": ([("sync", DIRECTORY, EIO)], ("put blob",), BROKEN, {}),
    "allocate ENOSPC": ([("fallocate", FILE, ENOSPC)],
                        ("put huge version",), DONE, {}),
    # a file that is refused and cannot be unlinked waits for the next start
    "data and unlink EIO": ([("write", FILE, EIO), ("unlink", FILE, EIO)],
                            BLOBS, BROKEN, {}),
    # the file system turned read-only
    "all EROFS": ([(call, path, EROFS, 1, FOREVER)
                   for call in ("write", "sync", "open", "mkdir", "unlink")
                   for path in ("*/blobs/*", PAGES)], REQUESTS, BROKEN, {}),
    # nothing of the disk: no descriptor for a new connection
    "accept EMFILE": ([("accept", "socket:*", EMFILE, 1, 3)],
                      ("put", "put blob"), DONE, {}),
}


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    return Faults(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def client(faults):
    g = Gateway(faults.settings()).start()
    c = Client(0, g, j.Journal(), 1)
    c.log = Outbox()
    prepare(g, [c.journal])
    for n in range(2):  # for delete_many and as sources of copies
        for kind in (j.PLAIN, j.ENABLED):
            assert c.outcome("put" if kind == j.PLAIN else "put version",
                             c.name(n)) == DONE
    yield c
    faults.clear()
    g.close()


def check(client):
    """All as acknowledged after a crash, with exactly its events."""
    g = client.gateway
    if g.process.poll() is None:
        g.kill()
    events, wrong = client.log.read(g.data)
    g.start()
    assert wrong + compare(g, [client.journal], events) == []


@pytest.mark.parametrize("name", FAULTS)
def test_fault(client, faults, name):
    rules, requests, usual, special = FAULTS[name]
    for n, what in enumerate(requests):
        key = f"{name.replace(' ', '-')}/{n}"
        for before in ("put", "put version", "put null version", "put blob"):
            assert client.outcome(before, key) == DONE
        faults.set(*rules)
        seen = client.outcome(what, key)
        assert faults.clear() > 0, f"{what} met no fault"
        assert seen == special.get(what, usual), what
        if seen == EXIT:
            assert client.gateway.process.wait(60) == 70
            check(client)
        assert client.outcome(what, key) == DONE, what
    check(client)


def test_a_start_without_room_for_its_commit_takes_the_ballast(faults):
    g = Gateway({**faults.settings(), "REELGATE_MIN_FREE_BYTES": "64M"})
    try:
        g.start().client().put_object(Bucket=DEFAULT_BUCKET, Key="k", Body=b"v")
        assert (g.data / "index" / "ballast").exists()
        g.kill()
        faults.set(("write", PAGES, ENOSPC))
        g.start()
        assert faults.clear() > 0
        got = g.client().get_object(Bucket=DEFAULT_BUCKET, Key="k")
        assert got["Body"].read() == b"v"
    finally:
        faults.clear()
        g.close()
