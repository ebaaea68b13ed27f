"""Standard Webhooks as its specification has it, independent of the product:
signing, verifying, and a receiver that answers as it is told."""
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import uuid

from web import request

# The secret of the specification's example.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SUGGESTIONS = {
    "clips": [{"startTime": 0.1, "endTime": 0.6, "confidence": 0.5,
               "title": "theirs", "description": "made elsewhere"}],
    "bestMoments": [0.3], "overallScore": 0.25}


def key_of(secret):
    """The bytes behind whsec_, or the text itself."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret[len("whsec_"):])
    return secret.encode()


def signature(secret, ident, timestamp, body):
    mac = hmac.new(key_of(secret), f"{ident}.{timestamp}.".encode() + body,
                   hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def signed(secret, body, ident=None, timestamp=None):
    """The headers of a message."""
    ident = ident or "msg_" + uuid.uuid4().hex
    timestamp = str(int(time.time()) if timestamp is None else timestamp)
    return {"webhook-id": ident, "webhook-timestamp": timestamp,
            "webhook-signature": signature(secret, ident, timestamp, body),
            "Content-Type": "application/json"}


def verify(secret, headers, body):
    """Is one of its signatures by this secret, and the message new?"""
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    return signature(secret, headers["webhook-id"],
                     headers["webhook-timestamp"],
                     body) in headers["webhook-signature"].split(" ")


def post(url, secret, message, ident=None, timestamp=None, **headers):
    body = message if isinstance(message, bytes) else json.dumps(
        message).encode()
    return request("POST", url, body,
                   {**signed(secret, body, ident, timestamp), **headers})


class Message:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body
        self.at = time.time()

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def json(self):
        return json.loads(self.body)


class Receiver:
    """Keeps each message. answer(message, how many before) tells what to do:
    a status, (status, headers), or a function of the raw connection."""

    def __init__(self, answer=lambda message, n: 204):
        receiver = self
        self.answer = answer
        self.messages = []
        lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    n = len(receiver.messages)
                    receiver.messages.append(
                        Message(self.path, self.headers, body))
                what = receiver.answer(receiver.messages[n], n)
                self.close_connection = True
                if callable(what):
                    what(self.connection)
                    return
                status, headers = what if isinstance(what, tuple) else (
                    what, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       daemon=True)
        self.thread.start()

    def of(self, kind):
        return [m for m in self.messages if m.json.get("type") == kind]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
