"""A proxy between an HTTP client and its server that breaks what it is told
to: connections at any byte, answers, bodies, time. It counts what it broke.

    with FaultProxy(port) as proxy:
        proxy.script("PUT /b/", cut("request", 70000))
        proxy.script("GET ", refuse(503, retry_after=1), times=2)
        ... a client of proxy.url ...
        assert proxy.done["cut"] == 1

A storm() breaks requests by chance: which, and how, follows from its seed and
from what is asked for the how manyth time, not from the order of threads.
"""

import collections
import contextlib
import dataclasses
import random
import re
import select
import socket
import struct
import threading

HEAD = "head"  # as Fault.at: in the middle of the head
PIECE = 65536


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    side: str = "answer"  # or "request"
    at: object = 0  # byte of the body, HEAD, or negative: from its end
    seconds: float = 0
    rate: float = 0  # bytes a second
    status: int = 0
    code: str = ""
    retry_after: object = None
    after: bool = False  # the server was asked, its answer is not passed on
    delta: int = 0
    do: object = None


def cut(side="answer", at=0):
    """Both connections end, as if the peer had closed them."""
    return Fault("cut", side, at)


def reset(side="answer", at=0):
    """The same with RST."""
    return Fault("reset", side, at)


def stall(side="answer", at=0):
    """Nothing more comes until the client has gone."""
    return Fault("stall", side, at)


def delay(seconds, side="answer", at=0):
    return Fault("delay", side, at, seconds=seconds)


def slow(rate, side="answer"):
    return Fault("slow", side, rate=rate)


def flip(side="answer", at=0):
    """One bit of the body is another one."""
    return Fault("flip", side, at)


def lie(delta):
    """The answer's Content-Length is wrong by so much."""
    return Fault("lie", delta=delta)


def refuse(status, code="", retry_after=None, after=False):
    """An error document: instead of the server, or of its answer."""
    code = code or {500: "InternalError", 503: "SlowDown"}.get(status, "Other")
    return Fault("refuse", status=status, code=code, retry_after=retry_after,
                 after=after)


def error_in_200(code="InternalError", after=False):
    """Status 200 with an <Error> in it, as long copies may end."""
    return Fault("error_in_200", status=200, code=code, after=after)


def meanwhile(do):
    """Nothing breaks: do() is called before the server is asked."""
    return Fault("meanwhile", do=do)


class Broken(Exception):
    """Both connections end here."""


class Reader:
    """Messages of one socket, in the pieces they come in."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def _more(self):
        got = self.sock.recv(PIECE)
        if not got:
            raise EOFError
        return got

    def head(self):
        while b"\r\n\r\n" not in self.rest:
            self.rest += self._more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        return head + b"\r\n\r\n"

    def _exactly(self, n):
        while n:
            got, self.rest = self.rest or self._more(), b""
            got, self.rest = got[:n], got[n:]
            n -= len(got)
            yield got

    def _line(self):
        while b"\r\n" not in self.rest:
            self.rest += self._more()
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line + b"\r\n"

    def body(self, head):
        """The body's bytes, with the framing of chunks."""
        if header(head, "transfer-encoding").lower() != "chunked":
            yield from self._exactly(int(header(head, "content-length") or 0))
            return
        size = -1
        while size:
            line = self._line()
            size = int(line.split(b";")[0], 16)
            yield line
            yield from self._exactly(size)
            yield self._line()


def header(head, name):
    """A header's value, or the empty text."""
    found = re.search(rf"\r\n{name}:[ \t]*([^\r]*)", head.decode("latin-1"),
                      re.I)
    return found.group(1).strip() if found else ""


class FaultProxy:
    def __init__(self, port, host="127.0.0.1"):
        self.upstream = (host, port)
        self.done = collections.Counter()  # faults by kind, and "requests"
        # Requests that no rule was for, by "METHOD /target".
        self.asked = collections.Counter()
        self._rules, self._storms = [], []
        self.last = b""  # the head of the latest request
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for s in self._open:
                with contextlib.suppress(OSError):  # the other side has left
                    s.shutdown(socket.SHUT_RDWR)

    # ---- what to break ------------------------------------------------------

    def script(self, pattern, *faults, times=1):
        """The next requests whose "METHOD /target" matches break so, one fault
        after the other, each @times."""
        with self._lock:
            self._rules += [[re.compile(pattern), f, times] for f in faults]

    def storm(self, seed, share, faults, pattern=""):
        """A @share of the requests that match, each with one of @faults."""
        with self._lock:
            self._storms.append((seed, share, faults, re.compile(pattern)))

    def calm(self):
        """No more faults; what was done is kept."""
        with self._lock:
            self._rules, self._storms = [], []

    def _take(self, head):
        """The fault of this request, or None."""
        line = head.split(b" HTTP/", 1)[0].decode("latin-1")
        with self._lock:
            self.done["requests"] += 1
            self.last = head
            for rule in self._rules:
                if rule[2] and rule[0].match(line):
                    rule[2] -= 1
                    return rule[1]
            what = re.sub(r"uploadId=[^&]*", "uploadId", line)
            self.asked[what] += 1
            for seed, share, faults, pattern in self._storms:
                dice = random.Random(f"{seed} {what} {self.asked[what]}")
                if pattern.match(line) and dice.random() < share:
                    return dice.choice(faults)
        return None

    # ---- connections --------------------------------------------------------

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,),
                             daemon=True).start()

    def _serve(self, client):
        server = None
        try:
            server = socket.create_connection(self.upstream, 60)
            server.settimeout(None)
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, server}
            pair = _Pair(self, Reader(client), Reader(server))
            while not self._closing.is_set() and pair.exchange():
                pass
        except (OSError, EOFError, Broken):
            pass
        finally:
            with self._lock:
                self._open -= {client, server}
            for s in filter(None, (client, server)):
                _end(s)
                s.close()


