"""Detections against truth, as TRECVID's shot boundary task did it. All
positions are frames, counted from 0.

A detection is a Found. One without extent is a point, as from a detector that
only names cuts. It is right when it names the exact first frame of a cut, or
a frame of a gradual transition nobody named before it; its kind is not asked.
One with an extent stands for the middle of it. What is wrong is counted
against the class the detector put it in: a point against cuts."""
import dataclasses

EVENT_MARGIN = 2  # frames around a flash or a pan that it is blamed for
BLAMED = ("flash", "flicker", "pan", "whip", "shake", "occluder", "exposure",
          "caption", "inset")


@dataclasses.dataclass(frozen=True)
class Found:
    frame: int          # the first frame of the new shot
    first: int = None   # extent of a gradual one, [first, end)
    end: int = None

    @property
    def gradual(self):
        return self.first is not None

    @property
    def point(self):
        return (self.first + self.end) // 2 if self.gradual else self.frame


@dataclasses.dataclass
class Tally:
    """Counts that can be added up over films."""
    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other):
        return Tally(self.right + other.right, self.wrong + other.wrong,
                     self.missed + other.missed)

    @property
    def precision(self):
        return ratio(self.right, self.right + self.wrong)

    @property
    def recall(self):
        return ratio(self.right, self.right + self.missed)

    @property
    def f1(self):
        return ratio(2 * self.right,
                     2 * self.right + self.wrong + self.missed)


def ratio(part, whole):
    """Nothing to find and nothing found is right."""
    return part / whole if whole else 1.0


@dataclasses.dataclass
class Score:
    cuts: Tally = dataclasses.field(default_factory=Tally)
    graduals: Tally = dataclasses.field(default_factory=Tally)
    blamed: dict = dataclasses.field(default_factory=dict)  # event: alarms
    alarms: int = 0     # all wrong detections
    shared: int = 0     # frames in both, of matched graduals with an extent
    claimed: int = 0    # frames of those extents
    real: int = 0       # frames of those transitions
    seconds: float = 0.0

    def __add__(self, other):
        blamed = dict(self.blamed)
        for kind, count in other.blamed.items():
            blamed[kind] = blamed.get(kind, 0) + count
        return Score(self.cuts + other.cuts, self.graduals + other.graduals,
                     blamed, self.alarms + other.alarms,
                     self.shared + other.shared, self.claimed + other.claimed,
                     self.real + other.real, self.seconds + other.seconds)

    @property
    def mean_f1(self):
        return (self.cuts.f1 + self.graduals.f1) / 2

    @property
    def all(self):
        return self.cuts + self.graduals

    def per_minute(self, *kinds):
        """Alarms of these events, of everything when none is named."""
        count = (sum(self.blamed.get(kind, 0) for kind in kinds) if kinds
                 else self.alarms)
        return count * 60 / self.seconds if self.seconds else 0.0

    @property
    def frame_precision(self):
        return ratio(self.shared, self.claimed)

    @property
    def frame_recall(self):
        return ratio(self.shared, self.real)


def overlap(found, gradual):
    return max(0, min(found.end, gradual["end"])
               - max(found.first, gradual["first"]))


def match(found, truth, tolerance=0):
    """Pairs (index of found, truth) of cuts and of graduals, each at most
    once. `end` itself counts as a frame of a transition: it is where one
    that says only where the new shot begins would put it. The nearest free
    cut is taken first, so that a tolerance never steals an exact match."""
    near = sorted((abs(f.point - cut), i, cut)
                  for i, f in enumerate(found) for cut in truth["cuts"]
                  if abs(f.point - cut) <= tolerance)
    cuts, used = {}, set()
    for _, i, cut in near:
        if i not in used and cut not in cuts:
            cuts[cut] = i
            used.add(i)
    graduals = []
    for gradual in truth["graduals"]:
        inside = [i for i, f in enumerate(found) if i not in used
                  and gradual["first"] <= f.point <= gradual["end"]]
        if inside:  # that which says most about its extent
            best = max(inside, key=lambda i: (
                found[i].gradual and overlap(found[i], gradual), -i))
            used.add(best)
            graduals.append((best, gradual))
    return [(i, cut) for cut, i in cuts.items()], graduals, used


def blame(point, truth):
    """The event that a wrong detection lies in: the shortest, since a flash
    may happen in a pan."""
    near = [(e["end"] - e["first"], e["type"]) for e in truth["events"]
            if e["first"] - EVENT_MARGIN <= point <= e["end"] + EVENT_MARGIN]
    return min(near)[1] if near else None


def score(found, truth, tolerance=0):
    """What one film's detections are worth."""
    skip = truth.get("ignore", [])
    cuts, graduals, used = match(found, truth, tolerance)
    out = Score(seconds=truth["seconds"])
    out.cuts = Tally(len(cuts), 0, len(truth["cuts"]) - len(cuts))
    out.graduals = Tally(len(graduals), 0,
                         len(truth["graduals"]) - len(graduals))
    for i, f in enumerate(found):
        if i in used or any(a <= f.point <= b for a, b in skip):
            continue
        (out.graduals if f.gradual else out.cuts).wrong += 1
        out.alarms += 1
        kind = blame(f.point, truth)
        if kind:
            out.blamed[kind] = out.blamed.get(kind, 0) + 1
    for i, gradual in graduals:
        if found[i].gradual:
            out.shared += overlap(found[i], gradual)
            out.claimed += found[i].end - found[i].first
            out.real += gradual["end"] - gradual["first"]
    return out
