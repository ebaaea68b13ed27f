"""The clients of the chaos test. Each uploads its share in all the ways there
are, repeats what got no answer as a careful program does, and keeps a ledger
of what it was told: that much, and no more, must be true in the end."""

import dataclasses
import hashlib
import http.client
import itertools
import json
import queue
import random
import threading
import time

import form
import signed
from gateway import DEFAULT_BUCKET as BUCKET
from web import request

# How often each way is taken.
WAYS = {"direct": 6, "closed_tab": 5, "completed_often": 3, "in_parts": 3,
        "by_form": 3, "overwritten": 3, "deleted": 2, "no_video": 1}
ASK_AGAIN_S = 0.1
PATIENCE_S = 180  # without one answer that says something
CUT_EACH = 6      # of so many direct uploads one is cut
PUT_TYPE = {"Content-Type": "video/mp4"}


class Lost(Exception):
    """No answer: nobody knows whether it was done."""


@dataclasses.dataclass
class Upload:
    """What a client knows of a key: all bodies were acknowledged, in this
    order, in so many tries."""
    way: str
    key: str
    bodies: list = dataclasses.field(default_factory=list)
    tries: int = 0
    deleted: bool = False
    video: str = None
    jobs: set = dataclasses.field(default_factory=set)
    clips: dict = dataclasses.field(default_factory=dict)  # title: answered


class Bodies:
    """Contents that each exist once: a video and a free box with a number."""

    def __init__(self, videos):
        self.videos, self.numbers = videos, itertools.count(1)

    def video(self, base=None):
        number = next(self.numbers)
        mark = hashlib.sha256(str(number).encode()).digest()
        return (base or self.videos[number % len(self.videos)]) + \
            (8 + len(mark)).to_bytes(4, "big") + b"free" + mark

    def text(self):
        return f"no video at all, number {next(self.numbers)}\n".encode() * 50


