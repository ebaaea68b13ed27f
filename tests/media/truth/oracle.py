"""PySceneDetect's two best detectors as its documentation describes them,
written anew: for where its own release is not at hand, and to hold the two
against each other. The content value of a frame is the mean of the mean
absolute differences of hue, saturation and value to the frame before."""
import subprocess

import numpy as np

from scoring import Found

WIDTH = 256  # frames are reduced by a whole number down to not below it


def frames(path, width, height, fmt="rgb24"):
    """All frames as they are decoded, neither doubled nor dropped, reduced
    as the release does it."""
    factor = max(1, int(width / WIDTH))
    width, height = round(width / factor), round(height / factor)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-map",
               "0:v:0", "-vsync", "passthrough", "-vf",
               f"scale={width}:{height}:flags=bilinear", "-pix_fmt", fmt,
               "-f", "rawvideo", "-"]
    size = width * height * 3
    with subprocess.Popen(command, stdout=subprocess.PIPE,
                          pipesize=1 << 20) as decoder:
        while len(data := decoder.stdout.read(size)) == size:
            yield np.frombuffer(data, np.uint8).reshape(height, width, 3)


def hsv(rgb):
    """Hue 0..179, saturation and value 0..255, as 8-bit pictures have it."""
    rgb = rgb.astype(np.float32)
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    value = rgb.max(-1)
    span = value - rgb.min(-1)
    safe = np.where(span == 0, 1, span)
    hue = np.where(value == r, (g - b) / safe,
                   np.where(value == g, 2 + (b - r) / safe,
                            4 + (r - g) / safe)) * 30
    hue = np.where(span == 0, 0, np.rint(hue + np.where(hue < 0, 180, 0)))
    saturation = np.rint(255 * span / np.where(value == 0, 1, value))
    return hue % 180, saturation, value


def content_values(path, width, height):
    """One a frame, 0 for the first."""
    out, before = [], None
    for frame in frames(path, width, height):
        now = hsv(frame)
        out.append(0.0 if before is None else
                   float(sum(abs(a - b).mean()
                             for a, b in zip(now, before)) / 3))
        before = now
    return out


def content(values, threshold=27.0, least=15):
    """Cuts where the value reaches the threshold. What follows within
    `least` frames is merged into one cut, at the last of them, once frames
    below the threshold have followed for as long."""
    out, last_above, merging, start, enabled = [], 0, False, 0, False
    for n, value in enumerate(values):
        above = value >= threshold
        if least <= 0:
            out += [n] if above else []
            continue
        far = n - last_above >= least
        if above:
            last_above = n
        if merging:
            if far and not above and last_above - start >= least:
                merging = False
                out.append(last_above)
        elif above and far:
            enabled = True
            out.append(n)
        elif above and enabled:
            merging, start = True, n
    return out


def adaptive(values, ratio=3.0, floor=15.0, window=2, least=15):
    """Cuts where the value is at least `floor` and `ratio` times the mean of
    the frames around, `window` on each side."""
    out, last = [], 0
    for n in range(window, len(values) - window):
        around = values[n - window:n] + values[n + 1:n + window + 1]
        mean = sum(around) / (2 * window)
        reached = values[n] >= (ratio * mean if mean > 1e-5 else floor)
        if reached and values[n] >= floor and n - last >= least:
            out.append(n)
            last = n
    return out


NUMBERS = {"adaptive": (adaptive, ("ratio", "floor", "window", "least")),
           "content": (content, ("threshold", "least"))}


def detect(path, truth, variants):
    """{variant: detections}, for one decoding."""
    values = content_values(path, truth["width"], truth["height"])
    out = {}
    for variant in variants:
        name, *numbers = variant.split()
        detector, names = NUMBERS[name]
        how = {key: float(n) if "." in n else int(n)
               for key, n in zip(names, numbers)}
        out[variant] = [Found(n) for n in detector(values, **how)]
    return out
