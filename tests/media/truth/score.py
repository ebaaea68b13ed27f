#!/usr/bin/python3
"""Scores our scene detection, and PySceneDetect beside it, on generated films
or on a collection of annotated ones. Prints one table.

usage: tests/media/truth/score.py [--split train|test] [--seed N]
           [--minutes M] [--sources all|photo|made] [--cache FOLDER]
           [--rivals] [--scenedetect FOLDER] [--films]
       tests/media/truth/score.py --collection bbc|autoshot|clipshots
           --annotations PATH --videos FOLDER [--films]"""
import argparse
import collections
import pathlib
import random

import annotations
import encoding
import generate
import ours
import rivals
import scoring

FAST = ("flash", "pan", "whip")
NAMES = 40
HEAD = (f"{'':{NAMES}}{'cuts':^19} {'gradual':^19} {'all':>6}{'mean':>6}"
        "  false alarms/min")
LEGEND = (f"{'':{NAMES}}{'P':>6}{'R':>6}{'F1':>7} {'P':>6}{'R':>6}{'F1':>7} "
          f"{'F1':>6}{'F1':>6}  {'flash+pan':>9}{'any':>6}")


def row(name, total):
    def three(tally):
        return (f"{100 * tally.precision:6.1f}{100 * tally.recall:6.1f}"
                f"{100 * tally.f1:7.1f} ")
    return (f"{name:{NAMES}}{three(total.cuts)}{three(total.graduals)}"
            f"{100 * total.all.f1:6.1f}{100 * total.mean_f1:6.1f}"
            f"  {total.per_minute(*FAST):9.2f}{total.per_minute():6.2f}")


def by_kind(found, truth):
    """(kind, whether found) of every transition of a film."""
    cuts, graduals, _ = scoring.match(found, truth)
    seen = {cut for _, cut in cuts}
    named = [gradual for _, gradual in graduals]
    for cut in truth["cuts"]:
        yield "cut", cut in seen
    for gradual in truth["graduals"]:
        yield gradual["type"], gradual in named


def explain(path, truth, found):
    """What was missed and what was wrong in a film."""
    cuts, graduals, used = scoring.match(found, truth)
    seen = {cut for _, cut in cuts}
    named = [gradual for _, gradual in graduals]
    missed = [n for n in truth["cuts"] if n not in seen] + [
        (g["type"], g["first"], g["end"]) for g in truth["graduals"]
        if g not in named]
    wrong = [(f.point, scoring.blame(f.point, truth))
             for i, f in enumerate(found) if i not in used]
    print(row(path.name, scoring.score(found, truth)))
    print("    missed", missed, "wrong", wrong)


def difference(mine, others):
    """Of mean F1 over the same films, and the middle 95 % of it when films
    are drawn anew 1,000 times."""
    def gap(picks):
        a, b = (sum((scores[i] for i in picks), scoring.Score()).mean_f1
                for scores in (mine, others))
        return 100 * (a - b)
    rng, count = random.Random(1), len(mine)
    drawn = sorted(gap([rng.randrange(count) for _ in range(count)])
                   for _ in range(1000))
    return gap(range(count)), drawn[25], drawn[974]


def report_ours(films, each):
    scores, kinds = [], collections.Counter()
    for path, truth in films:
        found = ours.detect(path, encoding.times(truth))
        scores.append(scoring.score(found, truth))
        kinds.update(by_kind(found, truth))
        if each:
            explain(path, truth, found)
    total = sum(scores, scoring.Score())
    print(row("ours", total))
    return scores, total, kinds


def report_rivals(train, films, folder, mine):
    """Against the one that train says is the best, and, should hindsight say
    another, against that one too."""
    version, variants, every = rivals.choose(train, films, folder)
    scores = {variant: [scoring.score(one[variant], truth)
                        for one, (_, truth) in zip(every, films)]
              for variant in variants}
    totals = {variant: sum(scores[variant], scoring.Score())
              for variant in variants}
    for variant in variants:
        print(row(variant, totals[variant]))
    print(f"\nmean F1 of ours less that of PySceneDetect {version}:")
    here = max(variants, key=lambda variant: totals[variant].mean_f1)
    for variant, what in {here: "here", variants[0]: "on train"}.items():
        gap, low, high = difference(mine, scores[variant])
        print(f"  {gap:+.1f} points (95 %: {low:+.1f} to {high:+.1f}): "
              f"{variant}, the best {what}")


def collection(given):
    """Annotated films of others; the rate only tells times from frames."""
    truths = annotations.LOADERS[given.collection](given.annotations)
    for path in sorted(pathlib.Path(given.videos).iterdir()):
        truth = truths.get(path.stem)
        if truth:
            ticks = encoding.probe(path)
            yield path, dict(truth, ticks=ticks, ticks_per_second=1,
                             seconds=ticks[-1] if ticks else 0)


def arguments():
    args = argparse.ArgumentParser(description="score scene detection")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--split", choices=("train", "test"), default="train")
    args.add_argument("--minutes", type=float, default=2)
    args.add_argument("--sources", choices=("all", "photo", "made"),
                      default="all")
    args.add_argument("--cache", default="build/truth",
                      help="where films are kept from run to run")
    args.add_argument("--rivals", action="store_true",
                      help="PySceneDetect too, tuned on the train split")
    args.add_argument("--scenedetect", metavar="FOLDER",
                      help="its release; without, its documented algorithms")
    args.add_argument("--films", action="store_true",
                      help="what is wrong, film by film")
    args.add_argument("--collection", choices=annotations.LOADERS)
    args.add_argument("--annotations")
    args.add_argument("--videos")
    return args.parse_args()


def main():
    given = arguments()

    def made(split):
        return generate.films(given.cache, given.seed, split, given.minutes,
                              given.sources)

    films = list(collection(given)) if given.collection else made(given.split)
    print(HEAD + "\n" + LEGEND)
    mine, total, kinds = report_ours(films, given.films)
    if given.rivals and not given.collection:
        report_rivals(made("train"), films, given.scenedetect, mine)
    print("\nours, found by kind:", ", ".join(
        f"{kind} {kinds[kind, True]}/"
        f"{kinds[kind, True] + kinds[kind, False]}"
        for kind in sorted({kind for kind, _ in kinds})))
    print("ours, false alarms by event:", dict(total.blamed), "of",
          total.alarms)
    print(f"ours, frames of gradual transitions: "
          f"P {100 * total.frame_precision:.1f} "
          f"R {100 * total.frame_recall:.1f}")
    print(f"{len(films)} films, {total.seconds / 60:.1f} minutes"
          + ("" if given.collection else ", synthetic truth"))


if __name__ == "__main__":
    main()
