"""Connections that live and end as they should, expectations, refusals that
arrive, slow and vanishing clients. What a request may look like:
test_framing.py."""

import random
import socket
import threading
import time

import pytest

from gateway import DEFAULT_BUCKET
from sigv4 import Signer, head
from web import wait_for
from wire import Wire, request

LIVE = "GET /minio/health/live HTTP/1.1\r\nHost: h\r\n\r\n"


def signed(gateway, method, path, payload="UNSIGNED-PAYLOAD", **more):
    h = Signer().headers(method, path, f"127.0.0.1:{gateway.port}", payload)
    h.update({n.replace("_", "-"): v for n, v in more.items()})
    return head(method, path, h)


# ---- connections that live ------------------------------------------------------------

def test_keep_alive_and_pipelining(gateway, client, bucket):
    path = f"/{bucket}/p"
    with Wire(gateway.port) as w:
        for i in range(3):
            body = b"%d" % i * 100
            w.send(signed(gateway, "PUT", path, Content_Length="100") + body)
            assert w.read().status == 200
            w.send(signed(gateway, "GET", path))
            assert w.read().body == body
        w.send(b"".join(signed(gateway, "GET", path) for _ in range(10))
               + signed(gateway, "HEAD", path)
               + signed(gateway, "GET", f"/{bucket}/none")
               + signed(gateway, "GET", path))
        for _ in range(10):
            assert w.read().body == b"2" * 100
        assert w.read(head_request=True).headers["content-length"] == "100"
        assert w.read().status == 404
        assert w.read().body == b"2" * 100


def test_refused_get_keeps_the_connection(gateway):
    with Wire(gateway.port) as w:
        for _ in range(3):
            w.send(f"GET /{DEFAULT_BUCKET}/k HTTP/1.1\r\nHost: h\r\n\r\n")
            assert w.read().status == 403


@pytest.mark.parametrize("size", [1, 1000, 65536, 1 << 20])
def test_refused_upload_of_a_short_body_keeps_the_connection(gateway, size):
    with Wire(gateway.port) as w:
        for _ in range(3):
            w.send(f"PUT /{DEFAULT_BUCKET}/k HTTP/1.1\r\nHost: h\r\n"
                   f"Content-Length: {size}\r\n\r\n".encode() + bytes(size))
            assert w.read().status == 403
        w.send(LIVE)
        assert w.read().status == 200


@pytest.mark.parametrize("seed", range(8))
def test_pipelined_mix_in_one_segment(gateway, client, bucket, seed):
    """Twenty requests at once, refused ones and bodies among them: each is
    answered in its turn, as if it had come alone."""
    r = random.Random(seed)
    path, host = f"/{bucket}/mix", f"127.0.0.1:{gateway.port}"
    client.put_object(Bucket=bucket, Key="mix", Body=b"first")
    held, out, want = b"first", b"", []
    for i in range(20):
        kind = r.choice(["put", "get", "head", "missing", "unsigned", "bad md5",
                         "wrong hash", "chunked", "not allowed"])
        body = r.randbytes(r.randint(0, 20000))
        if kind == "put":
            out += signed(gateway, "PUT", path,
                          Content_Length=str(len(body))) + body
            want.append((200, b""))
            held = body
        elif kind == "chunked":
            s = Signer()
            h = s.headers("PUT", path, host,
                          "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                          extra={"x-amz-decoded-content-length":
                                 str(len(body))})
            h["Transfer-Encoding"] = "chunked"
            data = s.chunks(body, 8192) + b"\r\n"
            out += head("PUT", path, h) + b"%x\r\n%s\r\n0\r\n\r\n" % (
                len(data), data)
            want.append((200, b""))
            held = body
        elif kind == "get":
            out += signed(gateway, "GET", path)
            want.append((200, held))
        elif kind == "head":
            out += signed(gateway, "HEAD", path)
            want.append((200, None))
        elif kind == "missing":
            out += signed(gateway, "GET", path + "x")
            want.append((404, b"NoSuchKey"))
        elif kind == "unsigned":
            out += (f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: "
                    f"{len(body)}\r\n\r\n").encode() + body
            want.append((403, b"AccessDenied"))
        elif kind == "bad md5":
            out += signed(gateway, "PUT", path, Content_MD5="x",
                          Content_Length=str(len(body))) + body
            want.append((400, b"InvalidDigest"))
        elif kind == "wrong hash":
            out += signed(gateway, "PUT", path, payload="0" * 64,
                          Content_Length=str(len(body))) + body
            want.append((400, b"XAmzContentSHA256Mismatch"))
        else:
            out += signed(gateway, "PATCH", path,
                          Content_Length=str(len(body))) + body
            want.append((405, b"MethodNotAllowed"))
    with Wire(gateway.port) as w:
        sender = threading.Thread(target=w.send, args=(out,))
        sender.start()
        for status, text in want:
            a = w.read(head_request=text is None)
            assert a.status == status, (a, text)
            if status == 200 and text is not None:
                assert a.body == text
            elif text is not None:
                assert b"<Code>%s</Code>" % text in a.body
        sender.join()
    got = client.get_object(Bucket=bucket, Key="mix")["Body"].read()
    assert got == held


