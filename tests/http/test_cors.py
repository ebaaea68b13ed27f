"""Cross-origin requests: rules kept with a bucket, preflights and actual
answers by them. The browser's upload works on the first try."""

import html

import pytest

from sigv4 import Signer, head
from wire import request

DEFAULT = "socialitix-videos"
ORIGIN = "https://app.example"
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because "
    "the evalution of Origin, request method / Access-Control-Request-Method "
    "or Access-Control-Request-Headers are not whitelisted by the resource's "
    "CORS spec.")
MALFORMED = ("The XML you provided was not well-formed or did not validate "
             "against our published schema")


def rule(**elements):
    """A <CORSRule>; a list makes the element repeat."""
    out = ""
    for name, value in elements.items():
        for v in value if isinstance(value, list) else [value]:
            out += f"<{name}>{html.escape(str(v), quote=False)}</{name}>"
    return f"<CORSRule>{out}</CORSRule>"


def document(*rules):
    return ('<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/'
            f'">{"".join(rules)}</CORSConfiguration>')


MINIMAL = rule(AllowedMethod="GET", AllowedOrigin="*")


@pytest.fixture
def cors(call, bucket):
    """Gives the bucket these rules; answers its name."""
    def put(*rules):
        assert call("PUT", f"/{bucket}", "cors",
                    document(*rules)).status == 200
        return bucket
    return put


def send(gateway, method, target, **headers):
    h = {"Host": f"127.0.0.1:{gateway.port}"}
    h.update({n.replace("_", "-"): v for n, v in headers.items()})
    return request(gateway.port, head(method, target, h),
                   head_request=method == "HEAD")


def preflight(gateway, target, method="PUT", origin=ORIGIN, wants=None,
              **headers):
    if origin is not None:
        headers["Origin"] = origin
    if method:
        headers["Access_Control_Request_Method"] = method
    if wants is not None:
        headers["Access_Control_Request_Headers"] = wants
    return send(gateway, "OPTIONS", target, **headers)


def cors_headers(r):
    return {n: v for n, v in r.headers.items()
            if n.startswith("access-control-") or n == "vary"}


# ---- the default bucket -----------------------------------------------------

def test_preflight_of_a_presigned_upload(gateway):
    target = Signer().presign("PUT", f"/{DEFAULT}/uploads/u/v.mp4",
                              f"127.0.0.1:{gateway.port}")
    r = preflight(gateway, target, wants="Content-Type,x-amz-meta-a")
    assert r.status == 200 and r.body == b""
    assert cors_headers(r) == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, HEAD, PUT, POST",
        "access-control-allow-headers": "content-type, x-amz-meta-a",
        "access-control-expose-headers": "ETag, Location",
        "access-control-max-age": "3000",
        "vary": VARY,
    }


@pytest.mark.parametrize("method,status", [
    ("GET", 200), ("HEAD", 200), ("PUT", 200), ("POST", 200), ("DELETE", 403)])
def test_methods_of_the_default_bucket(gateway, method, status):
    assert preflight(gateway, f"/{DEFAULT}/k", method).status == status


def test_virtual_host_style(gateway):
    for host in (f"{DEFAULT}.localhost:{gateway.port}",
                 f"{DEFAULT.upper()}.localhost"):
        r = preflight(gateway, "/uploads/u/v.mp4?X-Amz-Signature=x", Host=host)
        assert r.status == 200
        assert r.headers["access-control-allow-origin"] == "*"


def test_rules_of_the_default_bucket_are_shown_changed_and_deleted(
        own_gateway):
    g = own_gateway()
    client = g.client()
    shown = client.get_bucket_cors(Bucket=DEFAULT)["CORSRules"]
    assert shown == [{
        "AllowedMethods": ["GET", "HEAD", "PUT", "POST"],
        "AllowedOrigins": ["*"], "AllowedHeaders": ["*"],
        "MaxAgeSeconds": 3000, "ExposeHeaders": ["ETag", "Location"]}]
    client.put_bucket_cors(Bucket=DEFAULT, CORSConfiguration={"CORSRules": [
        {"AllowedMethods": ["GET"], "AllowedOrigins": [ORIGIN]}]})
    assert preflight(g, f"/{DEFAULT}/k").status == 403
    client.delete_bucket_cors(Bucket=DEFAULT)
    g.stop()
    g.start()
    r = preflight(g, f"/{DEFAULT}/k")
    assert r.message == "CORSResponse: CORS is not enabled for this bucket."


