"""Fixtures: one PostgreSQL, gateways and processors that end with the test."""
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "processor"), str(TESTS / "api"),
                str(TESTS / "lib")]

from pg import Postgres  # noqa: E402
from machine import Machine  # noqa: E402


@pytest.fixture(scope="session")
def postgres():
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture
def machine(postgres):
    m = Machine(postgres)
    yield m
    m.close()


@pytest.fixture
def own_postgres():
    """One that may be stopped."""
    server = Postgres()
    yield server
    server.remove()
