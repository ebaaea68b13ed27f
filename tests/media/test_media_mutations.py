"""The broker outlives mutated files; the long form is mutate.py by itself."""
import pytest

import mutate

FILES = 30


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return mutate.make_seeds(tmp_path_factory.mktemp("seeds"))


def test_every_seed_passes_unharmed(seeds, tmp_path):
    assert len(seeds) >= 15
    broker = mutate.Broker(tmp_path, 30)
    for name, data in seeds.items():
        assert broker.run("analyze", data).word == "done", name
        assert broker.run("clips", data).word == "done", name
    broker.close()


def test_the_broker_outlives_mutated_files(seeds, tmp_path):
    options = mutate.read_options(["--files", str(FILES), "--seed", "7",
                                   "--keep", str(tmp_path / "kept")])
    ends, _, kept = mutate.run_all(options, seeds)
    assert sum(ends.values()) == FILES
    # Most are read to some end, or the damage does not reach the readers.
    assert ends["done"] and ends["corrupt_media"]
    bad = [p.name for p in kept if not p.name.startswith("timeout")]
    assert not bad
