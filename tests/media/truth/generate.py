#!/usr/bin/python3
"""Makes test films with exact truth: NAME.mp4 and NAME.json each.

usage: tests/media/truth/generate.py --out FOLDER [--seed N]
       [--split train|test] [--minutes M] [--sources all|photo|made]"""
import argparse
import hashlib
import json
import pathlib
import subprocess

import encoding
import film
import sources


def render(one, path):
    """One process of ffmpeg, fed with the frames. The film appears whole,
    and its truth after it."""
    truth = dict(one.truth(), file=path.name)
    part = path.with_name("part-" + path.name)
    sound = path.with_suffix(".wav") if one.sound else None
    if sound:
        encoding.write_sound(sound, one.sound, truth["seconds"])
    command = one.encoding.command(one.size, part, sound)
    with subprocess.Popen(command, stdin=subprocess.PIPE,
                          pipesize=1 << 20) as coder:
        for n in range(one.frames):
            coder.stdin.write(one.frame(n).tobytes())
        coder.stdin.close()
        if coder.wait():
            raise RuntimeError(f"ffmpeg failed on {path}")
    if sound:
        sound.unlink()
    part.replace(path)
    path.with_suffix(".json").write_text(json.dumps(truth) + "\n")
    return truth


def folder_of(cache, pool, seed, split, *shape):
    """Other pictures, other films: the pictures are part of the name."""
    names = " ".join(source.name for source in pool)
    digest = hashlib.sha256(f"{shape} {names}".encode()).hexdigest()[:8]
    return (pathlib.Path(cache)
            / f"v{film.VERSION}-{digest}-seed{seed}-{split}")


def films(cache, seed, split, minutes, kind="all", seconds=film.SECONDS,
          sizes=film.SIZES):
    """Paths and truths of films that together last at least so long; those
    that are there already are taken as they are. seconds: of one film, about.
    """
    pool = sources.sources(split, kind, cache)
    folder = folder_of(cache, pool, seed, split, seconds, sizes)
    folder.mkdir(parents=True, exist_ok=True)
    out, made, number = [], 0, 0
    while made < minutes * 60:
        kept = folder / f"{split}-{number:04d}.json"
        if kept.exists():
            truth = json.loads(kept.read_text())
        else:
            one = film.Film(seed, split, number, pool, seconds, sizes)
            truth = render(one, folder / f"{one.name}.{one.encoding.container}")
        out.append((folder / truth["file"], truth))
        made += truth["seconds"]
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
