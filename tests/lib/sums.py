"""The checksums of S3, independent of the product's."""

import base64
import hashlib
import struct
import zlib


def table_crc(poly, bits):
    table = []
    for i in range(256):
        for _ in range(8):
            i = (i >> 1) ^ (poly if i & 1 else 0)
        table.append(i)
    mask = (1 << bits) - 1

    def crc(data):
        c = mask
        for b in data:
            c = table[(c ^ b) & 0xff] ^ (c >> 8)
        return (c ^ mask).to_bytes(bits // 8, "big")
    return crc


SUMS = {
    "crc32": lambda d: struct.pack(">I", zlib.crc32(d)),
    "crc32c": table_crc(0x82f63b78, 32),
    "crc64nvme": table_crc(0x9a6c9329ac4bc9b5, 64),
    "sha1": lambda d: hashlib.sha1(d).digest(),
    "sha256": lambda d: hashlib.sha256(d).digest(),
}


def b64(raw):
    return base64.b64encode(raw).decode()


def checksum(alg, data):
    """The value of x-amz-checksum-<alg>."""
    return b64(SUMS[alg](data))


def md5(data):
    """The value of Content-MD5."""
    return b64(hashlib.md5(data).digest())
