"""A PostgreSQL of the test's own: a new cluster in a temporary directory, on a
unix socket only, without fsync. It can be stopped and started again.

    with Postgres() as pg:
        pg.sql("postgres", "SELECT 1")   # as superuser, through psql
        pg.url("postgres")               # for DATABASE_URL
        pg.stop(); pg.start()            # an outage
"""
import csv
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

DEADLINE_S = 60


def _bin():
    """The newest server's programs, which Debian keeps out of PATH."""
    found = glob.glob("/usr/lib/postgresql/*/bin")
    return os.environ.get("PG_BINDIR") or max(
        found, key=lambda p: int(p.split("/")[-2]))


class Postgres:
    admin = "postgres"  # a superuser
    settings = ["-F", "-c", "full_page_writes=off"]

    def __init__(self):
        self.bin = _bin()
        self.dir = tempfile.mkdtemp(prefix="reelgate-pg-")
        self.process = None
        # PostgreSQL refuses to run as root.
        self.prefix = []
        if os.getuid() == 0:
            self.prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup",
                           "--clear-groups"]
            shutil.chown(self.dir, "nobody", "nogroup")
        os.chmod(self.dir, 0o755)
        self.log = open(os.path.join(self.dir, "log"), "a+b")
        try:
            self._check(self._server_program(
                "initdb", "-D", f"{self.dir}/data", "-U", "postgres",
                "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                "--no-sync").wait() == 0, "initdb failed")
            self.start()
        except BaseException:
            self.remove()
            raise

    def _server_program(self, name, *args):
        return subprocess.Popen(
            self.prefix + [f"{self.bin}/{name}", *args],
            cwd="/", stdout=self.log, stderr=self.log)

    def _check(self, good, what):
        if not good:
            self.log.seek(0)
            raise AssertionError(f"{what}:\n{self.log.read().decode()}")

    def start(self):
        """Starts the server and waits until it answers."""
        self.process = self._server_program(
            "postgres", "-D", f"{self.dir}/data", "-k", self.dir,
            "-c", "listen_addresses=", "-c", "max_connections=200",
            *self.settings)
        ready = [f"{self.bin}/pg_isready", "-q", "-h", self.dir]
        deadline = time.monotonic() + DEADLINE_S
        while subprocess.run(ready).returncode != 0:
            self._check(self.process.poll() is None, "postgres did not start")
            self._check(time.monotonic() < deadline, "postgres is not ready")
            time.sleep(0.05)

    def stop(self, immediate=False):
        """Fast shutdown, which cuts open connections; or as in a crash. The
        data stays."""
        if self.process is None:
            return
        self.process.send_signal(
            signal.SIGQUIT if immediate else signal.SIGINT)
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def recover(self):
        """Starts the server after a kill -9, once the last child of the dead
        one is gone."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                return self.start()
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def remove(self):
        self.stop(immediate=True)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()

    def url(self, database, user="postgres"):
        return f"host={self.dir} user={user} dbname={database}"

    def _psql(self, database, user, *args):
        done = subprocess.run(
            [f"{self.bin}/psql", "-Xq", "-v", "ON_ERROR_STOP=1",
             "-d", self.url(database, user), *args],
            capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def sql(self, database, statement, user="postgres"):
        """Rows as lists of text; NULL is the empty text."""
        return [line.split("\t") for line in self._psql(
            database, user, "-At", "-F", "\t", "-c", statement)]

    def rows(self, database, statement, user="postgres"):
        """Rows as dictionaries by column."""
        return list(csv.DictReader(
            self._psql(database, user, "--csv", "-c", statement)))
