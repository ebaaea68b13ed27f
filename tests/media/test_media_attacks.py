"""Hostile files end with the right word, quickly; a decoder that was taken
over finds every door closed."""
import os
import random
import re
import resource
import struct
import subprocess
import sys
import time

import pytest

import worker

IS_ASAN = subprocess.run(
    ["grep", "-q", "__asan_init", worker.PROGRAM]).returncode == 0
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
    """Its own time: the machine may be busy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome = worker.run(path, out, **more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (after.ru_utime + after.ru_stime -
            before.ru_utime - before.ru_stime) < 5
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


# ---- numbers that lie --------------------------------------------------------
LAST = 0xffffffff
LIES = [("stts", 12, 0x7fffffff), ("stts", 12, 0xffffff00), ("stts", 12, 0),
        ("stts", 8, LAST), ("mdhd", 12, 0), ("mdhd", 12, 1),
        ("mdhd", 12, LAST), ("mvhd", 12, 0), ("mvhd", 16, LAST),
        ("stsz", 8, 0x7fffffff), ("stco", 4, LAST), ("stco", 8, LAST),
        ("stsc", 4, LAST), ("stsc", 12, LAST), ("tkhd", 76, LAST),
        ("elst", 8, LAST), ("elst", 12, 0x80000000)]


def both_jobs(path, out):
    """The outcomes of both jobs, each with a frame and a clean end."""
    outcomes = [timed(path, out / "analyze"),
                timed(path, out / "clips", job="clips",
                      clips=[{"id": "a", "start": 0.2, "end": 0.7}])]
    for outcome in outcomes:
        assert outcome.status == 0, (outcome.status, outcome.log)
    return outcomes


@pytest.mark.parametrize("box, offset, value", LIES)
def test_a_lie_in_a_box_is_no_crash(plain, tmp_path, box, offset, value):
    data = bytearray(plain.read_bytes())
    at = data.index(box.encode()) + 4 + offset
    data[at:at + 4] = struct.pack(">I", value)
    path = tmp_path / "lie.mp4"
    path.write_bytes(data)
    for outcome in both_jobs(path, tmp_path):
        assert outcome.last["type"] == "result" or outcome.error in (
            "corrupt_media", "limit_exceeded", "unsupported_media")


def test_a_picture_from_far_away_does_not_move_the_clock(files, tmp_path):
    """One time stamp of a transport stream is damaged: 13 hours ahead."""
    whole = files.video("stamps.ts", "testsrc2=d=4:s=320x240:r=30", "-bf", "0",
                        "-g", "30", "-muxdelay", "0")
    data = bytearray(whole.read_bytes())
    at = 0
    for _ in range(60):
        at = data.index(b"\x00\x00\x01\xe0", at + 1)
    assert data[at + 7] & 0x80, "a PTS follows"
    data[at + 9] ^= 0x08  # its bit 32
    path = tmp_path / "stray.ts"
    path.write_bytes(data)
    decoded = timed(path, tmp_path / "out").result["probe"]["decoded"]
    assert decoded["video_frames"] == 120
    assert decoded["duration"] == pytest.approx(4, abs=0.1)


def test_a_gap_of_most_of_a_day_is_a_long_file(files, tmp_path):
    path = files.video(
        "gap.mkv", "testsrc2=d=2:s=320x240:r=30,"
        "setpts='if(gt(N,30),PTS+80000/TB,PTS)'", "-vsync", "vfr")
    analysed, _ = both_jobs(path, tmp_path)
    duration = analysed.result["probe"]["decoded"]["duration"]
    assert duration == pytest.approx(80002, abs=1)
    later = files.video(
        "longer.mkv", "testsrc2=d=2:s=320x240:r=30,"
        "setpts='if(gt(N,30),PTS+100000/TB,PTS)'", "-vsync", "vfr")
    for outcome in both_jobs(later, tmp_path):
        assert outcome.error == "limit_exceeded"


def test_size_format_and_sound_may_change_in_the_middle(files, tmp_path):
    parts = []
    for n, (size, pixels, rate, channels) in enumerate([
            ("320x240", "yuv420p", 48000, 2), ("640x360", "yuv422p", 44100, 1),
            ("176x144", "yuv420p", 32000, 6)]):
        parts.append(files.make(
            f"part{n}.ts", "-f", "lavfi", "-i", f"testsrc2=d=1:s={size}:r=30",
            "-f", "lavfi", "-i", f"sine=d=1:r={rate}", "-ac", channels,
            "-c:a", "ac3", "-c:v", "libx264", "-preset", "ultrafast",
            "-pix_fmt", pixels))
    path = tmp_path / "change.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    analysed, cut = both_jobs(path, tmp_path)
    decoded = analysed.result["probe"]["decoded"]
    assert decoded["video_frames"] == 90
    assert decoded["audio_samples"] > 2.9 * 48000
    assert cut.result["clips"][0]["duration"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("size, rate", [
    ("16x4000", 5), ("4000x16", 5), ("2x2", 5), ("32x32", 1000),
    ("32x32", "1/100")])
def test_odd_shapes_and_rates_are_read(files, tmp_path, size, rate):
    name = f"odd-{size}-{rate}.mkv".replace("/", "in")
    path = files.video(name, f"color=red:d=1:s={size}:r={rate}")
    analysed, _ = both_jobs(path, tmp_path)
    assert analysed.result["probe"]["decoded"]["video_frames"] >= 1


def wav(path, rate, channels, data, bits=16, tag=1):
    frame = channels * bits // 8
    head = struct.pack("<HHIIHH", tag, channels, rate,
                       rate * frame & LAST, frame, bits)
    body = (b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" +
            struct.pack("<I", len(data)) + data)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


@pytest.mark.parametrize("rate, channels", [
    (0, 2), (1, 1), (10, 2), (3000000, 2), (0x7fffffff, 2), (LAST, 2),
    (48000, 0), (48000, 64), (48000, 1000)])
def test_sound_of_no_sane_shape_is_refused(tmp_path, rate, channels):
    path = wav(tmp_path / "a.wav", rate, channels, bytes(400000))
    for outcome in both_jobs(path, tmp_path):
        assert outcome.error in ("corrupt_media", "unsupported_media")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e38"])
def test_samples_that_are_no_numbers_are_survived(tmp_path, value):
    path = wav(tmp_path / "a.wav", 48000, 1,
               struct.pack("<f", float(value)) * 48000, bits=32, tag=3)
    analysed, _ = both_jobs(path, tmp_path)
    assert analysed.result["probe"]["decoded"]["audio_samples"] == 48000


# ---- too much of it ----------------------------------------------------------
def ogg_crc(page):
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04c11db7 if crc >> 31 else 0)) & LAST
    return crc


def test_thousands_of_streams_are_refused(plain, tmp_path):
    head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0"
    pages = bytearray()
    for serial in range(2000):
        page = bytearray(b"OggS\0\x02" + bytes(8) +
                         struct.pack("<III", serial, 0, 0) +
                         bytes([1, len(head)]) + head)
        page[22:26] = struct.pack("<I", ogg_crc(page))
        pages += page
    ogg = tmp_path / "streams.ogg"
    ogg.write_bytes(pages)
    data = plain.read_bytes()
    trak = data.index(b"trak") - 4
    (size,) = struct.unpack(">I", data[trak:trak + 4])
    more = data[trak:trak + size] * 10000
    moov = data.index(b"moov") - 4
    (moov_size,) = struct.unpack(">I", data[moov:moov + 4])
    mp4 = tmp_path / "streams.mp4"
    mp4.write_bytes(data[:moov] + struct.pack(">I", moov_size + len(more)) +
                    data[moov + 4:trak] + more + data[trak:])
    for path in ogg, mp4:
        for outcome in both_jobs(path, tmp_path):
            assert outcome.error == "limit_exceeded"


def test_nothing_but_errors_ends_soon(files, plain, tmp_path):
    chance = random.Random(3)
    data = bytearray(plain.read_bytes())
    at = data.index(b"mdat") + 4
    (size,) = struct.unpack(">I", data[at - 8:at - 4])
    data[at:at + size - 8] = chance.randbytes(size - 8)
    video = tmp_path / "noise.mp4"
    video.write_bytes(data)
    analysed, _ = both_jobs(video, tmp_path)
    assert (analysed.last["type"] == "error" and
            analysed.error == "corrupt_media" or
            analysed.result["probe"]["decoded"]["errors"] > 50)
    data = bytearray(files.make("long.mp3", "-f", "lavfi", "-i",
                                "anoisesrc=d=300", "-b:a", "64k").read_bytes())
    for at in range(2000, len(data) - 1):
        if data[at] != 0xff and data[at - 1] != 0xff and at % 7:
            data[at] = chance.randrange(255)
    sound = tmp_path / "noise.mp3"
    sound.write_bytes(data)
    analysed, _ = both_jobs(sound, tmp_path)
    assert analysed.result["probe"]["decoded"]["errors"] > 100


def test_an_extent_behind_the_end_of_its_file_is_an_error(plain, tmp_path):
    size = os.path.getsize(plain)
    outcome = timed([(plain, 0, size + 4096)], tmp_path / "out")
    assert outcome.last["type"] in ("error", "result")
    outcome = timed([(plain, size - 100, 4096)], tmp_path / "out")
    assert outcome.last["type"] == "error"


def test_the_deadline_is_kept(files, tmp_path):
    path = files.video("wide.mp4", "testsrc2=d=30:s=1280x720:r=30")
    begin = time.monotonic()
    outcome = timed(path, tmp_path / "out", deadline=0.2)
    assert outcome.error == "limit_exceeded"
    assert time.monotonic() - begin < 5


@pytest.mark.skipif(IS_ASAN,
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
    b'"threads":1,"memory_bytes":1000000000,"deadline_s":5}',
    b'{"job":"analyze","size":4611686018427387904,"extents":[{"fd":3,'
    b'"offset":0,"size":4611686018427387904}],'
    b'"threads":1,"memory_bytes":1000000000,"deadline_s":5}',
    b'{"job":"analyze","size":1,"extents":[{"fd":3,'
    b'"offset":9223372036854775807,"size":1}],'
    b'"threads":1,"memory_bytes":1000000000,"deadline_s":5}',
    b'{"job":"clips","size":1,"extents":[{"fd":3,"offset":0,"size":1}],'
    b'"threads":1,"memory_bytes":1000000000,"deadline_s":5,'
    b'"clips":[{"id":"x","start":0,"end":1e300}]}'])
def test_a_bad_request_is_an_internal_error(tmp_path, request_text):
    outcome = worker.run("/dev/null", tmp_path, request=request_text)
    assert outcome.error == "internal"
    assert os.listdir(tmp_path) == []


# ---- the sandbox -------------------------------------------------------------
# Not by the filter alone: what may be tried, but not without end.
BOUNDED = {"try_memory": "ENOMEM", "try_threads": "EAGAIN",
           "try_large_file": "EFBIG"}
# The C library takes clone when there is no clone3.
REFUSED = ("SIGSYS", "EPERM", "EACCES")


@pytest.mark.parametrize("arguments", [[], ["--thread"]])
def test_every_attempt_of_a_planted_exploit_fails(tmp_path, arguments):
    with open(tmp_path / "out", "w+") as out:
        done = subprocess.run([worker.ATTACK] + arguments, env={}, cwd="/tmp",
                              stdin=subprocess.DEVNULL, stdout=out,
                              timeout=60)
        out.seek(0)
        answers = dict(line.split() for line in out)
    assert done.returncode == 0 and len(answers) > 130
    assert answers.pop("do_work") == "WORKED"
    assert answers.pop("clone3") == "ENOSYS"
    if IS_ASAN:
        answers.pop("try_memory")
    for name, answer in answers.items():
        expected = [BOUNDED[name]] if name in BOUNDED else REFUSED
        assert answer in expected, (name, answer)
    assert not os.path.exists("/tmp/reelgate-attack")


@pytest.mark.parametrize("program", ["processor", "gateway"])
def test_whoever_holds_secrets_holds_no_decoder(program):
    """Neither of its own nor by way of another library."""
    libraries = subprocess.run(["ldd", worker.BIN / f"reelgate-{program}"],
                               text=True, capture_output=True, check=True)
    assert "libpq" in libraries.stdout
    assert not re.search("lib(av|sw|magic|x26|dav1d|webp|vpx)",
                         libraries.stdout)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
def test_the_worker_runs_as_nobody_special_too(plain, tmp_path):
    text = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
         worker.PROGRAM, "--self-test"], capture_output=True, text=True)
    if "Permission denied" in text.stderr:
        pytest.skip("the checkout is closed to others")
    assert text.returncode == 0, text
    assert text.stdout.endswith("the sandbox holds\n")


def test_self_test_tells_what_is_enforced():
    done = subprocess.run([worker.PROGRAM, "--self-test"], text=True,
                          capture_output=True)
    assert done.returncode == 0, done
    assert re.search("^system call filter +yes", done.stdout, re.M)
    assert re.search("^a socket +ok +kills the process", done.stdout, re.M)
    assert "BAD" not in done.stdout
    assert done.stdout.endswith("the sandbox holds\n")


# A filter of four instructions: seccomp(2), number 317, is not implemented.
WITHOUT_SECCOMP = """
import ctypes, os, struct, sys
code = b"".join(struct.pack("HBBI", *op) for op in [
    (0x20, 0, 0, 0), (0x15, 0, 1, 317), (0x06, 0, 0, 0x00050000 | 38),
    (0x06, 0, 0, 0x7fff0000)])
text = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(
    struct.pack("HxxxxxxP", 4, ctypes.addressof(text)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, program) == 0
os.execv(sys.argv[1], [sys.argv[1], "--self-test"])
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")
def test_self_test_fails_where_the_filter_cannot_be_installed():
    """Without seccomp(2), as in a container that forbids it: status 1."""
    without = subprocess.run(
        [sys.executable, "-c", WITHOUT_SECCOMP, str(worker.PROGRAM)],
        text=True, capture_output=True)
    assert without.returncode == 1, without
    assert "the sandbox does not close: seccomp" in without.stdout


def test_help_version_and_wrong_use():
    for argument, status in ("--help", 0), ("--version", 0), ("--nope", 2):
        done = subprocess.run([worker.PROGRAM, argument],
                              capture_output=True, text=True)
        assert done.returncode == status
        assert "reelgate-media" in done.stdout + done.stderr
