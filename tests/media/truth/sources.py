"""The pictures films are made of. Each belongs to one split for ever, by the
hash of its motif: variants of one motif (day and night, sizes, the two eyes
of a stereo pair) stay together, and what else is installed does not matter."""
import functools
import hashlib
import pathlib
import re
import subprocess

import numpy as np

import procedural

WIDTH, HEIGHT = 1024, 576  # of every canvas; a film shows parts of it
MADE = 60                  # procedural pictures of each split
FOLDERS = (
    ("/usr/share/backgrounds/gnome", "*"),
    ("/usr/share/backgrounds/mate/nature", "*"),
    ("/usr/share/backgrounds/mate/abstract", "*"),
    ("/usr/share/wallpapers", "*/contents/images/*"),
    ("/usr/share/doc/opencv-doc/examples/data", "*"),
)
# Of the pictures of opencv-doc those that are photographs or as rich as one.
OPENCV = set("""aero1 aloeL apple baboon basketball1 board box_in_scene
    building butterfly chicky_512 fruits graf1 home leuvenA licenseplate_motion
    messi5 orange rubberwhale1 smarties squirrel_cls starry_night
    stuff""".split())
ENDS = {".jpg", ".jpeg", ".png", ".webp"}


def motif(path):
    if "contents" in path.parts:  # of Plasma: a folder a motif
        return path.parts[path.parts.index("contents") - 1].lower()
    stem = re.sub(r"_\d+x\d+$", "", path.stem)
    return re.sub(r"[-_](d|l|dark|light)$", "", stem).lower()


def split_of(name):
    """Two fifths of the motifs are held out."""
    digest = hashlib.sha256(name.encode()).digest()
    return "test" if digest[0] < 0.4 * 256 else "train"


class Source:
    """One motif. canvas() is float32 RGB of HEIGHT x WIDTH."""

    def __init__(self, name, photo, load):
        self.name = name
        self.photo = photo
        self.canvas = load


def decode(path):
    """Covers the canvas, what is over is cut off."""
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-frames:v",
         "1", "-vf", f"scale={WIDTH}:{HEIGHT}:flags=area"
         f":force_original_aspect_ratio=increase,crop={WIDTH}:{HEIGHT}",
         "-pix_fmt", "rgb24", "-f", "rawvideo", "-"],
        check=True, capture_output=True)
    flat = np.frombuffer(done.stdout, np.uint8)
    return flat.reshape(HEIGHT, WIDTH, 3)


def photographs():
    """(motif, path), one path a motif: the largest file not above 4 MB, for
    the sake of time."""
    found = {}
    for folder, pattern in FOLDERS:
        for path in sorted(pathlib.Path(folder).glob(pattern)):
            if path.suffix.lower() not in ENDS or not path.is_file():
                continue
            if "opencv-doc" in folder and path.stem not in OPENCV:
                continue
            size = path.stat().st_size
            rank = size if size <= 4_000_000 else 1 / size
            name = motif(path)
            found[name] = max(found.get(name, (0, None)), (rank, path))
    return [(name, path) for name, (_, path) in sorted(found.items())]


def cached(cache, name, make):
    """make() as float32, kept in the folder cache when there is one."""
    kept = cache and pathlib.Path(cache) / "pictures" / f"{name}.npy"
    if kept and kept.exists():
        return np.load(kept).astype(np.float32)
    data = make()
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{id(data)}.part.npy")
        np.save(part, data.astype(np.uint8))
        part.replace(kept)
    return data.astype(np.float32)


def sources(split, kind="all", cache=None):
    """The sources of a split. kind: 'made' only those that need nothing
    installed, 'photo' only photographs, 'all' both."""
    def holder(name, make):
        return functools.lru_cache(1)(lambda: cached(cache, name, make))

    out = []
    if kind in ("all", "photo"):
        for name, path in photographs():
            if split_of(name) == split:
                load = functools.partial(decode, path)
                out.append(Source(name, True,
                                  holder("photo-" + name, load)))
    if kind in ("all", "made"):
        for n in range(MADE):
            number = 2 * n + (split == "test")
            load = functools.partial(procedural.picture, number, HEIGHT, WIDTH)
            name = f"made-{number}"
            out.append(Source(name, False, holder(name, load)))
    return out
