"""A good request of every operation of the API. The tables of test_access.py
and test_bad_input.py grow from here, and a test fails when an operation of the
description has no call."""
import json
import uuid
from urllib.parse import quote

import openapi
import hook
from form import BOUNDARY
from stack import EVENTS_TOKEN, JOB_TOKEN, WEBHOOK_SECRET
from web import request

DOC = openapi.load()
OPERATIONS = {o["operationId"]: (method, path, o)
              for method, path, o in openapi.operations(DOC)}
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def needs_credentials(operation):
    return bool(operation["security"]) and {} not in operation["security"]


def secured():
    return [name for name, (_, _, o) in OPERATIONS.items()
            if needs_credentials(o)]


class Own:
    """What a user has: an object that was put and not reported, an upload in
    parts, a completed video with a suggestion, a clip."""

    def __init__(self, user):
        stack = user.stack
        self.key = user.upload("own.mp4")["key"]
        parts = user.post("/api/videos/multipart", {
            "action": "create", "fileName": "own.mp4",
            "fileType": "video/mp4", "fileSize": 10}).json
        self.parts_key, self.upload_id = parts["key"], parts["uploadId"]
        self.video = user.complete(user.upload()).json["video"]["id"]
        suggestions = json.dumps({
            "clips": [{"startTime": 1, "endTime": 9, "confidence": 0.9,
                       "title": "t", "description": "d"}],
            "bestMoments": [], "overallScore": 0.9})
        stack.sql(f"""UPDATE videos SET analysis_status = 'completed',
            duration = 60, ai_suggestions = '{suggestions}'
            WHERE id = '{self.video}'""")
        stack.sql(f"""INSERT INTO video_files (video_id, name, role, job_type,
            s3_key, size) VALUES ('{self.video}', 'poster.jpg', 'poster',
            'process_video', 'derived/{self.video}/x/poster.jpg', 9)""")
        self.task = user.post(f"/api/videos/{self.video}/tasks",
                              {"type": "storyboard"}).json["jobId"]
        self.clip = user.post("/api/clips", {
            "video_id": self.video, "start_time": 1,
            "end_time": 2}).json["clip"]["id"]


class Named:
    """The same members, all with one text."""

    def __init__(self, text):
        self.key = self.parts_key = self.upload_id = text
        self.video = self.clip = self.task = text


def _parts(action, **more):
    return lambda o: ("POST", "/api/videos/multipart", {
        "action": action, "key": o.parts_key, "uploadId": o.upload_id, **more})


def _form(o):
    return ("POST", "/api/videos/upload",
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="video"; '
            f'filename="a.mp4"\r\nContent-Type: video/mp4\r\n\r\nabc\r\n'
            f"--{BOUNDARY}--\r\n".encode(), {"Content-Type": FORM})


def _get(path):
    return lambda o: ("GET", path(o) if callable(path) else path)


def _post(path, body):
    return lambda o: ("POST", path, body(o))


