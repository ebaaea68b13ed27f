"""The kill -9 loop: a few rounds each time, two hundred in the long run."""

import os

from kill_loop import Key, call, check_keys, kill_loop, payload
from wire import Wire


def test_nothing_acknowledged_is_lost_by_kill_9():
    rounds = 200 if os.environ.get("REELGATE_TEST_LONG") else 6
    total, errors = kill_loop(rounds)
    assert errors == []
    assert total > rounds, "the loop hardly wrote anything"


def test_the_check_notices_what_is_lost_and_what_is_left_over(own_gateway):
    g = own_gateway()
    with Wire(g.port) as wire:
        call(wire, g, "PUT", "uploads/a", payload(1))
        call(wire, g, "PUT", "uploads/b", payload(2))
    for journal, wrong in (
            ({"uploads/a": Key(1), "uploads/b": Key(2)}, 0),
            ({"uploads/a": Key(1), "uploads/b": Key(3, (2,))}, 0),
            ({"uploads/a": Key(1), "uploads/b": Key(3)}, 1),
            ({"uploads/a": Key(None), "uploads/b": Key(2)}, 1),
            ({"uploads/a": Key(1), "uploads/lost": Key(4)}, 1)):
        assert len(check_keys(g, journal)[0]) == wrong
