"""What happens inside a shot without being a change of shot. Each effect
draws on a picture of its shot, and says in `events` when it does so."""
import math

import numpy as np


class Flash:
    """Light for some frames: a photographer, a storm, an explosion."""

    def __init__(self, rng, frames, rate):
        self.first = rng.randint(4, frames - 12)
        self.length = rng.randint(1, max(2, round(rate / 10)))
        self.power = rng.uniform(0.35, 1)
        self.tail = rng.random() < 0.5
        self.colour = np.array([255, 255, rng.uniform(180, 255)], np.float32)
        end = self.first + self.length
        self.events = [("flash", self.first, end)]

    def draw(self, picture, n):
        k = n - self.first
        if not 0 <= k < self.length:
            return picture
        power = self.power * (1 - k / self.length if self.tail else 1)
        return picture + (self.colour - picture) * power


class Flicker:
    """Lamps on the mains, or a strobe, through the whole shot."""

    def __init__(self, rng, frames, rate):
        self.depth = rng.uniform(0.02, 0.1)
        self.period = rng.uniform(2, 9)
        self.events = [("flicker", 0, frames)]

    def draw(self, picture, n):
        return picture * (1 + self.depth * math.sin(2 * math.pi * n
                                                    / self.period))


class Exposure:
    """The camera finds its exposure, or a light is dimmed."""

    def __init__(self, rng, frames, rate):
        self.first = rng.randint(0, max(0, frames - 10))
        self.length = min(frames - self.first, int(rate * rng.uniform(.3, 1)))
        self.gains = (1, rng.choice((rng.uniform(0.6, 0.8),
                                     rng.uniform(1.2, 1.5))))
        if rng.random() < 0.5:
            self.gains = self.gains[::-1]
        self.events = [("exposure", self.first, self.first + self.length)]

    def draw(self, picture, n):
        u = min(1, max(0, (n - self.first) / self.length))
        return picture * (self.gains[0] + (self.gains[1] - self.gains[0]) * u)


class Body:
    """Something that crosses the view: small ones are actors; one that hides
    a good part of the picture is an occluder."""

    def __init__(self, rng, frames, rate, large):
        self.size = rng.uniform(0.3, 0.6) if large else rng.uniform(.06, .2)
        self.tall = rng.uniform(0.8, 2.0) if large else rng.uniform(0.6, 2)
        seconds = rng.uniform(0.5, 1.2) if large else rng.uniform(1.5, 5)
        self.length = max(8, int(seconds * rate))
        self.first = (rng.randint(0, max(0, frames - self.length)) if large
                      else rng.randint(-self.length // 2, frames // 2))
        self.y = rng.uniform(0.35, 0.75)
        self.rise = rng.uniform(-0.1, 0.1)
        self.left = rng.random() < 0.5
        base = rng.uniform(15, 220)
        self.colour = np.array([base + rng.gauss(0, 25) for _ in range(3)],
                               np.float32)
        self.stripes = rng.uniform(0, 30)
        self.pitch = rng.uniform(0.05, 0.3)
        end = min(frames, self.first + self.length)
        self.events = [("occluder", self.first, end)] if large else []

    def draw(self, picture, n):
        k = n - self.first
        if not 0 <= k < self.length:
            return picture
        height, width = picture.shape[:2]
        u = (k + 0.5) / self.length
        u = 1 - u if self.left else u
        rx, ry = self.size * width / 2, self.size * self.tall * height / 2
        cx = -rx + u * (width + 2 * rx)
        cy = (self.y + self.rise * u) * height
        top, bottom = int(max(0, cy - ry)), int(min(height, cy + ry + 1))
        left, right = int(max(0, cx - rx)), int(min(width, cx + rx + 1))
        if top >= bottom or left >= right:
            return picture
        y = (np.arange(top, bottom, dtype=np.float32)[:, None] - cy) / ry
        x = (np.arange(left, right, dtype=np.float32)[None, :] - cx) / rx
        inside = np.clip((1 - (x * x + y * y)) * min(rx, ry) / 3, 0, 1)
        shade = (self.stripes * np.sin(2 * np.pi * y / self.pitch)
                 - 40 * x)[..., None]
        out = picture.copy()
        box = out[top:bottom, left:right]
        box += (self.colour + shade - box) * inside[..., None]
        return out


class Caption:
    """Lines of text-like marks that appear and disappear at once."""

    def __init__(self, rng, frames, rate):
        self.first = rng.randint(3, max(4, frames // 2))
        self.end = min(frames, self.first + int(rate * rng.uniform(0.7, 3)))
        self.rows = rng.randint(1, 2)
        self.seed = rng.getrandbits(32)
        self.mark = None
        self.events = [("caption", self.first, self.first + 1)]
        if self.end < frames:
            self.events.append(("caption", self.end, self.end + 1))

    def marks(self, height, width):
        noise = np.random.RandomState(self.seed)
        mark = np.zeros((height, width), bool)
        letter = max(3, height // 24)
        for row in range(self.rows):
            y = height - (self.rows - row) * 2 * letter - letter
            x = width // 6
            while x < width * 5 // 6:
                if noise.randint(6):
                    cell = noise.randint(0, 2, (letter, letter - 1)) > 0
                    mark[y:y + letter, x:x + letter - 1] = cell
                x += letter
        return mark

    def draw(self, picture, n):
        if not self.first <= n < self.end:
            return picture
        if self.mark is None:
            self.mark = self.marks(*picture.shape[:2])
        out = picture.copy()
        out[self.mark] = 245
        return out


def effects_of(rng, frames, rate):
    """The effects of a shot."""
    out = [Body(rng, frames, rate, False) for _ in range(rng.choice((0, 0, 1,
                                                                     2)))]
    if rng.random() < 0.12:
        out.append(Body(rng, frames, rate, True))
    if frames >= 30 and rng.random() < 0.22:
        out.append(Flash(rng, frames, rate))
    if rng.random() < 0.08:
        out.append(Flicker(rng, frames, rate))
    if rng.random() < 0.08:
        out.append(Exposure(rng, frames, rate))
    if frames >= 24 and rng.random() < 0.10:
        out.append(Caption(rng, frames, rate))
    return out
