"""How a film is written: codec, quality, container, time stamps. One thread
and no date inside, so that the same film is the same file."""


def command(one, path):
    width, height = one.size
    return ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo",
            "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r",
            one.rate_text, "-i", "-", "-pix_fmt", "yuv420p", "-threads", "1",
            *codec(one), "-fflags", "+bitexact", "-flags", "+bitexact",
            str(path)]


def codec(one):
    return ["-c:v", "libx264", "-preset", "veryfast", "-crf", "24"]


def suffix(one):
    return ".mp4"


def truth(one):
    return {"codec": "h264", "seconds": one.frames / one.rate}


def times(truth):
    """When each frame is shown, in seconds from the first."""
    over, under = map(int, truth["rate"].split("/"))
    ticks = truth.get("ticks")
    if ticks:
        return [tick / truth["ticks_per_second"] for tick in ticks]
    return [n * under / over for n in range(truth["frames"])]
