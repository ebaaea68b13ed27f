"""The whole way back as docs/backup.md has it: a machine is lost, what is
left are a dump of the private database and a backup of the store."""
import glob
import json
import shutil
import subprocess

import pytest

from web import wait_for


def as_owner(up, *command, **more):
    """As whom the services run, as the documentation does."""
    owner = up.data.owner()
    return subprocess.run(["runuser", "-u", owner, "--", *map(str, command)],
                          check=True, cwd="/", timeout=60, **more)


@pytest.fixture
def programs():
    return max(glob.glob("/usr/lib/postgresql/*/bin"),
               key=lambda p: int(p.split("/")[-2]))


def counts(up):
    """Jobs by type and status."""
    return json.loads(up.command("admin", "jobs", "stats", "--json"))["counts"]


def test_machine_lost_and_restored(make_up, video, programs):
    up = make_up()
    up.start()
    user = up.user()
    data = video.read_bytes()
    first = user.upload("first.mp4", data)
    assert user.result(first["video"]["id"])["status"] == "completed"
    place, dump = up.home / "backup", up.home / "dump"
    dump.write_bytes(as_owner(
        up, f"{programs}/pg_dump", "-Fc", "-h", up.data / "run", "-U",
        "postgres", "reelgate", stdout=subprocess.PIPE).stdout)
    second = user.upload("second.mp4", data)  # after the dump
    assert user.result(second["video"]["id"])["status"] == "completed"
    up.command("admin", "backup", str(place))
    up.stop()
    shutil.rmtree(up.data)

    up.start()  # makes an empty cluster
    up.stop()
    for name in ("index", "blobs", "credentials"):
        entry = up.data / name
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    control = [f"{programs}/pg_ctl", "-w", "-D", up.data / "postgres"]
    as_owner(up, *control, "-l", up.data / "log" / "restore.log", "-o",
             f"-k {up.data}/run -c listen_addresses=", "start")
    try:
        as_owner(up, f"{programs}/pg_restore", "--clean", "--if-exists", "-h",
                 up.data / "run", "-U", "postgres", "-d", "reelgate",
                 input=dump.read_bytes())
    finally:
        as_owner(up, *control, "stop")
    up.command("admin", "restore", "--from", str(place))
    up.start()
    # what the dump had is there, its jobs are not run again; what came after
    # it is delivered once more, and ends as before
    assert user.status(first["video"]["id"])["status"] == "completed"
    wait_for("jobs of both", lambda: counts(up)["process_video"].get(
        "completed") == 2)
    third = user.upload("third.mp4", data)
    assert user.result(third["video"]["id"])["status"] == "completed"
    stats = counts(up)
    assert stats["process_video"] == {"completed": 3}
