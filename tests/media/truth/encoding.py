"""How a film is written: codec, quality, container, time stamps, sound. One
thread and no date inside, so that the same film is the same file."""
import math
import subprocess
import wave

import numpy as np

HERTZ = 16000
# codec: weight, containers, encoder, quality from..to (best first), the rest
CODECS = {
    "h264": (46, ("mp4", "mp4", "mkv", "ts"), "libx264", "-crf", (18, 40)),
    "hevc": (16, ("mp4", "mkv"), "libx265", "-crf", (18, 38)),
    "vp9": (12, ("webm",), "libvpx-vp9", "-crf", (24, 48)),
    "mpeg4": (12, ("mp4", "avi"), "mpeg4", "-q:v", (2, 12)),
    "mpeg2": (6, ("ts", "mkv"), "mpeg2video", "-q:v", (2, 12)),
    "vp8": (4, ("webm",), "libvpx", "-crf", (8, 40)),
    "mjpeg": (4, ("avi", "mkv"), "mjpeg", "-q:v", (3, 10)),
}
VARIABLE = {"h264": ("mp4", "mkv"), "hevc": ("mp4", "mkv"), "vp9": ("webm",)}
SOUND = {"mp4": "aac", "mkv": "aac", "ts": "aac", "avi": "libmp3lame",
         "webm": "libopus"}


class Encoding:
    def __init__(self, rng, rate_text, frames):
        self.frames = frames
        self.over, self.under = map(int, rate_text.split("/"))
        self.codec = rng.choices(list(CODECS), [c[0] for c in
                                                CODECS.values()])[0]
        _, containers, self.encoder, self.knob, (low, high) = \
            CODECS[self.codec]
        self.container = rng.choice(containers)
        self.quality = rng.randint(low, high)
        self.more = self.options(rng)
        self.stamps, self.delays = None, []
        if rng.random() < 0.25:
            self.vary(rng)
        self.sound = rng.random() < 0.5

    def options(self, rng):
        """Groups of pictures of all lengths; scene detection of the encoder
        on and off, since its I-frames must not be what gives cuts away."""
        group = rng.choice((12, 48, 250))
        if self.codec == "h264":
            return ["-preset", rng.choice(("ultrafast", "veryfast", "faster")),
                    "-g", group, "-sc_threshold", rng.choice((0, 40))]
        if self.codec == "hevc":
            return ["-preset", "ultrafast", "-x265-params",
                    "log-level=none:pools=none:frame-threads=1:"
                    f"keyint={group}:scenecut={rng.choice((0, 40))}"]
        if self.codec in ("vp8", "vp9"):
            return ["-deadline", "realtime", "-cpu-used", "8", "-b:v",
                    "0" if self.codec == "vp9" else "2M", "-g", group]
        if self.codec == "mjpeg":
            return []
        return ["-g", min(group, 48), "-bf", rng.choice((0, 2))]

    def vary(self, rng):
        """A variable rate: another one from some frame on, a beat, or
        pictures that stay. In quarters of a frame; the time before frame n is
        4 n and the sum of (first, delay) up to there."""
        if self.container not in VARIABLE.get(self.codec, ()):
            return
        kind = rng.choice(("two rates", "beat", "stalls"))
        if kind == "two rates":
            first, delay = rng.randint(1, self.frames), rng.choice((-2, 1, 4))
            self.stamps = f"max(0,N-{first})*{delay}"
            self.delays = [max(0, n - first) * delay
                           for n in range(self.frames)]
        elif kind == "beat":
            self.stamps = "mod(N,2)"
            self.delays = [n % 2 for n in range(self.frames)]
        else:
            stalls = sorted((rng.randint(1, self.frames), rng.randint(4, 24))
                            for _ in range(8))
            self.stamps = "+".join(f"gte(N,{n})*{d}" for n, d in stalls)
            self.delays = [sum(d for at, d in stalls if at <= n)
                           for n in range(self.frames)]

    def ticks(self):
        """The time stamps of a variable rate, 4 x the rate a second."""
        return [self.under * (4 * n + d) for n, d in enumerate(self.delays)]

    def truth(self):
        out = {"codec": self.codec, "quality": self.quality,
               "seconds": self.frames * self.under / self.over}
        if self.delays:
            out["ticks"] = self.ticks()
            out["ticks_per_second"] = 4 * self.over
            out["seconds"] = (out["ticks"][-1] / out["ticks_per_second"]
                              + self.under / self.over)
        return out

    def command(self, size, path, sound):
        """ffmpeg, which reads the frames from its standard input. sound: a
        WAV file or None."""
        out = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo",
               "-pix_fmt", "rgb24", "-s", "{}x{}".format(*size), "-r",
               f"{self.over}/{self.under}", "-i", "-"]
        if sound:
            out += ["-i", sound, "-c:a", SOUND[self.container], "-b:a", "64k",
                    "-ar", "48000"]
        if self.delays:
            base = 4 * self.over
            out += ["-vf", f"settb=1/{base},setpts='{self.under}*"
                    f"(4*N+{self.stamps})'", "-vsync", "passthrough",
                    "-enc_time_base", f"1:{base}"]
            if self.container == "mp4":
                out += ["-video_track_timescale", base]
        full = self.codec == "mjpeg"
        out += ["-pix_fmt", "yuvj420p" if full else "yuv420p", "-threads", "1",
                "-c:v", self.encoder, self.knob, self.quality, *self.more,
                "-fflags", "+bitexact", "-flags", "+bitexact", path]
        return [str(part) for part in out]


def times(truth):
    """When each frame is shown, in seconds from the first."""
    if "ticks" in truth:
        return [tick / truth["ticks_per_second"] for tick in truth["ticks"]]
    over, under = map(int, truth["rate"].split("/"))
    return [n * under / over for n in range(truth["frames"])]


def write_sound(path, starts, seconds):
    """A chord of its own and some noise for each of the parts that begin at
    these seconds."""
    noise = np.random.RandomState(len(starts))
    total = int(seconds * HERTZ)
    samples = noise.normal(0, 0.01, total)
    for n, start in enumerate(starts):
        end = starts[n + 1] if n + 1 < len(starts) else seconds
        at = np.arange(int(start * HERTZ), min(total, int(end * HERTZ)))
        for k in range(3):
            pitch = 110 * 2 ** (noise.randint(0, 36) / 12)
            samples[at] += 0.1 * np.sin(2 * math.pi * pitch / HERTZ * at)
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, HERTZ, total, "NONE", ""))
        out.writeframes((samples * 32767).astype("<i2").tobytes())


def probe(path):
    """Times of the frames of a file, in seconds from the first."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries",
         "frame=best_effort_timestamp_time", "-of", "csv=p=0", str(path)],
        check=True, capture_output=True, text=True)
    stamps = [float(line.rstrip(",")) for line in done.stdout.split()]
    return [stamp - stamps[0] for stamp in stamps]
