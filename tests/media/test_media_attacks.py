"""Hostile files end with the right word, quickly; a decoder that was taken
over finds every door closed."""
import os
import random
import signal
import subprocess
import time

import pytest

import worker

M3U8 = "#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile /etc/passwd\n"
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"
DASH = '<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1/</BaseURL></MPD>'
FOREIGN = {
    "text": b"This is not a video.\n" * 50,
    "m3u8": M3U8.encode(),
    "ffconcat": CONCAT.encode(),
    "sdp": SDP.encode(),
    "dash": DASH.encode(),
    "program": open("/bin/true", "rb").read(),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "empty": b"",
    "random": random.Random(1).randbytes(1 << 20),
    "m3u8 behind ID3": b"ID3\x03\0\0\0\0\0\x00" + M3U8.encode(),
}


def timed(path, out, **more):
    begin = time.monotonic()
    outcome = worker.run(path, out, **more)
    assert time.monotonic() - begin < 5
    return outcome


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("job", ["analyze", "clips"])
def test_what_is_no_media_is_refused(tmp_path, kind, job):
    path = tmp_path / "video.mp4"
    path.write_bytes(FOREIGN[kind])
    clips = [{"id": "a", "start": 0, "end": 1}] if job == "clips" else None
    outcome = timed(path, tmp_path / "out", job=job, clips=clips)
    assert outcome.error in ("unsupported_media", "corrupt_media")
    if "behind" not in kind:
        assert outcome.error == "unsupported_media"


def test_zeros_without_end_are_refused(tmp_path):
    path = tmp_path / "video.mp4"
    with open(path, "wb") as f:
        f.truncate(500 << 20)
    assert timed(path, tmp_path / "out").error == "unsupported_media"


@pytest.fixture(scope="module")
def plain(files):
    return files.video("plain4.mp4", "testsrc2=d=4:s=320x240:r=30",
                       audio="sine=d=4")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("fast", [False, True])
def test_a_truncated_file_is_corrupt(files, plain, tmp_path, share, fast):
    if fast:
        plain = files.make("plain4-fast.mp4", "-i", plain, "-c", "copy",
                           "-movflags", "+faststart")
    path = tmp_path / "cut.mp4"
    data = plain.read_bytes()
    path.write_bytes(data[:int(len(data) * share)])
    assert timed(path, tmp_path / "out").error == "corrupt_media"


def test_damage_in_the_middle_is_survived(plain, tmp_path):
    """Bits flipped all over the media: a result with errors counted, or a
    clean error; never a crash."""
    chance = random.Random(7)
    for _ in range(6):
        data = bytearray(plain.read_bytes())
        for _ in range(200):
            data[chance.randrange(48, len(data))] ^= 1 << chance.randrange(8)
        path = tmp_path / "damaged.mp4"
        path.write_bytes(data)
        outcome = timed(path, tmp_path / "out")
        assert outcome.status == 0
        assert outcome.last["type"] in ("result", "error")


def test_a_huge_picture_is_refused_before_it_is_decoded(files, tmp_path):
    path = files.make("small.mov", "-f", "lavfi", "-i",
                      "testsrc2=d=1:s=64x64:r=5", "-c:v", "mjpeg",
                      "-pix_fmt", "yuvj420p")
    data = path.read_bytes()
    # Every frame header (SOF0) now claims 65,500 x 65,500 pixels.
    at = data.find(b"\xff\xc0\x00\x11\x08")
    assert at > 0
    while at > 0:
        data = data[:at + 5] + b"\xff\xdc\xff\xdc" + data[at + 9:]
        at = data.find(b"\xff\xc0\x00\x11\x08", at + 9)
    bomb = tmp_path / "bomb.mov"
    bomb.write_bytes(data)
    assert timed(bomb, tmp_path / "out").error in ("corrupt_media",
                                                   "limit_exceeded")


def test_an_extent_behind_the_end_of_its_file_is_an_error(plain, tmp_path):
    size = os.path.getsize(plain)
    outcome = timed([(plain, 0, size + 4096)], tmp_path / "out")
    assert outcome.last["type"] in ("error", "result")
    outcome = timed([(plain, size - 100, 4096)], tmp_path / "out")
    assert outcome.last["type"] == "error"


def test_the_deadline_is_kept(files, tmp_path):
    path = files.video("wide.mp4", "testsrc2=d=30:s=1280x720:r=30")
    outcome = timed(path, tmp_path / "out", deadline=0.2)
    assert outcome.error == "limit_exceeded"


@pytest.mark.skipif(bool(subprocess.run(
    ["grep", "-q", "__asan_init", worker.PROGRAM]).returncode == 0),
    reason="AddressSanitizer needs all the address space")
def test_the_memory_limit_is_kept(files, tmp_path):
    path = files.video("wide.mp4", "testsrc2=d=30:s=1280x720:r=30")
    outcome = timed(path, tmp_path / "out", memory=150 << 20)
    assert outcome.error in ("limit_exceeded", "internal")


@pytest.mark.parametrize("request_text", [
    b"", b"{}", b"[]", b"{", b'{"job":"analyze"}',
    b'{"job":"clips","size":1,"extents":[{"fd":3,"offset":0,"size":1}],'
    b'"threads":1,"memory_bytes":1000000000,"deadline_s":5,'
    b'"clips":[{"id":"../x","start":0,"end":1}]}',
    b'{"job":"analyze","size":1,"extents":[{"fd":4,"offset":0,"size":1}],'
    b'"threads":1,"memory_bytes":1000000000,"deadline_s":5}'])
def test_a_bad_request_is_an_internal_error(tmp_path, request_text):
    outcome = worker.run("/dev/null", tmp_path, request=request_text)
    assert outcome.error == "internal"
    assert os.listdir(tmp_path) == []


# ---- the sandbox -------------------------------------------------------------
def attack(name):
    return subprocess.run([worker.ATTACK, name], env={}, cwd="/tmp",
                          capture_output=True, timeout=10)


FORBIDDEN = ["open", "create", "stat", "unlink", "socket", "exec", "fork",
             "ptrace", "kill", "tgkill", "code", "make-code", "io_uring",
             "memfd", "unshare"]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_call_fails_or_kills(name):
    assert attack(name).returncode in (0, -signal.SIGSYS)


def test_a_permitted_call_still_works():
    done = attack("none")
    assert done.returncode == 0 and done.stdout == b"fine\n"


def test_every_attack_of_the_program_is_tried():
    names = subprocess.run([worker.ATTACK], capture_output=True, text=True,
                           check=True).stdout.split()
    assert names == ["none"] + FORBIDDEN


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
def test_the_worker_runs_as_nobody_special_too(plain, tmp_path):
    text = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
         worker.PROGRAM, "--self-test"], capture_output=True, text=True)
    if "Permission denied" in text.stderr:
        pytest.skip("the checkout is closed to others")
    assert text.returncode == 0, text
    assert "seccomp (kill process, all threads): yes" in text.stdout


def test_self_test_tells_what_is_enforced():
    done = subprocess.run([worker.PROGRAM, "--self-test"], text=True,
                          capture_output=True)
    assert done.returncode == 0, done
    assert "seccomp (kill process, all threads): yes" in done.stdout


def test_help_version_and_wrong_use():
    for argument, status in ("--help", 0), ("--version", 0), ("--nope", 2):
        done = subprocess.run([worker.PROGRAM, argument],
                              capture_output=True, text=True)
        assert done.returncode == status
        assert "reelgate-media" in done.stdout + done.stderr
