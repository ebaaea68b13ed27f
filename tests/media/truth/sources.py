"""The pictures films are made of. Each belongs to one split for ever, by the
hash of its motif: variants of one motif (day and night, sizes, the two eyes
of a stereo pair) stay together, and what else is installed does not matter."""
import functools
import hashlib
import os
import pathlib
import re
import subprocess

import numpy as np

import procedural

WIDTH, HEIGHT = 1024, 576  # of every canvas; a film shows parts of it
MADE = 60                  # procedural pictures of each split
OPENCV_DATA = "/usr/share/doc/opencv-doc/examples/data"
FOLDERS = (
    ("/usr/share/backgrounds/gnome", "*"),
    ("/usr/share/backgrounds/mate/nature", "*"),
    ("/usr/share/backgrounds/mate/abstract", "*"),
    ("/usr/share/wallpapers", "*/contents/images/*"),
    (OPENCV_DATA, "*"),
)
# Shots of real footage, cuts left out: name, file, first frame, frames, rate
# and the split, by who is seen.
FOOTAGE = (
    ("woman", "Megamind.avi", 4, 92, 24, "train"),
    ("woman-near", "Megamind.avi", 157, 42, 24, "train"),
    ("street", "vtest.avi", 0, 120, 10, "train"),
    ("man", "Megamind.avi", 101, 52, 24, "test"),
    ("man-near", "Megamind.avi", 203, 64, 24, "test"),
    ("tree", "tree.avi", 0, 68, 15, "test"),
)
# Of the pictures of opencv-doc those that are photographs or as rich as one.
OPENCV = set("""aero1 aloeL apple baboon basketball1 board box_in_scene
    building butterfly chicky_512 fruits graf1 home leuvenA licenseplate_motion
    messi5 orange rubberwhale1 smarties squirrel_cls starry_night
    stuff""".split())
# Hardly anything but one colour, or nothing behind what is transparent.
EMPTY = {"silk", "waves", "spring", "vnc", "arc-colors-transparent-wallpaper"}
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
    """One motif. load() gives its canvases, uint8 (frames, height, width, 3):
    of a still one of HEIGHT x WIDTH, of footage many of half that size."""

    def __init__(self, name, photo, load, rate=0):
        self.name = name
        self.photo = photo
        self.load = load
        self.rate = rate  # frames a second of footage


def decode(path, width=WIDTH, height=HEIGHT, first=0, frames=1):
    """Covers the canvas, what is over is cut off."""
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-vf",
         f"select=gte(n\\,{first}),scale={width}:{height}:flags=area"
         f":force_original_aspect_ratio=increase,crop={width}:{height}",
         "-frames:v", str(frames), "-vsync", "passthrough", "-pix_fmt",
         "rgb24", "-f", "rawvideo", "-"],
        check=True, capture_output=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


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
            if name in EMPTY:
                continue
            found[name] = max(found.get(name, (0, None)), (rank, path))
    return [(name, path) for name, (_, path) in sorted(found.items())]


def cached(cache, name, make):
    """make(), kept in the folder cache when there is one."""
    kept = cache and pathlib.Path(cache) / "pictures" / f"{name}.npy"
    if not kept:
        return make()
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.npy")
        np.save(part, make())
        part.replace(kept)
    return np.load(kept, mmap_mode="r")


def procedural_canvas(number):
    return procedural.picture(number, HEIGHT, WIDTH)[None].astype(np.uint8)


def sources(split, kind="all", cache=None):
    """The sources of a split. kind: 'made' only those that need nothing
    installed, 'photo' only photographs and footage, 'all' both."""
    out = []

    def add(name, photo, make, rate=0):
        out.append(Source(name, photo, functools.partial(cached, cache, name,
                                                         make), rate))

    if kind in ("all", "photo"):
        for name, path in photographs():
            if split_of(name) == split:
                add(f"photo-{name}", True, functools.partial(decode, path))
        for name, path, first, frames, rate, where in FOOTAGE:
            path = pathlib.Path(OPENCV_DATA) / path
            if where == split and path.exists():
                add(f"footage-{name}", True, functools.partial(
                    decode, path, WIDTH // 2, HEIGHT // 2, first, frames),
                    rate)
    if kind in ("all", "made"):
        for n in range(MADE):
            number = 2 * n + (split == "test")
            add(f"made-{number}", False,
                functools.partial(procedural_canvas, number))
    return out
