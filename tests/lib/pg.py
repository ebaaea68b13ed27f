"""A PostgreSQL server of the test's own, on a unix socket only, that can be
stopped and started again."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time


def _bin():
    found = glob.glob("/usr/lib/postgresql/*/bin")
    return os.environ.get("PG_BINDIR") or sorted(
        found, key=lambda p: int(p.split("/")[-2]))[-1]


class Postgres:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="reelgate-pg-")
        self.bin = _bin()
        self.process = None
        # PostgreSQL refuses to run as root.
        self.prefix = []
        if os.getuid() == 0:
            self.prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup",
                           "--clear-groups"]
            shutil.chown(self.dir, "nobody", "nogroup")
        os.chmod(self.dir, 0o755)
        self.log = open(os.path.join(self.dir, "log"), "ab")
        subprocess.run(
            self.prefix + [f"{self.bin}/initdb", "-D", f"{self.dir}/data",
                           "-U", "postgres", "-A", "trust", "-E", "UTF8",
                           "--locale=C.UTF-8", "--no-sync"],
            cwd="/", check=True, stdout=self.log, stderr=self.log)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self.prefix + [f"{self.bin}/postgres", "-D", f"{self.dir}/data",
                           "-k", self.dir, "-c", "listen_addresses=", "-F",
                           "-c", "max_connections=60"],
            cwd="/", stdout=self.log, stderr=self.log)
        for _ in range(400):
            ready = subprocess.run(
                [f"{self.bin}/pg_isready", "-q", "-h", self.dir])
            if ready.returncode == 0:
                return
            assert self.process.poll() is None, "postgres did not start"
            time.sleep(0.05)
        raise AssertionError("postgres is not ready after 20 s")

    def stop(self):
        """Fast shutdown: open connections are cut."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
            self.process = None

    def remove(self):
        self.stop()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def url(self, database):
        return f"host={self.dir} user=postgres dbname={database}"

    def sql(self, database, statement):
        """Rows as lists of text; NULL is the empty text."""
        done = subprocess.run(
            [f"{self.bin}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\t",
             "-d", self.url(database), "-c", statement],
            capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]
