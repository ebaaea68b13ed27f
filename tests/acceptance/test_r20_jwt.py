"""R20: user tokens are verified here, by keys of one pinned algorithm each,
from a file or from an issuer that rotates them, hangs or answers nonsense; no
request ever waits for the network."""
import base64
import hashlib
import hmac
import json
import subprocess
import time
import uuid

import pytest

from gateway import Gateway
from issuer import Issuer, Key, b64, write_set
from stack import JWT_SECRET, Stack, claims_of, token
from web import request, wait_for

USER = str(uuid.uuid4())


@pytest.fixture(scope="module")
def keys():
    return {"rsa": Key("rsa", "RS256"), "ec": Key("ec"), "other": Key("ec"),
            "new": Key("new"), "weak": Key("weak", "RS256", bits=1024)}


def ask(stack, bearer):
    return request("GET", stack.api + "/api/videos", None,
                   {"Authorization": f"Bearer {bearer}"})


def refusal(stack, bearer):
    """The reason of a 401."""
    answer = ask(stack, bearer)
    assert answer.status == 401, bearer
    return answer.json["message"].removeprefix("Invalid token: ")


# ---- keys from a file ---------------------------------------------------------

@pytest.fixture(scope="module")
def file_stack(postgres, keys, tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    write_set(path, keys["rsa"], keys["ec"], keys["weak"])
    s = Stack(postgres, JWKS_FILE=str(path), JWT_ISSUER="https://issuer.test")
    s.key_path = path
    yield s
    s.close()


@pytest.mark.parametrize("name", ["rsa", "ec"])
def test_R20_tokens_of_both_public_algorithms_are_good(file_stack, keys, name):
    good = keys[name].token(USER, iss="https://issuer.test")
    assert ask(file_stack, good).status == 200


def test_R20_hs256_is_good_beside_them(file_stack):
    assert ask(file_stack, token(
        USER, iss="https://issuer.test")).status == 200


def claims_cases():
    now = int(time.time())
    return {
        "expired": ({"exp": now - 61}, "expired"),
        "expired within the skew": ({"exp": now - 30}, None),
        "without exp": ({"exp": None}, "expiry"),
        "exp is text": ({"exp": str(now + 60)}, "expiry"),
        "not yet": ({"nbf": now + 90}, "early"),
        "not yet, within the skew": ({"nbf": now + 30}, None),
        "issued in the future": ({"iat": now + 90}, "issued"),
        "issued within the skew": ({"iat": now + 30}, None),
        "other audience": ({"aud": "anon"}, "audience"),
        "audiences without ours": ({"aud": ["a", "b"]}, "audience"),
        "audiences with ours": ({"aud": ["a", "authenticated"]}, None),
        "without audience": ({"aud": None}, "audience"),
        "other issuer": ({"iss": "https://other.test"}, "issuer"),
        "issuer with slash": ({"iss": "https://issuer.test/"}, "issuer"),
        "without issuer": ({"iss": None}, "issuer"),
        "sub is no UUID": ({"sub": "admin"}, "subject"),
        "without sub": ({"sub": None}, "subject"),
        "sub with more": ({"sub": USER + "'--"}, "subject"),
    }


@pytest.mark.parametrize("name", claims_cases())
@pytest.mark.parametrize("kind", ["hs", "rsa", "ec"])
def test_R20_claims_are_checked_whoever_signed(file_stack, keys, kind, name):
    claims, why = claims_cases()[name]
    claims = {"iss": "https://issuer.test", **claims}
    sub = claims.pop("sub", USER)
    make = token if kind == "hs" else keys[kind].token
    bearer = make(sub, **claims)
    if why:
        assert refusal(file_stack, bearer) == why
    else:
        assert ask(file_stack, bearer).status == 200


def mac(header, secret):
    text = ".".join(b64(json.dumps(p).encode()) for p in (
        header, claims_of(USER, iss="https://issuer.test")))
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{b64(digest)}"


def confusions(keys):
    iss = {"iss": "https://issuer.test"}
    rsa, ec, other = keys["rsa"], keys["ec"], keys["other"]
    n = base64.urlsafe_b64decode(rsa.jwk()["n"] + "==")
    good = rsa.token(USER, **iss)
    head, payload, signature = good.split(".")
    none = b64(b'{"alg":"none"}')
    yield "none", f"{none}.{payload}.", "algorithm"
    yield "none with a signature", f"{none}.{payload}.{signature}", "algorithm"
    for alg in ("None", "NONE", "hs256", "HS384", "RS512", "PS256", "ES384",
                "EdDSA", "", None, 1, ["RS256"]):
        yield f"alg {alg}", rsa.token(
            USER, {"alg": alg, "kid": "rsa"}, **iss), "algorithm"
    for name, secret in (("PEM", rsa.public_pem()),
                         ("PEM cut", rsa.public_pem().strip()),
                         ("n", n), ("JWK", json.dumps(rsa.jwk()).encode()),
                         ("nothing", b"")):
        yield f"HS256 with the public {name}", mac(
            {"alg": "HS256", "kid": "rsa"}, secret), "signature"
    yield "RSA key as ES256", rsa.token(
        USER, {"alg": "ES256", "kid": "rsa"}, **iss), "key"
    yield "EC key as RS256", ec.token(
        USER, {"alg": "RS256", "kid": "ec"}, **iss), "key"
    yield "another key of that kid", other.token(USER, **iss), "signature"
    yield "weak key", keys["weak"].token(USER, **iss), "key"
    for name in ("jku", "x5u"):
        yield name, other.token(USER, {
            "alg": "ES256", "kid": "mine",
            name: "http://127.0.0.1:9/keys"}, **iss), "key"
    yield "own jwk", other.token(USER, {
        "alg": "ES256", "kid": "ec", "jwk": other.jwk()}, **iss), "signature"
    yield "crit", rsa.token(USER, {
        "alg": "RS256", "kid": "rsa", "crit": ["b64"]}, **iss), "critical"
    yield "kid is a number", rsa.token(USER, {
        "alg": "RS256", "kid": 1}, **iss), "key"
    yield "kid is a path", rsa.token(USER, {
        "alg": "RS256", "kid": "../../../../dev/null"}, **iss), "key"
    yield "kid is SQL", rsa.token(USER, {
        "alg": "RS256", "kid": "' UNION SELECT 'x"}, **iss), "key"
    yield "other claims", f"{head}.{b64(b'{}')}.{signature}", "signature"
    yield "signature cut", good[:-4], "signature"
    yield "no signature", f"{head}.{payload}.", "signature"
    yield "two parts", f"{head}.{payload}", "malformed"
    yield "four parts", f"{good}.x", "malformed"
    yield "padding", f"{head}=.{payload}.{signature}", "malformed"
    yield "over 8 KiB", rsa.token(USER, more="x" * 8192, **iss), "size"
    twice = b64(b'{"alg":"none","alg":"RS256","kid":"rsa"}')
    yield "alg twice", f"{twice}.{payload}.{signature}", "malformed"


def test_R20_confusion_corpus_is_refused(file_stack, keys):
    cases = list(confusions(keys))
    assert len(cases) > 35
    for name, bearer, why in cases:
        assert (name, refusal(file_stack, bearer)) == (name, why)


def test_R20_a_role_in_the_token_grants_nothing(file_stack, keys):
    answers = [request("GET", file_stack.api + path, None, {
        "Authorization": "Bearer " + keys["ec"].token(
            USER, iss="https://issuer.test", **claims)}).body
        for path in ("/api/videos", "/api/clips")
        for claims in ({}, {"role": "service_role"},
                       {"role": "postgres", "is_admin": True})]
    assert len(set(answers)) == 2
    refused = request("POST", file_stack.api + "/api/jobs/process", None, {
        "Authorization": "Bearer " + keys["ec"].token(
            USER, iss="https://issuer.test", role="service_role")})
    assert refused.status == 401


def test_R20_file_that_changes_is_read_again(file_stack, keys):
    iss = {"iss": "https://issuer.test"}
    old, new = keys["ec"].token(USER, **iss), keys["new"].token(USER, **iss)
    assert refusal(file_stack, new) == "key"
    write_set(file_stack.key_path, keys["rsa"], keys["ec"], keys["new"])
    wait_for("new key", lambda: ask(file_stack, new).status == 200)
    assert ask(file_stack, old).status == 200
    file_stack.key_path.write_text('{"keys": [')  # being written
    wait_for("complaint", lambda: "jwks_unavailable" in file_stack.log())
    assert ask(file_stack, new).status == 200
    write_set(file_stack.key_path, keys["rsa"], keys["ec"], keys["weak"])
    wait_for("withdrawn key", lambda: ask(file_stack, new).status == 401)
    assert file_stack.log().count("jwks_unavailable") == 1


# ---- keys from an issuer ------------------------------------------------------

@pytest.fixture
def issuer(keys):
    i = Issuer(keys["ec"])
    yield i
    i.close()


def test_R20_issuer_rotates(own_stack, issuer, keys):
    stack = own_stack(JWKS_URL=issuer.url, JWKS_REFRESH_S="3600")
    old, new = keys["ec"].token(USER), keys["new"].token(USER)
    wait_for("first keys", lambda: ask(stack, old).status == 200)
    assert refusal(stack, token(USER, secret="x" * 32)) == "signature"
    assert issuer.fetches == 1
    begun = time.monotonic()
    issuer.publish(keys["ec"], keys["new"])
    # the unknown key has the set fetched, in the background
    wait_for("new key", lambda: ask(stack, new).status == 200)
    assert ask(stack, old).status == 200
    assert issuer.fetches == 2
    # and once in 30 s: who makes up names of keys makes no traffic
    made_up = [keys["new"].token(USER, {"alg": "ES256", "kid": f"made-up-{i}"})
               for i in range(3)]
    for i in range(300):
        assert refusal(stack, made_up[i % 3]) == "key"
    assert issuer.fetches <= 2 + (time.monotonic() - begun) // 30


def test_R20_issuer_fetched_again_by_the_clock(own_stack, issuer, keys):
    stack = own_stack(JWKS_URL=issuer.url, JWKS_REFRESH_S="1")
    old = keys["ec"].token(USER)
    wait_for("first keys", lambda: ask(stack, old).status == 200)
    issuer.publish(keys["new"])
    wait_for("withdrawn key", lambda: ask(stack, old).status == 401)
    assert ask(stack, keys["new"].token(USER)).status == 200


def garbage(issuer):
    issuer.body = b"<html>we are sorry</html>"


def no_keys_member(issuer):
    issuer.body = b'{"error": "later"}'


def status_500(issuer):
    issuer.status = 500


def redirect(issuer):
    issuer.status = 302


def too_big(issuer):
    issuer.body = b" " * (1 << 20)


def gone(issuer):
    issuer.server.shutdown()
    issuer.server.server_close()


@pytest.mark.parametrize("trouble", [
    garbage, no_keys_member, status_500, redirect, too_big, gone,
    Issuer.hang], ids=lambda f: f.__name__)
def test_R20_issuer_in_trouble_leaves_the_keys(own_stack, keys, trouble):
    issuer = Issuer(keys["ec"])
    stack = own_stack(JWKS_URL=issuer.url, JWKS_REFRESH_S="1")
    good = keys["ec"].token(USER)
    wait_for("first keys", lambda: ask(stack, good).status == 200)
    trouble(issuer)
    made_up = keys["new"].token(USER, {"alg": "ES256", "kid": "nobody"})

    def served():
        for bearer, status in ((good, 200), (made_up, 401),
                               (token(USER), 200)):
            start = time.monotonic()
            assert ask(stack, bearer).status == status
            # never waits for the issuer, whom it gives 5 s
            assert time.monotonic() - start < 4
        return "jwks_unavailable" in stack.log()
    wait_for("a failed fetch", served)
    served()
    assert stack.log().count("jwks_unavailable") == 1
    if trouble is not gone:
        issuer.close()
    # a fetch that hangs does not hold up the end
    start = time.monotonic()
    assert stack.stop() == 0
    assert time.monotonic() - start < 15


def test_R20_issuer_away_at_the_start_is_503_until_it_comes(
        own_stack, issuer, keys):
    issuer.status = 503
    stack = own_stack(JWKS_URL=issuer.url, JWKS_REFRESH_S="1")
    answer = ask(stack, keys["ec"].token(USER))
    assert answer.status == 503
    assert answer.json == {"error": "The keys of tokens are not available"}
    assert ask(stack, token(USER)).status == 200  # HS256 needs none
    issuer.status = 200
    wait_for("keys", lambda: ask(
        stack, keys["ec"].token(USER)).status == 200)


def test_R20_issuer_without_a_trusted_certificate_is_not_believed(
        own_stack, keys, tmp_path):
    pem = tmp_path / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", pem, "-out",
         tmp_path / "cert.pem", "-subj", "/CN=127.0.0.1", "-addext",
         "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    with open(pem, "a") as out:
        out.write((tmp_path / "cert.pem").read_text())
    issuer = Issuer(keys["ec"], tls=pem)
    try:
        stack = own_stack(JWKS_URL=issuer.url, JWKS_REFRESH_S="1")
        wait_for("a failed fetch", lambda: "jwks_unavailable" in stack.log())
        assert ask(stack, keys["ec"].token(USER)).status == 503
        assert "certificate" in stack.log()
        assert issuer.fetches == 0
    finally:
        issuer.close()


# ---- without ------------------------------------------------------------------

def test_R20_without_public_keys_only_hs256_counts(stack, keys):
    for name in ("rsa", "ec"):
        assert refusal(stack, keys[name].token(USER)) == "algorithm"


def test_R20_without_a_secret_only_public_keys_count(
        own_stack, keys, tmp_path):
    path = tmp_path / "jwks.json"
    write_set(path, keys["ec"])
    stack = own_stack(JWT_SECRET="", JWKS_FILE=str(path))
    assert ask(stack, keys["ec"].token(USER)).status == 200
    for secret in (JWT_SECRET, ""):
        assert refusal(stack, token(USER, secret=secret)) == "algorithm"


@pytest.mark.parametrize("settings,words", [
    ({"JWKS_URL": "http://issuer.example/keys"}, "JWKS_URL must be https"),
    ({"JWKS_URL": "https://x.example/", "JWKS_FILE": "/etc/hostname"},
     "not both"),
    ({"JWKS_FILE": "/nowhere/jwks.json"}, "JWKS_FILE /nowhere/jwks.json"),
    ({"JWKS_FILE": "/etc/hostname"}, "no JWK Set"),
    ({"JWKS_REFRESH_S": "0"}, "JWKS_REFRESH_S"),
])
def test_R20_bad_settings_stop_the_start_in_one_line(
        tmp_path, settings, words):
    g = Gateway(settings, data=tmp_path / "data")
    with pytest.raises(RuntimeError) as refused:
        g.start()
    g.remove()
    assert "ended with 78" in str(refused.value)
    assert words in str(refused.value)
