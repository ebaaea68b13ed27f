"""A gateway with a database of its own, and a client that speaks to it."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from urllib.parse import urlsplit

BIN = os.environ.get("REELGATE_BIN", "build/release/bin")
JWT_SECRET = "a-secret-of-the-tests-only-0123456789"
JOB_TOKEN = "job-token-of-the-tests"
ACCESS_KEY, SECRET_KEY = "TESTACCESSKEY", "test-secret-key-of-the-tests"
BUCKET = "socialitix-videos"


def wait_for(what, condition, seconds=20):
    """The first true answer of condition(), looked at often."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"no {what} after {seconds} s")


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(user, secret=JWT_SECRET, header=None, **claims):
    now = int(time.time())
    payload = {"sub": user, "role": "authenticated", "aud": "authenticated",
               "iat": now, "exp": now + 3600}
    payload.update(claims)
    payload = {k: v for k, v in payload.items() if v is not None}
    head = header or {"alg": "HS256", "typ": "JWT"}
    text = ".".join(_b64(json.dumps(p).encode()) for p in (head, payload))
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{_b64(mac)}"


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self):
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body)


def request(method, url, body=None, headers=None, timeout=30):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response, response.read())
    finally:
        connection.close()


class User:
    def __init__(self, stack):
        self.stack = stack
        self.id = str(uuid.uuid4())
        self.token = token(self.id)

    def call(self, method, path, body=None, **headers):
        headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        return request(method, self.stack.api + path, body, headers)

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def post(self, path, body, **headers):
        return self.call("POST", path, body, **headers)

    def upload_url(self, name="a.mp4", size=None, kind="video/mp4"):
        body = {"fileName": name, "fileType": kind}
        if size is not None:
            body["fileSize"] = size
        answer = self.post("/api/videos/upload-url", body)
        assert answer.status == 200, answer.body
        return answer.json

    def put(self, upload, data, **headers):
        headers.setdefault("Content-Type", upload["fields"]["Content-Type"])
        return request("PUT", upload["uploadUrl"], data, headers)

    def upload(self, name="a.mp4", data=b"not really a video"):
        upload = self.upload_url(name, len(data))
        assert self.put(upload, data).status == 200
        return upload

    def complete(self, upload, name="a.mp4", **more):
        return self.post("/api/videos/complete-upload",
                         {"key": upload["key"], "fileName": name, **more})


def endpoints_path(data):
    """DATA/run/endpoints; run/ of a long path is in /tmp (conf_run_path)."""
    if len(data) <= 88:
        return os.path.join(data, "run", "endpoints")
    name = hashlib.sha256(data.encode()).hexdigest()[:16]
    return f"/tmp/reelgate-{name}/endpoints"


class Stack:
    """One database, one data directory, one gateway."""

    def __init__(self, postgres, **settings):
        self.postgres = postgres
        self.database = "t" + uuid.uuid4().hex[:12]
        self.data = tempfile.mkdtemp(prefix="reelgate-api-")
        self.env = {
            "PATH": os.environ["PATH"],
            "REELGATE_DATA": self.data,
            "REELGATE_S3_LISTEN": "127.0.0.1:0",
            "REELGATE_API_LISTEN": "127.0.0.1:0",
            "REELGATE_MIN_FREE_BYTES": "0",
            "REELGATE_INDEX_MAP_SIZE": "1G",
            "DATABASE_URL": postgres.url(self.database),
            "JWT_SECRET": JWT_SECRET,
            "JOB_PROCESSOR_TOKEN": JOB_TOKEN,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "LOG_FORMAT": "json",
            **settings,
        }
        if "REELGATE_DATA" in settings:
            os.rmdir(self.data)
            self.data = settings["REELGATE_DATA"]
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        postgres.sql("postgres", f"CREATE DATABASE {self.database}")
        subprocess.run([f"{BIN}/reelgate", "migrate", "--data", self.data],
                       env=self.env, check=True, stdout=subprocess.DEVNULL)
        self.process = None
        self.start()

    def start(self):
        self.endpoints = endpoints_path(self.data)
        if os.path.exists(self.endpoints):
            os.unlink(self.endpoints)  # of a gateway that was killed
        self.log = open(os.path.join(self.data, "gateway.log"), "ab")
        self.process = subprocess.Popen(
            [f"{BIN}/reelgate-gateway"], env=self.env,
            stdout=self.log, stderr=self.log)

        def addresses():
            assert self.process.poll() is None, self.log_text()
            if not os.path.exists(self.endpoints):
                return None
            with open(self.endpoints) as f:
                found = dict(line.strip().split("=", 1) for line in f)
            return found if "API_ENDPOINT" in found else None
        found = wait_for("endpoints", addresses)
        self.s3, self.api = found["S3_ENDPOINT"], found["API_ENDPOINT"]

    def log_text(self):
        with open(os.path.join(self.data, "gateway.log")) as f:
            return f.read()

    def stop(self):
        """Clean: exit status 0, and soon."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            status = self.process.wait(20)
            self.process = None
            self.log.close()
            assert status == 0, self.log_text()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None
        self.log.close()

    def remove(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.data, ignore_errors=True)

    def user(self):
        return User(self)

    def sql(self, statement):
        return self.postgres.sql(self.database, statement)

    def ready(self):
        return request("GET", self.api + "/health/ready").json

    def relayed(self):
        """Waits until every event is in the database."""
        wait_for("empty outbox", lambda: self.ready()["relay"] == {
            "state": "running", "lag": 0})
