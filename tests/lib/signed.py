"""Signed requests with any headers, their answers as bytes on the wire."""

import hashlib
import urllib.parse

from sigv4 import Signer, head, quote
from wire import request


def send(gateway, method, path, query=(), body=b"", headers=None, signer=None,
         payload="UNSIGNED-PAYLOAD"):
    """path and the pairs of the query are decoded."""
    h = (signer or Signer()).headers(
        method, path, f"127.0.0.1:{gateway.port}", payload, query, headers)
    if body or method in ("PUT", "POST"):
        h["Content-Length"] = str(len(body))
    target = quote(path, "-._~/")
    if query:
        target += "?" + "&".join(f"{quote(k)}={quote(v)}" for k, v in query)
    return request(gateway.port, head(method, target, h) + body,
                   head_request=method == "HEAD")


def signed(gateway, method, target, body=b"", headers=None, signer=None,
           payload=None):
    """The body is signed too, unless payload says something else of it.
    target: decoded path, and the query as in a URL."""
    body = body if isinstance(body, bytes) else body.encode()
    path, _, query = target.partition("?")
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    return send(gateway, method, path, pairs, body, headers, signer,
                payload or hashlib.sha256(body).hexdigest())
