"""The corpus of attacks: what is known to have brought down, exhausted or
fooled programs that read media. Each file is contained: the right word, soon,
in little memory, nothing written but the outputs, nobody called."""
import os
import socket
import struct
import zlib

import pytest

import hostile
import mutate
import worker
from conftest import X264 as H264

MEMORY = 1 << 30  # resident, at most
OPENCV = "/usr/share/doc/opencv-doc/examples/data"
SECRET = open("/etc/passwd", "rb").read(40)
REFUSED = ("unsupported_media",)
DAMAGED = ("corrupt_media", "unsupported_media", "limit_exceeded")
READ = ("done",)
ANY = READ + DAMAGED


@pytest.fixture(scope="module")
def listener():
    """A server that nobody must call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


class Kit:
    """Honest files that the hostile ones are made of."""

    def __init__(self, files, url):
        def read(name, *arguments):
            return files.make(name, "-f", "lavfi", "-i",
                              *arguments).read_bytes()
        self.url = url
        self.xml = '<?xml version="1.0"?>'
        self.m3u8 = (f"#EXTM3U\n#EXTINF:10,\nconcat:{url}|file:///etc/passwd"
                     "\n#EXT-X-ENDLIST\n").encode()
        self.plain = files.video("kit.mp4", "testsrc2=d=1:s=64x64:r=15",
                                 audio="sine=d=1").read_bytes()
        self.silent = files.video("kit-silent.mp4",
                                  "testsrc2=d=1:s=64x64:r=15", "-g", "15"
                                  ).read_bytes()
        self.small = read("small.ts", "testsrc2=d=0.2:s=16x16:r=25", *H264)
        self.large = read("large.ts", "color=red:d=0.04:s=8192x4096:r=25",
                          *H264)
        self.wrapping = read("wrap.ts", "testsrc2=d=2:s=64x64:r=15", *H264,
                             "-output_ts_offset", str(2**33 / 90000 - 1))
        self.jpeg = read("kit.jpg", "testsrc2=d=0.1:s=64x64:r=10",
                         "-frames:v", "1", "-pix_fmt", "yuvj420p")
        self.mp3 = read("kit.mp3", "sine=d=1", "-id3v2_version", "0")
        # A block that unpacks to a thousand times its size.
        self.bomb = hostile.ebml("a3", b"\x81\0\0\x80" + zlib.compress(
            self.jpeg + bytes(200 << 20), 9)) * 4


# name -> (content, the words it may end with)
CASES = {
    # manifests that are no media
    "m3u8": (lambda k: k.m3u8, REFUSED),
    "ffconcat": (lambda k:
        f"ffconcat version 1.0\nfile {k.url}\n".encode(), REFUSED),
    "sdp": (lambda k:
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        REFUSED),
    "dash": (lambda k: f"{k.xml}<MPD><BaseURL>{k.url}</BaseURL></MPD>".encode(),
             REFUSED),
    "imf": (lambda k:
        f'{k.xml}<CompositionPlaylist xmlns="http://www.smpte-ra.org/'
        f'schemas/2067-3/2016"><Id>{k.url}</Id></CompositionPlaylist>'
        .encode(), REFUSED),
    "concat name": (lambda k: f"concat:{k.url}|/etc/passwd".encode(), REFUSED),
    "subfile name": (lambda k:
        b"subfile,,start,0,end,9,,:/etc/passwd", REFUSED),
    "ansi": (lambda k: b"\x1b[2J\x1b[31mhello\n" * 200, REFUSED),
    "avi with gab2 hls": (lambda k: hostile.avi(k.jpeg, subtitle=k.m3u8), ANY),
    "avi with gab2 ass": (lambda k: hostile.avi(
        k.jpeg, subtitle=b"[Script Info]\nDialogue: 0\n" * 50), ANY),
    "dref to a file": (lambda k:
        hostile.with_dref(k.plain, "file:///etc/passwd"),
        READ),
    "dref to the net": (lambda k: hostile.with_dref(k.plain, k.url), READ),
    "dref to a protocol": (lambda k: hostile.with_dref(
        k.plain, f"concat:{k.url}|/etc/passwd"), READ),
    "alias to a file": (lambda k:
        hostile.with_alias(k.plain, "/etc/passwd"), ANY),
    # sizes
    "avc 16k": (lambda k: hostile.huge_avc(k.silent), DAMAGED),
    "hevc 16k": (lambda k: hostile.huge_hevc(k.silent), DAMAGED),
    "avi 65535": (lambda k: hostile.avi(grown(k.jpeg), size=(0x7fff, 0x7fff)),
                  DAMAGED),
    "png in avi": (lambda k: hostile.avi(hostile.png(65535, 65535),
                               handler=b"MPNG"), REFUSED),
    "cover of 65535": (lambda k: hostile.id3((b"APIC", b"\0image/png\0\3\0" +
                                    hostile.png(65535, 65535))) + k.mp3,
                       READ),
    # time
    "0 frames a second": (lambda k: hostile.avi(k.jpeg, rate=(0, 1)), ANY),
    "frames by zero": (lambda k: hostile.avi(k.jpeg, rate=(25, 0)), ANY),
    "2^31 frames a second": (lambda k:
        hostile.avi(k.jpeg, rate=(1 << 31, 1)), ANY),
    "2^-31 frames a second": (lambda k:
        hostile.avi(k.jpeg, rate=(1, 1 << 31)), ANY),
    "duration NaN": (lambda k: hostile.mkv(k.jpeg, info=hostile.ebml(
        "4489", struct.pack(">d", float("nan")))), ANY),
    "duration infinite": (lambda k: hostile.mkv(k.jpeg, info=hostile.ebml(
        "4489", struct.pack(">d", float("inf")))), ANY),
    "duration 2^63": (lambda k: hostile.mkv(k.jpeg, info=hostile.ebml(
        "4489", struct.pack(">d", 9.2e18))), ANY),
    "default duration 1": (lambda k: hostile.mkv(k.jpeg, track=hostile.ebml(
        "23e383", hostile.number(1))), ANY),
    "default duration 2^64": (lambda k: hostile.mkv(k.jpeg, track=hostile.ebml(
        "23e383", hostile.number((1 << 64) - 1))), ANY),
    "negative stamps": (lambda k: hostile.mkv(k.jpeg, blocks=b"".join(
        hostile.ebml("a3", b"\x81" + struct.pack(">hB", t, 128) + k.jpeg)
        for t in (-32768, -5, 32767, 0, -1))), ANY),
    "hours in 4 KiB": (lambda k: hostile.endless_samples(k.silent), ANY),
    # counts
    "stts of 2^32": (lambda k:
        hostile.table(k.plain, b"stts", hostile.LAST), ANY),
    "ctts of 2^32": (lambda k:
        hostile.table(k.plain, b"ctts", hostile.LAST), ANY),
    "stco of 2^32": (lambda k:
        hostile.table(k.plain, b"stco", hostile.LAST), ANY),
    "stss of 2^32": (lambda k:
        hostile.table(k.plain, b"stss", hostile.LAST), ANY),
    "chapters": (lambda k: hostile.mkv(k.jpeg, hostile.chapters(200000)), ANY),
    "tags of matroska": (lambda k:
        hostile.mkv(k.jpeg, hostile.tags(200000)), ANY),
    "tags of mp3": (lambda k: hostile.id3(*((b"TXXX", b"\0k%d\0v" % i)
                                  for i in range(100000))) + k.mp3, ANY),
    # structure
    "looping moov": (lambda k: hostile.looping_moov(k.plain), ANY),
    "boxes to the end": (lambda k: hostile.self_contained_boxes(k.plain), ANY),
    "encrypted": (lambda k: hostile.encrypted(k.silent), ANY),
    "unknown sizes": (lambda k: hostile.mkv(k.jpeg, unknown=True), READ),
    "zlib bomb": (lambda k: hostile.mkv(k.jpeg, track=hostile.stripped(0, b""),
                              blocks=k.bomb), ANY),
    "header stripping": (lambda k: hostile.mkv(k.jpeg, track=hostile.stripped(
        3, bytes(1 << 20)), blocks=hostile.ebml(
            "a3", b"\x81\0\0\x80x") * 500), ANY),
    "lzo": (lambda k: hostile.mkv(k.jpeg, track=hostile.stripped(2, b"")), ANY),
    "ebml of size 2^56": (lambda k:
        hostile.mkv(k.jpeg)[:5] + b"\x01" + b"\xff" * 7,
                          DAMAGED),
    "empty": (lambda k: b"", REFUSED),
    "one byte": (lambda k: b"\x00", REFUSED),
    "no stream at all": (lambda k: hostile.mkv(k.jpeg).replace(
        b"V_MJPEG", b"V_NOPE\0"), DAMAGED),
    # what changes on the way
    "from 16 to 8192 pixels": (lambda k: k.small + k.large + k.small, ANY),
    "stamps that wrap": (lambda k: k.wrapping, READ),
    "64 channels of 768 kHz": (lambda k: hostile.wav(768000, 64), ANY),
    "64 channels of 1 Hz": (lambda k: hostile.wav(1, 64), DAMAGED),
}


def grown(jpeg):
    """The picture claims 65,500 by 65,500."""
    at = jpeg.index(b"\xff\xc0\x00\x11\x08") + 5
    return jpeg[:at] + b"\xff\xdc\xff\xdc" + jpeg[at + 4:]


@pytest.fixture(scope="module")
def kit(files, listener):
    return Kit(files, f"http://127.0.0.1:{listener.getsockname()[1]}/x.ts")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """One for the whole corpus: it must outlive every worker."""
    broker = mutate.Broker(tmp_path_factory.mktemp("broker"), 60)
    yield broker
    broker.close()


# These take their four seconds; a short run is content with one of them.
SLOW = ("chapters", "tags of matroska")
LONG = bool(os.environ.get("REELGATE_TEST_LONG"))


@pytest.mark.parametrize("job", ["analyze", "clips"] if LONG else ["analyze"])
@pytest.mark.parametrize("name", [n for n in CASES if LONG or n not in SLOW])
def test_each_file_of_the_corpus_is_contained(kit, broker, listener, name,
                                              job):
    build, expected = CASES[name]
    end = broker.run(job, build(kit))
    assert end.word in expected, end.message
    # Its own time: the machine may be busy.
    assert end.cpu < 5, end.seconds
    assert end.peak < MEMORY
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert sorted(p.name for p in broker.path.parent.iterdir()) == ["input"]


@pytest.mark.parametrize("name", [n for n in CASES if "dref" in n
                                  or "alias" in n or "gab2" in n])
def test_nothing_of_another_file_gets_out(kit, tmp_path, name):
    path = tmp_path / "video.mp4"
    path.write_bytes(CASES[name][0](kit))
    outcome = worker.run(path, tmp_path / "out")
    assert outcome.status == 0
    for file in (tmp_path / "out").iterdir():
        assert SECRET not in file.read_bytes()
    assert SECRET.decode() not in str(outcome.frames)


@pytest.mark.skipif(not os.path.isdir(OPENCV), reason="no opencv-doc")
def test_old_codecs_of_real_files_are_refused_as_such(broker):
    """Cinepak, and a film with damage in it."""
    with open(f"{OPENCV}/tree.avi", "rb") as film:
        end = broker.run("analyze", film.read())
    assert end.word == "unsupported_media", end.message
    with open(f"{OPENCV}/Megamind_bugy.avi", "rb") as film:
        assert broker.run("analyze", film.read()).word == "done"


def test_an_input_that_can_be_written_to_is_refused(kit, tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(kit.plain)
    outcome = worker.run(path, tmp_path / "out", flags=os.O_RDWR)
    assert outcome.error == "internal" and path.read_bytes() == kit.plain
