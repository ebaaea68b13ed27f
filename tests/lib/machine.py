"""A gateway with its database and the processors a test starts on it."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid

from gateway import BIN, DEFAULT_BUCKET as BUCKET, ROOT
from stack import Stack
from web import wait_for

# Sample files beside the checkout, where they are.
SHARED = next((p / "shared/media" for p in ROOT.parents
               if (p / "shared/media").is_dir()), ROOT / "shared/media")


class Processor:
    def __init__(self, machine, *args, files=None, worker=None, **settings):
        """@files: the hard limit of its open files. @worker: the program to
        run in place of the media worker."""
        self.machine = machine
        self.log_path = machine.data.with_name(
            f"{machine.data.name}.processor-{uuid.uuid4().hex[:6]}.log")
        env = {**machine.environment(), "REELGATE_MEDIA_THREADS": "1",
               "LOG_LEVEL": "debug", **settings}
        given = [os.open(worker, os.O_PATH)] if worker else []
        if worker:
            env["REELGATE_MEDIA_FD"] = str(given[0])
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*(["prlimit", f"--nofile={files}"] if files else []),
                 BIN / "reelgate-processor", "--data", machine.data, *args],
                env=env, stdout=log, stderr=log, pass_fds=given)
        for fd in given:
            os.close(fd)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def ready(self):
        wait_for("ready processor", lambda: '"ready"' in self.log()
                 or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()
        return self

    def child(self):
        """The pid of its media worker, None when there is none."""
        path = f"/proc/{self.process.pid}/task"
        for thread in os.listdir(path):
            try:
                text = pathlib.Path(path, thread, "children").read_text()
            except OSError:
                continue
            for pid in text.split():
                try:
                    name = pathlib.Path("/proc", pid, "comm").read_text()
                except OSError:
                    continue
                # before its exec it still has the name of a thread
                if name.startswith("reelgate-media"):
                    return int(pid)
        return None

    def freeze_child(self):
        """Stops the worker in the middle of its job, whenever that is."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pid = self.child()
            if pid:
                os.kill(pid, signal.SIGSTOP)
                return pid
            time.sleep(0.002)
        raise AssertionError(f"no worker was started: {self.log()}")

    def wait(self, seconds=90):
        return self.process.wait(seconds)

    def stop(self, seconds=90):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Machine(Stack):
    def __init__(self, postgres, **settings):
        super().__init__(postgres, **settings)
        self.processors = []

    def processor(self, *args, **settings):
        p = Processor(self, *args, **settings)
        self.processors.append(p)
        return p.ready()

    def close(self):
        for p in self.processors:
            if p.process.poll() is None:
                p.process.send_signal(signal.SIGTERM)
                p.process.send_signal(signal.SIGTERM)
            status = p.wait()
            log = p.log()
            p.log_path.unlink()
            assert status in (0, -signal.SIGKILL), log
            assert "AddressSanitizer" not in log, log
            assert "runtime error" not in log, log
        super().close()

    # -- the video of an object ------------------------------------------------

    def upload(self, data, name="x.mp4", part_size=None):
        """By an S3 client, without any call of the video API; in parts of
        part_size bytes when it is given."""
        self.owner = str(uuid.uuid4())
        key = f"uploads/{self.owner}/{name}"
        client = self.client()
        if part_size is None:
            client.put_object(Bucket=BUCKET, Key=key, Body=data,
                              ContentType="video/mp4")
        else:
            upload = client.create_multipart_upload(
                Bucket=BUCKET, Key=key, ContentType="video/mp4")["UploadId"]
            parts = [{"PartNumber": i + 1, "ETag": client.upload_part(
                Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=i + 1,
                Body=data[i * part_size:(i + 1) * part_size])["ETag"]}
                     for i in range(-(-len(data) // part_size))]
            client.complete_multipart_upload(
                Bucket=BUCKET, Key=key, UploadId=upload,
                MultipartUpload={"Parts": parts})
        return wait_for("video", lambda: self.sql(
            f"SELECT id FROM videos WHERE s3_key = '{key}'"))[0][0]

    def video(self, video, column="analysis_status"):
        return self.sql(f"SELECT {column} FROM videos "
                        f"WHERE id = '{video}'")[0][0]

    def wait_video(self, video, status, seconds=180):
        wait_for(f"{status} video",
                 lambda: self.video(video) == status, seconds)

    def job(self, video, kind="process_video",
            columns="status, attempts, coalesce(error, '')"):
        return self.sql(f"SELECT {columns} FROM job_queue WHERE video_id = "
                        f"'{video}' AND type = '{kind}'")[0]

    def wait_job(self, video, status, kind="process_video", seconds=180):
        wait_for(f"{status} {kind}",
                 lambda: self.job(video, kind)[0] == status, seconds)

    def object(self, key):
        return self.client().get_object(Bucket=BUCKET, Key=key)

    def keys(self, prefix):
        page = self.client().list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [o["Key"] for o in page.get("Contents", [])]

    def work(self):
        """What lies in DATA/work."""
        return os.listdir(self.data / "work")

    def process_one(self, request=b'{"op":"process_one"}\n', timeout=60):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(str(self.run_dir() / "processor.sock"))
            s.sendall(request)
            return json.loads(s.makefile().readline())


def ffprobe(path, what):
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", "-show_format",
         "-show_streams", path], capture_output=True, check=True)
    doc = json.loads(done.stdout)
    return doc[what]


def ffmpeg(path, *args):
    """Makes a file; the arguments are those between ffmpeg and its name."""
    if shutil.which("ffmpeg") is None:
        raise RuntimeError("ffmpeg is not installed")
    subprocess.run(["ffmpeg", "-v", "error", "-y", *args, str(path)],
                   check=True)
    return path


def jpeg_size(data):
    """Width and height as its frame header says."""
    assert data[:3] == b"\xff\xd8\xff" and data[-2:] == b"\xff\xd9"
    found = re.search(rb"\xff[\xc0-\xc2]\x00.\x08(....)", data, re.S)
    size = found.group(1)
    return (int.from_bytes(size[2:], "big"), int.from_bytes(size[:2], "big"))
