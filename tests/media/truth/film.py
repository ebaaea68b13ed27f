"""A film by its seed: shots, what joins them, what lies over all of them, how
it is encoded; and its truth. Nothing is drawn before frame() is asked."""
import functools
import random

import numpy as np

import camera
import effects
import encoding
import overlays
import transitions

VERSION = 3  # of what a seed means: raise it with every change of a film
SIZES = ((320, 180), (320, 180), (320, 180), (384, 216), (426, 240),
         (256, 192), (180, 320), (640, 360))
RATES = ("24000/1001", "24/1", "25/1", "25/1", "25/1", "30000/1001",
         "30/1", "30/1", "50/1", "60000/1001", "60/1")
SECONDS = 32  # of a film, more or less
PHOTOS = 0.7  # of the shots, where there are photographs
MOVES = ("still", "still", "zoom", "zoom", "drift", "pan", "pan", "whip",
         "shake")
SEEN = 8  # levels: the mean change of a cut over 16 x 9 cells is at least it


class Shot:
    """A view of one picture for `frames` frames, transitions included."""

    def __init__(self, rng, source, film, first, frames):
        self.source = source
        self.first = first
        self.frames = frames
        self.size = film.size
        move = rng.choice(MOVES)
        if move == "whip" and frames < 12:
            move = "drift"
        self.camera = camera.Camera(*film.size, rng, frames, film.rate, move)
        self.effects = effects.effects_of(rng, frames, film.rate)

    def frame(self, n):
        n -= self.first
        out = self.camera.view(self.source, n, *self.size)
        for effect in self.effects:
            out = effect.draw(out, n)
        return np.clip(out, 0, 255)

    @property
    def events(self):
        return [(kind, self.first + max(0, first), self.first + end)
                for part in (self.camera, *self.effects)
                for kind, first, end in part.events]


def cells(picture):
    """16 x 9 means, for asking whether two pictures look alike."""
    rows = np.array_split(picture, 9)
    return np.array([[c.mean((0, 1)) for c in np.array_split(r, 16, axis=1)]
                     for r in rows])


def rate_of(text):
    over, under = text.split("/")
    return int(over) / int(under)


