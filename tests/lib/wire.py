"""HTTP as bytes on a socket, for what no well-behaved client would send."""

import html
import re
import socket


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def element(self, name):
        """The text of an element of the document, None without it."""
        found = re.search(f"<{name}>(.*?)</{name}>", self.text, re.S)
        return found and html.unescape(found.group(1))

    @property
    def code(self):
        return self.element("Code")

    @property
    def message(self):
        return self.element("Message")

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.text[:300]!r}>"


class Wire:
    """One connection. Reads are buffered, so pipelined answers stay apart."""

    def __init__(self, port, timeout=20):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def _more(self):
        got = self.sock.recv(65536)
        self.rest += got
        return bool(got)

    def read_head(self):
        while b"\r\n\r\n" not in self.rest:
            if not self._more():
                raise EOFError(f"closed after {self.rest!r}")
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        return int(lines[0].split()[1]), headers

    def read(self, head_request=False):
        """The next final answer, with its body by Content-Length."""
        status, headers = self.read_head()
        length = int(headers.get("content-length", 0))
        if head_request or status in (100, 204, 304):
            length = 0
        while len(self.rest) < length:
            if not self._more():
                raise EOFError("closed within a body")
        body, self.rest = self.rest[:length], self.rest[length:]
        return Response(status, headers, body)

    def closed(self):
        """True when the server ends the connection (waits for it)."""
        try:
            return not self._more()
        except ConnectionResetError:
            return True


def request(port, data, **options):
    with Wire(port) as w:
        w.send(data)
        return w.read(**options)
