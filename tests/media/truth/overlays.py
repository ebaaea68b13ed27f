"""What lies over a whole film and is no change of shot: its look, grain, bars, a
picture in the picture with cuts of its own, light that comes up at the
beginning and goes at the end."""
import numpy as np

import camera


class Grade:
    """The look of a film: plain, dark, pale or without colour."""

    def __init__(self, rng):
        look = rng.choice(("plain",) * 6 + ("dark", "dark", "pale", "grey"))
        self.grey = look == "grey"
        self.gain = {"dark": rng.uniform(0.3, 0.6),
                     "pale": rng.uniform(0.5, 0.7)}.get(look, 1)
        self.lift = 60 if look == "pale" else 0

    def draw(self, picture):
        if self.grey:
            picture = picture @ np.full((3, 3), 1 / 3, np.float32)
        return picture if self.gain == 1 else picture * self.gain + self.lift


class Grain:
    def __init__(self, rng, size):
        self.size = size
        width, height = size
        made = np.random.RandomState(rng.getrandbits(32))
        self.tile = made.normal(0, rng.uniform(1, 9),
                                (height * 2, width * 2, 1)).astype(np.float32)
        self.events = []

    def draw(self, picture, n):
        """Another place of the tile for each frame."""
        width, height = self.size
        place = np.random.RandomState(n)
        y, x = place.randint(0, height), place.randint(0, width)
        return picture + self.tile[y:y + height, x:x + width]


class Bars:
    """A letterbox, or pillars."""

    def __init__(self, rng, size):
        self.axis = 0 if rng.random() < 0.8 else 1
        self.wide = round(size[1 - self.axis] * rng.uniform(0.06, 0.14))
        self.events = []

    def draw(self, picture, n):
        across = picture if self.axis == 0 else picture.swapaxes(0, 1)
        across[:self.wide] = 16
        across[-self.wide:] = 16
        return picture


class Inset:
    """In a corner, up to a tenth of the picture, with cuts of its own."""

    def __init__(self, rng, film, pick):
        width, height = film.size
        share = rng.uniform(0.2, 0.32)
        self.size = max(16, int(width * share)), max(16, int(height * share))
        self.x = rng.choice((8, width - self.size[0] - 8))
        self.y = rng.choice((8, height - self.size[1] - 8))
        count = rng.randint(2, 4)
        self.turns = sorted(rng.sample(range(1, film.frames), count + 1))
        self.events = [("inset", turn, turn + 1) for turn in self.turns]
        self.views = []
        for first, end in zip(self.turns, self.turns[1:]):
            view = camera.Camera(*self.size, rng, end - first, film.rate,
                                 rng.choice(("still", "zoom", "drift")))
            self.views.append((pick(), view))

    def draw(self, picture, n):
        at = sum(turn <= n for turn in self.turns) - 1
        if 0 <= at < len(self.views):
            source, view = self.views[at]
            width, height = self.size
            picture[self.y:self.y + height, self.x:self.x + width] = view.view(
                source, n - self.turns[at], width, height)
        return picture


class Curtain:
    """From black at the beginning, or to black at the end."""

    def __init__(self, rng, frames, rate):
        self.length = int(rate * rng.uniform(0.4, 1.2))
        self.end = frames if rng.random() < 0.5 else 0
        self.ignore = ([frames - self.length, frames] if self.end
                       else [0, self.length])
        self.events = []

    def draw(self, picture, n):
        away = self.end - 1 - n if self.end else n
        return picture * min(1, (away + 0.5) / self.length)
