"""Starts the real gateway on free ports with a data directory of its own."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import boto3
import botocore.config

import openapi
from tls_front import TlsFront

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("REELGATE_BIN", ROOT / "build/release/bin"))
ACCESS_KEY = "TESTACCESSKEY"
SECRET_KEY = "testsecretkey-of-the-suite"
UPSTREAM_ACCESS_KEY = "UPSTREAMACCESSKEY"
UPSTREAM_SECRET_KEY = "upstream-secretkey-of-the-suite"
UPSTREAM_PAIR = {"AWS_ACCESS_KEY_ID": UPSTREAM_ACCESS_KEY,
                 "AWS_SECRET_ACCESS_KEY": UPSTREAM_SECRET_KEY}
REGION = "us-east-1"
# s3: each gateway that says nothing else has another one as its upstream, and
# with TLS speaks to it by https.
BACKEND = os.environ.get("REELGATE_TEST_BACKEND", "local")
TLS = bool(os.environ.get("REELGATE_TEST_TLS"))
# A program that is started as the upstream in place of another gateway.
UPSTREAM = os.environ.get("REELGATE_TEST_UPSTREAM")
DEFAULT_BUCKET = "socialitix-videos"


def account_number(account_id):
    """The 12 digits that stand for an account (auth/accounts.h)."""
    if len(account_id) == 12 and account_id.isdecimal():
        return account_id
    digest = hashlib.sha256(account_id.encode()).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 10**12:012}"


class Gateway:
    """One gateway process. restart() keeps the data directory. With
    REELGATE_BACKEND=s3 and no S3_ENDPOINT it brings its upstream, another
    gateway that lives until close()."""

    def __init__(self, settings=None, data=None, args=()):
        self.own_data = data is None
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="reelgate-"))
        self.settings = settings or {}
        self.args = args
        self.log_path = self.data.with_name(self.data.name + ".log")
        self.process = None
        self.keep_port = False
        self.held = None  # the port, while no gateway has it
        self.backend = self.settings.get("REELGATE_BACKEND", BACKEND)
        self.upstream = self.front = None
        self.program = None  # another one in its place

    def _start_upstream(self):
        if self.upstream is None:
            shared = ("AWS_REGION", "AWS_S3_BUCKET")
            self.upstream = Upstream(
                **{k: v for k, v in self.settings.items() if k in shared})
            self.upstream.keep_port = True
            self.upstream.start()
            if TLS:
                self.front = TlsFront(self.upstream.url)
        if self.front:
            return {"S3_ENDPOINT": self.front.url,
                    "S3_CA_FILE": str(self.front.certificate)}
        return {"S3_ENDPOINT": self.upstream.url}

    def _upstream_settings(self):
        at = {} if "S3_ENDPOINT" in self.settings else self._start_upstream()
        return {
            "REELGATE_BACKEND": "s3", **at,
            **UPSTREAM_PAIR,
            "REELGATE_ROOT_USER": ACCESS_KEY,
            "REELGATE_ROOT_PASSWORD": SECRET_KEY,
        }

    def environment(self):
        keep = ("PATH", "HOME", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                "TSAN_OPTIONS", "LD_LIBRARY_PATH")
        env = {k: os.environ[k] for k in keep if k in os.environ}
        env.update({
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "REELGATE_MIN_FREE_BYTES": "0",
            # The sanitizers leave less address space than the default takes.
            "REELGATE_INDEX_MAP_SIZE": "8G",
            "LOG_FORMAT": "json",
        })
        if self.backend == "s3":
            env.update(self._upstream_settings())
        env.update(self.settings)
        return env

    def kept_port(self):
        """Bound here as well, but nobody listens: no other process is given it
        while the gateway is away."""
        if not self.held:
            self.held = socket.socket()
            self.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.held.bind(("127.0.0.1", self.port if self.process else 0))
        return self.held.getsockname()[1]

    def command(self):
        port = self.kept_port() if self.keep_port else 0
        program = self.program or BIN / "reelgate-gateway"
        return [str(program), "--data", str(self.data),
                "--s3-listen", f"127.0.0.1:{port}", "--api-listen", "127.0.0.1:0",
                *self.args]

    def start(self, timeout=90, until="ready"):
        """@until: "live" for one that is not to become ready."""
        self.until = until
        if self.process:  # one that died by itself has left its address
            self._forget_address()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), env=self.environment(), stderr=log,
                stdout=log)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"gateway ended with "
                                   f"{self.process.returncode}: {self.log()}")
            if self._read_endpoints():
                return self
            time.sleep(0.01)
        raise RuntimeError(f"gateway did not start: {self.log()}")

    def run_dir(self):
        """DATA/run; of a path too long for sockets it lies in /tmp
        (rundir_path)."""
        if len(str(self.data)) <= 88:
            return self.data / "run"
        name = hashlib.sha256(str(self.data).encode()).hexdigest()[:16]
        return pathlib.Path(f"/tmp/reelgate-{name}")

    def _read_endpoints(self):
        """True when the file is this process's: it answers there."""
        try:
            text = (self.run_dir() / "endpoints").read_text()
        except OSError:
            return False
        named = dict(line.split("=", 1) for line in text.split())
        self.url = named["S3_ENDPOINT"]
        self.api_url = named["API_ENDPOINT"]
        self.port = int(self.url.rsplit(":", 1)[1])
        if self.program:
            return True
        openapi.watch(self.api_url, but_not=self.url)
        try:
            with urllib.request.urlopen(
                    f"{self.url}/minio/health/{self.until}", timeout=5) as r:
                return r.status == 200
        except OSError:
            return False

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        """Cleanly; answers the exit status."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(180)
        return self.process.returncode if self.process else None

    def kill(self):
        """As a crash does it: no goodbye, and no stale address left."""
        self.process.kill()
        self.process.wait(60)
        self._forget_address()

    def _forget_address(self):
        """Somebody else may have the port by now."""
        with contextlib.suppress(OSError):  # not there, or a read-only disk
            (self.run_dir() / "endpoints").unlink()

    def remove(self):
        """What it brought with it."""
        if self.own_data:
            shutil.rmtree(self.data, ignore_errors=True)
            self.log_path.unlink(missing_ok=True)
        if self.held:
            self.held.close()
        if self.front:
            self.front.close()
        if self.upstream:
            self.upstream.close()
        self.upstream = self.front = None

    def close(self):
        status = self.stop()
        text = self.log()
        self.remove()
        assert status in (0, None, -signal.SIGKILL), \
            f"gateway ended with {status}: {text[-4000:]}"

    def admin(self, *words, stdin=None):
        """reelgate admin ... on this gateway: status, stdout and stderr."""
        return subprocess.run(
            [BIN / "reelgate", "admin", "--data", self.data, *words],
            env=self.environment(), input=stdin, capture_output=True,
            text=True, timeout=120)

    def add(self, *words, stdin=None):
        """user add or key add: the lines of the answer as a dictionary."""
        done = self.admin(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        rows = (line.split("  ", 1) for line in done.stdout.splitlines())
        return {name.strip(): value.strip() for name, value in rows}

    def client(self, **options):
        """A boto3 client with short patience and no retries."""
        config = botocore.config.Config(
            signature_version="s3v4", retries={"max_attempts": 0},
            connect_timeout=10, read_timeout=60, max_pool_connections=64,
            s3={"addressing_style": options.pop("style", "path"),
                **options.pop("s3", {})})
        return boto3.client(
            "s3", endpoint_url=options.pop("url", self.url),
            region_name=options.pop("region", REGION),
            aws_access_key_id=options.pop("access_key", ACCESS_KEY),
            aws_secret_access_key=options.pop("secret_key", SECRET_KEY),
            config=config)


class Upstream(Gateway):
    """One that is another's S3, with a pair of its own."""

    def __init__(self, **settings):
        super().__init__({"REELGATE_BACKEND": "local", **UPSTREAM_PAIR,
                          **settings})
        self.program = UPSTREAM

    def client(self, **options):
        return super().client(**{"access_key": UPSTREAM_ACCESS_KEY,
                                 "secret_key": UPSTREAM_SECRET_KEY,
                                 **options})
