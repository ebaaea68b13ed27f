"""What a client knows of its keys: every version acknowledged, and the one
request without an answer, which happened whole or not at all. A change may
touch several keys (a rename, a removal of many); its events belong to it."""

import dataclasses
import hashlib

PLAIN, ENABLED, SUSPENDED = "plain", "enabled", "suspended"
KINDS = (PLAIN, ENABLED, SUSPENDED)  # also the names of their buckets

PUT = "ObjectCreated:Put"
COPY = "ObjectCreated:Copy"
COMPLETE = "ObjectCreated:CompleteMultipartUpload"
TAGS = "ObjectTagging:Put"
REMOVED = "ObjectRemoved:Delete"
MARKED = "ObjectRemoved:DeleteMarkerCreated"


@dataclasses.dataclass(frozen=True)
class Version:
    body: str | None       # digest of its bytes, None: a delete marker
    id: str | None = None  # None: not told yet
    tag: str = ""


@dataclasses.dataclass(frozen=True)
class Change:
    """All versions of a key afterwards, newest first, and the events as
    (name, version id or None)."""
    bucket: str
    key: str
    versions: tuple
    events: tuple

    def told(self, version_id):
        """The same, with the id that the answer gave to what it made."""
        if all(i for _, i in self.events):
            return self
        first, *rest = self.versions
        return dataclasses.replace(
            self, versions=(dataclasses.replace(first, id=version_id), *rest),
            events=tuple((e, i or version_id) for e, i in self.events))


def payload(r):
    """Bytes around the inline bound and the block of one checksum."""
    return r.randbytes(r.choice(
        [0, 1, 500, 500, 65536, 65537, 200_000, (1 << 20) + 3]))


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


# ---- what each request makes of a key's versions ----------------------------

def on_top(kind, versions, new):
    """A null version takes the place of the one before."""
    if kind == ENABLED:
        return (new, *versions)
    return (dataclasses.replace(new, id="null"),
            *(v for v in versions if v.id != "null"))


def written(kind, key, versions, event, body, tag=""):
    after = on_top(kind, versions, Version(body, tag=tag))
    return Change(kind, key, after, ((event, after[0].id),))


def removed(kind, key, versions):
    if kind == PLAIN:
        return Change(kind, key, (), ((REMOVED, "null"),) if versions else ())
    after = on_top(kind, versions, Version(None))
    return Change(kind, key, after, ((MARKED, after[0].id),))


def version_removed(kind, key, versions, version):
    return Change(kind, key, tuple(v for v in versions if v != version),
                  ((REMOVED, version.id),))


def tagged(kind, key, versions, tag):
    first = dataclasses.replace(versions[0], tag=tag)
    return Change(kind, key, (first, *versions[1:]), ((TAGS, first.id),))


# ---- the journal ------------------------------------------------------------

class Journal:
    def __init__(self):
        self.keys = {}     # (bucket, key): versions
        self.events = {}   # (bucket, key): events since the last comparison
        self.pending = ()  # changes of the request without an answer
        self.written = set()  # digests of all bytes ever sent

    def versions(self, bucket, key):
        return self.keys.get((bucket, key), ())

    def settle(self, changes):
        for c in changes:
            self.keys[c.bucket, c.key] = c.versions
            self.events.setdefault((c.bucket, c.key), []).extend(c.events)
        self.pending = ()

    def compare(self, found, events):
        """@found: {(bucket, key): [Version with all that is known]}, @events:
        {(bucket, key): [(name, version id)]} since the last comparison. The
        faults as (kind, text); the journal knows afterwards what is there."""
        worlds = [self]
        if self.pending:
            other = Journal()
            other.keys, other.written = dict(self.keys), self.written
            other.events = {k: list(v) for k, v in self.events.items()}
            other.settle(self.pending)
            worlds.append(other)
        names = worlds[-1].keys.keys()
        # of two stories with a fault, the one that has its objects right
        faults = min((list(w._faults(names, found, events)) for w in worlds),
                     key=lambda f: (len(f), [k for k, _ in f] != ["events"]))
        self.keys = {name: tuple(found.get(name, ())) for name in names}
        self.events, self.pending = {}, ()
        return faults

    def _faults(self, names, found, events):
        for name in names:
            versions, there = self.keys.get(name, ()), found.get(name, ())
            if not same(versions, there):
                torn = {v.body for v in there} - self.written - {None}
                yield ("torn" if torn else "lost",
                       f"{name}: {versions} expected, there is {there}")
            told, seen = self.events.get(name, []), events.get(name, [])
            if not same_events(told, seen):
                yield "events", f"{name}: {told} expected, there is {seen}"


def same(expected, found):
    return len(expected) == len(found) and all(
        e.id in (None, f.id) and (e.body, e.tag) == (f.body, f.tag)
        for e, f in zip(expected, found))


def same_events(expected, found):
    return len(expected) == len(found) and all(
        name == n and version in (None, v)
        for (name, version), (n, v) in zip(expected, found))
