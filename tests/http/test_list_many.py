"""100,000 keys of 1 to 1,024 bytes, page by page: the sorted truth."""

import concurrent.futures
import functools
import html
import random
import re
import urllib.parse

import pytest

from gateway import BIN, Gateway
from sigv4 import Signer, head, quote
from wire import Wire

# Under a sanitizer a tenth: its job is to find faults of memory.
KEYS = 10_000 if "asan" in str(BIN) else 100_000
BUCKET = "many-keys"
ALPHABET = (["a", "b", "c", "/", "/", "//", "0", ".", " ", "+", "%", "&", "<",
             "\x01", "\x7f", "\u00e9", "\u20ac", "\uffee", "\U0001f600"])


def make_keys(r):
    """Mostly short ones that share prefixes; some of every length."""
    keys = {"a", "a/", "a/b", "/", "//", "\U0010ffff"}
    while len(keys) < KEYS:
        if r.random() < 0.02:
            size = r.randint(1, 1024)
            key = "".join(r.choices(ALPHABET, k=size)).encode()[:size]
            key = key.decode(errors="ignore")
        else:
            key = "".join(r.choices(ALPHABET, k=r.randint(1, 9)))
        if key:
            keys.add(key)
    return list(keys)


class FastSigner(Signer):
    """One signing key for all requests."""

    def key(self):
        if not hasattr(self, "_key"):
            self._key = super().key()
        return self._key


def load(port, keys, batch=16):
    """Puts the keys over one connection, batches of requests at a time."""
    signer, host = FastSigner(), f"127.0.0.1:{port}"
    with Wire(port, timeout=60) as w:
        for i in range(0, len(keys), batch):
            part = keys[i:i + batch]
            heads = []
            for k in part:
                path = f"/{BUCKET}/{k}"
                h = signer.headers("PUT", path, host, "UNSIGNED-PAYLOAD")
                h["Content-Length"] = "0"
                heads.append(head("PUT", quote(path, "-._~/"), h))
            w.send(b"".join(heads))
            got = b""
            while got.count(b"\r\n\r\n") < len(part):
                got += w.sock.recv(65536) or b"closed\r\n\r\n"
            assert got.count(b"HTTP/1.1 200 ") == len(part), got


def load_with_threads(port, keys):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: load(port, keys[i::16]), range(16)))


@pytest.fixture
def many(memory_path):
    g = Gateway(data=memory_path / "data").start()
    g.client().create_bucket(Bucket=BUCKET)
    keys = make_keys(random.Random(3))
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        for f in [pool.submit(load_with_threads, g.port, keys[i::2])
                  for i in range(2)]:
            f.result()
    yield g, sorted(keys, key=str.encode)
    g.close()


def truth(keys, prefix="", delimiter=""):
    out, last = [], None
    for k in keys:
        if not k.startswith(prefix):
            continue
        cut = k.find(delimiter, len(prefix)) if delimiter else -1
        name = k if cut < 0 else k[:cut + len(delimiter)]
        if cut < 0 or name != last:
            out.append((name, cut >= 0))
        last = name if cut >= 0 else None
    return out


def page(w, port, query):
    path = f"/{BUCKET}"
    h = FastSigner().headers("GET", path, f"127.0.0.1:{port}", query=query)
    w.send(head("GET", path + "?" + "&".join(
        f"{quote(k)}={quote(v)}" for k, v in query), h))
    r = w.read()
    assert r.status == 200, r
    return r.text


@functools.cache  # most names come several times
def decoded(name):
    return urllib.parse.unquote(html.unescape(name))


def names(text, outer, inner):
    return [decoded(n) for n in re.findall(
        f"<{outer}><{inner}>(.*?)</{inner}>", text)]


def element(text, name):
    found = re.search(f"<{name}>(.*?)</{name}>", text)
    return found and html.unescape(found.group(1))


def listed(g, v2, size, prefix="", delimiter=""):
    """All pages; each is full but the last, and ordered."""
    out, extra = [], []
    with Wire(g.port, timeout=60) as w:
        while True:
            query = [("encoding-type", "url"), ("max-keys", str(size)),
                     ("prefix", prefix), ("delimiter", delimiter), *extra]
            text = page(w, g.port, query + [("list-type", "2")] if v2
                        else query)
            items = [(n, False) for n in names(text, "Contents", "Key")]
            items += [(n, True)
                      for n in names(text, "CommonPrefixes", "Prefix")]
            items.sort(key=lambda i: i[0].encode())
            out += items
            if element(text, "IsTruncated") == "false":
                assert len(items) <= size
                return out
            assert len(items) == size
            if v2:
                extra = [("continuation-token",
                          element(text, "NextContinuationToken"))]
            else:
                after = element(text, "NextMarker")
                assert (after is None) == (not delimiter)
                extra = [("marker", urllib.parse.unquote(after) if after
                          else items[-1][0])]


def check_token_after_restart(g, keys):
    query = [("list-type", "2"), ("encoding-type", "url"),
             ("delimiter", "/")]
    with Wire(g.port) as w:
        first = page(w, g.port, query)
    g.stop()
    g.start()
    with Wire(g.port) as w:
        second = page(w, g.port, query + [
            ("continuation-token", element(first, "NextContinuationToken"))])
    got = []
    for text in (first, second):
        items = [(n, False) for n in names(text, "Contents", "Key")]
        items += [(n, True) for n in names(text, "CommonPrefixes", "Prefix")]
        got += sorted(items, key=lambda i: i[0].encode())
    assert got == truth(keys, "", "/")[:len(got)] and len(got) > 1000


# One test: the keys are loaded once, whichever process runs it.
def test_pages_are_the_sorted_truth(many):
    g, keys = many
    for prefix, delimiter, size in (
            ("", "", 1000), ("", "/", 1000), ("", "//", 617),
            ("", "\u20ac", 1000), ("a", "", 999), ("a/", "/", 7),
            ("\U0001f600", "a/", 617)):
        expected = truth(keys, prefix, delimiter)
        for v2 in (True, False):
            assert listed(g, v2, size, prefix, delimiter) == expected, (
                v2, prefix, delimiter)
    check_token_after_restart(g, keys)
