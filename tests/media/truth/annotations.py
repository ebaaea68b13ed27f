"""Truth as others write it down: BBC Planet Earth, AutoShot and ClipShots, for
whoever has their films. Each loader gives truths by the film's name, without
events and with `seconds` unknown until the film is opened."""
import json
import pathlib
import re


class Damaged(ValueError):
    """A line that says nothing sensible; the collections have some."""


def truth(cuts, graduals):
    return {"cuts": sorted(cuts), "events": [], "ignore": [],
            "graduals": sorted(graduals, key=lambda g: g["first"])}


def joined(pairs, where):
    """(last frame of a shot, first frame of the next) of each transition: a
    cut when they are neighbours."""
    cuts, graduals = set(), {}
    for last, begin in pairs:
        if begin <= last:
            raise Damaged(f"{where}: {last}, {begin}")
        if begin == last + 1:
            cuts.add(begin)
        else:
            graduals[last, begin] = {"type": "gradual", "first": last + 1,
                                     "end": begin}
    return truth(cuts, graduals.values())


def bbc(folder):
    """NAME.txt each: a line a shot, its first and its last frame."""
    out = {}
    for path in sorted(pathlib.Path(folder).glob("*.txt")):
        shots = [tuple(map(int, line.split()))
                 for line in path.read_text().splitlines() if line.strip()]
        pairs = [(last, begin) for (_, last), (begin, _)
                 in zip(shots, shots[1:])]
        out[path.stem] = joined(pairs, path.name)
    return out


def autoshot(path, complain=print):
    """One file for all: 'NAME.mp4 FRAMES', then 'last,first' of each
    transition. It was typed by hand: other separators are read, lines that
    go backwards are left out and named."""
    pairs, name = {}, None
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(),
                                  1):
        numbers = re.findall(r"\d+", line)
        if ".mp4" in line:
            name = line.split(".mp4")[0].strip()
            pairs[name] = []
        elif len(numbers) == 2 and name and int(numbers[0]) < int(numbers[1]):
            pairs[name].append(tuple(map(int, numbers)))
        elif line.strip():
            complain(f"line {number} left out: {line}")
    return {name: joined(found, name) for name, found in pairs.items()}


def clipshots(path):
    """JSON: {film: {"transitions": [[last, first], ...], ...}}."""
    films = json.loads(pathlib.Path(path).read_text())
    return {pathlib.Path(name).stem: joined(one["transitions"], name)
            for name, one in films.items()}


LOADERS = {"bbc": bbc, "autoshot": autoshot, "clipshots": clipshots}
