"""A gateway with a database of its own, and a client that speaks to it."""
import base64
import hashlib
import hmac
import json
import subprocess
import time
import uuid

from gateway import BIN, DEFAULT_BUCKET as BUCKET, Gateway
from web import request, wait_for

JWT_SECRET = "a-secret-of-the-tests-only-0123456789"
JOB_TOKEN = "job-token-of-the-tests"
EVENTS_TOKEN = "events-token-of-the-tests"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(
    b"of the tests, for tests alone").decode()


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(user, **claims):
    """Of a good token; others are added, None takes one away."""
    now = int(time.time())
    payload = {"sub": user, "role": "authenticated", "aud": "authenticated",
               "iat": now, "exp": now + 3600, **claims}
    return {k: v for k, v in payload.items() if v is not None}


def token(user, secret=JWT_SECRET, header=None, **claims):
    payload = claims_of(user, **claims)
    head = header or {"alg": "HS256", "typ": "JWT"}
    text = ".".join(_b64(json.dumps(p).encode()) for p in (head, payload))
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{_b64(mac)}"


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


class Stack(Gateway):
    """One database, one data directory, one gateway."""

    def __init__(self, postgres, data=None, args=(), login=None, **settings):
        """@login: the role the services log in as, made by the migrations;
        else it is the database's owner."""
        self.postgres = postgres
        self.database = "t" + uuid.uuid4().hex[:12]
        super().__init__({
            "REELGATE_INDEX_MAP_SIZE": "1G",
            "DATABASE_URL": postgres.url(self.database, login or "postgres"),
            **({"DATABASE_MIGRATE_URL": postgres.url(self.database)}
               if login else {}),
            "JWT_SECRET": JWT_SECRET,
            "JOB_PROCESSOR_TOKEN": JOB_TOKEN,
            "WEBHOOK_SECRET": WEBHOOK_SECRET,
            "S3_EVENTS_TOKEN": EVENTS_TOKEN,
            **settings,
        }, data, args)
        postgres.sql("postgres", f"CREATE DATABASE {self.database}")
        subprocess.run(
            [BIN / "reelgate", "migrate", "--data", self.data],
            env=self.environment(), check=True, stdout=subprocess.DEVNULL)
        self.start()

    @property
    def s3(self):
        return self.url

    @property
    def api(self):
        return self.api_url

    def get(self, path):
        return request("GET", self.api + path)

    def user(self):
        return User(self)

    def sql(self, statement):
        return self.postgres.sql(self.database, statement,
                                 self.postgres.admin)

    def rows(self, statement):
        return self.postgres.rows(self.database, statement,
                                  self.postgres.admin)

    def ready(self):
        return self.get("/health/ready").json

    def relayed(self):
        """Waits until every event is in the database."""
        wait_for("empty outbox", lambda: self.ready()["relay"] == {
            "state": "running", "lag": 0})


def direct(postgres, **settings):
    """A gateway that signs for its upstream, .b, and sees no byte of what is
    uploaded there."""
    s = Stack(postgres, REELGATE_BACKEND="s3", REELGATE_S3_MODE="direct",
              **settings)
    s.b = s.upstream.client()
    return s
