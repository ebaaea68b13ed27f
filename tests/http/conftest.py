"""Uploads whose headers and body are bent by hand."""

import base64
import hashlib

import pytest

from signed import send
from sigv4 import Signer, head
from wire import request


@pytest.fixture
def put(gateway, bucket):
    """PUTs the object "o": signs the headers, sends the body as it is given.
    encode(signer) makes a body that needs the seed signature."""
    def send(body=b"", payload="UNSIGNED-PAYLOAD", encode=None, framing=None,
             signer=None, key="o", **extra):
        path = f"/{bucket}/{key}"
        extra = {n.replace("_", "-"): v for n, v in extra.items()}
        s = signer or Signer()
        h = s.headers("PUT", path, f"127.0.0.1:{gateway.port}", payload,
                      extra=extra)
        if encode:
            body = encode(s)
        h.update(framing or {"Content-Length": str(len(body))})
        return request(gateway.port, head("PUT", path, h) + body)
    return send


@pytest.fixture
def stored(client, bucket):
    """What is visible under "o", None when nothing is."""
    def read():
        if client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0:
            return None
        return client.get_object(Bucket=bucket, Key="o")["Body"].read()
    return read


@pytest.fixture
def http(gateway):
    """One signed request as it is written: http("PUT", "/b/k", b"body",
    {"name": "value"}, [("query", "")])."""
    def one(method, path, body=b"", headers=None, query=()):
        return send(gateway, method, path, query, body, headers)
    return one


@pytest.fixture
def versioned(client, bucket):
    """A bucket with versioning enabled."""
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture
def call(http):
    """A signed request: the query as "name=value&name", decoded; the body
    goes with its Content-MD5 unless md5=False."""
    def send(method, path, query="", body=b"", md5=True, **headers):
        body = body if isinstance(body, bytes) else body.encode()
        headers = {n.replace("_", "-"): v for n, v in headers.items()}
        if body and md5:
            digest = hashlib.md5(body).digest()
            headers["Content-MD5"] = base64.b64encode(digest).decode()
        pairs = [tuple((p + "=").split("=")[:2]) for p in query.split("&")
                 if p]
        return http(method, path, body, headers, pairs)
    return send
