"""Fixtures: one PostgreSQL for all tests, one gateway for those that do not
disturb it."""
import os
import sys

import pytest

sys.path[:0] = [os.path.dirname(__file__),
                os.path.join(os.path.dirname(__file__), "..", "lib")]

from pg import Postgres  # noqa: E402
from stack import Stack  # noqa: E402


@pytest.fixture(scope="session")
def postgres():
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def stack(postgres):
    s = Stack(postgres)
    yield s
    s.close()


@pytest.fixture
def user(stack):
    return stack.user()


@pytest.fixture
def own_stack(postgres):
    """Makes gateways that a test may stop, kill or configure."""
    made = []

    def make(server=postgres, **options):
        made.append(Stack(server, **options))
        return made[-1]
    yield make
    for s in made:
        s.close()