# ---- 100-continue and early refusals -----------------------------------------------------

def test_expect_is_answered_after_the_checks(gateway, client, bucket):
    path = f"/{bucket}/e"
    with Wire(gateway.port) as w:
        w.send(signed(gateway, "PUT", path, Content_Length="5",
                      Expect="100-continue"))
        assert w.read().status == 100
        w.send(b"hello")
        assert w.read().status == 200
    assert client.get_object(Bucket=bucket, Key="e")["Body"].read() == b"hello"


@pytest.mark.parametrize("value", ["100-continue", "100-Continue",
                                   "100-CONTINUE"])
def test_expectation_in_any_case(gateway, bucket, value):
    with Wire(gateway.port) as w:
        w.send(signed(gateway, "PUT", f"/{bucket}/e", Content_Length="5",
                      Expect=value))
        assert w.read().status == 100
        w.send(b"hello")
        assert w.read().status == 200
        w.send(LIVE)
        assert w.read().status == 200


def test_body_that_does_not_wait_for_the_expectation(gateway, bucket):
    with Wire(gateway.port) as w:
        w.send(signed(gateway, "PUT", f"/{bucket}/e", Content_Length="5",
                      Expect="100-continue") + b"hello" + LIVE.encode())
        r = w.read()
        assert (w.read() if r.status == 100 else r).status == 200
        assert w.read().status == 200


@pytest.mark.parametrize("value", ["", "200-ok", "100-continue, x", "x=y",
                                   "100-continue,100-continue", "continue"])
@pytest.mark.parametrize("length", [0, 5])
def test_unknown_expectation_is_417(gateway, bucket, value, length):
    with Wire(gateway.port) as w:
        w.send(signed(gateway, "PUT", f"/{bucket}/e", Expect=value,
                      Content_Length=str(length)))
        r = w.read()
        assert (r.status, r.code) == (417, "ExpectationFailed")
        assert w.closed()


@pytest.mark.parametrize("value", ["100-continue", "200-ok"])
def test_expectation_of_http_1_0_is_ignored(gateway, bucket, value):
    data = signed(gateway, "PUT", f"/{bucket}/e", Expect=value,
                  Content_Length="5").replace(b"HTTP/1.1", b"HTTP/1.0")
    with Wire(gateway.port) as w:
        w.send(data + b"hello")
        assert w.read().status == 200
        assert w.closed()


