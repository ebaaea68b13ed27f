"""The events of a store at rest, read from its index by docs/store-format.md
and by nothing of the product."""

import dataclasses
import struct

import lmdb


@dataclasses.dataclass(frozen=True)
class Event:
    seq: int
    id: str
    name: str
    bucket: str
    key: str
    size: int
    version: str


def _decode(seq, row):
    version, kind, length = struct.unpack_from(">BcI", row)
    assert (version, kind) == (2, b"E"), row[:6]
    body = row[6:6 + length]
    assert len(row) == 6 + length + 4

    def text():
        nonlocal body
        n, = struct.unpack_from(">H", body)
        value, body = body[2:2 + n].decode(), body[2 + n:]
        return value
    event_id = text()
    _, size = struct.unpack_from(">qQ", body)
    body = body[16:]
    name, bucket, _owner, key, _etag, version_id = (text() for _ in range(6))
    return Event(seq, event_id, name, bucket, key, size, version_id)


def events(data, after=0):
    """Those with a sequence above @after, in order. No gateway may run."""
    env = lmdb.open(str(data / "index"), readonly=True, lock=False,
                    max_dbs=32, map_size=1 << 36)
    try:
        with env.begin(env.open_db(b"outbox", create=False)) as txn:
            cursor = txn.cursor()
            if not cursor.set_range(struct.pack(">Q", after + 1)):
                return []
            return [_decode(struct.unpack(">Q", k)[0], bytes(v))
                    for k, v in cursor]
    finally:
        env.close()
