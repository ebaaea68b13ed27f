"""Who may call what, and how requests that fit no endpoint are answered. The
tables are made of the description: a new operation is in them."""
import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import pytest

import calls
from stack import JOB_TOKEN, Stack, token
from web import request

def call(stack, method, path, headers=None, body=None):
    if method == "POST" and body is None:
        body = "{}"
    return request(method, stack.api + path, body, headers)


def assert_unauthorized(answer):
    assert answer.status == 401
    assert answer.json["error"] == "Unauthorized"
    assert answer.json["message"]
    assert set(answer.json) == {"error", "message"}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


# ---- credentials ------------------------------------------------------------

SECURED = [name for name in calls.CALLS if calls.is_secured(name)]
PUBLIC = {"getOpenApi", "getLive", "getReady", "getMetrics", "getHome"}
SOMETHING = calls.Named("00000000-0000-4000-8000-000000000000")


def test_public_are_these_alone():
    assert set(calls.OPERATIONS) - set(calls.secured()) == PUBLIC


def unfit(name, user):
    """Authorization headers that are no good for a call."""
    other = JOB_TOKEN if name != "process" else user.token
    good = user.token if name != "process" else JOB_TOKEN
    return [None, "", "Bearer", "Bearer ", "Bearer x", good,
            f"Basic {good}", f"Bearer {other}", f"Bearer {good}x",
            f"Bearer {good[:-1]}", f"Bearer {good} {good}", f"Bearer\t{good}",
            "Bearer " + token(user.id, secret=""),
            "Bearer " + token(user.id, secret="undefined" * 3)]


@pytest.mark.parametrize("name", SECURED)
def test_without_fit_credentials_is_401(stack, user, name):
    for value in unfit(name, user):
        headers = {} if value is None else {"Authorization": value}
        answer = calls.call(stack, name, SOMETHING, headers)
        assert answer.status == 401, value
        assert_unauthorized(answer)


@pytest.fixture(scope="module")
def unset(postgres):
    """All secrets that guard an endpoint set to nothing."""
    s = Stack(postgres, JWT_SECRET="", JOB_PROCESSOR_TOKEN="",
              WEBHOOK_SECRET="", S3_EVENTS_TOKEN="")
    yield s
    s.close()


@pytest.mark.parametrize("name", SECURED)
def test_no_endpoint_is_open_when_its_secret_is_unset(unset, user, name):
    for value in [*unfit(name, user), f"Bearer {user.token}",
                  f"Bearer {JOB_TOKEN}"]:
        headers = {} if value is None else {"Authorization": value}
        answer = calls.call(unset, name, SOMETHING, headers)
        assert answer.status == 401, value
        assert_unauthorized(answer)


@pytest.mark.parametrize("name,value,message", [
    ("videos", None, "Missing bearer token"),
    ("videos", "Basic abc", "Missing bearer token"),
    ("videos", "Bearer abc", "Invalid token: malformed"),
    ("videos", "Bearer e30.e30.", "Invalid token: algorithm"),
    ("process", None, "Wrong or missing bearer token"),
    ("process", "Bearer abc", "Wrong or missing bearer token")])
def test_golden_401(stack, name, value, message):
    headers = {} if value is None else {"Authorization": value}
    answer = calls.call(stack, name, SOMETHING, headers)
    assert (answer.status, answer.json) == (401, {
        "error": "Unauthorized", "message": message})


def test_golden_401_without_any_secret(unset):
    for name, message in (("videos", "Invalid token: secret"),
                          ("process", "No job token is configured")):
        answer = calls.call(unset, name, SOMETHING,
                            {"Authorization": "Bearer x"})
        assert (answer.status, answer.json) == (401, {
            "error": "Unauthorized", "message": message})


# ---- metrics ------------------------------------------------------------------

