"""Pictures drawn by arithmetic."""

# A face as (centre x, centre y, radius x, radius y, level), in shares of its
# square, each drawn over the ones before. Levels and places are such that the
# cascade of Debian's opencv-data takes it for a face, as it does a photograph.
BACKGROUND = 48
FACE = [
    (0.5, 0.5, 0.345, 0.529, 180),
    *((0.5 + side * x, y, rx, ry, level) for side in (-1, 1)
      for x, y, rx, ry, level in [
          (0.17, 0.41, 0.1185, 0.054, 70),   # eye socket
          (0.17, 0.41, 0.079, 0.03, 69),     # eye
          (0.17, 0.32, 0.1264, 0.015, 73),   # brow
          (0.2, 0.53, 0.1, 0.08, 200)]),     # cheek
    (0.5, 0.5255, 0.04, 0.1155, 206),        # nose
    (0.5, 0.641, 0.096, 0.025, 137),
    (0.5, 0.76, 0.139, 0.026, 22),           # mouth
]


def face(side):
    """side x side levels, row by row."""
    def level(x, y):
        value = BACKGROUND
        for cx, cy, rx, ry, shade in FACE:
            if ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1:
                value = shade
        return value
    return bytes(level((x + 0.5) / side, (y + 0.5) / side)
                 for y in range(side) for x in range(side))


def write_pgm(path, side, levels):
    path.write_bytes(b"P5 %d %d 255\n" % (side, side) + levels)
    return path
