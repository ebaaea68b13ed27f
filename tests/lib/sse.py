"""A reader of server-sent events (HTML Living Standard, 9.2.6), which shares
nothing with the writer."""
import http.client
import json
import time
from urllib.parse import urlsplit


class Event:
    def __init__(self, kind, data, last_id):
        self.kind, self.data, self.id = kind, data, last_id

    @property
    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f"{self.kind} {self.id} {self.data}"


class Stream:
    """One answer of a server. next() waits for an event; None is the end."""

    def __init__(self, url, headers=None, timeout=30, method="GET"):
        at = urlsplit(url)
        self.connection = http.client.HTTPConnection(at.netloc,
                                                     timeout=timeout)
        self.connection.request(method, at.path, headers=headers or {})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.headers = self.answer.headers
        self.retry = None
        self.last_id = ""
        self.comments = 0

    def next(self):
        kind, data = "message", []
        while True:
            line = self.answer.readline()
            if not line:
                return None
            line = line.decode().removesuffix("\n")
            if line == "":
                if data:
                    return Event(kind, "\n".join(data), self.last_id)
                kind = "message"
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "":
                self.comments += 1
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "id":
                self.last_id = value
            elif name == "retry":
                self.retry = int(value)
            else:
                raise AssertionError(f"no field of the standard: {line}")

    def until(self, good, seconds=10):
        """The first event that is good; the end is none."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            event = self.next()
            assert event, "the stream ended"
            if good(event):
                return event
        raise AssertionError("no such event")

    def rest(self):
        return list(iter(self.next, None))

    def close(self):
        self.answer.close()
        self.connection.close()
