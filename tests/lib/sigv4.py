"""A SigV4 signer independent of the product's and of botocore's, small enough
to be bent: chunked bodies, wrong signatures, backdated URLs."""

import datetime
import hashlib
import hmac
import urllib.parse

from gateway import ACCESS_KEY, REGION, SECRET_KEY

EMPTY = hashlib.sha256(b"").hexdigest()


def amz_date(offset_s=0):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=offset_s)
            ).strftime("%Y%m%dT%H%M%SZ")


def quote(s, safe="-._~"):
    return urllib.parse.quote(s, safe=safe)


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Signer:
    def __init__(self, access=ACCESS_KEY, secret=SECRET_KEY, region=REGION,
                 date=None):
        self.access, self.secret, self.region = access, secret, region
        self.date = date or amz_date()
        self.scope = f"{self.date[:8]}/{region}/s3/aws4_request"

    def key(self):
        k = _hmac(b"AWS4" + self.secret.encode(), self.date[:8])
        for part in (self.region, "s3", "aws4_request"):
            k = _hmac(k, part)
        return k

    def signature(self, kind, *lines):
        text = "\n".join((kind, self.date, self.scope, *lines))
        return _hmac(self.key(), text).hex()

    def canonical(self, method, path, query, headers, payload):
        names = sorted(n.lower() for n in headers)
        lower = {n.lower(): v for n, v in headers.items()}
        pairs = sorted((quote(k), quote(v)) for k, v in query)
        return "\n".join((
            method, quote(path, "-._~/"),
            "&".join(f"{k}={v}" for k, v in pairs),
            "".join(f"{n}:{lower[n].strip()}\n" for n in names),
            ";".join(names), payload)), ";".join(names)

    def headers(self, method, path, host, payload=EMPTY, query=(), extra=None):
        """All headers of a signed request, as a dict."""
        h = {"Host": host, "x-amz-date": self.date,
             "x-amz-content-sha256": payload, **(extra or {})}
        text, names = self.canonical(method, path, query, h, payload)
        self.seed = self.signature(
            "AWS4-HMAC-SHA256", hashlib.sha256(text.encode()).hexdigest())
        h["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access}/{self.scope}, "
            f"SignedHeaders={names}, Signature={self.seed}")
        return h

    def presign(self, method, path, host, expires=3600, headers=None,
                query=()):
        """The path with its query."""
        h = {"host": host, **(headers or {})}
        names = ";".join(sorted(n.lower() for n in h))
        q = [("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
             ("X-Amz-Credential", f"{self.access}/{self.scope}"),
             ("X-Amz-Date", self.date), ("X-Amz-Expires", str(expires)),
             ("X-Amz-SignedHeaders", names), *query]
        text, _ = self.canonical(method, path, q, h, "UNSIGNED-PAYLOAD")
        q.append(("X-Amz-Signature", self.signature(
            "AWS4-HMAC-SHA256", hashlib.sha256(text.encode()).hexdigest())))
        return quote(path, "-._~/") + "?" + "&".join(
            f"{quote(k)}={quote(v)}" for k, v in q)

    # ---- aws-chunked bodies; headers() first: it makes the seed ------------

    def chunks(self, data, size=65536, signed=True):
        previous, out = self.seed, b""
        pieces = [data[i:i + size] for i in range(0, len(data), size)] + [b""]
        for piece in pieces:
            out += b"%x" % len(piece)
            if signed:
                previous = self.signature(
                    "AWS4-HMAC-SHA256-PAYLOAD", previous, EMPTY,
                    hashlib.sha256(piece).hexdigest())
                out += b";chunk-signature=" + previous.encode()
            out += b"\r\n" + piece + (b"\r\n" if piece else b"")
        self.last = previous
        return out

    def trailer(self, name, value, signed=True):
        out = f"{name}:{value}\r\n"
        if signed:
            digest = hashlib.sha256(f"{name}:{value}\n".encode()).hexdigest()
            sig = self.signature("AWS4-HMAC-SHA256-TRAILER", self.last, digest)
            out += f"x-amz-trailer-signature:{sig}\r\n"
        return out.encode()


def head(method, target, headers):
    """The request line and headers as bytes."""
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{n}: {v}" for n, v in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
