"""Cross-origin requests: the browser's upload works on the first try."""

import pytest

from sigv4 import Signer, head
from wire import request

DEFAULT = "socialitix-videos"
ORIGIN = "https://app.example"


def send(gateway, method, target, **headers):
    h = {"Host": f"127.0.0.1:{gateway.port}"}
    h.update({n.replace("_", "-"): v for n, v in headers.items()})
    return request(gateway.port, head(method, target, h))


def preflight(gateway, target, method="PUT", origin=ORIGIN, **headers):
    if origin:
        headers["Origin"] = origin
    if method:
        headers["Access_Control_Request_Method"] = method
    return send(gateway, "OPTIONS", target, **headers)


def test_preflight_of_a_presigned_upload(gateway):
    r = preflight(gateway, f"/{DEFAULT}/uploads/u/v.mp4?X-Amz-Signature=x",
                  Access_Control_Request_Headers="content-type,x-amz-meta-a")
    assert r.status == 200
    assert r.headers["access-control-allow-origin"] == "*"
    assert "PUT" in r.headers["access-control-allow-methods"].split(", ")
    assert r.headers["access-control-allow-headers"] == \
        "content-type,x-amz-meta-a"
    assert int(r.headers["access-control-max-age"]) > 0
    assert "Origin" in r.headers["vary"]
    assert "access-control-allow-credentials" not in r.headers


@pytest.mark.parametrize("target,method,message,kind", [
    (f"/{DEFAULT}/k", "DELETE",
     "CORSResponse: This CORS request is not allowed. This is usually because "
     "the evalution of Origin, request method / Access-Control-Request-Method "
     "or Access-Control-Request-Headers are not whitelisted by the resource's "
     "CORS spec.", "OBJECT"),
    ("/no-such-bucket-here/k", "PUT", "CORSResponse: Bucket not found",
     "OBJECT"),
])
def test_preflight_refused(gateway, target, method, message, kind):
    r = preflight(gateway, target, method)
    assert r.status == 403 and "<Code>AccessForbidden</Code>" in r.text
    assert f"<Message>{message}</Message>" in r.text
    assert f"<Method>{method}</Method>" in r.text
    assert f"<ResourceType>{kind}</ResourceType>" in r.text
    assert "access-control-allow-origin" not in r.headers


def test_bucket_without_rules(gateway, bucket):
    r = preflight(gateway, f"/{bucket}")
    assert r.status == 403
    assert "CORSResponse: CORS is not enabled for this bucket." in r.text
    assert "<ResourceType>BUCKET</ResourceType>" in r.text


def test_preflight_without_origin(gateway):
    r = preflight(gateway, f"/{DEFAULT}/k", origin=None)
    assert r.status == 400 and "<Code>BadRequest</Code>" in r.text
    assert "Insufficient information. Origin request header needed." in r.text


def signed(gateway, method, path, **headers):
    h = Signer().headers(method, path, f"127.0.0.1:{gateway.port}",
                         "UNSIGNED-PAYLOAD")
    h.update(headers)
    if method == "PUT":
        h["Content-Length"] = "0"
    return request(gateway.port, head(method, path, h),
                   head_request=method == "HEAD")


def test_actual_answers_carry_the_headers_errors_too(gateway):
    path = f"/{DEFAULT}/cors"
    for method, target, status in (("PUT", path, 200), ("GET", path, 200),
                                   ("HEAD", path, 200),
                                   ("GET", path + "-none", 404)):
        r = signed(gateway, method, target, Origin=ORIGIN)
        assert r.status == status
        assert r.headers["access-control-allow-origin"] == "*"
        assert r.headers["access-control-expose-headers"] == "ETag"
        assert r.headers["vary"] == "Origin"
    # A refused upload: the page must be able to read why.
    r = send(gateway, "GET", path, Origin=ORIGIN)
    assert r.status == 403
    assert r.headers["access-control-allow-origin"] == "*"


def test_no_headers_without_origin_or_without_rules(gateway, client, bucket):
    signed(gateway, "PUT", f"/{DEFAULT}/cors")
    r = signed(gateway, "GET", f"/{DEFAULT}/cors")
    assert "access-control-allow-origin" not in r.headers
    assert r.headers["vary"] == "Origin"
    client.put_object(Bucket=bucket, Key="k", Body=b"")
    r = signed(gateway, "GET", f"/{bucket}/k", Origin=ORIGIN)
    assert r.status == 200
    assert "access-control-allow-origin" not in r.headers
    r = signed(gateway, "DELETE", f"/{DEFAULT}/cors", Origin=ORIGIN)
    assert "access-control-allow-origin" not in r.headers
