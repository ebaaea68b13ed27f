"""The films of the benchmark of the media worker: made once with the ffmpeg
program and kept. Films of pictures in motion with texture and grain, because
still or smooth ones decode in no time."""

import subprocess
import sys

import worker


def ffmpeg(*words):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y",
                    *map(str, words)], check=True)


# Where the fractal has texture: x, y, scale.
VIEWS = ((-0.743643887, -0.131825904, 0.02), (-0.1011, 0.9563, 0.05),
         (0.2501, 0.00001, 0.02), (-1.25066, 0.02012, 0.01))
SOUND = ("aevalsrc='0.3*sin(2*PI*220*t)*(1+sin(2*PI*t/3))/2"
         "+0.2*(random(0)-0.5)*gt(mod(t,10),4)"
         "|0.25*sin(2*PI*330*t)*gt(mod(t,7),1)+0.1*(random(1)-0.5)'"
         ":s=48000:d={}")


def textured(path, width, height, seconds):
    """Views of a fractal that a hand-held camera wanders over, with grain,
    cut four times; a stereo sound that comes and goes."""
    frames = seconds * 30 // len(VIEWS)
    inputs, graph = [], ""
    for i, (x, y, scale) in enumerate(VIEWS):
        inputs += ["-f", "lavfi", "-i",
                   f"mandelbrot=s={width * 4 // 3}x{height * 4 // 3}"
                   f":start_x={x}:start_y={y}:start_scale={scale}"
                   f":end_scale={scale}:maxiter=800,trim=end_frame=1,"
                   f"format=yuv420p,loop=loop={frames}:size=1,"
                   f"trim=end_frame={frames},setpts=N/30/TB"]
        graph += (f"[{i}:v]crop={width}:{height}"
                  f":x='(iw-ow)*(1+sin(t/{2 + i}))/2'"
                  f":y='(ih-oh)*(1+cos(t/3))/2',noise=c0s=14:c0f=t+u[v{i}];")
    graph += "".join(f"[v{i}]" for i in range(len(VIEWS)))
    ffmpeg(*inputs, "-f", "lavfi", "-i", SOUND.format(seconds),
           "-filter_complex", f"{graph}concat=n={len(VIEWS)}[v]",
           "-map", "[v]", "-map", f"{len(VIEWS)}:a", "-r", 30,
           "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
           "-g", 60, "-crf", 22, "-maxrate", "6M", "-bufsize", "2M",
           "-c:a", "aac", "-b:a", "160k", "-t", seconds, path)


def repeated(path, piece, times):
    ffmpeg("-stream_loop", times - 1, "-i", piece, "-c", "copy",
           "-movflags", "+faststart", path)


class Films:
    def __init__(self, folder, tiny):
        self.folder, self.tiny = folder, tiny
        folder.mkdir(parents=True, exist_ok=True)

    def made(self, name, make):
        path = self.folder / name
        if not path.exists():
            print(f"making {name} ...", file=sys.stderr)
            new = path.with_name("new-" + name)
            make(new)
            new.rename(path)
        return path

    def piece(self):
        size = (320, 180, 2) if self.tiny else (1920, 1080, 10)
        return self.made("piece.mp4", lambda p: textured(p, *size))

    def minute(self):
        return self.made("film.mp4", lambda p: repeated(
            p, self.piece(), 2 if self.tiny else 6))

    def hour(self):
        size = (320, 180, 4) if self.tiny else (1280, 720, 60)
        piece = self.made("hour-piece.mp4", lambda p: textured(p, *size))
        return self.made("hour.mp4", lambda p: repeated(
            p, piece, 4 if self.tiny else 60))

    def example(self):
        path = worker.SAMPLES and worker.SAMPLES / "example.mp4"
        return path if path and path.exists() else None
