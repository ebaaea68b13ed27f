"""Starting and stopping, and what a person is told when it cannot be."""
import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess

import pytest

from gateway import BIN
from pg import Postgres
from up import START_S, descendants, processes
from web import request, wait_for

root_only = pytest.mark.skipif(os.getuid() != 0, reason="needs root")


def test_up_says_where_things_are_and_stops_without_a_trace(make_up):
    up = make_up().start()
    credentials = up.place("credentials")
    info = os.stat(credentials)
    assert stat.S_IMODE(info.st_mode) == 0o600
    assert request("GET", up.s3 + "/minio/health/ready").status == 200
    assert request("GET", up.api + "/health/ready").status == 200
    commands = descendants(up.process.pid).values()
    names = {os.path.basename(c) for c in commands}
    assert {"postgres", "reelgate-gateway", "reelgate-processor"} <= names
    if os.getuid() == 0:  # nothing of it runs as root
        for pid in [up.process.pid, *descendants(up.process.pid)]:
            with contextlib.suppress(FileNotFoundError):  # it has ended
                assert os.stat(f"/proc/{pid}").st_uid == info.st_uid != 0
    status, left = up.stop(signal.SIGINT)
    assert (status, left) == (0, [])
    assert up.text().splitlines()[-1] == "stopped"
    assert "reelgate: " not in up.text()  # no service has complained
    assert not (up.data / "run/endpoints").exists()


@pytest.fixture
def no_user(tmp_path):
    """What to write before a command for a machine like this one, on which
    nobody has started Reelgate yet: /etc is a copy without its user."""
    with subprocess.Popen(
            ["unshare", "--mount", "sh", "-ec",
             'cp -a /etc "$0" && mount --bind "$0/etc" /etc && '
             "cd /etc && sed -i /^reelgate:/d passwd shadow group gshadow && "
             "echo there && read end", tmp_path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as place:
        if place.stdout.readline() != "there\n":
            pytest.skip("an /etc of one's own needs the right to mount")
        yield ("nsenter", f"--mount=/proc/{place.pid}/ns/mnt", "--")


@root_only
def test_up_several_that_start_first_have_one_user(make_up, no_user):
    """All find that there is none, and one of them makes it."""
    ups = [make_up(args=("--no-processor",), prefix=no_user).spawn()
           for _ in range(4)]
    wait_for("ready", lambda: all(
        "ready" in up.text().splitlines() or up.process.poll() is not None
        for up in ups), START_S)
    assert [up.process.poll() for up in ups] == [None] * 4, [
        up.text() for up in ups]
    assert len({os.stat(f"/proc/{up.process.pid}").st_uid
                for up in ups} - {0}) == 1


def test_up_second_start_finds_the_data(make_up):
    up = make_up(args=("--no-processor",)).start()
    target = "s3://socialitix-videos/kept/a b.txt"
    url = up.command("presign", "PUT", target, "--content-type", "text/plain")
    put = request("PUT", url, b"kept", {"Content-Type": "text/plain"})
    assert put.status == 200
    assert up.stop()[0] == 0
    up.start()
    kept = request("GET", up.command("presign", "GET", target))
    assert (kept.status, kept.body) == (200, b"kept")


def test_up_with_a_given_database_runs_none_of_its_own(make_up, video):
    with Postgres() as server:
        up = make_up(DATABASE_URL=server.url("postgres")).start()
        assert not (up.data / "postgres").exists()
        user = up.user()
        upload = user.upload("film.mp4", video.read_bytes())
        done = user.result(upload["video"]["id"])
        assert done["status"] == "completed"
        count = "SELECT count(*) FROM job_queue WHERE status = 'completed'"
        assert server.sql("postgres", count) == [["2"]]
        assert up.stop() == (0, [])


def test_up_with_a_url_of_no_database_says_which(make_up):
    status, text = make_up(DATABASE_URL="mysql://me:pass@127.0.0.1/x").refused()
    assert status == 78
    assert "DATABASE_URL is no connection string like postgresql://" in text
    assert "pass@" not in text


@root_only
def test_up_started_by_root_has_a_home_that_it_may_enter(running):
    """libpq looks for certificates there, and gives TLS up when it cannot."""
    pid = running.service("reelgate-gateway")
    with open(f"/proc/{pid}/environ", "rb") as f:
        assert f"HOME={running.data}".encode() in f.read().split(b"\0")


def test_up_second_on_the_same_data_is_refused(running, make_up):
    status, text = make_up(data=running.data).refused()
    assert status == 78
    assert text == f"reelgate: reelgate up runs already on {running.data}\n"
    assert request("GET", running.api + "/health/ready").status == 200


@pytest.mark.parametrize("option", ["--s3-listen", "--api-listen"])
def test_up_port_in_use_is_one_clear_line(make_up, option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, text = make_up(args=(option, f"127.0.0.1:{port}")).refused()
    errors = [x for x in text.splitlines() if x.startswith("reelgate: ")]
    assert status == 78
    assert len(errors) == 1 and str(port) in errors[0], text


def test_up_bad_setting_is_one_clear_line(make_up):
    status, text = make_up(MAX_UPLOAD_BYTES="much").refused()
    assert status == 78
    assert len(text.splitlines()) == 1 and "MAX_UPLOAD_BYTES" in text


def test_up_takes_over_no_foreign_directory(make_up, tmp_path):
    (tmp_path / "precious").write_text("mine")
    before = os.stat(tmp_path)
    status, text = make_up(data=tmp_path).refused()
    assert status == 78 and str(tmp_path) in text
    assert os.stat(tmp_path).st_uid == before.st_uid
    assert os.listdir(tmp_path) == ["precious"]


def reachable_copy(up):
    """The programs, where every user can execute them."""
    shutil.copytree(BIN, up.home / "bin")
    (up.home / "bin").chmod(0o755)
    return up.home / "bin"


def test_up_unwritable_directory_is_one_clear_line(make_up):
    up = make_up()
    if os.getuid() == 0:
        up.prefix = ("setpriv", "--reuid=nobody", "--regid=nogroup",
                     "--clear-groups")
    up.bin = reachable_copy(up)
    parent = up.home / "closed"
    parent.mkdir(mode=0o555)
    up.data = parent / "data"
    status, text = up.refused()
    assert status == 78
    assert text == (f"reelgate: cannot make the data directory {up.data}: "
                    "Permission denied\n")


@root_only
def test_up_unreachable_directory_is_named_before_anything_starts(make_up):
    up = make_up()
    closed = up.home / "closed"
    closed.mkdir(mode=0o700)
    up.data = closed / "data"
    status, text = up.refused()
    assert status == 78
    assert text == (f"reelgate: user reelgate may not enter {closed}: name "
                    "another place with --data\n")


def test_up_long_path_of_data_still_has_sockets(make_up):
    up = make_up()
    up.data = up.home / ("d" * 100)
    up.start()
    assert request("GET", up.api + "/health/ready").status == 200
    assert up.command("admin", "jobs", "list").startswith("id ")
    assert "secret key" in up.command("admin", "user", "add", "alice")
    assert up.stop() == (0, [])


def test_up_killed_takes_its_services_along_and_starts_again(make_up):
    up = make_up().start()
    left = descendants(up.process.pid)
    up.process.kill()
    up.process.wait()
    wait_for("end of the services",
             lambda: not left.keys() & processes().keys(), 40)
    up.start()
    assert up.stop() == (0, [])
