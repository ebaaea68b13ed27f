"""The fault proxy itself, between http.client and a server of a few lines."""

import hashlib
import http.client
import http.server
import socket
import threading
import time

import pytest

from fault_proxy import (HEAD, FaultProxy, cut, delay, error_in_200, flip, lie,
                         refuse, reset, slow, stall)
from web import wait_for

BODY = bytes(range(256)) * 1000


class Server(http.server.BaseHTTPRequestHandler):
    """GET: BODY, in chunks below /chunked; PUT: the SHA-256 of what came."""
    protocol_version = "HTTP/1.1"
    puts = 0

    def do_GET(self):
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
            return
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) < int(self.headers["Content-Length"]):
            return
        Server.puts += 1
        answer = hashlib.sha256(body).hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Connections end here as the test wants it."""


@pytest.fixture(scope="module")
def server():
    s = Quiet(("127.0.0.1", 0), Server)
    s.daemon_threads = True
    threading.Thread(target=s.serve_forever, daemon=True).start()
    yield s.server_address[1]
    s.shutdown()
    s.server_close()


@pytest.fixture
def proxy(server):
    with FaultProxy(server) as p:
        yield p


def ask(proxy, method="GET", path="/", body=None, timeout=30):
    c = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=timeout)
    try:
        c.request(method, path, body)
        answer = c.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        c.close()


def test_without_a_fault_everything_passes_on_one_connection(proxy):
    c = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    for path in ("/", "/chunked", "/"):
        c.request("GET", path)
        assert c.getresponse().read() == BODY
    c.request("HEAD", "/")
    assert c.getresponse().read() == b""
    c.request("PUT", "/", BODY)
    assert c.getresponse().read().decode() == hashlib.sha256(BODY).hexdigest()
    c.close()
    assert proxy.done == {"requests": 5}


@pytest.mark.parametrize("at, got", [(0, 0), (70000, 70000), (-1, 255999)])
def test_cut_answer_ends_at_its_byte(proxy, at, got):
    proxy.script("GET", cut(at=at))
    with pytest.raises(http.client.IncompleteRead) as e:
        ask(proxy)
    assert e.value.partial == BODY[:got]
    assert proxy.done["cut"] == 1
    assert ask(proxy)[2] == BODY


def test_cut_within_a_head(proxy):
    proxy.script("GET", cut(at=HEAD))
    _, headers, body = ask(proxy)
    assert "Content-Length" not in headers and body == b""
    assert proxy.done["cut"] == 1


def test_cut_request_is_no_put(proxy):
    before = Server.puts
    proxy.script("PUT", cut("request", 1000), cut("request", HEAD))
    for _ in range(2):
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(proxy, "PUT", body=BODY)
    assert Server.puts == before
    assert proxy.done["cut"] == 2


@pytest.mark.parametrize("side", ["request", "answer"])
def test_reset_is_an_rst(proxy, side):
    proxy.script("PUT", reset(side, 10))
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        ask(proxy, "PUT", body=BODY)
    assert proxy.done["reset"] == 1


@pytest.mark.parametrize("side", ["request", "answer"])
def test_stall_lasts_until_the_client_goes(proxy, side):
    proxy.script("PUT", stall(side, 10))
    c = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    c.request("PUT", "/", BODY[:1000])
    wait_for("stall", lambda: proxy.done["stall"])
    c.sock.settimeout(0.3)
    with pytest.raises(socket.timeout):
        c.getresponse().read()
    c.close()
    assert ask(proxy, "PUT", body=BODY)[0] == 200


def test_delay_and_slow_cost_time_only(proxy):
    for fault, least in ((delay(0.2), 0.2), (slow(2e6), 0.1),
                         (delay(0.2, at=1000), 0.2)):
        proxy.script("GET", fault)
        began = time.monotonic()
        assert ask(proxy)[2] == BODY
        assert time.monotonic() - began > least


def test_flip_is_one_bit(proxy):
    proxy.script("GET", flip(at=255999))
    body = ask(proxy)[2]
    assert body[:-1] == BODY[:-1] and body[-1] == BODY[-1] ^ 1
    proxy.script("PUT", flip("request", 0))
    bent = hashlib.sha256(bytes((BODY[0] ^ 1,)) + BODY[1:]).hexdigest()
    assert ask(proxy, "PUT", body=BODY)[2].decode() == bent


def test_lie_bends_the_length(proxy):
    proxy.script("GET", lie(-10), lie(10))
    assert ask(proxy)[2] == BODY[:-10]
    with pytest.raises(http.client.IncompleteRead):
        ask(proxy)
    assert proxy.done["lie"] == 2


@pytest.mark.parametrize("after, put", [(False, 0), (True, 1)])
def test_refuse_answers_before_or_after_the_server(proxy, after, put):
    before = Server.puts
    proxy.script("PUT /k", refuse(503, retry_after=7, after=after),
                 error_in_200(after=after))
    status, headers, body = ask(proxy, "PUT", "/k", BODY)
    assert (status, headers["Retry-After"]) == (503, "7")
    assert b"<Code>SlowDown</Code>" in body
    status, _, body = ask(proxy, "PUT", "/k", BODY)
    assert status == 200 and b"<Code>InternalError</Code>" in body
    assert Server.puts == before + 2 * put
    assert (proxy.done["refuse"], proxy.done["error_in_200"]) == (1, 1)


def test_script_counts_and_minds_what_it_matches(proxy):
    proxy.script("GET /a", refuse(500), times=2)
    assert [ask(proxy, path=p)[0] for p in ("/b", "/a", "/a", "/a")] == \
        [200, 500, 500, 200]


def storm(server, seed):
    with FaultProxy(server) as p:
        p.storm(seed, 0.5, [refuse(500), refuse(503)])
        return [ask(p, "HEAD", f"/{i % 3}")[0] for i in range(30)]


def test_storm_follows_its_seed(server):
    assert storm(server, 1) == storm(server, 1) != storm(server, 2)
    assert set(storm(server, 1)) == {200, 500, 503}
