"""Gradual transitions. Each has `length` frames that belong to neither shot
alone: mix(a, b, k) makes the one numbered k; a and b may be asked lazily,
since a fade shows one at a time."""
import numpy as np


class Dissolve:
    kind = "dissolve"

    def __init__(self, rng, rate):
        self.length = round(4 * (60 / 4) ** rng.random())

    def mix(self, a, b, k):
        return a() + (b() - a()) * ((k + 1) / (self.length + 1))


class Fade:
    """To a colour and from it. One side may be sudden."""
    kind = "fade"

    def __init__(self, rng, rate):
        def side():
            return int(rate * rng.uniform(0.2, 1))

        self.down, self.up = side(), side()
        which = rng.random()
        if which < 0.15:
            self.up = 0
        elif which < 0.3:
            self.down = 0
        self.hold = int(rate * rng.choice((0.04, 0.1, 0.3, 0.6)) + 1)
        self.length = self.down + self.hold + self.up
        level = 255 if rng.random() < 0.2 else rng.choice((0, 0, 0, 12))
        self.colour = np.float32(level)

    def mix(self, a, b, k):
        if k < self.down:
            return a() + (self.colour - a()) * ((k + 1) / (self.down + 1))
        k -= self.down + self.hold
        if k < 0:
            return np.zeros_like(a()) + self.colour
        return self.colour + (b() - self.colour) * ((k + 1) / (self.up + 1))


class Wipe:
    """An edge, hard or soft, crosses the picture."""
    kind = "wipe"

    def __init__(self, rng, rate):
        self.length = int(rate * rng.uniform(0.25, 1.2)) + 1
        self.soft = rng.choice((0.005, 0.05, 0.2))
        self.shape = rng.choice(("across", "across", "iris", "clock"))
        self.angle = rng.uniform(0, 2 * np.pi)
        self.map = None

    def places(self, height, width):
        """0..1: when the edge comes by."""
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        if self.shape == "iris":
            at = np.hypot(x, y) + 0 * x
        elif self.shape == "clock":
            at = np.arctan2(y, x) + np.zeros_like(x * y)
        else:
            at = x * np.cos(self.angle) + y * np.sin(self.angle)
        at = at - at.min()
        return (at / at.max())[..., None].astype(np.float32)

    def mix(self, a, b, k):
        if self.map is None:
            self.map = self.places(*a().shape[:2])
        u = (k + 1) / (self.length + 1) * (1 + self.soft)
        share = np.clip((u - self.map) / self.soft, 0, 1)
        return a() + (b() - a()) * share


class Push:
    """The next picture pushes the last one out."""
    kind = "wipe"

    def __init__(self, rng, rate):
        self.length = int(rate * rng.uniform(0.25, 0.8)) + 1
        self.axis = rng.choice((0, 1))
        self.back = rng.random() < 0.5

    def mix(self, a, b, k):
        pair = (b(), a()) if self.back else (a(), b())
        size = pair[0].shape[self.axis]
        shift = round(size * (k + 1) / (self.length + 1))
        shift = size - shift if self.back else shift
        both = np.concatenate(pair, self.axis)
        return both.take(range(shift, shift + size), self.axis)


def transition(rng, rate):
    """None is a hard cut."""
    pick = rng.random()
    for share, make in ((0.62, None), (0.82, Dissolve), (0.92, Fade),
                        (0.97, Wipe), (1.01, Push)):
        if pick < share:
            return make and make(rng, rate)
    return None
