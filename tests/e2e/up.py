"""A real `reelgate up` in a data directory of its own, and what a user of its
addresses does."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import uuid

from gateway import BIN
import openapi
from web import request, wait_for

START_S = 60


def processes():
    """{pid: (parent, command)} of the machine; zombies are gone already."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")[0]
            status = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if status[0] != "Z":
            found[int(entry.name)] = (int(status[1]), command.decode())
    return found


def descendants(pid):
    """{pid: command} below a process."""
    table, found, new = processes(), {}, {pid}
    while new:
        new = {p for p, (parent, _) in table.items() if parent in new}
        found.update({p: table[p][1] for p in new})
    return found


class Up:
    """start() returns when "ready" is printed; close() leaves nothing."""

    def __init__(self, data=None, bin=BIN, args=(), prefix=(), **settings):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="reelgate-e2e-"))
        self.home.chmod(0o755)
        self.data = pathlib.Path(data or self.home / "data")
        self.bin = bin
        self.args = args
        self.prefix = prefix
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home),
                    "REELGATE_MIN_FREE_BYTES": "0", **settings}
        self.output = self.home / "output"
        self.process = None

    def spawn(self):
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                [*self.prefix, self.bin / "reelgate", "up", "--data",
                 self.data, "--s3-listen", "127.0.0.1:0", "--api-listen",
                 "127.0.0.1:0", *self.args],
                env=self.env, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT)
        return self

    def start(self):
        self.spawn()

        def ready():
            assert self.process.poll() is None, self.text()
            return "ready" in self.text().splitlines()
        wait_for("ready", ready, START_S)
        self.s3 = self.place("S3 endpoint")
        self.api = self.place("video API")
        openapi.watch(self.api, but_not=self.s3)
        return self

    def text(self):
        return self.output.read_text(errors="replace")

    def place(self, name):
        for line in self.text().splitlines():
            if line.strip().startswith(name):
                return line.split()[-1]
        raise AssertionError(f"no {name} in {self.text()}")

    def refused(self):
        """Of a start that must fail: (exit status, what it said)."""
        self.spawn()
        status = self.process.wait(START_S)
        return status, self.text()

    def service(self, program):
        """The process id of a running service, or 0."""
        for pid, command in descendants(self.process.pid).items():
            if os.path.basename(command) == program:
                return pid
        return 0

    def kill(self, program):
        """Kills a service as a crash does and waits for the next one."""
        pid = wait_for(program, lambda: self.service(program))
        os.kill(pid, signal.SIGKILL)
        return wait_for(f"new {program}",
                        lambda: self.service(program) not in (0, pid) and
                        self.service(program))

    def stop(self, how=signal.SIGINT):
        left = descendants(self.process.pid)
        self.process.send_signal(how)
        status = self.process.wait(60)
        return status, [left[p] for p in left if p in processes()]

    def close(self):
        if self.process and self.process.poll() is None:
            self.stop(signal.SIGTERM)
        shutil.rmtree(self.home, ignore_errors=True)
        # where sockets are when the path of the data is too long for them
        digest = hashlib.sha256(str(self.data).encode()).hexdigest()
        shutil.rmtree(f"/tmp/reelgate-{digest[:16]}", ignore_errors=True)

    # ---- the command line ---------------------------------------------------
    def run(self, *args):
        return subprocess.run(
            [*self.prefix, self.bin / "reelgate", *args, "--data", self.data],
            env=self.env, capture_output=True, text=True, timeout=60)

    def command(self, *args):
        done = self.run(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def job(self, job):
        """What `reelgate admin jobs show` prints, as a dictionary."""
        lines = self.command("admin", "jobs", "show", job).splitlines()
        return dict((line.split(None, 1) + [""])[:2] for line in lines)

    def user(self):
        return User(self)


class User:
    def __init__(self, up):
        self.up = up
        self.id = str(uuid.uuid4())
        self.token = up.command("token", "--user", self.id)

    def call(self, method, path, body=None):
        answer = request(
            method, self.up.api + path, body and json.dumps(body),
            {"Authorization": f"Bearer {self.token}",
             "Content-Type": "application/json"})
        return answer.status, answer.json

    def upload(self, name, data):
        """The frontend's flow; the answer of complete-upload."""
        status, upload = self.call("POST", "/api/videos/upload-url", {
            "fileName": name, "fileType": "video/mp4", "fileSize": len(data)})
        assert status == 200, upload
        put = request("PUT", upload["uploadUrl"], data, upload["headers"])
        assert put.status == 200 and put.headers["ETag"], put.body
        status, answer = self.call("POST", "/api/videos/complete-upload", {
            "key": upload["key"], "fileName": name})
        assert status == 201, answer
        return answer

    def status(self, video):
        status, answer = self.call("GET", f"/api/videos/{video}/status")
        assert status == 200, answer
        return answer

    def result(self, video, seconds=60):
        """The status once the video is completed or failed."""
        return wait_for("result", lambda: (
            lambda s: s["status"] in ("completed", "failed") and s)(
                self.status(video)), seconds)