def test_actual_answers_carry_the_headers_errors_too(gateway, call):
    path = f"/{DEFAULT}/cors"
    for method, target, status in (("PUT", path, 200), ("GET", path, 200),
                                   ("HEAD", path, 200),
                                   ("GET", path + "-none", 404)):
        r = call(method, target, Origin=ORIGIN)
        assert r.status == status
        assert r.headers["access-control-allow-origin"] == "*"
        assert r.headers["access-control-expose-headers"] == "ETag, Location"
        assert r.headers["vary"] == VARY
    # A refused upload: the page must be able to read why.
    r = send(gateway, "GET", path, Origin=ORIGIN)
    assert r.status == 403
    assert r.headers["access-control-allow-origin"] == "*"


# ---- preflights refused -----------------------------------------------------

@pytest.mark.parametrize("target", ["/{}", "/{}/k"])
def test_bucket_without_rules(gateway, bucket, target):
    r = preflight(gateway, target.format(bucket))
    assert (r.status, r.code) == (403, "AccessForbidden")
    assert r.message == "CORSResponse: CORS is not enabled for this bucket."
    assert r.element("Method") == "PUT"
    assert r.element("ResourceType") == "BUCKET"
    r = preflight(gateway, target.format(bucket), method=None)
    assert r.status == 403 and r.element("Method") == "OPTIONS"


def test_missing_bucket(gateway):
    r = preflight(gateway, "/no-such-bucket-here/k")
    assert (r.status, r.code) == (403, "AccessForbidden")
    assert r.message == "CORSResponse: Bucket not found"
    assert r.element("ResourceType") == "BUCKET"


@pytest.mark.parametrize("target", [f"/{DEFAULT}/k", "/no-such-bucket-here",
                                    "/"])
def test_preflight_without_origin(gateway, target):
    r = preflight(gateway, target, origin=None)
    assert (r.status, r.code) == (400, "BadRequest")
    assert r.message == ("Insufficient information. Origin request header "
                         "needed.")


@pytest.mark.parametrize("method,named", [(None, "null"), ("PATCH", "PATCH"),
                                          ("get", "get")])
def test_preflight_without_a_method(gateway, method, named):
    r = preflight(gateway, f"/{DEFAULT}/k", method)
    assert (r.status, r.code) == (400, "BadRequest")
    assert r.message == f"Invalid Access-Control-Request-Method: {named}"


@pytest.mark.parametrize("target,kind", [("/{}", "BUCKET"),
                                         ("/{}/k", "OBJECT")])
def test_no_rule_matches(gateway, cors, target, kind):
    bucket = cors(MINIMAL)
    r = preflight(gateway, target.format(bucket), "PUT")
    assert (r.status, r.code) == (403, "AccessForbidden")
    assert r.message == NOT_ALLOWED
    assert r.element("Method") == "PUT"
    assert r.element("ResourceType") == kind
    assert "access-control-allow-origin" not in r.headers


# ---- matching ---------------------------------------------------------------

@pytest.mark.parametrize("pattern,origin,matches", [
    ("*", "https://a.example", True),
    ("*", "anything at all", True),
    ("https://a.example", "https://a.example", True),
    ("https://a.example", "https://a.example:8443", False),
    ("https://a.example", "http://a.example", False),
    ("https://a.example", "https://A.example", False),
    ("https://a.example", "https://a.example/", False),
    ("https://*.example", "https://a.example", True),
    ("https://*.example", "https://a.b.example", True),
    ("https://*.example", "https://.example", True),
    ("https://*.example", "https://example", False),
    ("https://*.example", "https://a.example.org", False),
    ("*.example", "https://a.example", True),
    ("https://a.*", "https://a.example:1", True),
    ("start*end", "startend", True),
    ("start*end", "start1end", True),
    ("start*tend", "startend", False),
    ("http://localhost:*", "http://localhost:5173", True),
    ("null", "null", True),
    ("", "https://a.example", False),
])
def test_origins(gateway, cors, pattern, origin, matches):
    bucket = cors(rule(AllowedMethod="GET", AllowedOrigin=pattern))
    r = preflight(gateway, f"/{bucket}/k", "GET", origin)
    assert (r.status == 200) == matches
    if not matches:
        return
    credentials = r.headers.get("access-control-allow-credentials")
    if pattern == "*":
        assert r.headers["access-control-allow-origin"] == "*"
        assert credentials is None
    else:
        assert r.headers["access-control-allow-origin"] == origin
        assert credentials == "true"


