"""A gateway on a disk that fails on demand (faults.c)."""

import errno
import os
import pathlib
import subprocess

SHIM = pathlib.Path(__file__).with_name("faults.c")
SHORT = 0
FOREVER = 1 << 40


def build(where):
    """The shim, compiled into the directory @where."""
    shim = where / "faults.so"
    subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1",
                    "-D_GNU_SOURCE", "-o", shim, SHIM], check=True)
    return shim


class Faults:
    def __init__(self, where):
        self.shim, self.file = build(where), where / "faults"
        self.hits_file = where / "faults.hits"

    def settings(self):
        """Environment of the process whose calls shall fail."""
        return {"LD_PRELOAD": str(self.shim), "FAULTS": str(self.file)}

    def set(self, *rules):
        """Of (call, path, errno or SHORT[, nth[, count]])."""
        self.hits_file.unlink(missing_ok=True)
        text = ""
        for call, path, error, nth, count in (
                (*r, 1, 1)[:5] if len(r) == 3 else (*r, 1)[:5] for r in rules):
            text += f"{call} {path} {nth} {count} {error}\n"
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.file)

    def clear(self):
        """Answers how many calls failed."""
        self.file.unlink(missing_ok=True)
        try:
            return self.hits_file.stat().st_size
        except OSError:
            return 0


def name(error):
    return "SHORT" if error == SHORT else errno.errorcode[error]
