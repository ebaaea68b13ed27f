#!/usr/bin/python3
"""TLS in front of a plain HTTP server: what a load balancer does, for tests
of who must not talk in the clear. Made certificates name localhost only.

usage: tests/lib/tls_front.py URL

As a program it prints a line, its own URL and the file of its certificate,
and ends with its standard input."""

import os
import pathlib
import selectors
import socket
import ssl
import subprocess
import sys
import tempfile
import threading


class TlsFront:
    """https://localhost:<port>, byte for byte what stands behind `url`. With
    recording on, what clients sent is in `sent`."""

    def __init__(self, url, recording=False):
        self.recording = recording
        self.behind = url.removeprefix("http://").split(":")
        self.folder = tempfile.TemporaryDirectory(prefix="reelgate-tls-")
        folder = pathlib.Path(self.folder.name)
        self.certificate = folder / "cert.pem"
        key = folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", key, "-out", self.certificate],
            check=True, capture_output=True,
            env={"PATH": os.environ["PATH"]})  # pytest's may be too long
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"https://localhost:{self.port}"
        self.sent = bytearray()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,),
                             daemon=True).start()

    def _serve(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as tls, \
                    socket.create_connection(
                        (self.behind[0], int(self.behind[1]))) as behind:
                self._pass(tls, behind)
        except OSError:
            pass  # who does not believe the certificate hangs up

    def _pass(self, tls, behind):
        with selectors.DefaultSelector() as selector:
            selector.register(tls, selectors.EVENT_READ)
            selector.register(behind, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(1 << 16)
                    while data and key.fileobj is tls and tls.pending():
                        data += tls.recv(1 << 16)
                    if not data:
                        return
                    if key.fileobj is tls:
                        if self.recording:
                            self.sent += data
                        behind.sendall(data)
                    else:
                        tls.sendall(data)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.folder.cleanup()


if __name__ == "__main__":
    front = TlsFront(sys.argv[1])
    print(front.url, front.certificate, flush=True)
    sys.stdin.read()
    front.close()
