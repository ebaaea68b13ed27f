"""Builders of hostile media files. Each answers bytes; no file is kept in the
repository. `plain` is a small honest MP4 (H.264 and AAC) to start from."""
import struct
import zlib

LAST = 0xffffffff


# ---- MP4: a tree of boxes ----------------------------------------------------
PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts",
           b"udta"}


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind, *parts, version=0, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def edit(data, kind, change, inside=()):
    """Every box @kind that lies in @inside, replaced by change(its bytes);
    sizes above are made to fit. Offsets stay right as long as the media lie
    before the moov box."""
    out, at = b"", 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        size = size or len(data) - at
        whole = data[at:at + size]
        if name == kind and not inside:
            whole = change(whole)
        elif name in PARENTS and (not inside or name == inside[0]):
            deeper = inside[1:] if inside and name == inside[0] else inside
            whole = box(name, edit(whole[8:], kind, change, deeper))
        elif name in PARENTS:
            whole = box(name, edit(whole[8:], kind, change, inside))
        out += whole
        at += size
    return out + data[at:]


def with_dref(plain, url):
    """The media are said to lie elsewhere."""
    entry = full(b"url ", url.encode() + b"\0")
    dref = full(b"dref", struct.pack(">I", 1), entry)
    return edit(plain, b"dref", lambda _: dref)


def with_alias(plain, path):
    """QuickTime's way of saying it: an alias record."""
    name = path.encode()
    record = (bytes(10) + bytes([len(name)]) + name.ljust(27, b"\0") +
              bytes(80) + struct.pack(">HH", 18, len(name)) + name +
              struct.pack(">HH", 0xffff, 0))
    dref = full(b"dref", struct.pack(">I", 1), full(b"alis", record))
    return edit(plain, b"dref", lambda _: dref)


def table(plain, kind, count, rows=b""):
    """A sample table that claims @count entries."""
    return edit(plain, kind, lambda _: full(
        kind, struct.pack(">I", count), rows))


def endless_samples(plain):
    """4 KiB of it are hours: a hundred thousand samples of one size, three
    seconds each, in one chunk."""
    n = 100000
    plain = edit(plain, b"stts", lambda _: full(
        b"stts", struct.pack(">III", 1, n, 3 * 15360)))
    plain = edit(plain, b"stsz", lambda _: full(
        b"stsz", struct.pack(">II", 16, n)))
    plain = edit(plain, b"stco", lambda _: full(
        b"stco", struct.pack(">II", 1, 48)))
    return edit(plain, b"stsc", lambda _: full(
        b"stsc", struct.pack(">IIII", 1, 1, n, 1)))


def looping_moov(plain):
    """moov in trak in moov, two hundred deep, each as large as the file."""
    at = plain.index(b"moov") - 4
    nest = b"".join(struct.pack(">I4s", LAST, kind)
                    for kind in (b"moov", b"trak", b"mdia") * 70)
    return plain[:at] + nest + plain[at:]


def self_contained_boxes(plain):
    """A box of size 0 (to the end) within a box within a box."""
    at = plain.index(b"moov") - 4
    return plain[:at] + struct.pack(">I4sI4sI4s", 0, b"moov", 0, b"trak", 0,
                                    b"mdia") + plain[at:]


def encrypted(plain):
    """The sample entry says "encv", with the schemes of CENC behind it."""
    sinf = box(b"sinf", box(b"frma", b"avc1"),
               full(b"schm", b"cenc", struct.pack(">I", 0x10000)),
               box(b"schi", full(b"tenc", struct.pack(">I", 0x108),
                                 bytes(16))))

    def change(stsd):
        entry = stsd[16:]
        if entry[4:8] != b"avc1":
            return stsd
        entry = box(b"encv", entry[8:], sinf)
        return full(b"stsd", struct.pack(">I", 1), entry)
    return edit(plain, b"stsd", change)


# ---- a picture of 16,384 by 16,384 -------------------------------------------
class Bits:
    def __init__(self):
        self.text = ""

    def u(self, width, value):
        self.text += format(value, f"0{width}b")
        return self

    def ue(self, *values):
        for value in values:
            digits = format(value + 1, "b")
            self.text += "0" * (len(digits) - 1) + digits
        return self

    def nal(self, head):
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        raw = bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))
        out, zeros = bytearray(head), 0
        for byte in raw:  # no start code within
            if zeros >= 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return bytes(out)


def with_entry(plain, kind, side, config):
    """The picture track says to be @kind of @side pixels."""
    def change(stsd):
        at = stsd.find(b"avcC")
        if at < 0:
            return stsd
        entry = bytearray(stsd[16:at - 4])
        struct.pack_into(">HH", entry, 32, side, side)
        return full(b"stsd", struct.pack(">I", 1),
                    box(kind, bytes(entry[8:]), config))
    return edit(plain, b"stsd", change)


def huge_avc(plain, side=16384):
    sps = Bits().u(8, 66).u(8, 0xc0).u(8, 62).ue(0, 0, 2, 1).u(1, 0).ue(
        side // 16 - 1, side // 16 - 1).u(1, 1).u(1, 1).u(1, 0).u(1, 0).nal(
        b"\x67")
    pps = Bits().ue(0, 0).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0, 0).u(3, 0).nal(
        b"\x68")
    config = box(b"avcC", b"\x01\x42\xc0\x3e\xff\xe1",
                 struct.pack(">H", len(sps)), sps, b"\x01",
                 struct.pack(">H", len(pps)), pps)

    return with_entry(plain, b"avc1", side, config)


