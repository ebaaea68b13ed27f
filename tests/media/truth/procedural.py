"""Pictures made from a number, for where no photograph is installed. Most are
dead leaves: opaque patches of all sizes over one another, which has the edges
and the spectrum of a photograph. The same number is the same picture."""
import random

import numpy as np


def fractal(noise, height, width, slope):
    """0..1, noise whose spectrum falls as that of clouds and landscapes."""
    fy = np.fft.fftfreq(height)[:, None] * height
    fx = np.fft.rfftfreq(width)[None, :] * width
    size = np.hypot(fx, fy)
    size[0, 0] = 1
    phase = noise.uniform(0, 2 * np.pi, size.shape)
    field = np.fft.irfft2(size ** -slope * np.exp(1j * phase),
                          s=(height, width))
    field -= field.min()
    return (field / field.max()).astype(np.float32)


def colour(rng, dark=0, light=255):
    """A colour of a palette that leans to one side, as lit scenes do."""
    level = rng.uniform(dark, light)
    return np.array([min(255, max(0, level + rng.gauss(0, 35)))
                     for _ in range(3)], np.float32)


def leaves(rng, noise, height, width):
    tint = colour(rng, 40, 200)
    texture = fractal(noise, height, width, 1.1) - 0.5
    out = np.empty((height, width, 3), np.float32)
    out[:] = tint
    out += texture[..., None] * 90
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for n in range(160):  # large ones first: what lies behind is larger
        radius = 0.45 * height * (1 - n / 190) ** 2 * rng.uniform(0.3, 1) + 4
        cx, cy = rng.uniform(0, width), rng.uniform(0, height)
        top, left = int(max(0, cy - radius)), int(max(0, cx - radius))
        box = (slice(top, int(cy + radius) + 1),
               slice(left, int(cx + radius) + 1))
        dx, dy = (x[box] - cx) / radius, (y[box] - cy) / radius
        if not dx.size:
            continue
        shape = rng.random()
        if shape < 0.5:
            inside = dx * dx + dy * dy * rng.uniform(1, 3) < 1
        elif shape < 0.8:
            inside = np.maximum(abs(dx) * rng.uniform(1, 3), abs(dy)) < 0.9
        else:
            inside = abs(dx) + abs(dy) < 1
        shade = 1 + rng.uniform(-0.4, 0.4) * dx + rng.uniform(-0.4, 0.4) * dy
        patch = ((colour(rng) * 0.6 + tint * 0.4) * shade[..., None]
                 + texture[box][..., None] * rng.uniform(0, 120))
        out[box][inside] = patch[inside]
    return out


def landscape(rng, noise, height, width):
    """A sky and some ridges before one another."""
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    out = colour(rng, 90, 255) * (1 - y) + colour(rng, 120, 255) * y
    clouds = fractal(noise, height, width, 1.6)[..., None]
    out = out + np.clip(clouds - 0.5, 0, 1) * 2 * (255 - out)
    rough = fractal(noise, height, width, 1.2)[..., None] - 0.5
    ridges = rng.randint(2, 5)
    for n in range(ridges):
        line = fractal(noise, 2, width, 1.3)[0]
        base = 0.3 + 0.6 * (n + rng.random()) / ridges
        below = y > (base + (line - 0.5) * 0.4)[None, :, None]
        ground = colour(rng, 10, 170 - 25 * n) + rough * rng.uniform(40, 160)
        out = np.where(below, ground, out)
    return out


def city(rng, noise, height, width):
    """Fronts with rows of windows, the farther ones behind."""
    out = np.empty((height, width, 3), np.float32)
    out[:] = colour(rng, 30, 230)
    out += (fractal(noise, height, width, 1.5)[..., None] - 0.5) * 80
    for n in range(22):
        wide = rng.randint(width // 14, width // 5)
        left = rng.randint(-wide // 2, width - wide // 2)
        top = rng.randint(height // 8, height // 2) + n * height // 60
        front = out[top:, max(0, left):left + wide]
        if not front.size:
            continue
        front[:] = colour(rng, 20, 200)
        pitch_x, pitch_y = rng.randint(7, 22), rng.randint(8, 26)
        window = colour(rng, 0, 255)
        y, x = np.mgrid[0:front.shape[0], 0:front.shape[1]]
        lit = (x % pitch_x > pitch_x // 3) & (y % pitch_y > pitch_y // 3)
        front[lit] = window
        front += (fractal(noise, 2, max(4, front.shape[1]), 1.2)
                  [0, :front.shape[1], None] - 0.5) * 60
    return out


def lights(rng, noise, height, width):
    """A dark place with lamps out of focus: low light, little texture."""
    out = np.empty((height, width, 3), np.float32)
    out[:] = colour(rng, 10, 70)
    out += (fractal(noise, height, width, 1.4)[..., None] - 0.5) * 70
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for _ in range(rng.randint(12, 40)):
        radius = rng.uniform(0.02, 0.15) * height
        distance = np.hypot(x - rng.uniform(0, width),
                            y - rng.uniform(0, height)) / radius
        glow = np.clip((1.15 - distance) * 6, 0, 1)[..., None]
        out += glow * rng.uniform(0.2, 0.9) * colour(rng, 120, 255)
    return out


KINDS = (leaves, leaves, landscape, city, lights)


def picture(number, height, width):
    """float32 RGB, 0..255."""
    rng = random.Random(f"picture {number}")
    noise = np.random.RandomState(rng.getrandbits(32))
    out = KINDS[number % len(KINDS)](rng, noise, height, width)
    return np.clip(out, 0, 255).astype(np.float32)