@pytest.mark.parametrize("path,more,status", [
    ("/no-such-bucket-here/k", {}, 404),
    ("/BUCKET/k", {"Authorization": "AWS4-HMAC-SHA256 x"}, 400),
    ("/BUCKET/k", {"If-None-Match": '"x"'}, 501),
    ("/BUCKET/k", {"Content-MD5": "x"}, 400),
    ("/BUCKET/k", {"Content-Length": str(6 << 30)}, 400),
    ("/BUCKET/exists", {"If-None-Match": "*"}, 412),
])
def test_expect_with_a_refusal_never_asks_for_the_body(
        gateway, client, bucket, path, more, status):
    client.put_object(Bucket=bucket, Key="exists", Body=b"")
    path = path.replace("BUCKET", bucket)
    h = Signer().headers("PUT", path, f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD")
    h.update({"Content-Length": "5", "Expect": "100-continue", **more})
    with Wire(gateway.port) as w:
        w.send(head("PUT", path, h))
        assert w.read().status == status
        assert w.closed()


def send_all(gateway, start, body):
    """The answer to a request whose body is sent to its end although it is
    refused: the gateway takes that for five seconds. Anew where this machine
    was too busy to send it in so long."""
    for _ in range(10):
        began = time.monotonic()
        try:
            with Wire(gateway.port) as w:
                w.send(start)
                for i in range(0, len(body), 1 << 16):
                    w.send(body[i:i + (1 << 16)])
                return w.read()
        except TimeoutError:
            raise  # it hangs
        except (EOFError, OSError):
            if time.monotonic() - began < 5:
                raise
    raise AssertionError("this machine is too busy")


@pytest.mark.parametrize("size", [1 << 16, 1 << 20, 8 << 20, 64 << 20])
def test_early_refusal_reaches_a_client_that_goes_on_sending(gateway, size):
    """The answer is read although the client sends all of its body first."""
    r = send_all(gateway, f"PUT /{DEFAULT_BUCKET}/k HTTP/1.1\r\nHost: h\r\n"
                 f"Content-Length: {size}\r\n\r\n", bytes(size))
    assert r.status == 403 and "<Code>AccessDenied</Code>" in r.text


@pytest.mark.parametrize("size", [1 << 19, 8 << 20])
def test_failure_in_the_middle_of_a_body_reaches_the_client(gateway, bucket,
                                                            size):
    """The first chunk's signature is wrong, the client sends it all."""
    path, s = f"/{bucket}/mid", Signer()
    h = s.headers("PUT", path, f"127.0.0.1:{gateway.port}",
                  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                  extra={"x-amz-decoded-content-length": str(size)})
    s.seed = "0" * 64
    body = s.chunks(bytes(size)) + b"\r\n"
    h["Content-Length"] = str(len(body))
    r = send_all(gateway, head("PUT", path, h), body)
    assert r.status == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in r.text


@pytest.mark.parametrize("lines", ["Content-Length: 67108864\r\nHost: h\r\n",
                                   "Transfer-Encoding: chunked\r\n"])
def test_framing_refusal_reaches_a_client_that_goes_on_sending(gateway, lines):
    r = send_all(gateway, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: "
                 f"67108864\r\n{lines}\r\n", bytes(1000 << 16))
    assert r.status == 400


HEAD_ERRORS = [
    ("/BUCKET/none", {}, 404), ("/no-such-bucket-here/k", {}, 404),
    ("/no-such-bucket-here", {}, 404), ("/BUCKET/e?versionId=x", {}, 400),
    ("/BUCKET/e", {"Authorization": "AWS4-HMAC-SHA256 x"}, 400),
    ("/BUCKET/e", {"Authorization": "nonsense"}, 400),
    ("/BUCKET/e", {"X-Large": "x" * 9000}, 400),
    ("/BUCKET/e", {"Range": "bytes=100-"}, 416),
    ("/BUCKET/e", {"If-Match": '"x"'}, 412),
    ("/BUCKET/e", {"If-None-Match": "*"}, 304),
    ("/BUCKET/" + "k" * 1025, {}, 400), ("/BUCKET/%zz", {}, 400),
    ("/", {}, 405)]


@pytest.mark.parametrize("path,more,status", HEAD_ERRORS)
def test_head_errors_have_no_body(gateway, client, bucket, path, more, status):
    client.put_object(Bucket=bucket, Key="e", Body=b"12345")
    path = path.replace("BUCKET", bucket)
    bare, _, query = path.partition("?")
    h = Signer().headers("HEAD", bare, f"127.0.0.1:{gateway.port}",
                         query=[query.split("=")] if query else ())
    with Wire(gateway.port) as w:
        w.send(head("HEAD", path, {**h, **more}) + LIVE.encode())
        assert w.read(head_request=True).status == status
        assert w.read().status == 200  # no byte of a body lies between


def test_head_refused_by_the_server_itself_has_no_body(gateway):
    with Wire(gateway.port) as w:
        w.send("HEAD /b/k HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n")
        assert w.read(head_request=True).status == 400
        assert w.closed()


# ---- slow and vanishing clients -----------------------------------------------------------

def test_slow_header_sender_is_ended(gateway):
    """A byte a second would keep a plain timeout waiting for ever."""
    start = time.monotonic()
    with Wire(gateway.port) as w:
        w.send("GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ")
        try:
            while time.monotonic() - start < 60:
                w.send("x")
                w.sock.settimeout(0.5)
                try:
                    if not w._more():
                        break
                except TimeoutError:
                    pass
        except OSError:
            pass
        assert 15 < time.monotonic() - start < 60
    assert request(gateway.port, LIVE).status == 200


def test_slow_body_is_taken_as_long_as_it_moves(gateway, client, bucket):
    path = f"/{bucket}/slow"
    with Wire(gateway.port) as w:
        w.send(signed(gateway, "PUT", path, Content_Length="20"))
        for _ in range(20):
            w.send(b"s")
            time.sleep(0.05)
        assert w.read().status == 200
    got = client.get_object(Bucket=bucket, Key="slow")
    assert got["Body"].read() == b"s" * 20


def test_client_that_vanishes_in_a_download(gateway, client, bucket):
    client.put_object(Bucket=bucket, Key="big", Body=bytes(20 << 20))
    for _ in range(5):
        with Wire(gateway.port) as w:
            w.send(signed(gateway, "GET", f"/{bucket}/big"))
            assert w.read_head()[0] == 200
    assert request(gateway.port, LIVE).status == 200


# ---- many at once ------------------------------------------------------------------------

def test_48_clients_put_and_get(gateway, client, bucket):
    """Every answer belongs to its request, every object is its writer's."""
    failures = []

    def work(n):
        try:
            with Wire(gateway.port, timeout=60) as w:
                for i in range(12):
                    size = (n * 7919 + i * 104729) % 150000
                    body = bytes([n, i]) * (size // 2)
                    path = f"/{bucket}/s{n}/{i}"
                    w.send(signed(gateway, "PUT", path,
                                  Content_Length=str(len(body))) + body)
                    assert w.read().status == 200
                    w.send(signed(gateway, "GET", path))
                    assert w.read().body == body
        except Exception as e:  # noqa: BLE001 - reported below
            failures.append((n, repr(e)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(48)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 48 * 12


def answers(wires):
    """All ask, then all are answered."""
    for w in wires:
        w.send(LIVE)
    read = [w.read() for w in wires]
    for w in wires:
        w.sock.close()
    return read


def test_beyond_nine_tenths_of_the_connections_is_slow_down(own_gateway):
    g = own_gateway({"REELGATE_MAX_CONNECTIONS": "20"})
    held = [Wire(g.port) for _ in range(19)]
    try:
        # They are accepted in the order in which they came.
        (r,) = answers([Wire(g.port)])
        assert r.status == 503 and "<Code>SlowDown</Code>" in r.text
    finally:
        for w in held:
            w.sock.close()
    wait_for("end of the others",
             lambda: request(g.port, LIVE).status == 200)


def test_connections_beyond_all_are_told_so_and_not_cut(own_gateway):
    g = own_gateway({"REELGATE_MAX_CONNECTIONS": "20"})
    held = [Wire(g.port) for _ in range(24)]
    for r in answers([Wire(g.port) for _ in range(12)]):
        assert r.status == 503
        assert "<Code>SlowDown</Code>" in r.text
    for w in held:
        w.sock.close()


def test_connections_end_with_the_answer_above_three_quarters(own_gateway):
    g = own_gateway({"REELGATE_MAX_CONNECTIONS": "20"})
    few = answers([Wire(g.port) for _ in range(10)])
    assert [r.headers.get("connection", "") for r in few] == [""] * 10
    held = [Wire(g.port) for _ in range(15)]
    deadline = time.monotonic() + 60
    while True:
        (r,) = answers([Wire(g.port)])  # 503 until the few are gone
        if r.status == 200 and \
                r.headers.get("connection", "").lower() == "close":
            break
        assert time.monotonic() < deadline
    for w in held:
        w.sock.close()


def test_mutated_requests_never_end_the_server(gateway, bucket):
    """Bytes flipped, cut, doubled and inserted in requests that were good."""
    r = random.Random(42)
    s = Signer()
    host = f"127.0.0.1:{gateway.port}"
    chunked = s.headers("PUT", f"/{bucket}/f", host,
                        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                        extra={"x-amz-decoded-content-length": "9000"})
    body = s.chunks(bytes(9000), 8192) + b"\r\n"
    chunked["Content-Length"] = str(len(body))
    good = [
        head("PUT", f"/{bucket}/f", chunked) + body,
        signed(gateway, "GET", f"/{bucket}/f", Range="bytes=0-5"),
        head("GET", Signer().presign("GET", f"/{bucket}/f", host),
             {"Host": host}),
        b"OPTIONS /b/k HTTP/1.1\r\nHost: h\r\nOrigin: o\r\n"
        b"Access-Control-Request-Method: PUT\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    ]
    for _ in range(400):
        data = bytearray(r.choice(good))
        for _ in range(r.randint(1, 4)):
            at = r.randrange(len(data))
            what = r.randrange(4)
            if what == 0:
                data[at] = r.randrange(256)
            elif what == 1:
                del data[at:at + r.randint(1, 40)]
            elif what == 2:
                data[at:at] = data[at:at + r.randint(1, 40)]
            else:
                data[at:at] = r.randbytes(r.randint(1, 8))
        with Wire(gateway.port) as w:
            try:
                w.send(bytes(data))
                w.sock.shutdown(socket.SHUT_WR)
                while w._more():
                    pass
            except OSError:
                pass
    assert request(gateway.port, LIVE).status == 200