def huge_hevc(plain, side=16384):
    level = Bits().u(2, 0).u(1, 0).u(5, 1).u(32, 0x60000000).u(
        24, 0x900000).u(24, 0).u(8, 186)
    sps = Bits().u(4, 0).u(3, 0).u(1, 1)
    sps.text += level.text
    sps.ue(0, 1, side, side).u(1, 0).ue(0, 0, 4).u(1, 1).ue(
        1, 0, 0, 0, 3, 0, 3, 0, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0).ue(0).u(
        1, 0).u(1, 0).u(1, 0).u(1, 0)
    nal = sps.nal(b"\x42\x01")
    config = box(b"hvcC", b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\xba\xf0\0\xfc"
                 b"\xfd\xf8\xf8\0\0\x0f\x01\xa1\0\x01",
                 struct.pack(">H", len(nal)), nal)

    return with_entry(plain, b"hvc1", side, config)


# ---- AVI ---------------------------------------------------------------------
def chunk(kind, *parts):
    body = b"".join(parts)
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def avi(jpeg, rate=(25, 1), subtitle=None, size=(64, 64), handler=b"MJPG"):
    """Motion JPEG of one picture; @subtitle: what a text stream holds."""
    def stream(kind, code, fmt):
        head = (kind + code + bytes(12) +
                struct.pack("<IIIIIIIhhhh", rate[1], rate[0], 0, 5, 0, LAST, 0,
                            0, 0, *size))
        return chunk(b"LIST", b"strl", chunk(b"strh", head),
                     chunk(b"strf", fmt))
    fmt = struct.pack("<IIIHH4sIIIII", 40, *size, 1, 24, handler, 0, 0, 0, 0,
                      0)
    streams = stream(b"vids", handler, fmt)
    frames = chunk(b"00dc", jpeg) * 5
    if subtitle is not None:
        streams += stream(b"txts", bytes(4), b"")
        frames = chunk(b"01tx", b"GAB2\0" + struct.pack("<HI", 2, 2) + b"x\0" +
                       struct.pack("<HI", 4, len(subtitle)) +
                       subtitle) + frames
    avih = struct.pack("<IIIIIIIIII", 40000, 0, 0, 0, 5, 0,
                       2 if subtitle is not None else 1, 0, *size) + bytes(16)
    body = (b"AVI " + chunk(b"LIST", b"hdrl", chunk(b"avih", avih), streams) +
            chunk(b"LIST", b"movi", frames))
    return b"RIFF" + struct.pack("<I", len(body)) + body


# ---- Matroska ----------------------------------------------------------------
UNKNOWN = b"\x01\xff\xff\xff\xff\xff\xff\xff"


def ebml(ident, *parts, size=None):
    body = b"".join(parts)
    return (bytes.fromhex(ident) +
            (size or struct.pack(">Q", 1 << 56 | len(body))) + body)


def number(value):
    return struct.pack(">Q", value)


def mkv(jpeg, *inside, track=b"", info=b"", unknown=False, blocks=None):
    """Motion JPEG; @inside: elements of the segment before the clusters."""
    head = ebml("1a45dfa3", ebml("4282", b"matroska"))
    entry = ebml("ae", ebml("d7", b"\x01"), ebml("73c5", b"\x01"),
                 ebml("83", b"\x01"), ebml("86", b"V_MJPEG"),
                 ebml("e0", ebml("b0", b"\x40"), ebml("ba", b"\x40")), track)
    if blocks is None:
        blocks = b"".join(ebml("a3", b"\x81" + struct.pack(">hB", i * 40, 128)
                               + jpeg) for i in range(5))
    size = UNKNOWN if unknown else None
    return head + ebml("18538067", ebml("1549a966", ebml(
        "2ad7b1", number(1000000)), info), ebml("1654ae6b", entry), *inside,
        ebml("1f43b675", ebml("e7", b"\0"), blocks, size=size), size=size)


def stripped(kind, setting):
    """What is said of the compression of a track."""
    return ebml("6d80", ebml("6240", ebml("5031", b"\0"), ebml(
        "5032", b"\x01"), ebml("5033", b"\0"), ebml("5034", ebml(
            "4254", bytes([kind])), ebml("4255", setting))))


def chapters(n):
    """Identities out of order, so that each is looked for among all."""
    atoms = b"".join(ebml("b6", ebml("73c4", number((n - i) | 1 << 40)),
                          ebml("91", number(i)), ebml("92", number(i + 1)))
                     for i in range(n))
    return ebml("1043a770", ebml("45b9", atoms))


def tags(n):
    return ebml("1254c367", ebml("7373", ebml("63c0"), b"".join(
        ebml("67c8", ebml("45a3", b"K%d" % i), ebml("4487", b"v"))
        for i in range(n))))


def wav(rate, channels):
    fmt = struct.pack("<HHIIHH", 1, channels, rate,
                      rate * channels * 2 & LAST, channels * 2, 16)
    body = b"WAVE" + chunk(b"fmt ", fmt) + chunk(b"data",
                                                 bytes(channels * 2 * 40000))
    return b"RIFF" + struct.pack("<I", len(body)) + body


# ---- MP3 ---------------------------------------------------------------------
def id3(*frames):
    body = b"".join(kind + struct.pack(">I", len(data)) + b"\0\0" + data
                    for kind, data in frames)
    size = bytes(len(body) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body


def png(width, height):
    def part(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(
        ">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
        part(b"IDAT", zlib.compress(bytes(1 << 16))) + part(b"IEND", b""))
