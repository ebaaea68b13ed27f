#!/usr/bin/python3
"""Makes test films with exact truth: NAME.mp4 and NAME.json each.

usage: tests/media/truth/generate.py --out FOLDER [--seed N]
       [--split train|test] [--minutes M] [--sources all|photo|made]"""
import argparse
import json
import pathlib
import subprocess

import encoding
import film
import sources


def render(one, path):
    """One process of ffmpeg, fed with the frames. The film appears whole,
    and its truth after it."""
    part = path.with_name("part-" + path.name)
    command = encoding.command(one, part)
    with subprocess.Popen(command, stdin=subprocess.PIPE) as coder:
        for n in range(one.frames):
            coder.stdin.write(one.frame(n).tobytes())
        coder.stdin.close()
        if coder.wait():
            raise RuntimeError(f"ffmpeg failed on {path}")
    part.replace(path)
    truth = dict(one.truth(), file=path.name, **encoding.truth(one))
    path.with_suffix(".json").write_text(json.dumps(truth) + "\n")
    return truth


def films(cache, seed, split, minutes, kind="all"):
    """Paths and truths of films that together last at least so long; those
    that are there already are taken as they are."""
    cache = pathlib.Path(cache)
    folder = cache / f"v{film.VERSION}-{kind}-seed{seed}-{split}"
    folder.mkdir(parents=True, exist_ok=True)
    pool = sources.sources(split, kind, cache)
    out, seconds, number = [], 0, 0
    while seconds < minutes * 60:
        kept = list(folder.glob(f"{split}-{number:04d}.json"))
        if kept:
            truth = json.loads(kept[0].read_text())
        else:
            one = film.Film(seed, split, number, pool)
            truth = render(one, folder / (one.name + encoding.suffix(one)))
        out.append((folder / truth["file"], truth))
        seconds += truth["seconds"]
        number += 1
    return out


def main():
    args = argparse.ArgumentParser(description="test films with exact truth")
    args.add_argument("--out", required=True)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--split", choices=("train", "test"), default="train")
    args.add_argument("--minutes", type=float, default=2)
    args.add_argument("--sources", choices=("all", "photo", "made"),
                      default="all")
    given = args.parse_args()
    for path, truth in films(given.out, given.seed, given.split,
                             given.minutes, given.sources):
        print(path, f"{truth['frames']} frames, {len(truth['cuts'])} cuts,",
              f"{len(truth['graduals'])} gradual")


if __name__ == "__main__":
    main()