class _Pair:
    """A client's connection and the one to the server that goes with it."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server

    def exchange(self):
        """One request and its answer; True when another may follow."""
        head = self.client.head()
        fault = self.proxy._take(head)
        if fault and fault.do:
            fault.do()
            self._struck(fault)
            fault = None
        if fault and fault.status and not fault.after:
            return self._answer_alone(head, fault)
        request = threading.Thread(target=self._pass_request,
                                   args=(head, fault), daemon=True)
        request.start()
        keep = self._pass_answer(head, fault)
        # An early answer: the client ends its request, or the connection.
        request.join(10)
        return keep and not request.is_alive()

    def _pass_request(self, head, fault):
        try:
            self._pass(head, self.client.body(head), self.server.sock,
                       "request", fault)
        except (OSError, EOFError, Broken):
            for r in (self.client, self.server):
                _end(r.sock)

    def _pass_answer(self, request, fault):
        head = b"HTTP/1.1 100"
        while head.startswith(b"HTTP/1.1 1"):
            head = self.server.head()
            if head.startswith(b"HTTP/1.1 1"):
                self.client.sock.sendall(head)
        bodiless = request.startswith(b"HEAD ") or \
            re.match(rb"HTTP/1.1 (204|304)", head)
        body = () if bodiless else self.server.body(head)
        if fault and fault.status:
            for _ in body:
                pass
            self._send_error(fault)
            return True
        if fault and fault.kind == "lie":
            n = int(header(head, "content-length")) + fault.delta
            head = re.sub(rb"(?i)\r\ncontent-length:[^\r]*",
                          b"\r\nContent-Length: %d" % n, head)
            self._struck(fault)
            self._pass(head, body, self.client.sock, "answer", None)
            return False
        self._pass(head, body, self.client.sock, "answer", fault)
        return header(head, "connection").lower() != "close"

    def _answer_alone(self, head, fault):
        if not header(head, "expect"):
            for _ in self.client.body(head):
                pass
        self._send_error(fault)
        return not header(head, "expect")

    def _send_error(self, fault):
        text = (f"<?xml version=\"1.0\"?>\n<Error><Code>{fault.code}</Code>"
                "<Message>by the proxy</Message></Error>").encode()
        lines = [f"HTTP/1.1 {fault.status} By the proxy",
                 "Content-Type: application/xml",
                 f"Content-Length: {len(text)}"]
        if fault.retry_after is not None:
            lines.append(f"Retry-After: {fault.retry_after}")
        self._struck(fault)
        self.client.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" +
                                 text)

    # ---- one message --------------------------------------------------------

    def _pass(self, head, body, to, side, fault):
        if not fault or fault.side != side:
            fault = None
        at = fault.at if fault else None
        if at == HEAD:
            to.sendall(head[:len(head) // 2])
            self._strike(fault)
            to.sendall(head[len(head) // 2:])
        else:
            to.sendall(head)
        if at is None or at == HEAD:
            for piece in body:
                to.sendall(piece)
            return
        if at < 0:
            at = max(int(header(head, "content-length") or 0) + at, 0)
        for piece in self._bent(body, at, fault):
            to.sendall(piece)

    def _bent(self, body, at, fault):
        """The body's pieces with the fault in its place."""
        if fault.kind == "slow":
            yield from self._slowed(body, fault)
            return
        seen, struck = 0, False
        if at == 0 and fault.kind != "flip":
            self._strike(fault)
            struck = True
        for piece in body:
            here = at - seen
            seen += len(piece)
            if not struck and here < len(piece):
                struck = True
                yield piece[:here]
                self._strike(fault)
                piece = piece[here:]
                if fault.kind == "flip":
                    piece = bytes((piece[0] ^ 1,)) + piece[1:]
            yield piece

    def _slowed(self, body, fault):
        step = max(int(fault.rate / 20), 1)
        self._struck(fault)
        for piece in body:
            for i in range(0, len(piece), step):
                if self.proxy._closing.wait(1 / 20):
                    raise Broken
                yield piece[i:i + step]

    def _struck(self, fault):
        with self.proxy._lock:
            self.proxy.done[fault.kind] += 1

    def _strike(self, fault):
        self._struck(fault)
        if fault.kind == "delay":
            self.proxy._closing.wait(fault.seconds)
        elif fault.kind == "stall":
            self._wait_until_gone()
            raise Broken
        elif fault.kind == "reset":
            for r in (self.client, self.server):
                r.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack("ii", 1, 0))
            raise Broken
        elif fault.kind == "cut":
            raise Broken

    def _wait_until_gone(self):
        gone = select.poll()
        gone.register(self.client.sock, select.POLLRDHUP)
        while not self.proxy._closing.is_set() and not gone.poll(50):
            pass


def _end(sock):
    """Whoever waits for the socket in another thread returns."""
    try:
        sock.shutdown(socket.SHUT_RD)
        if not struct.unpack("ii", sock.getsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, 8))[0]:
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