@pytest.mark.parametrize("allowed,wanted,answer", [
    ([], None, ""),
    ([], "", ""),
    ([], "content-type", None),
    (["*"], "x-amz-request-payer", "x-amz-request-payer"),
    (["*"], "b,a", "b, a"),
    (["x-AMZ-Meta-A", "Content-Type"], "content-TYPE, x-amz-meta-a",
     "content-type, x-amz-meta-a"),
    (["content-type"], "content-type,x-amz-meta-a", None),
    (["x-amz-*"], "x-amz-meta-a,X-Amz-Date", "x-amz-meta-a, x-amz-date"),
    (["x-amz-*"], "x-amz", None),
    (["*-type"], "Content-Type", "content-type"),
    (["x-*-id"], "x-my-id, x--id", "x-my-id, x--id"),
    (["x-*-id"], "x-id", None),
])
def test_headers(gateway, cors, allowed, wanted, answer):
    bucket = cors(rule(AllowedMethod="PUT", AllowedOrigin="*",
                       AllowedHeader=allowed))
    r = preflight(gateway, f"/{bucket}/k", wants=wanted)
    assert r.status == (403 if answer is None else 200)
    assert r.headers.get("access-control-allow-headers", "") == (answer or "")


def test_only_what_the_rule_says_is_answered(gateway, cors):
    bucket = cors(rule(AllowedOrigin=["https://b.example", ORIGIN],
                       AllowedMethod=["PUT", "GET"]))
    assert cors_headers(preflight(gateway, f"/{bucket}/k")) == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "PUT, GET",
        "vary": VARY,
    }


def test_the_first_rule_that_matches_is_the_one(gateway, cors):
    bucket = cors(
        rule(AllowedMethod="GET", AllowedOrigin="*", MaxAgeSeconds=1),
        rule(AllowedMethod=["PUT", "GET"], AllowedOrigin=ORIGIN,
             AllowedHeader="*", MaxAgeSeconds=2),
        rule(AllowedMethod="PUT", AllowedOrigin="*", MaxAgeSeconds=3))
    for method, origin, wants, age in (("GET", ORIGIN, None, "1"),
                                       ("GET", ORIGIN, "x-a", "2"),
                                       ("PUT", ORIGIN, None, "2"),
                                       ("PUT", "https://b", None, "3"),
                                       ("PUT", "https://b", "x-a", None)):
        r = preflight(gateway, f"/{bucket}/k", method, origin, wants)
        assert r.headers.get("access-control-max-age") == age


