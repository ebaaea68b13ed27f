"""Browser forms: multipart/form-data by hand, and policies signed with the
tests' own SigV4, so that both can be bent."""

import base64
import datetime
import hashlib
import hmac
import json

from sigv4 import Signer
from wire import request

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


def expiration(seconds=3600):
    at = (datetime.datetime.now(datetime.timezone.utc)
          + datetime.timedelta(seconds=seconds))
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def sign_text(document, signer=None):
    """The fields that carry this policy, given as text."""
    s = signer or Signer()
    policy = base64.b64encode(document.encode()).decode()
    return {
        "policy": policy,
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{s.access}/{s.scope}",
        "x-amz-date": s.date,
        "x-amz-signature": hmac.new(s.key(), policy.encode(),
                                    hashlib.sha256).hexdigest(),
    }


def sign(bucket, conditions=(), seconds=3600, signer=None):
    """The fields of a policy with these conditions, and those that it must
    have for the bucket and for the fields of the signature."""
    s = signer or Signer()
    return sign_text(json.dumps({
        "expiration": expiration(seconds),
        "conditions": [
            {"bucket": bucket}, {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
            {"x-amz-credential": f"{s.access}/{s.scope}"},
            {"x-amz-date": s.date}, *conditions]}), s)


def sign_fields(bucket, fields, conditions=(), **options):
    """Fields and the signature of a policy that asks for exactly them."""
    exact = [{name: value} for name, value in fields.items()]
    return {**fields, **sign(bucket, [*exact, *conditions], **options)}


def _bytes(s):
    return s if isinstance(s, bytes) else s.encode()


def part(name, value, filename=None, headers="", boundary=BOUNDARY):
    text = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        text += f'; filename="{filename}"\r\nContent-Type: text/plain'
    return _bytes(text + "\r\n" + headers + "\r\n") + _bytes(value) + b"\r\n"


def body(fields, data=b"hello", filename="a.txt", after=b"",
         boundary=BOUNDARY):
    """A form as browsers write it; data None: without a file."""
    pairs = fields.items() if isinstance(fields, dict) else fields
    text = b"".join(part(n, v, boundary=boundary) for n, v in pairs)
    if data is not None:
        text += part("file", data, filename, boundary=boundary)
    return text + after + f"--{boundary}--\r\n".encode()


def send(port, bucket, content, headers=None, boundary=BOUNDARY, target=None):
    """The answer to a POST of these bytes. A header of None is left out."""
    h = {"Host": f"127.0.0.1:{port}",
         "Content-Type": f"multipart/form-data; boundary={boundary}",
         "Content-Length": str(len(content)), **(headers or {})}
    lines = [f"POST {target or '/' + bucket} HTTP/1.1"]
    lines += [f"{n}: {v}" for n, v in h.items() if v is not None]
    return request(port, ("\r\n".join(lines) + "\r\n\r\n").encode() + content)
