"""Fixtures of all suites that talk to a gateway."""

import itertools
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))

from gateway import Gateway  # noqa: E402

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def gateway():
    """One gateway for the tests that need no settings of their own."""
    g = Gateway().start()
    yield g
    g.close()


@pytest.fixture
def own_gateway():
    """Makes gateways with settings; all are ended after the test."""
    made = []

    def make(settings=None, **options):
        g = Gateway(settings, **options)
        made.append(g)
        return g.start()

    yield make
    for g in made:
        g.close()


@pytest.fixture(scope="session")
def client(gateway):
    return gateway.client()


@pytest.fixture
def bucket(client):
    """A bucket of the test's own."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    return name
