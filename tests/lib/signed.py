"""One signed request with any headers, its answer as bytes on the wire."""

import hashlib
import urllib.parse

from sigv4 import Signer, head, quote
from wire import request


def signed(gateway, method, target, body=b"", headers=None, signer=None,
           payload=None):
    """target: decoded path, and the query as it goes out."""
    body = body if isinstance(body, bytes) else body.encode()
    path, _, query = target.partition("?")
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    h = (signer or Signer()).headers(
        method, path, f"127.0.0.1:{gateway.port}",
        payload or hashlib.sha256(body).hexdigest(), pairs, headers)
    if body or method in ("PUT", "POST"):
        h["Content-Length"] = str(len(body))
    on_wire = quote(path, "-._~/") + (query and "?" + query)
    return request(gateway.port, head(method, on_wire, h) + body,
                   head_request=method == "HEAD")
