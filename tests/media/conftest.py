"""Test files, made once with the ffmpeg program."""
import hashlib
import subprocess

import pytest

import worker


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, args)],
                   check=True)


X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


class Files:
    """Files by name and content, made when first asked for."""

    def __init__(self, folder):
        self.folder = folder

    def make(self, name, *args):
        what = hashlib.sha256(repr(args).encode()).hexdigest()[:16]
        path = self.folder / what / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            ffmpeg(*args, path)
        return path

    def video(self, name, filters, *more, audio=None):
        """filters: a filter graph without input that ends in one video."""
        args = ["-f", "lavfi", "-i", filters]
        if audio:
            args += ["-f", "lavfi", "-i", audio, "-c:a", "aac"]
        return self.make(name, *args, *X264, *more)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="session")
def samples():
    if worker.SAMPLES is None:
        pytest.skip("no sample files beside the checkout")
    return worker.SAMPLES
