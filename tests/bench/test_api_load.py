"""The load on the video API in its short form: everybody is served in the end,
nothing stays open, and the program does say when that is not so."""
import pathlib
import subprocess

LOAD = pathlib.Path(__file__).parent / "api.py"


def run(**options):
    return subprocess.run(
        [LOAD, *(f"--{k}={v}" for k, v in options.items())], text=True,
        timeout=200, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_many_upload_and_poll_and_all_are_served():
    done = run(uploads=50, pollers=300, seconds=20)
    assert done.returncode == 0, done.stdout
    assert "50 of 50 uploads are videos" in done.stdout
    assert " 0 pollers with an old state" in done.stdout


def test_more_than_there_are_connections_for_are_served_in_the_end():
    done = run(uploads=100, pollers=300, seconds=5, every=1, connections=64)
    assert done.returncode == 0, done.stdout
    assert "told to come later 0 times" not in done.stdout


def test_who_does_not_come_back_is_not_served_and_that_is_said():
    done = run(uploads=100, pollers=50, seconds=5, connections=16, tries=1)
    assert done.returncode == 1, done.stdout
    assert "never served" in done.stdout
    assert done.stdout.endswith("FAILED\n")
