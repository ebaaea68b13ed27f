"""Command line clients with the test's gateway and none of the user's own
settings."""

import os
import random
import subprocess
import time

import pytest

from gateway import ACCESS_KEY, REGION, SECRET_KEY

MIB = 1 << 20


def payload(size, seed=1):
    return random.Random(seed).randbytes(size)


class Tool:
    """A program with its environment. Called, it must succeed (or end with
    the status given) and answers what it wrote."""

    def __init__(self, command, folder, **environment):
        self.command, self.folder = command, folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder),
                            "LC_ALL": "C.UTF-8", "TZ": "UTC", **environment}

    def run(self, *args, status=0, data=b""):
        done = subprocess.run([*self.command, *map(str, args)], input=data,
                              cwd=self.folder, env=self.environment,
                              capture_output=True, timeout=300)
        assert done.returncode == status, \
            f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr.decode()}"
        return done

    def __call__(self, *args, **options):
        return self.run(*args, **options).stdout.decode()


@pytest.fixture
def aws(gateway, tmp_path):
    """Debian's awscli; PATH may hold another one."""
    return Tool(["/usr/bin/aws", "--endpoint-url", gateway.url,
                 "--output", "json"], tmp_path,
                AWS_ACCESS_KEY_ID=ACCESS_KEY,
                AWS_SECRET_ACCESS_KEY=SECRET_KEY, AWS_REGION=REGION,
                AWS_PAGER="")


@pytest.fixture
def rclone(gateway, tmp_path):
    """rclone, which tries once, with the gateway as its remote r."""
    remote = {"TYPE": "s3", "PROVIDER": "Minio", "ENDPOINT": gateway.url,
              "ACCESS_KEY_ID": ACCESS_KEY, "SECRET_ACCESS_KEY": SECRET_KEY,
              "REGION": REGION}
    return Tool(["rclone", "--config", "", "--retries", "1",
                 "--low-level-retries", "1"], tmp_path,
                **{f"RCLONE_CONFIG_R_{k}": v for k, v in remote.items()})


@pytest.fixture
def tree(tmp_path):
    """A folder of files with odd names, and what is in them. They are older
    than their upload by more than the second that LastModified is told in."""
    files = {"one.txt": b"one", "empty": b"", "a b/c+d.bin": payload(70000),
             "\u00fcber/\u65e5\u672c/%2F&=.txt": b"odd",
             "deep/er/still/x": b"x"}
    for name, data in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (time.time() - 60,) * 2)
    return files


def read_tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes()
            for p in folder.rglob("*") if p.is_file()}