# name: (operation, status for the owner, the request)
CALLS = {
    "upload-url": ("createUploadUrl", 200, _post(
        "/api/videos/upload-url",
        lambda o: {"fileName": "a.mp4", "fileType": "video/mp4",
                   "fileSize": 3})),
    "multipart create": ("multipartUpload", 200, _post(
        "/api/videos/multipart",
        lambda o: {"action": "create", "fileName": "a.mp4",
                   "fileType": "video/mp4", "fileSize": 3})),
    "multipart sign": ("multipartUpload", 200,
                       _parts("sign", partNumbers=[1])),
    "multipart list": ("multipartUpload", 200, _parts("list")),
    "multipart complete": ("multipartUpload", 409, _parts("complete")),
    "multipart abort": ("multipartUpload", 200, _parts("abort")),
    "upload form": ("uploadForm", 201, _form),
    "complete-upload": ("completeUpload", 201, _post(
        "/api/videos/complete-upload",
        lambda o: {"key": o.key, "fileName": "a.mp4", "title": "t"})),
    "status by query": ("getVideoStatusByQuery", 200, _get(
        lambda o: f"/api/videos/status?videoId={quote(o.video, safe='')}")),
    "videos": ("listVideos", 200, _get("/api/videos?page=1&limit=5")),
    "video": ("getVideo", 200, _get(
        lambda o: f"/api/videos/{quote(o.video, safe='')}")),
    "video status": ("getVideoStatus", 200, _get(
        lambda o: f"/api/videos/{quote(o.video, safe='')}/status")),
    # of a finished video: it ends
    "video events": ("watchVideo", 200, _get(
        lambda o: f"/api/videos/{quote(o.video, safe='')}/events")),
    "files": ("listVideoFiles", 200, _get(
        lambda o: f"/api/videos/{quote(o.video, safe='')}/files")),
    "file": ("getVideoFile", 307, _get(
        lambda o: f"/api/videos/{quote(o.video, safe='')}/files/poster.jpg")),
    "tasks": ("listVideoTasks", 200, _get(
        lambda o: f"/api/videos/{quote(o.video, safe='')}/tasks")),
    "task": ("createVideoTask", 202, lambda o: (
        "POST", f"/api/videos/{quote(o.video, safe='')}/tasks",
        {"type": "thumbnails", "times": [1, 2.5]})),
    "task cancel": ("cancelVideoTask", 204, lambda o: (
        "DELETE", f"/api/videos/{quote(o.video, safe='')}/tasks/"
        f"{quote(o.task, safe='')}")),
    "clips": ("listClips", 200, _get("/api/clips?page=1&limit=5")),
    "clips of a video": ("listClips", 200, _get(
        lambda o: f"/api/clips?videoId={quote(o.video, safe='')}")),
    "clip": ("createClip", 201, _post(
        "/api/clips", lambda o: {
            "video_id": o.video, "start_time": 1, "end_time": 2, "title": "t",
            "description": "d"})),
    "generate": ("generateClips", 200, _post(
        "/api/clips/generate", lambda o: {
            "videoId": o.video, "settings": {
                "viralThreshold": 60, "maxClips": 3, "clipDuration": 15,
                "platforms": ["tiktok"], "autoGenerate": False}})),
    "clip status": ("getClipStatus", 200, _get(
        lambda o: f"/api/clips/status?clipId={quote(o.clip, safe='')}")),
    # there is no processor in this suite
    "process": ("processJob", 503, _post(
        "/api/jobs/process", lambda o: None)),
    # of a job that nobody has: a signature says who may speak, not of what
    "webhook": ("receiveVideoWebhook", 404, _post(
        "/api/webhooks/video-processing", lambda o: {
            "jobId": "00000000-0000-4000-8000-000000000000", "attempt": 1,
            "status": "completed", "progress": 100, "error": "e",
            "result": {"duration": 1, "thumbnail_url": "u"}})),
    # of a bucket that is not ours: it concerns nobody
    "s3 events": ("postS3Events", 200, _post(
        "/api/events/s3", lambda o: {"Records": [{
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "elsewhere"},
                   "object": {"key": "uploads/a.mp4"}}}]})),
    "openapi": ("getOpenApi", 200, _get("/api/openapi.json")),
    "live": ("getLive", 200, _get("/health/live")),
    "ready": ("getReady", 200, _get("/health/ready")),
    "metrics": ("getMetrics", 200, _get("/metrics")),
    "home": ("getHome", 200, _get("/")),
}


def operation(name):
    return OPERATIONS[CALLS[name][0]]


def is_secured(name):
    return needs_credentials(operation(name)[2])


def credentials(name, user):
    """The headers that the operation asks for; where they prove the body, a
    function of it."""
    if not is_secured(name):
        return {}
    schemes = [s for scheme in operation(name)[2]["security"] for s in scheme]
    if schemes == ["webhook"]:
        return lambda body: hook.signed(WEBHOOK_SECRET, body)
    return {"Authorization": "Bearer " + {
        "jobToken": JOB_TOKEN, "eventsToken": EVENTS_TOKEN}.get(
            schemes[0], user.token)}


def send(stack, method, path, body=None, headers=None, authorization=None):
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if callable(authorization):
        authorization = authorization(body)
    return request(method, stack.api + path, body,
                   {**(headers or {}), **(authorization or {})})


def call(stack, name, own, authorization):
    return send(stack, *CALLS[name][2](own), authorization=authorization)


def names_things():
    """The calls that name something of the caller's."""
    a, b = Named(str(uuid.uuid4())), Named(str(uuid.uuid4()))
    return [name for name, (_, _, make) in CALLS.items() if make(a) != make(b)]