def outer_address():
    """An address of this machine that is not 127.0.0.1, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing
            return s.getsockname()[0]
        except OSError:
            return None


def test_metrics_with_a_token_need_it(own_stack):
    s = own_stack(METRICS_TOKEN="for-prometheus-only")
    for value, status in ((None, 401), ("Bearer for-prometheus", 401),
                          (f"Bearer {JOB_TOKEN}", 401),
                          ("Bearer for-prometheus-only", 200)):
        headers = {} if value is None else {"Authorization": value}
        answer = call(s, "GET", "/metrics", headers)
        assert answer.status == status, value
        if status == 401:
            assert_unauthorized(answer)


def test_metrics_without_a_token_are_for_this_machine_only(own_stack):
    address = outer_address()
    if not address or address.startswith("127."):
        pytest.skip("this machine has no address but its own")
    s = own_stack(args=("--api-listen", "0.0.0.0:0"))
    port = urlsplit(s.api).port
    assert request("GET", f"http://127.0.0.1:{port}/metrics").status == 200
    # the request comes from that address, too
    for headers in ({}, {"X-Forwarded-For": "127.0.0.1"},
                    {"Authorization": "Bearer "}):
        answer = request("GET", f"http://{address}:{port}/metrics", None,
                         headers)
        assert answer.status == 401
        assert answer.json["message"] == \
            "Without METRICS_TOKEN for this machine only"
    assert request("GET", f"http://{address}:{port}/health/live").status == 200


# ---- tokens -------------------------------------------------------------------

def bad_tokens(user):
    good = token(user.id)
    head, payload, mac = good.split(".")
    now = int(time.time())
    return {
        "nothing": "",
        "garbage": "abc",
        "other secret": token(user.id, secret="x" * 32),
        "alg none": ".".join(
            token(user.id, header={"alg": "none"}).split(".")[:2]) + ".",
        "alg HS512": token(user.id, header={"alg": "HS512"}),
        "expired": token(user.id, exp=now - 120),
        "no exp": token(user.id, exp=None),
        "not yet": token(user.id, nbf=now + 600),
        "other audience": token(user.id, aud="somebody"),
        "sub is no UUID": token("root"),
        "cut": good[:-1],
        "payload of another": f"{head}.{token(user.id, x=1).split('.')[1]}"
                              f".{mac}",
    }


def test_bad_tokens_are_401(stack, user):
    for name, bad in bad_tokens(user).items():
        answer = call(stack, "GET", "/api/videos",
                      {"Authorization": f"Bearer {bad}"})
        assert answer.status == 401, name
        assert_unauthorized(answer)
    good = {"Authorization": f"Bearer {user.token}"}
    assert call(stack, "GET", "/api/videos", good).status == 200
    basic = {"Authorization": f"Basic {user.token}"}
    assert call(stack, "GET", "/api/videos", basic).status == 401


def test_cookie_serves_for_reading_only(stack, user):
    cookie = {"Cookie": f"a=b; reelgate-token={user.token}"}
    assert call(stack, "GET", "/api/videos", cookie).status == 200
    assert_unauthorized(
        call(stack, "POST", "/api/videos/upload-url", cookie))


def test_job_endpoint_takes_its_own_token_only(stack, user):
    for value in (None, "", f"Bearer {user.token}", f"Bearer {JOB_TOKEN}x",
                  "Bearer ", JOB_TOKEN):
        headers = {} if value is None else {"Authorization": value}
        assert_unauthorized(
            call(stack, "POST", "/api/jobs/process", headers))
    # the right one gets further: there is no processor here
    answer = call(stack, "POST", "/api/jobs/process",
                  {"Authorization": f"Bearer {JOB_TOKEN}"})
    assert answer.status == 503
    assert answer.json == {"error": "No processor is running"}
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("path,allow", [
    ("/api/videos/upload-url", "POST, OPTIONS"),
    ("/api/videos", "GET, HEAD, OPTIONS"),
    ("/api/clips", "GET, HEAD, POST, OPTIONS"),
    ("/api/jobs/process", "POST, OPTIONS"),
    ("/health/ready", "GET, HEAD, OPTIONS"),
])
def test_wrong_method_is_405_with_allow(stack, path, allow):
    answer = call(stack, "DELETE", path)
    assert answer.status == 405
    assert answer.json == {"message": "Method not allowed"}
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize("path", [
    "/api", "/api/", "/api/videos/", "/api/videos/x/y", "/api/video",
    "/api//videos", "/x", "/health", "/%2e%2e/etc/passwd", "/api/videos%00"])
def test_unknown_path_is_404_or_needs_a_token(stack, path):
    answer = call(stack, "GET", path)
    assert answer.status in (401, 404)
    if answer.status == 404:
        assert answer.json == {"error": "Not found"}


def test_preflight_needs_no_token(stack):
    answer = request("OPTIONS", stack.api + "/api/videos/upload-url", None, {
        "Origin": "https://app.example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type"})
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed and "content-type" in allowed
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_cors_headers_stand_on_errors_too(stack):
    answer = request("GET", stack.api + "/api/videos", None,
                     {"Origin": "https://app.example.org"})
    assert answer.status == 401
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_cors_list_names_the_origin_or_nobody(own_stack):
    s = own_stack(CORS_ALLOWED_ORIGINS="https://a.example, https://b.example")
    for origin, allowed in (("https://b.example", "https://b.example"),
                            ("https://c.example", None),
                            ("https://a.example.evil", None)):
        answer = request("OPTIONS", s.api + "/api/videos", None, {
            "Origin": origin, "Access-Control-Request-Method": "GET"})
        assert answer.headers["Access-Control-Allow-Origin"] == allowed
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"x"', b"{} x", b'{"a":"\xff"}',
    b'{"fileName":"a\\u0000b.mp4"}', b"[" * 5000, b'{"a":' * 40 + b"1"])
def test_body_that_is_no_json_object_is_400(user, body):
    answer = user.post("/api/videos/upload-url", body)
    assert answer.status == 400
    assert answer.json == {"error": "Request body must be a JSON object"}


def test_body_over_64_kib_is_413(stack, user):
    big = json.dumps({"fileName": "x" * 65536})
    answer = user.post("/api/videos/upload-url", big)
    assert answer.status == 413
    assert answer.json == {"error": "Request body too large"}

    def chunks():
        for _ in range(10):
            yield b"y" * 8192
    answer = request("POST", stack.api + "/api/videos/upload-url", chunks(),
                     {"Authorization": f"Bearer {user.token}"})
    assert answer.status == 413


def test_json_answers_carry_security_headers(user):
    for answer in (user.get("/api/videos"), user.get("/api/videos/x")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


def test_connection_is_kept_for_reads(stack, user):
    c = http.client.HTTPConnection(urlsplit(stack.api).netloc)
    for path in ("/api/videos", "/api/nothing", "/api/videos"):
        c.request("GET", path,
                  headers={"Authorization": f"Bearer {user.token}"})
        r = c.getresponse()
        r.read()
        assert r.headers["Connection"] != "close", path
    c.close()