class Film:
    def __init__(self, seed, split, number, pool, seconds=SECONDS, sizes=SIZES):
        rng = random.Random(f"{VERSION} {seed} {split} {number}")
        self.name = f"{split}-{number:04d}"
        self.seed, self.split = seed, split
        self.size = rng.choice(sizes)
        self.rate_text = rng.choice(RATES)
        self.rate = rate_of(self.rate_text)
        self.frames = round(self.rate * seconds * rng.uniform(0.8, 1.2))
        self.grade = overlays.Grade(rng)
        self.shots, self.joins = [], []  # joins: (first, end, transition)
        self.plan(rng, pool)
        self.overlays = self.lay_over(rng, pool)
        self.encoding = encoding.Encoding(rng, self.rate_text, self.frames)
        self.sound = self.plan_sound(rng) if self.encoding.sound else None

    def plan(self, rng, pool):
        """Shot after shot. One is at least 0.3 s long besides its
        transitions, and so different from the last that a cut is seen."""
        first, lead = 0, 0
        while True:
            shown = int(self.rate * self.length(rng))
            join = transitions.transition(rng, self.rate)
            tail = join.length if join else 0
            last = first + lead + shown + tail >= self.frames - self.rate
            if last:
                shown, tail, join = self.frames - first - lead, 0, None
            shot = self.shoot(rng, pool, first, lead + shown + tail, lead)
            self.shots.append(shot)
            if last:
                return
            at = first + lead + shown
            self.joins.append((at, at + tail, join))
            first, lead = at, tail

    @staticmethod
    def length(rng):
        """Seconds of a shot: some are as short as those of a montage."""
        if rng.random() < 0.12:
            return rng.uniform(0.3, 0.8)
        return max(0.4, min(8, rng.lognormvariate(0.6, 0.6)))

    def shoot(self, rng, pool, first, frames, lead):
        """A shot whose first picture differs enough from the last one of the
        shot before; should none of many, the one that differs most."""
        best, most = None, -1
        for _ in range(40):
            source = self.pick(rng, pool)
            if self.shots and rng.random() < 0.15:
                source = self.shots[-1].source  # another view of the place
            shot = Shot(rng, source, self, first, frames)
            change = self.change_to(shot, first, lead)
            if change > most:
                best, most = shot, change
            if most >= SEEN:
                break
        return best

    def change_to(self, shot, first, lead):
        if not self.shots:
            return SEEN
        old, new = (cells(self.grade.draw(one.frame(n))) for one, n in
                    ((self.shots[-1], first - 1), (shot, first + lead)))
        return abs(old - new).mean()

    def lay_over(self, rng, pool):
        out = []
        if rng.random() < 0.25:
            out.append(overlays.Curtain(rng, self.frames, self.rate))
        if rng.random() < 0.12:
            out.append(overlays.Inset(rng, self,
                                      lambda: self.pick(rng, pool)))
        if rng.random() < 0.35:
            out.append(overlays.Grain(rng, self.size))
        if rng.random() < 0.2:
            out.append(overlays.Bars(rng, self.size))
        return out

    def plan_sound(self, rng):
        """When the sound of each shot begins, in seconds: with the shot,
        before it (a J-cut) or after it (an L-cut)."""
        times = encoding.times(dict(self.encoding.truth(), frames=self.frames,
                                    rate=self.rate_text))
        out = [0.0]
        for _, end, _ in self.joins:
            shift = rng.choice((0, 0, -1, 1)) * rng.uniform(0.2, 1)
            out.append(round(max(out[-1] + 0.1, times[end] + shift), 3))
        return out

    @staticmethod
    def pick(rng, pool):
        photos = [source for source in pool if source.photo]
        made = [source for source in pool if not source.photo]
        if photos and (not made or rng.random() < PHOTOS):
            return rng.choice(photos)
        return rng.choice(made)

    def frame(self, n):
        """uint8 RGB. The frames of shots between joins are theirs alone."""
        at = sum(end <= n for _, end, _ in self.joins)
        here = functools.lru_cache(1)(lambda: self.shots[at].frame(n))
        if at < len(self.joins) and n >= self.joins[at][0]:
            first, _, join = self.joins[at]
            after = functools.lru_cache(1)(
                lambda: self.shots[at + 1].frame(n))
            out = join.mix(here, after, n - first)
        else:
            out = here()
        out = self.grade.draw(np.array(out, np.float32))
        for overlay in self.overlays:
            out = overlay.draw(out, n)
        return np.clip(out, 0, 255).astype(np.uint8)

    def truth(self):
        """Frames are counted from 0. A cut is the first frame of the new
        shot. A gradual transition is `first`, the first frame that is not of
        the old shot alone, and `end`, the first that is of the new one
        alone. Events are what no detector may report, [first, end)."""
        return {
            "format": "reelgate-truth", "version": VERSION,
            "seed": self.seed, "split": self.split, "name": self.name,
            "width": self.size[0], "height": self.size[1],
            "rate": self.rate_text, "frames": self.frames,
            "cuts": [first for first, _, join in self.joins if not join],
            "graduals": [{"type": join.kind, "first": first, "end": end}
                         for first, end, join in self.joins if join],
            "events": [{"type": kind, "first": first, "end": min(end,
                                                                 self.frames)}
                       for part in (*self.shots, *self.overlays)
                       for kind, first, end in part.events],
            "ignore": [overlay.ignore for overlay in self.overlays
                       if hasattr(overlay, "ignore")],
            "sound": self.sound,
            **self.encoding.truth(),
            "shots": [{"source": shot.source.name, "first": shot.first,
                       "end": shot.first + shot.frames}
                      for shot in self.shots],
        }
