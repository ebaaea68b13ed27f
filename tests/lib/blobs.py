"""The files of a store's larger objects, and a disk that loses a bit."""


def blobs(data):
    """All that lies there: below a data directory, or a backup."""
    return {p for p in (data / "blobs").rglob("*") if p.is_file()}


def flip(path, at):
    """One bit of the byte there."""
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 0x10]))
