#!/usr/bin/python3
"""Scores our scene detection, and others beside it, on generated films.

usage: tests/media/truth/score.py [--seed N] [--split train|test]
       [--minutes M] [--cache FOLDER] [--sources all|photo|made] [--films]"""
import argparse
import collections

import encoding
import generate
import ours
import scoring

PANS = ("flash", "pan", "whip")
HEAD = (f"{'':34}{'cuts':^20}{'gradual':^20}{'all':^7}{'mean':^7}"
        "  alarms/min")
LEGEND = f"{'':34}{'P':>6}{'R':>6}{'F1':>7} {'P':>6}{'R':>6}{'F1':>7}" \
    f"{'F1':>7}{'F1':>7}{'flash+pan':>11}{'any':>6}"


def row(name, total):
    cells = [f"{100 * value:6.1f}" for tally in (total.cuts, total.graduals)
             for value in (tally.precision, tally.recall, tally.f1)]
    return (f"{name:34}" + "".join(cells[:2]) + f"{cells[2]:>7} "
            + "".join(cells[3:5]) + f"{cells[5]:>7}"
            + f"{100 * total.all.f1:7.1f}{100 * total.mean_f1:7.1f}"
            + f"{total.per_minute(*PANS):11.2f}{total.per_minute():6.2f}")


def by_kind(found, truth):
    """(kind, found or missed) of every transition of a film."""
    cuts, graduals, _ = scoring.match(found, truth)
    seen = {cut for _, cut in cuts}
    for cut in truth["cuts"]:
        yield "cut", cut in seen
    named = [gradual for _, gradual in graduals]
    for gradual in truth["graduals"]:
        yield gradual["type"], gradual in named


def report(detector, films, each):
    """The sum over the films, and what it found and missed by kind."""
    total, kinds = scoring.Score(), collections.Counter()
    for path, truth in films:
        found = detector(path, encoding.times(truth))
        one = scoring.score(found, truth)
        total += one
        kinds.update(by_kind(found, truth))
        if each:
            print(row(path.stem, one))
            print("   found", [f.point for f in found], "cuts", truth["cuts"],
                  "gradual", [(g["type"], g["first"], g["end"])
                              for g in truth["graduals"]])
    return total, kinds


def main():
    args = argparse.ArgumentParser(description="score scene detection")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--split", choices=("train", "test"), default="train")
    args.add_argument("--minutes", type=float, default=2)
    args.add_argument("--cache", default="build/truth")
    args.add_argument("--sources", choices=("all", "photo", "made"),
                      default="all")
    args.add_argument("--films", action="store_true", help="each film too")
    given = args.parse_args()
    films = generate.films(given.cache, given.seed, given.split,
                           given.minutes, given.sources)
    print(HEAD + "\n" + LEGEND)
    total, kinds = report(ours.detect, films, given.films)
    print(row("ours", total))
    for kind in sorted({kind for kind, _ in kinds}):
        found, missed = kinds[kind, True], kinds[kind, False]
        print(f"  {kind}: {found} of {found + missed}")
    print(f"  alarms in: {total.blamed}; frames of graduals: "
          f"P {100 * total.frame_precision:.1f} "
          f"R {100 * total.frame_recall:.1f}")


if __name__ == "__main__":
    main()
