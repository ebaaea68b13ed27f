"""An issuer of user tokens: key pairs made by the openssl program, tokens
signed with them, and the server that publishes the public keys."""
import base64
import http.server
import json
import pathlib
import ssl
import subprocess
import tempfile
import threading

from stack import claims_of


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _openssl(*args, stdin=None):
    return subprocess.run(["openssl", *args], input=stdin, check=True,
                          capture_output=True).stdout


def _integers(der):
    """The two integers of a DER sequence: r and s."""
    assert der[0] == 0x30
    at, found = 2 + (der[1] & 0x7f if der[1] & 0x80 else 0), []
    while len(found) < 2:
        assert der[at] == 2
        size = der[at + 1]
        found.append(int.from_bytes(der[at + 2:at + 2 + size], "big"))
        at += 2 + size
    return found


class Key:
    """alg: RS256 or ES256."""

    def __init__(self, kid, alg="ES256", bits=2048):
        self.kid, self.alg = kid, alg
        self.pem = _openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                            "ec_paramgen_curve:P-256") \
            if alg == "ES256" else \
            _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt",
                     f"rsa_keygen_bits:{bits}")

    def public_pem(self):
        return _openssl("pkey", "-pubout", stdin=self.pem)

    def jwk(self):
        """The public key as a JWK."""
        der = _openssl("pkey", "-pubout", "-outform", "DER", stdin=self.pem)
        more = {"kid": self.kid, "alg": self.alg, "use": "sig"}
        if self.alg == "ES256":
            x, y = der[-64:-32], der[-32:]
            return {"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y),
                    **more}
        text = _openssl("rsa", "-pubin", "-noout", "-modulus",
                        stdin=self.public_pem()).decode()
        return {"kty": "RSA", "n": b64(bytes.fromhex(
            text.strip().split("=")[1])), "e": "AQAB", **more}

    def sign(self, data):
        with tempfile.NamedTemporaryFile() as key:
            key.write(self.pem)
            key.flush()
            der = _openssl("dgst", "-sha256", "-sign", key.name, stdin=data)
        if self.alg == "RS256":
            return der
        return b"".join(i.to_bytes(32, "big") for i in _integers(der))

    def token(self, user, header=None, **claims):
        head = {"alg": self.alg, "typ": "JWT", "kid": self.kid} \
            if header is None else header
        text = ".".join(b64(json.dumps(p).encode())
                        for p in (head, claims_of(user, **claims)))
        return f"{text}.{b64(self.sign(text.encode()))}"


def key_set(*keys):
    return {"keys": [k.jwk() for k in keys]}


class Issuer:
    """Publishes a set; its answer may be replaced by anything, or held back
    until release()."""

    def __init__(self, *keys, tls=None):
        """@tls: the name of a file with certificate and private key."""
        self.status = 200
        self.publish(*keys)
        self.fetches = 0
        self.go_on = threading.Event()
        self.go_on.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.fetches += 1
                outer.go_on.wait(60)
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.server.socket = context.wrap_socket(self.server.socket,
                                                     server_side=True)
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:" \
            f"{self.server.server_port}/jwks.json"

    def publish(self, *keys):
        self.body = json.dumps(key_set(*keys)).encode()

    def hang(self):
        self.go_on.clear()

    def release(self):
        self.go_on.set()

    def close(self):
        self.release()
        self.server.shutdown()
        self.server.server_close()


def write_set(path, *keys):
    """As an operator should: whole, by renaming."""
    new = pathlib.Path(str(path) + ".new")
    new.write_text(json.dumps(key_set(*keys)))
    new.rename(path)
