"""The world of the chaos test, and what strikes it: a gateway with its relay,
a processor beside it and one as if on another machine, PostgreSQL. Each blow
kills, cuts or freezes something and brings it back."""

import os
import pathlib
import random
import re
import shutil
import signal
import socket
import tempfile
import time

from chaos_receiver import Told
from hook import SECRET
from machine import Machine
from pg import Postgres
from web import wait_for

# Below those that the system gives to connections: a gateway that is started
# again finds its own, and signed URLs stay good.
PORTS = range(20000, 30000)
LEASE_S = 30
RESCUE_S = 10
RECOVERY_S = 90
WORK = re.compile(r"/work/([0-9a-f-]{36})-(\d+)$")


def free_port():
    for port in random.sample(PORTS, 100):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port")


class World:
    """@hasten: leases of the dead are taken as expired and pauses between
    attempts as over, so that a short run need not wait for them."""

    def __init__(self, hasten):
        self.hasten = hasten
        self.postgres = Postgres()
        self.far_data = pathlib.Path(tempfile.mkdtemp(prefix="reelgate-far-"))
        self.told = Told()
        self.machine = Machine(self.postgres, args=(
            "--s3-listen", f"127.0.0.1:{free_port()}",
            "--api-listen", f"127.0.0.1:{free_port()}"),
            WEBHOOK_URL=self.told.url, WEBHOOK_SECRET=SECRET)
        # Each blow may cost a job an attempt, and by design a job has three;
        # here it may lose as many as it is struck. Of what it lost each is
        # accounted for in the end (chaos_check.attempts).
        self.sql("ALTER TABLE job_queue ALTER max_attempts SET DEFAULT 1000")
        # A claim's commit does not wait for the disk: let crashes lose it.
        self.machine.postgres.sql("postgres", "ALTER SYSTEM SET "
                                  "wal_writer_delay = '10s'")
        self.machine.postgres.sql("postgres", "SELECT pg_reload_conf()")
        self.near = self.far = None
        self.start_near()
        self.start_far()
        wait_for("events to tell", lambda: self.sql(
            "SELECT type FROM webhook_events"))

    def sql(self, statement):
        """Again, while PostgreSQL recovers from a blow."""
        deadline = time.monotonic() + RECOVERY_S
        while True:
            try:
                return self.machine.sql(statement)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def start_near(self):
        self.near = self.machine.processor()

    def start_far(self):
        self.far = self.machine.processor("--data", self.far_data,
                                          S3_ENDPOINT=self.machine.url)

    def processors(self):
        return [self.near, self.far]

    def hurry(self):
        self.sql("UPDATE job_queue SET run_at = now() WHERE status = 'failed' "
                 "AND claimable AND run_at > now();"
                 "SELECT pg_notify('job_queue', type) FROM (VALUES "
                 "('process_video'), ('webhook_deliver')) AS t (type)")

    def expire(self, processor):
        """The lease of one that is dead or frozen."""
        if self.hasten:
            self.sql("UPDATE workers SET lease_until = now() - interval '1 s' "
                     f"WHERE name LIKE '%:{processor.process.pid}:%'")

    def close(self):
        try:
            self.machine.close()
        finally:
            self.told.close()
            self.postgres.remove()
            shutil.rmtree(self.far_data, ignore_errors=True)


class Blows:
    def __init__(self, world, seed):
        self.world, self.machine = world, world.machine
        self.postgres = world.postgres
        self.random = random.Random(f"blows {seed}")
        self.missed = 0  # there was nothing to strike

    NAMES = ("gateway", "near", "far", "frozen", "child", "session", "cut",
             "crash", "restart", "everything")

    def gateway(self):
        self.machine.kill()
        time.sleep(self.random.uniform(0, 0.5))
        self.machine.start()

    def near(self):
        self.world.near.kill()
        self.world.expire(self.world.near)
        self.world.start_near()

    def far(self):
        self.world.far.kill()
        self.world.expire(self.world.far)
        self.world.start_far()

    def held(self, processor):
        return int(self.world.sql(
            "SELECT count(*) FROM job_queue WHERE status = 'processing' "
            f"AND locked_by LIKE '%:{processor.process.pid}:%'")[0][0])

    def frozen(self):
        """One that runs jobs stands still until the other has taken them
        over, and comes back: its results must be refused."""
        p = self.random.choice(self.world.processors())
        deadline = time.monotonic() + 5
        while not self.held(p) and time.monotonic() < deadline:
            time.sleep(0.01)
        p.process.send_signal(signal.SIGSTOP)
        try:
            self.missed += not self.held(p)
            self.world.expire(p)
            wait_for("rescue", lambda: not self.held(p),
                     3 * (LEASE_S + RESCUE_S))
        finally:
            p.process.send_signal(signal.SIGCONT)

    def child(self):
        """A media worker, in the first run of its job: one that breaks its
        worker twice has failed for good, by design."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for p in self.world.processors():
                pid = p.child()
                if pid and self.run_of(pid) == 1:
                    try:
                        os.kill(pid, signal.SIGKILL)
                        return
                    except ProcessLookupError:
                        continue  # it has ended meanwhile
            time.sleep(0.002)
        self.missed += 1

    @staticmethod
    def run_of(pid):
        """The number of the attempt, from the directory it works in."""
        try:
            for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                found = WORK.search(os.readlink(fd))
                if found:
                    return int(found[2])
        except OSError:
            pass
        return None

    def session(self):
        """PostgreSQL then ends all others too and recovers."""
        for (pid,) in self.sessions("pid", "LIMIT 1"):
            os.kill(int(pid), signal.SIGKILL)

    def cut(self):
        """All connections of gateway and processors."""
        self.sessions("pg_terminate_backend(pid)")

    def sessions(self, what, more=""):
        return self.world.sql(
            f"SELECT {what} FROM pg_stat_activity WHERE application_name LIKE "
            f"'reelgate%' ORDER BY random() {more}")

    def crash(self):
        """An immediate shutdown, or kill -9 of the server."""
        if self.random.random() < 0.5:
            self.postgres.stop(immediate=True)
        else:
            self.postgres.process.kill()
            self.postgres.process.wait()
        time.sleep(self.random.uniform(0, 1))
        self.postgres.recover()

    def restart(self):
        self.postgres.stop()
        time.sleep(self.random.uniform(0, 1))
        self.postgres.start()

    def everything(self):
        self.machine.kill()
        for p in self.world.processors():
            p.kill()
        self.crash()
        self.machine.start()
        for p in self.world.processors():
            self.world.expire(p)
        self.world.start_near()
        self.world.start_far()
