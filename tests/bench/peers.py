"""The servers that are measured: ours, and those it is compared with."""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))

import gateway as product  # noqa: E402

# Nothing here is slower than it could be: no access log, kernel defaults for
# sockets, a worker a core, bodies written 128 KiB at a time. Files are opened
# for each request, as a store has to that answers with what was written last.
NGINX = """
daemon off;
worker_processes auto;
worker_rlimit_nofile 8192;
pid {dir}/pid;
error_log {dir}/error.log warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    keepalive_timeout 600;
    client_max_body_size 0;
    client_body_buffer_size {body_buffer};
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        root {dir}/root;
        dav_methods PUT DELETE;
        create_full_put_path on;
        dav_access user:rw group:r all:r;
    }}
}}
"""


class Server:
    """What bench-load is told of a server."""
    stores = True  # what is put can be read

    def __init__(self, url, auth="none", access_key="", secret_key=""):
        self.url = url
        self.auth = auth
        self.environment = {"AWS_ACCESS_KEY_ID": access_key,
                            "AWS_SECRET_ACCESS_KEY": secret_key}

    def close(self):
        pass


class Reelgate(Server):
    """The gateway at its default settings, with data of its own."""

    def __init__(self, data):
        settings = {"REELGATE_INDEX_MAP_SIZE": "1024G"}
        self.gateway = product.Gateway(settings, data=data)
        self.gateway.start()
        super().__init__(self.gateway.url, "header", product.ACCESS_KEY,
                         product.SECRET_KEY)

    def memory(self, field):
        """VmRSS, VmHWM: bytes."""
        path = f"/proc/{self.gateway.process.pid}/status"
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"{field} is not in {path}")

    def close(self):
        self.gateway.close()


class Child(Server):
    """A server that is a process of ours."""

    def __init__(self, process, port):
        super().__init__(f"http://127.0.0.1:{port}")
        self.process = process

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def unprivileged(folder):
    """The words before a command that make it run as nobody, who then owns
    the folder; none unless we are root."""
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}",
            "--clear-groups"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_port(process, port, timeout=10):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


def nginx_path():
    return shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")


def start_nginx(folder, body_buffer="128k"):
    """Static files by sendfile, and WebDAV's PUT, on the disk of folder."""
    if not nginx_path():
        raise RuntimeError("nginx is missing: tools/install-deps --bench")
    folder.mkdir(parents=True)
    (folder / "root").mkdir()
    as_nobody = unprivileged(folder)
    unprivileged(folder / "root")
    port = free_port()
    (folder / "conf").write_text(NGINX.format(
        dir=folder, port=port, body_buffer=body_buffer))
    process = subprocess.Popen(
        as_nobody + [nginx_path(), "-e", f"{folder}/error.log", "-p", folder,
                     "-c", f"{folder}/conf"])
    child = Child(process, port)
    try:
        await_port(process, port)
    except RuntimeError:
        child.close()
        raise
    return child


def start_mhd(program, size):
    """Bare libmicrohttpd, which answers from memory."""
    process = subprocess.Popen([program, "mhd", "--size", str(size)],
                               stdout=subprocess.PIPE, text=True)
    child = Child(process, int(process.stdout.readline()))
    child.stores = False
    return child
