"""Fixtures of all suites that talk to a gateway."""

import itertools
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))

from gateway import BACKEND, Gateway  # noqa: E402
from hook import SECRET, Receiver  # noqa: E402
from machine import Machine  # noqa: E402
from pg import Postgres  # noqa: E402
from stack import Stack  # noqa: E402

_numbers = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "local_store(reason): needs objects on this machine's disk;"
        " left out with REELGATE_TEST_BACKEND=s3")


def pytest_collection_modifyitems(config, items):
    if BACKEND == "s3":
        out = [i for i in items if i.get_closest_marker("local_store")]
        config.hook.pytest_deselected(items=out)
        items[:] = [i for i in items if i not in set(out)]


# ---- S3 alone ---------------------------------------------------------------

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


@pytest.fixture
def memory_path(tmp_path):
    """As tmp_path, in memory where that is to be had: for much work that is
    not about a disk."""
    shm = pathlib.Path("/dev/shm")
    if not os.access(shm, os.W_OK):
        yield tmp_path
        return
    path = tempfile.mkdtemp(prefix="reelgate-", dir=shm)
    yield pathlib.Path(path)
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def client(gateway):
    return gateway.client()


@pytest.fixture
def bucket(client):
    """A bucket of the test's own."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    return name


# ---- with a database: the video API and processors --------------------------

@pytest.fixture(scope="session")
def postgres():
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture
def own_postgres():
    """One that may be stopped."""
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def stack(postgres):
    """One gateway for the tests that do not disturb it."""
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


@pytest.fixture
def machine(postgres):
    """A gateway and the processors that the test starts on it."""
    m = Machine(postgres)
    yield m
    m.close()


@pytest.fixture
def own_machine(postgres):
    """Makes machines with settings, and a secret for webhooks."""
    made = []

    def make(**settings):
        made.append(Machine(postgres,
                            **{"WEBHOOK_SECRET": SECRET, **settings}))
        return made[-1]
    yield make
    for m in made:
        m.close()


@pytest.fixture
def receiver():
    """Makes servers that take webhooks."""
    made = []

    def make(*args):
        made.append(Receiver(*args))
        return made[-1]
    yield make
    for r in made:
        r.close()