class Client(threading.Thread):
    def __init__(self, world, number, count, bodies, rest_s, seed):
        super().__init__(name=f"client {number}", daemon=True)
        self.world, self.count, self.bodies = world, count, bodies
        self.user = world.machine.user()
        self.random = random.Random(f"{seed} {number}")
        self.rest_s = rest_s
        self.uploads, self.unanswered = [], []  # forms have no key before
        self.to_cut = queue.SimpleQueue()  # uploads, then None
        self.repeats, self.wrong = 0, None

    def run(self):
        try:
            ways = self.random.choices(list(WAYS), WAYS.values(), k=self.count)
            for way in ways:
                time.sleep(self.random.uniform(0, self.rest_s))
                getattr(self, way)(way)
        except BaseException as e:  # told by whoever joins
            self.wrong = e
        finally:
            self.to_cut.put(None)

    # ---- repeating ----------------------------------------------------------

    def once(self, send):
        try:
            return send()
        except (OSError, EOFError, http.client.HTTPException) as e:
            self.repeats += 1
            raise Lost from e

    def until(self, what, send, *good):
        """Sends until there is an answer; 503 is one that says: later."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                answer = self.once(send)
            except Lost:
                time.sleep(ASK_AGAIN_S)
                continue
            if answer.status in good:
                return answer
            assert answer.status == 503, \
                f"{what}: {answer.status} {answer.body}"
            self.repeats += 1
            time.sleep(int(answer.headers.get("Retry-After", 1)))
        raise AssertionError(f"{what}: no answer for {PATIENCE_S} s")

    # ---- steps --------------------------------------------------------------

    def call(self, path, body, *good):
        return self.until(path, lambda: self.user.post(path, body),
                          *(good or (200,))).json

    def announce(self, way, size):
        """An upload with a signed URL that its client has."""
        answer = self.call("/api/videos/upload-url", {
            "fileName": f"{way}.mp4", "fileType": "video/mp4",
            "fileSize": size})
        u = Upload(way, answer["key"])
        self.uploads.append(u)
        return u, answer["uploadUrl"]

    def put(self, u, url, body):
        def send():
            u.tries += 1
            return request("PUT", url, body, PUT_TYPE)
        answer = self.until("PUT", send, 200)
        assert answer.headers["ETag"].strip('"') == \
            hashlib.md5(body).hexdigest(), "another ETag"
        u.bodies.append(body)

    def complete(self, u, path="/api/videos/complete-upload", **more):
        answer = self.call(path, {
            "key": u.key, "fileName": f"{u.way}.mp4", **more}, 201)
        assert u.video in (None, answer["video"]["id"]), "another video"
        u.video = answer["video"]["id"]
        u.jobs |= set(answer["jobs"].values())

    # ---- ways ---------------------------------------------------------------

    def closed_tab(self, way, body=None):
        body = body or self.bodies.video()
        u, url = self.announce(way, len(body))
        self.put(u, url, body)
        return u, url

    def direct(self, way):
        u, _ = self.closed_tab(way)
        self.complete(u)
        if self.random.randrange(CUT_EACH) == 0:
            self.to_cut.put(u)

    def completed_often(self, way):
        u, _ = self.closed_tab(way)
        several = [threading.Thread(target=self.completed_beside, args=(u,))
                   for _ in range(3)]
        for t in several:
            t.start()
        self.complete(u)
        for t in several:
            t.join()
        self.complete(u)

    def completed_beside(self, u):
        """Does not mind its answer."""
        try:
            self.user.complete({"key": u.key})
        except (OSError, EOFError, http.client.HTTPException):
            pass

    def in_parts(self, way):
        body = self.bodies.video()
        path = "/api/videos/multipart"
        made = self.call(path, {
            "action": "create", "fileName": f"{way}.mp4",
            "fileType": "video/mp4", "fileSize": len(body)})
        which = {"key": made["key"], "uploadId": made["uploadId"]}
        signed_part, = self.call(path, {
            "action": "sign", **which, "partNumbers": [1]})["parts"]
        self.until("PUT of a part", lambda: request(
            "PUT", signed_part["url"], body), 200)
        u = Upload(way, made["key"], [body], 1)
        self.uploads.append(u)
        self.complete(u, path, action="complete", **which)

    def by_form(self, way):
        """Every try is an upload of its own: the key comes with the answer."""
        path = "/api/videos/upload"
        headers = {"Content-Type":
                   f"multipart/form-data; boundary={form.BOUNDARY}"}

        def send():
            body = self.bodies.video()
            self.unanswered.append(body)
            answer = self.user.call(
                "POST", path, (b"--%s\r\nContent-Disposition: form-data; "
                               b'name="video"; filename="form.mp4"\r\n'
                               b"Content-Type: video/mp4\r\n\r\n%s\r\n"
                               b"--%s--\r\n") % (
                    form.BOUNDARY.encode(), body, form.BOUNDARY.encode()),
                **headers)
            if answer.status == 201:
                self.unanswered.remove(body)
                video = json.loads(answer.body)["video"]
                self.uploads.append(Upload(way, video["storage_path"], [body],
                                           1, video=video["id"]))
            return answer
        self.until("form", send, 201)

    def overwritten(self, way):
        """By the same signed URL, hence with as many bytes."""
        base = self.random.choice(self.bodies.videos)
        u, url = self.closed_tab(way, self.bodies.video(base))
        for _ in range(self.random.randrange(1, 3)):
            if self.random.random() < 0.5:
                self.complete(u)
            time.sleep(self.random.uniform(0, 1))
            self.put(u, url, self.bodies.video(base))

    def deleted(self, way):
        u, _ = self.closed_tab(way)
        if self.random.random() < 0.5:
            self.complete(u)
        time.sleep(self.random.uniform(0, 2))
        self.until("DELETE", lambda: signed.send(
            self.world.machine, "DELETE", f"/{BUCKET}/{u.key}"), 204)
        u.deleted = True

    def no_video(self, way):
        u, _ = self.closed_tab(way, self.bodies.text())
        self.complete(u)

    # ---- clips --------------------------------------------------------------

    def cut(self):
        """A clip of each video chosen for it, once that is completed. Every
        try has a title of its own: a repeat would be a second clip."""
        for u in iter(self.to_cut.get, None):
            path = f"/api/videos/{u.video}/status"
            progress = 0
            while True:
                video = self.until(path, lambda: self.user.get(path),
                                   200).json
                assert video["progress"] >= progress, "progress fell"
                progress = video["progress"]
                if video["status"] in ("completed", "failed"):
                    break
                time.sleep(1)
            assert video["status"] == "completed", video["error"]

            def send():
                title = f"clip {len(u.clips)}"
                u.clips[title] = False
                answer = self.user.post("/api/clips", {
                    "video_id": u.video, "start_time": 0.1, "end_time": 0.6,
                    "title": title})
                u.clips[title] = answer.status == 201
                return answer
            self.until("clip", send, 201)


class Cutter(threading.Thread):
    """Cuts a client's clips while others still upload."""

    def __init__(self, client):
        super().__init__(name=f"cutter of {client.name}", daemon=True)
        self.client, self.wrong = client, None

    def run(self):
        try:
            self.client.cut()
        except BaseException as e:
            self.wrong = e