@pytest.mark.parametrize("headers,matches", [
    ({"Origin": ORIGIN}, True),
    ({"Origin": "https://b.example"}, False),
    ({"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}, True),
    ({"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"}, False),
    ({"Origin": ORIGIN, "Access-Control-Request-Headers": "x-a"}, False),
    ({"Origin": ORIGIN, "x-amz-request-payer": "requester"}, True),
    ({}, False),
])
def test_actual_requests(call, cors, headers, matches):
    bucket = cors(rule(AllowedMethod="GET", AllowedOrigin=ORIGIN,
                       MaxAgeSeconds=60, ExposeHeader=["ETag", "x-amz-id-2"]))
    call("PUT", f"/{bucket}/k", body="x")
    r = call("GET", f"/{bucket}/k", **headers)
    assert r.status == 200
    assert cors_headers(r) == ({
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET",
        "access-control-expose-headers": "ETag, x-amz-id-2",
        "access-control-max-age": "60",
        "vary": VARY,
    } if matches else {"vary": "Origin"})


def test_a_method_that_is_not_allowed_is_carried_out_all_the_same(call, cors):
    bucket = cors(MINIMAL)
    r = call("PUT", f"/{bucket}/k", Origin=ORIGIN)
    assert r.status == 200
    assert "access-control-allow-origin" not in r.headers
    assert call("GET", f"/{bucket}/k").status == 200


# ---- the configuration ------------------------------------------------------

def test_configuration_comes_back_in_its_order(call, bucket):
    full = rule(ID="rule & 1", AllowedMethod=["PUT", "GET"],
                AllowedOrigin=["http://b:80", "HTTPS://*.A"],
                AllowedHeader=["X-Amz-*", "range"], MaxAgeSeconds=0,
                ExposeHeader=["x-b", "ETag"])
    assert call("PUT", f"/{bucket}", "cors",
                document(full, MINIMAL)).status == 200
    r = call("GET", f"/{bucket}", "cors")
    assert r.status == 200
    assert r.text == ('<?xml version="1.0" encoding="UTF-8"?>\n'
                      + document(full, MINIMAL))


def test_configuration_survives_a_restart(own_gateway):
    g = own_gateway()
    client = g.client()
    client.create_bucket(Bucket="kept")
    rules = [{"ID": "a", "AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]
    client.put_bucket_cors(Bucket="kept",
                           CORSConfiguration={"CORSRules": rules})
    g.kill()
    g.start()
    assert g.client().get_bucket_cors(Bucket="kept")["CORSRules"] == rules


def test_put_replaces_and_delete_removes(call, cors, bucket):
    cors(MINIMAL)
    cors(rule(AllowedMethod="PUT", AllowedOrigin="x"))
    assert "GET" not in call("GET", f"/{bucket}", "cors").text
    assert call("DELETE", f"/{bucket}", "cors").status == 204
    r = call("GET", f"/{bucket}", "cors")
    assert (r.status, r.code) == (404, "NoSuchCORSConfiguration")
    assert call("DELETE", f"/{bucket}", "cors").status == 204


def test_a_hundred_rules(call, bucket):
    r = call("PUT", f"/{bucket}", "cors", document(*[MINIMAL] * 100))
    assert r.status == 200
    r = call("PUT", f"/{bucket}", "cors", document(*[MINIMAL] * 101))
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert "100 rules" in r.message
    # None of 64 KiB and more is read at all.
    r = call("PUT", f"/{bucket}", "cors",
             document(rule(AllowedMethod="GET", AllowedOrigin=["x"] * 3000)))
    assert (r.status, r.code) == (400, "MalformedXML")
    assert call("GET", f"/{bucket}", "cors").text.count("<CORSRule>") == 100


@pytest.mark.parametrize("body", [
    "x", "<CORSConfiguration>", document(), document("<CORSRule/>"),
    document(rule(AllowedMethod="GET")),
    document(rule(AllowedOrigin="*")),
    document(MINIMAL, rule(AllowedOrigin="*")),
    "<CORSRules>" + MINIMAL + "</CORSRules>",
    document("<Rule/>", MINIMAL),
    document(rule(AllowedMethod="GET", AllowedOrigin="*", Other="x")),
    document(rule(AllowedMethod="GET", AllowedOrigin="*", MaxAgeSeconds="")),
    document(rule(AllowedMethod="GET", AllowedOrigin="*",
                  MaxAgeSeconds="-1")),
    document(rule(AllowedMethod="GET", AllowedOrigin="*",
                  MaxAgeSeconds="1.5")),
    document(rule(AllowedMethod="GET", AllowedOrigin="*",
                  MaxAgeSeconds="2147483648")),
    document(rule(AllowedMethod="GET", AllowedOrigin="*",
                  MaxAgeSeconds=["1", "1"])),
    document(rule(AllowedMethod="GET", AllowedOrigin="*", ID="i" * 256)),
    document(rule(AllowedMethod="GET", AllowedOrigin="*", ID=["a", "b"])),
    "<!DOCTYPE x>" + document(MINIMAL),
], ids=range(18))
def test_malformed_configurations(call, bucket, body):
    r = call("PUT", f"/{bucket}", "cors", body)
    assert (r.status, r.code, r.message) == (400, "MalformedXML", MALFORMED)
    assert call("GET", f"/{bucket}", "cors").status == 404


@pytest.mark.parametrize("element,value,message", [
    ("AllowedMethod", m, "Found unsupported HTTP method in CORS config. "
     "Unsupported method is " + m)
    for m in ("OPTIONS", "PATCH", "get", "Get", " GET", "*", "GET,PUT", "")
] + [
    ("AllowedOrigin", o, f'AllowedOrigin "{o}" can not have more than one '
     "wildcard.") for o in ("https://*.a.*", "**", "*<&>*")
] + [
    ("AllowedHeader", o, f'AllowedHeader "{o}" can not have more than one '
     "wildcard.") for o in ("x-*-*", "**")
] + [
    ("ExposeHeader", o, f'ExposeHeader "{o}" contains wildcard. We currently '
     "do not support wildcard for ExposeHeader.") for o in ("*", "x-amz-*")
])
def test_values_that_are_refused(call, bucket, element, value, message):
    fields = {"AllowedMethod": ["GET"], "AllowedOrigin": ["*"]}
    fields[element] = fields.get(element, []) + [value]
    r = call("PUT", f"/{bucket}", "cors", document(MINIMAL, rule(**fields)))
    assert (r.status, r.code) == (400, "InvalidRequest")
    assert r.message == message
    assert call("GET", f"/{bucket}", "cors").status == 404


def test_empty_body_and_missing_bucket(call, bucket):
    r = call("PUT", f"/{bucket}", "cors", x_amz_checksum_crc32="AAAAAA==")
    assert (r.status, r.code) == (400, "MissingRequestBodyError")
    r = call("PUT", "/no-such-bucket-here", "cors", document(MINIMAL))
    assert (r.status, r.code) == (404, "NoSuchBucket")


def test_odd_values_never_make_odd_headers(gateway, cors):
    bucket = cors("<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>"
                  "*</AllowedOrigin><ExposeHeader>a&#13;&#10;x-evil: 1"
                  "</ExposeHeader></CORSRule>")
    r = preflight(gateway, f"/{bucket}/k", "GET")
    assert r.status == 200
    assert "x-evil" not in r.headers
    assert "access-control-expose-headers" not in r.headers
