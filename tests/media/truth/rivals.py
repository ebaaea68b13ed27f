"""What we are held against: for each detector of PySceneDetect the variant
that does best on the train split, and that best one joined with its detector
of fades, as its users join them."""
import oracle
import peers
import scoring
from scoring import Found


def detections(films, folder, variants):
    """(version, for each film {variant: detections}): of the release in the
    folder, or of the detectors as documented when there is none."""
    if not folder:
        return "documented", [oracle.detect(path, truth, variants)
                              for path, truth in films]
    every = [peers.detect(path, truth, folder, variants)
             for path, truth in films]
    return every[0]["version"], [
        {name: [Found(n) for n in sorted(set(one["found"][name]))]
         for name in variants} for one in every]


def total(variant, every, films):
    return sum((scoring.score(one[variant], truth)
                for one, (_, truth) in zip(every, films)), scoring.Score())


def best_of_each(every, films):
    """The best variant of each detector by its mean F1."""
    best = {}
    for variant in every[0]:
        worth = total(variant, every, films).mean_f1
        detector = variant.split()[0]
        best[detector] = max(best.get(detector, (-1, "")), (worth, variant))
    return {detector: variant for detector, (_, variant) in best.items()}


def join(every, variants):
    """Adds to each film what each of these finds, as one."""
    name = " + ".join(variants)
    for one in every:
        one[name] = sorted({f for v in variants for f in one[v]},
                           key=lambda f: f.frame)
    return name


def choose(train, films, folder):
    """(version, variants to show, detections of the films): chosen on train,
    the best one on train first."""
    grid = [v for v in peers.GRID if folder or v.split()[0] in oracle.NUMBERS]
    _, learnt = detections(train, folder, grid)
    chosen = best_of_each(learnt, train)
    variants = list(chosen.values())
    version, every = detections(films, folder, variants)
    if "threshold" in chosen:
        rest = [v for d, v in chosen.items() if d != "threshold"]
        best = max(rest, key=lambda v: total(v, learnt, train).mean_f1)
        pair = (best, chosen["threshold"])
        join(learnt, pair)
        variants.append(join(every, pair))
    variants.sort(key=lambda v: -total(v, learnt, train).mean_f1)
    return version, variants, every
