"""The gateway as a process: options, start errors, endpoints, clean stop."""

import concurrent.futures
import os
import resource
import signal
import socket
import subprocess
import time

import pytest

from gateway import BIN, Gateway
from sigv4 import Signer, head
from wire import Wire

PROGRAM = str(BIN / "reelgate-gateway")
SMALL_INDEX = {"REELGATE_INDEX_MAP_SIZE": "8G"}  # fits beside sanitizers


def run(*args, env=None):
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True,
                          timeout=30,
                          env={**os.environ, **SMALL_INDEX, **(env or {})})


def test_help_version_and_bad_options():
    r = run("--help")
    assert r.returncode == 0 and "--s3-listen" in r.stdout
    r = run("--version")
    assert r.returncode == 0 and r.stdout.startswith("reelgate-gateway ")
    for args in (["--nonsense"], ["extra"]):
        r = run(*args)
        assert r.returncode == 64 and "usage:" in r.stderr


@pytest.mark.parametrize("env,args,words", [
    ({"REELGATE_MAX_CONNECTIONS": "x"}, [], "REELGATE_MAX_CONNECTIONS"),
    ({"REELGATE_BACKEND": "s3"}, [], "REELGATE_BACKEND"),
    ({}, ["--s3-listen", "nowhere"], "REELGATE_S3_LISTEN"),
    ({"AWS_S3_BUCKET": "Not_A_Bucket"}, [], "Not_A_Bucket"),
    ({}, ["--config", "/does/not/exist"], "/does/not/exist"),
])
def test_bad_settings_stop_the_start_with_one_line(tmp_path, env, args,
                                                   words):
    r = run("--data", str(tmp_path / "d"), "--s3-listen", "127.0.0.1:0",
            "--api-listen", "127.0.0.1:0", *args, env=env)
    said = [line for line in r.stderr.splitlines()
            if line.startswith("reelgate-gateway:")]
    assert r.returncode == 78 and len(said) == 1
    assert words in said[0]


def test_port_in_use_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option in ("--s3-listen", "--api-listen"):
            r = run("--data", str(tmp_path / "d"), "--s3-listen",
                    "127.0.0.1:0", "--api-listen", "127.0.0.1:0",
                    option, f"127.0.0.1:{port}")
            assert r.returncode == 78
            assert f"port {port} is in use by another program" in r.stderr
    assert not (tmp_path / "d/run/endpoints").exists()


def test_data_directory_that_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    r = run("--data", str(tmp_path / "file" / "data"))
    assert r.returncode == 78
    assert "cannot make the data directory" in r.stderr


def test_second_gateway_on_the_same_data_is_refused(own_gateway):
    g = own_gateway()
    r = run("--data", str(g.data), "--s3-listen", "127.0.0.1:0",
            "--api-listen", "127.0.0.1:0")
    assert r.returncode == 78 and "in use" in r.stderr
    # The first one's address is untouched and it serves on.
    assert (g.data / "run/endpoints").exists()
    g.client().list_buckets()


def test_endpoints_come_and_go_with_the_process(own_gateway):
    g = own_gateway()
    text = (g.data / "run/endpoints").read_text()
    assert text == f"S3_ENDPOINT={g.url}\nAPI_ENDPOINT={g.api_url}\n"
    mode = (g.data / "credentials").stat().st_mode & 0o777
    assert mode == 0o600
    assert g.stop() == 0
    assert not (g.data / "run/endpoints").exists()


def test_objects_survive_a_restart(own_gateway):
    g = own_gateway()
    c = g.client()
    for size in (10, 100000):
        c.put_object(Bucket="socialitix-videos", Key=str(size),
                     Body=bytes(size))
    owner = c.list_buckets()["Owner"]["ID"]
    g.stop()
    g.start()
    c = g.client()
    assert c.list_buckets()["Owner"]["ID"] == owner
    for size in (10, 100000):
        got = c.get_object(Bucket="socialitix-videos", Key=str(size))
        assert got["Body"].read() == bytes(size)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_stop_lets_a_running_upload_end(own_gateway, sig):
    g = own_gateway()
    path = "/socialitix-videos/last"
    h = Signer().headers("PUT", path, f"127.0.0.1:{g.port}",
                         "UNSIGNED-PAYLOAD")
    h.update({"Content-Length": "200000", "Expect": "100-continue"})
    idle = Wire(g.port)
    idle.send("GET /minio/health/live HTTP/1.1\r\nHost: h\r\n\r\n")
    assert idle.read().status == 200
    with Wire(g.port) as w:
        w.send(head("PUT", path, h))
        assert w.read().status == 100  # it is running
        w.send(bytes(100000))
        g.process.send_signal(sig)
        # Idle connections end at once, nobody new is let in.
        assert idle.closed()
        with pytest.raises(OSError):
            Wire(g.port).read_head()
        w.send(bytes(100000))
        r = w.read()
        assert r.status == 200 and r.headers["connection"] == "close"
    assert g.process.wait(60) == 0
    idle.sock.close()
    g.start()
    got = g.client().get_object(Bucket="socialitix-videos", Key="last")
    assert got["ContentLength"] == 200000


def test_health(own_gateway):
    g = own_gateway()
    for name, status in (("live", 200), ("ready", 200), ("other", 404)):
        with Wire(g.port) as w:
            w.send(f"GET /minio/health/{name} HTTP/1.1\r\nHost: h\r\n\r\n")
            assert w.read().status == status


def test_soft_limit_of_files_does_not_bound_the_connections(own_gateway):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        g = own_gateway()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    path, size = "/socialitix-videos/o", 1 << 20
    h = Signer().headers("PUT", path, f"127.0.0.1:{g.port}",
                         "UNSIGNED-PAYLOAD")
    h["Content-Length"] = str(size)
    uploads = [Wire(g.port, timeout=60) for _ in range(150)]
    for w in uploads:
        w.send(head("PUT", path, h) + bytes(size - 1))
    for w in uploads:
        w.send(b"x")
        assert w.read().status == 200
        w.sock.close()


def test_threads_and_descriptors_do_not_grow(own_gateway):
    g = own_gateway()
    c = g.client()

    def count(what):
        return len(os.listdir(f"/proc/{g.process.pid}/{what}"))

    def churn(_):
        for i in range(40):
            c.put_object(Bucket="socialitix-videos", Key="k",
                         Body=bytes(100000))
            c.get_object(Bucket="socialitix-videos", Key="k")["Body"].read()
            with Wire(g.port) as w:
                w.send("PUT /b/k HTTP/1.1\r\nHost: h\r\n"
                       "Content-Length: 9000000\r\n\r\n")
                assert w.read().status == 404

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(churn, range(4)))
    c.close()
    deadline = time.monotonic() + 60
    # Ten connections may still be closing, forty would be a leak.
    while count("task") > 30 or count("fd") > 50:
        assert time.monotonic() < deadline, (count("task"), count("fd"))
        time.sleep(0.1)
