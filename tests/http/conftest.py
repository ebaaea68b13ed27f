"""Uploads whose headers and body are bent by hand."""

import pytest

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
