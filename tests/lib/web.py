"""Plain HTTP requests, and waiting for what a service does by itself."""
import http.client
import json
import time
from urllib.parse import urlsplit

# host:port of a server: check(method, target, body, answer), called with each
# answer that came from there.
contracts = {}


def wait_for(what, condition, seconds=60):
    """The first true answer of condition(), looked at often, and once more
    when the time is over: this process may have been what stood still."""
    deadline = time.monotonic() + seconds
    late = False
    while True:
        answer = condition()
        if answer:
            return answer
        if late:
            raise AssertionError(f"no {what} after {seconds} s")
        time.sleep(0.05)
        late = time.monotonic() >= deadline


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
        answer = Answer(response, response.read())
    finally:
        connection.close()
    if parts.netloc in contracts:
        contracts[parts.netloc](method, target, body, answer)
    return answer
