"""How a picture becomes a moving view: a window that travels over the canvas,
sampled with the blur of an open shutter."""
import functools
import math

import numpy as np

from sources import HEIGHT, WIDTH


def halved(c):
    return (c[::2, ::2] + c[1::2, ::2] + c[::2, 1::2] + c[1::2, 1::2]) / 4


@functools.lru_cache(6)
def still(source):
    canvas = source.load()[0].astype(np.float32)
    half = halved(canvas)
    return canvas, half, halved(half)


@functools.lru_cache(6)
def footage(source):
    return source.load()


def pyramid_of(source, second):
    """The canvas, its half and its quarter: a wide window reads a smaller
    one, so that nothing is skipped between two samples. Footage has no whole
    one; it runs to its end and back."""
    if not source.rate:
        return still(source)
    frames = footage(source)
    at = int(second * source.rate) % (2 * len(frames) - 1)
    half = frames[min(at, 2 * len(frames) - 2 - at)].astype(np.float32)
    return None, half, halved(half)


def taps(first, step, count, limit):
    """Whole and fractional places of count samples, inside the canvas."""
    at = np.clip(first + step * (np.arange(count) + 0.5) - 0.5, 0,
                 limit - 1.001)
    whole = at.astype(np.intp)
    return whole, (at - whole).astype(np.float32)


def sample(pyramid, cx, cy, wide, width, height):
    """The window around cx, cy (canvas pixels), wide across, as a picture."""
    step = wide / width
    level = min(2, max(pyramid[0] is None, round(math.log2(step))))
    canvas = pyramid[level]
    scale = 0.5 ** level
    high = wide * height / width
    ys, fy = taps((cy - high / 2) * scale, step * scale, height,
                  canvas.shape[0])
    xs, fx = taps((cx - wide / 2) * scale, step * scale, width,
                  canvas.shape[1])
    left = xs[0]
    band = canvas[:, left:xs[-1] + 2]
    rows = band[ys] * (1 - fy)[:, None, None] + band[ys + 1] * fy[:, None, None]
    xs = xs - left
    return (rows[:, xs] * (1 - fx)[:, None]
            + rows[:, xs + 1] * fx[:, None])


class Camera:
    """A path of the window: at(t) gives cx, cy, wide for the time t in
    frames. events are moves that a detector may take for a change."""

    def __init__(self, width, height, rng, frames, rate, move):
        self.events = []
        aspect = height / width
        most = min(WIDTH, HEIGHT / aspect)
        self.wide = (most * rng.uniform(0.42, 0.8),) * 2
        if move == "zoom":
            self.wide = (self.wide[0], most * rng.uniform(0.42, 0.8))
        half = max(self.wide) / 2
        self.low = (half, half * aspect)
        self.high = (WIDTH - half, HEIGHT - half * aspect)
        self.start = self.place(rng)
        self.end = self.start
        self.span = (0, max(1, frames))
        self.ease = False
        if move in ("zoom", "drift"):
            self.end = self.toward(rng, self.wide[0] * rng.uniform(0.05, 0.35))
        elif move == "pan":
            speed = rng.uniform(0.15, 0.6) * self.wide[0] / rate
            self.end = self.toward(rng, speed * frames)
            self.note("pan", 0, frames)
        elif move == "whip":
            self.whip(rng, frames)
        self.shake = self.shaking(rng, frames, rate) if move == "shake" else []
        self.waver = rng.uniform(0.5, 2.5) if rng.random() < 0.3 else 0
        self.phase = rng.uniform(0, 9)
        self.rate = rate
        self.last = None  # the view of a camera that stands still

    def note(self, kind, first, end):
        self.events.append((kind, first, end))

    def place(self, rng):
        return tuple(rng.uniform(a, max(a, b))
                     for a, b in zip(self.low, self.high))

    def toward(self, rng, far):
        """A point at about this distance from the start, inside."""
        best = self.start
        for _ in range(12):
            angle = rng.gauss(0, 0.35) + math.pi * rng.randint(0, 1)
            x = self.start[0] + far * math.cos(angle)
            y = self.start[1] + far * math.sin(angle)
            there = (min(max(x, self.low[0]), self.high[0]),
                     min(max(y, self.low[1]), self.high[1]))
            if math.dist(there, self.start) > math.dist(best, self.start):
                best = there
        return best

    def whip(self, rng, frames):
        """From one side to the other in a fraction of a second, at most a
        quarter of the view a frame: beyond that nobody could tell it from a
        cut."""
        self.start = (self.low[0], self.start[1])
        self.end = (self.high[0], self.place(rng)[1])
        if rng.random() < 0.5:
            self.start, self.end = self.end, self.start
        far = math.dist(self.start, self.end) / self.wide[0]
        least = max(4, math.ceil(far * 1.6 / 0.25))  # eased: 1.6 x the mean
        length = min(max(least, rng.randint(5, 16)), frames)
        first = rng.randint(0, frames - length)
        self.span = (first, first + length)
        self.ease = True
        self.note("whip", first, first + length)

    def shaking(self, rng, frames, rate):
        """A blow: the view jumps about and comes to rest."""
        first = rng.randint(0, max(0, frames - 8))
        length = min(frames - first, int(rng.uniform(0.3, 0.8) * rate))
        self.note("shake", first, first + length)
        force = self.wide[0] * rng.uniform(0.02, 0.06)
        return [(first + n, rng.gauss(0, force) * (1 - n / length),
                 rng.gauss(0, force) * (1 - n / length))
                for n in range(length)]

    def at(self, t):
        first, end = self.span
        u = min(1, max(0, (t - first) / (end - first)))
        if self.ease:
            u = u * u * (3 - 2 * u)
        cx, cy, wide = (a + (b - a) * u for a, b in zip(
            (*self.start, self.wide[0]), (*self.end, self.wide[1])))
        second = t / self.rate
        cx += self.waver * math.sin(second * 4.1 + self.phase)
        cy += self.waver * math.sin(second * 5.3 + 2 * self.phase)
        for frame, dx, dy in self.shake:
            if frame == int(t):
                cx, cy = cx + dx, cy + dy
        return cx, cy, wide

    def view(self, source, t, width, height):
        """The picture of frame t: the mean over half a frame of exposure when
        the view moves by more than two pixels in it."""
        here, later = self.at(t), self.at(t + 0.5)
        if self.last and self.last[0] == here == later and not source.rate:
            return self.last[1]
        pyramid = pyramid_of(source, t / self.rate)
        moved = math.dist(here[:2], later[:2]) * width / here[2]
        parts = min(6, 1 + int(moved / 2))
        total = 0
        for n in range(parts):
            total = total + sample(pyramid, *self.at(t + 0.5 * n / parts),
                                   width, height)
        total = total / parts if parts > 1 else total
        self.last = here, total
        return total
