"""A small file system to fill, and a gateway that needs no room to be found."""

import os
import re
import subprocess

import pytest

from gateway import Gateway
from web import wait_for

MIB = 1 << 20


class SmallDisk:
    """A tmpfs of its own at @where; skips the test where nobody may mount."""

    def __init__(self, where, mib):
        self.where = where
        where.mkdir()
        if os.geteuid() != 0 or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", where],
                capture_output=True).returncode != 0:
            pytest.skip("a small file system can only be mounted by root")

    def close(self):
        subprocess.run(["umount", self.where], check=True)

    def free(self):
        v = os.statvfs(self.where)
        return v.f_bavail * v.f_frsize

    def leave(self, left):
        """Exactly @left bytes are free afterwards (whole pages)."""
        with open(self.where / "filler", "ab", buffering=0) as f:
            # once more, where a gateway took or gave room meanwhile
            wait_for(f"{left} bytes free", lambda: self._fill(f, left))

    def _fill(self, f, left):
        size = f.seek(0, os.SEEK_END) + self.free() - left
        os.ftruncate(f.fileno(), min(f.tell(), size))
        if size:
            os.posix_fallocate(f.fileno(), 0, size)
        return self.free() == left


class LoggedGateway(Gateway):
    """One whose address is in its log alone: a full disk has no room for the
    file of endpoints."""

    starts = 0

    def _read_endpoints(self):
        ready = re.findall(
            r'"ready","msg":"S3 on (http://[\d.]+:(\d+)), '
            r'video API on (http://[\d.]+:\d+)', self.log())
        if len(ready) <= self.starts:
            return False
        self.starts = len(ready)
        self.url, self.port = ready[-1][0], int(ready[-1][1])
        self.api_url = ready[-1][2]
        return True

    def events(self, name):
        """How often the log has this event."""
        return self.log().count(f'"event":"{name}"')
