"""The kill -9 loop: a few rounds each time, two hundred in the long run."""

import os

import pytest

import journal as j
from kill_loop import Outbox, call, compare, kill_loop, prepare
from wire import Wire


def test_nothing_acknowledged_is_lost_by_kill_9():
    rounds = 200 if os.environ.get("REELGATE_TEST_LONG") else 8
    done = kill_loop(rounds)
    assert done.faults == []
    assert done.requests > rounds, "the loop hardly wrote anything"


# ---- a loop that could not fail would prove nothing --------------------------

A, B, C = (j.Version(body, "null") for body in ("a", "b", "c"))
NAME, OTHER = (j.PLAIN, "k"), (j.PLAIN, "other")
PUT = (j.PUT, "null")
GONE = (j.REMOVED, "null")
OVERWRITE = [j.Change(*NAME, (B,), (PUT,))]
RENAME = [j.Change(*OTHER, (A,), ((j.COPY, "null"),)),
          j.Change(*NAME, (), (GONE,))]


@pytest.mark.parametrize("pending,found,events,faults", [
    # as acknowledged, or with the request that had no answer
    ([], {NAME: [A]}, {}, []),
    (OVERWRITE, {NAME: [A]}, {}, []),
    (OVERWRITE, {NAME: [B]}, {NAME: [PUT]}, []),
    (RENAME, {NAME: [A]}, {}, []),
    (RENAME, {OTHER: [A]}, {OTHER: [(j.COPY, "null")], NAME: [GONE]}, []),
    # lost, old, left over, of another time, torn
    ([], {}, {}, ["lost"]),
    ([], {NAME: [B]}, {}, ["lost"]),
    ([], {NAME: [A, B]}, {}, ["lost"]),
    (OVERWRITE, {NAME: [C]}, {}, ["lost"]),
    (OVERWRITE, {NAME: [j.Version("half", "null")]}, {}, ["torn"]),
    # half of what is one commit
    (RENAME, {NAME: [A], OTHER: [A]}, {}, ["lost"]),
    # an object without its event, an event without its object, one twice
    (OVERWRITE, {NAME: [B]}, {}, ["events"]),
    (OVERWRITE, {NAME: [A]}, {NAME: [PUT]}, ["events"]),
    (OVERWRITE, {NAME: [B]}, {NAME: [PUT, PUT]}, ["events"]),
    ([], {NAME: [A]}, {NAME: [PUT]}, ["events"]),
])
def test_the_journal_tells_right_from_wrong(pending, found, events, faults):
    journal = j.Journal()
    journal.keys = {NAME: (A,)}
    journal.written = {"a", "b", "c"}
    journal.pending = pending
    seen = journal.compare(found, events)
    assert [kind for kind, _ in seen] == faults
    assert journal.compare(found, {}) == []  # it has learned what is there


def test_the_comparison_sees_the_store_itself(own_gateway):
    """Its keys, bytes, tags, versions and events, after one kill."""
    gateway = own_gateway()
    journal, log = j.Journal(), Outbox()
    prepare(gateway, [journal])
    with Wire(gateway.port) as wire:
        for kind, name, body in ((j.PLAIN, "a", b"1"), (j.ENABLED, "b", b"2"),
                                 (j.ENABLED, "b", b"3")):
            assert call(wire, gateway, "PUT", f"/{kind}/{name}",
                        body).status == 200
            journal.settle([j.written(kind, name, journal.versions(
                kind, name), j.PUT, j.digest(body))])
            journal.written.add(j.digest(body))
    gateway.kill()
    events, faults = log.read(gateway.data)
    assert faults == [] and log.seq == 6
    assert log.read(gateway.data) == ({}, [])
    gateway.start()

    def faults_when(**wrong):
        copy = j.Journal()
        copy.written = journal.written - wrong.get("unwritten", set())
        copy.keys = {**journal.keys, **wrong.get("keys", {})}
        copy.events = {**journal.events, **wrong.get("events", {})}
        return [kind for kind, _ in compare(gateway, [copy], events)]
    one, two = journal.versions(j.ENABLED, "b")
    assert faults_when() == []
    assert faults_when(keys={(j.PLAIN, "lost"): (A,)}) == ["lost"]
    assert faults_when(keys={(j.ENABLED, "b"): (one,)}) == ["lost"]
    assert faults_when(keys={(j.ENABLED, "b"): (two, one)}) == ["lost"]
    assert faults_when(keys={(j.ENABLED, "b"): (one,)},
                       unwritten={two.body}) == ["torn"]
    assert faults_when(events={(j.PLAIN, "a"): []}) == ["events"]
    assert faults_when(events={(j.PLAIN, "a"): [PUT, PUT]}) == ["events"]
