"""reelgate admin migrate between the local store of a gateway, A, and another
S3, B: there while A serves on, the switch, and back."""

import hashlib
import random
import threading

import pytest

from fault_proxy import FaultProxy, HEAD, cut, flip, refuse, reset, stall
from gateway import Gateway, UPSTREAM_PAIR, Upstream
from web import wait_for

pytestmark = pytest.mark.local_store("starts its own pairs")

PART = 5 << 20


@pytest.fixture(scope="module")
def b():
    g = Upstream().start()
    yield g
    g.close()


class Pair:
    """A, which serves its local store first, and what it may switch to; a
    bucket of the test's own."""

    def __init__(self, a, b, path):
        digest = hashlib.sha256(str(path).encode()).hexdigest()
        self.a, self.b, self.bucket = a, b, f"m-{digest[:12]}"
        self.settings = path / "settings"
        self.write_settings()
        self.s3 = a.client()
        self.s3.create_bucket(Bucket=self.bucket)
        self.upstream = b.client()

    def write_settings(self, **other):
        s = {"REELGATE_BACKEND": "s3", "S3_ENDPOINT": self.b.url,
             **UPSTREAM_PAIR, **other}
        self.settings.write_text("".join(f"{k} = {v}\n"
                                         for k, v in s.items()))

    def migrate(self, *words, to="s3", status=0):
        back = {"s3": "local", "local": "s3"}[to]
        done = self.a.admin("migrate", "--from", back, "--to", to,
                            "--bucket", self.bucket, "--settings",
                            self.settings, *words)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def serve(self, backend):
        """Starts A anew on the other backend."""
        self.a.stop()
        self.a = Gateway({"REELGATE_BACKEND": backend, **(
            {"S3_ENDPOINT": self.b.url} if backend == "s3" else {})},
            data=self.a.data).start()
        self.s3 = self.a.client()

    def put(self, key, size, seed=0, **more):
        body = random.Random(f"{seed}{key}").randbytes(size)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def upload(self, key, *sizes):
        """A multipart object; its ETag."""
        where = {"Bucket": self.bucket, "Key": key}
        up = self.s3.create_multipart_upload(**where)["UploadId"]
        parts = []
        for n, size in enumerate(sizes, 1):
            body = random.Random(key + str(n)).randbytes(size)
            etag = self.s3.upload_part(**where, UploadId=up, PartNumber=n,
                                       Body=body)["ETag"]
            parts.append({"PartNumber": n, "ETag": etag})
        return self.s3.complete_multipart_upload(
            **where, UploadId=up, MultipartUpload={"Parts": parts})["ETag"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    a = Gateway(data=tmp_path_factory.mktemp("shared") / "a").start()
    yield a
    a.close()


@pytest.fixture
def pair(shared, b, tmp_path):
    return Pair(shared, b, tmp_path)


@pytest.fixture
def own_pair(b, tmp_path):
    """Whose A may be switched and killed."""
    p = Pair(Gateway(data=tmp_path / "a").start(), b, tmp_path)
    yield p
    p.a.close()


def contents(s3, bucket):
    """Key to ETag, digest of the bytes, type, metadata and tags."""
    out = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for o in page.get("Contents", []):
            where = {"Bucket": bucket, "Key": o["Key"]}
            got = s3.get_object(**where)
            out[o["Key"]] = (
                got["ETag"], hashlib.md5(got["Body"].read()).hexdigest(),
                got["ContentType"], got["Metadata"],
                s3.get_object_tagging(**where)["TagSet"])
    return out


# ---- there ------------------------------------------------------------------

def test_everything_arrives(pair):
    pair.put("small", 100, ContentType="video/mp4", Metadata={"user": "u1"},
             Tagging="a=b&c=d", CacheControl="no-cache")
    pair.put("empty", 0)
    pair.put("sp ace/\u00e9%&+", 3000)
    pair.put("large", (9 << 20) + 1)
    out = pair.migrate()
    assert "4 objects of" in out and "Nothing is left to copy" in out
    there = contents(pair.upstream, pair.bucket)
    assert there == contents(pair.s3, pair.bucket)
    out = pair.migrate("--verify-only")
    assert "4 versions compared and equal, 0 different, 0 missing" in out


def test_a_multipart_object_keeps_its_parts_and_etag(pair):
    etag = pair.upload("film.mp4", PART, PART + 7, 1000)
    pair.migrate()
    there = pair.upstream.head_object(Bucket=pair.bucket, Key="film.mp4")
    assert there["ETag"] == etag and etag.endswith('-3"')
    parts = pair.upstream.get_object_attributes(
        Bucket=pair.bucket, Key="film.mp4",
        ObjectAttributes=["ObjectParts"])["ObjectParts"]
    assert parts["TotalPartsCount"] == 3
    assert "1 versions compared and equal" in pair.migrate("--verify-only")


def test_versions_arrive_in_order(pair):
    pair.s3.put_bucket_versioning(
        Bucket=pair.bucket, VersioningConfiguration={"Status": "Enabled"})
    for size in (10, 20, 30):
        pair.put("k", size)
    pair.s3.delete_object(Bucket=pair.bucket, Key="k")
    pair.put("k", 40)
    pair.migrate()

    def versions(s3):
        page = s3.list_object_versions(Bucket=pair.bucket)
        return ([(v["ETag"], v["IsLatest"]) for v in page["Versions"]],
                len(page["DeleteMarkers"]))
    assert versions(pair.upstream) == versions(pair.s3)


def test_a_bucket_brings_its_cors_rules_and_tags(pair):
    rules = {"CORSRules": [{"AllowedMethods": ["GET"],
                            "AllowedOrigins": ["https://a.example"]}]}
    pair.s3.put_bucket_cors(Bucket=pair.bucket, CORSConfiguration=rules)
    pair.s3.put_bucket_tagging(Bucket=pair.bucket, Tagging={
        "TagSet": [{"Key": "a", "Value": "b"}]})
    pair.migrate()
    got = pair.upstream.get_bucket_cors(Bucket=pair.bucket)
    assert got["CORSRules"] == rules["CORSRules"]
    got = pair.upstream.get_bucket_tagging(Bucket=pair.bucket)
    assert got["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_dry_run_says_how_much_and_writes_nothing(pair):
    pair.put("k", 1000)
    assert "1 objects of 1000 bytes would be copied" in \
        pair.migrate("--dry-run")
    names = [b["Name"] for b in pair.upstream.list_buckets()["Buckets"]]
    assert pair.bucket not in names


def test_changes_meanwhile_arrive(pair):
    for i in range(60):
        pair.put(f"k{i}", 20000)
    stop = threading.Event()

    def change():
        s3, n = pair.a.client(), 0
        while not stop.is_set():
            key = f"k{n * 7 % 60}"
            if n % 5 == 4:
                s3.delete_object(Bucket=pair.bucket, Key=key)
            else:
                s3.put_object(Bucket=pair.bucket, Key=key, Body=bytes(n))
            n += 1
    thread = threading.Thread(target=change)
    thread.start()
    try:
        pair.a.admin("migrate", "--from", "local", "--to", "s3", "--bucket",
                     pair.bucket, "--settings", pair.settings, "--rate", "2M")
    finally:
        stop.set()
        thread.join()
    pair.migrate()
    assert contents(pair.upstream, pair.bucket) == \
        contents(pair.s3, pair.bucket)


# ---- the switch, and back ---------------------------------------------------

def test_the_switch_and_the_last_pass(own_pair):
    pair = own_pair
    pair.put("old", 1000)
    pair.put("twice", 1000, seed=1)
    pair.put("goes", 1000)
    pair.migrate()
    # between the last pass and the switch
    pair.put("late", 2000)
    pair.put("twice", 2000, seed=2)
    pair.put("late-and-changed", 10, seed=1)
    pair.s3.delete_object(Bucket=pair.bucket, Key="goes")
    pair.serve("s3")
    # and after it
    pair.put("late-and-changed", 20, seed=2)
    pair.s3.delete_object(Bucket=pair.bucket, Key="old")
    pair.put("new", 10)
    out = pair.migrate()
    assert "2 objects of" in out and "The last pass is done" in out
    sizes = {o["Key"]: o["Size"] for o in pair.s3.list_objects_v2(
        Bucket=pair.bucket)["Contents"]}
    assert sizes == {"late": 2000, "twice": 2000, "late-and-changed": 20,
                     "new": 10}


def test_there_and_back(own_pair):
    pair = own_pair
    etag = pair.upload("film.mp4", PART, 1000)
    pair.put("k", 1000)
    pair.put("dropped", 1000)
    pair.migrate()
    pair.serve("s3")
    pair.migrate()
    pair.put("k", 3000, seed=1)
    pair.put("n", 3000, Tagging="a=b")
    pair.s3.delete_object(Bucket=pair.bucket, Key="dropped")
    there = contents(pair.s3, pair.bucket)
    out = pair.migrate("--remove-extra", to="local")
    assert "Nothing is left to copy" in out
    pair.serve("local")
    pair.migrate(to="local")
    assert contents(pair.s3, pair.bucket) == there
    assert there["film.mp4"][0] == etag


def test_accounts_keep_their_buckets(own_pair):
    """Bucket of another account there; one that root makes in the other S3
    back."""
    pair = own_pair
    ann = pair.a.add("user", "add", "ann")
    keys = {"access_key": ann["access key"], "secret_key": ann["secret key"]}
    anns, made = pair.bucket + "-ann", pair.bucket + "-new"
    pair.a.client(**keys).create_bucket(Bucket=anns)
    pair.a.client(**keys).put_object(Bucket=anns, Key="k", Body=b"ann's")
    root, pair.bucket = pair.bucket, anns
    pair.migrate()
    pair.serve("s3")

    def reads_as_before():
        got = pair.a.client(**keys).get_object(Bucket=anns, Key="k")
        assert got["Body"].read() == b"ann's"
        with pytest.raises(pair.s3.exceptions.ClientError) as e:
            pair.s3.get_object(Bucket=anns, Key="k")
        assert e.value.response["Error"]["Code"] == "AccessDenied"
    reads_as_before()
    pair.bucket = made
    pair.s3.create_bucket(Bucket=made)
    pair.put("k", 10)
    pair.migrate(to="local")
    pair.serve("local")
    reads_as_before()
    pair.put("l", 10)
    assert list(contents(pair.s3, made)) == ["k", "l"]
    assert root in [b["Name"] for b in pair.s3.list_buckets()["Buckets"]]


def test_switched_without_a_migration_is_refused(own_pair):
    pair = own_pair
    pair.put("k", 10)
    pair.serve("s3")
    assert "no migration to it was completed" in pair.migrate(status=1)


# ---- killed -----------------------------------------------------------------

def parts(s3, bucket):
    """Those of the uploads that are open there."""
    open_uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return [part for u in open_uploads for part in s3.list_parts(
        Bucket=bucket, Key=u["Key"], UploadId=u["UploadId"]).get("Parts", [])]


def test_killed_in_the_middle_it_is_taken_up(own_pair):
    pair = own_pair
    for i in range(20):
        pair.put(f"k{i:02}", 200_000)
    pair.upload("m", PART, PART, PART)
    pair.upstream.create_bucket(Bucket=pair.bucket)
    words = ["--from", "local", "--to", "s3", "--bucket", pair.bucket,
             "--settings", str(pair.settings)]
    with FaultProxy(pair.b.port) as proxy:
        pair.write_settings(S3_ENDPOINT=proxy.url)
        proxy.script(r"PUT \S*\bpartNumber=3\b", stall("request", 1000))
        thread = threading.Thread(
            target=lambda: pair.a.admin("migrate", *words))
        thread.start()
        wait_for("last part on its way", lambda: proxy.done["stall"])
        wait_for("part at the target",
                 lambda: parts(pair.upstream, pair.bucket))
        pair.a.kill()
        thread.join()
        pair.a.start()
        pair.s3 = pair.a.client()
        pair.migrate()
    assert contents(pair.upstream, pair.bucket) == \
        contents(pair.s3, pair.bucket)
    assert not pair.upstream.list_multipart_uploads(
        Bucket=pair.bucket).get("Uploads")


def test_a_bad_line_costs_time_only(pair):
    for i in range(30):
        pair.put(f"k{i:02}", 3 * 10 ** (i % 6))
    pair.upload("m", PART, 1000)
    with FaultProxy(pair.b.port) as proxy:
        pair.write_settings(S3_ENDPOINT=proxy.url)
        proxy.storm(5, 0.2, [
            cut("request", 1000), cut("answer", HEAD), reset("answer", 0),
            flip("request", 100), refuse(500), refuse(503, retry_after=0),
            refuse(500, after=True)])
        words = ["migrate", "--from", "local", "--to", "s3", "--bucket",
                 pair.bucket, "--settings", pair.settings]
        runs = 1
        while pair.a.admin(*words).returncode != 0:
            runs += 1
            assert runs < 15
        assert sum(proxy.done.values()) > proxy.done["requests"]
    assert contents(pair.upstream, pair.bucket) == \
        contents(pair.s3, pair.bucket)


# ---- refused ----------------------------------------------------------------

@pytest.mark.parametrize("settings, why", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong-secret-key"}, "cannot be read: "),
    ({"AWS_ACCESS_KEY_ID": "NOBODY"}, "cannot be read: "),
    ({"AWS_ACCESS_KEY_ID": ""}, "are needed"),
    ({"S3_ENDPOINT": "ftp://127.0.0.1"}, "ftp://127.0.0.1"),
    ({"S3_ENDPOINT": "http://127.0.0.1:9/"}, "no answer"),
])
def test_another_s3_that_does_not_work_is_refused(pair, settings, why):
    pair.put("k", 10)
    pair.write_settings(**settings)
    assert why in pair.migrate(status=78 if why == "are needed" else 1)


def test_the_gateway_itself_is_no_target(pair):
    pair.put("k", 10)
    pair.write_settings(S3_ENDPOINT=pair.a.url,
                        AWS_ACCESS_KEY_ID="TESTACCESSKEY",
                        AWS_SECRET_ACCESS_KEY="testsecretkey-of-the-suite")
    assert "the same store" in pair.migrate(status=1)


@pytest.mark.parametrize("words", [
    ["--from", "local", "--to", "local"], ["--from", "s3"], [],
    ["--from", "local", "--to", "s3", "--rate", "fast"],
    ["--from", "local", "--to", "s3", "--settings", "/nowhere"],
])
def test_command_lines_that_mean_nothing(gateway, words):
    done = gateway.admin("migrate", *words)
    assert done.returncode in (64, 78) and done.stderr.count("\n") == 1


def test_status_and_stop_without_a_migration(own_gateway):
    g = own_gateway()
    done = g.admin("migrate", "--status")
    assert done.returncode == 0 and "phase         idle" in done.stdout
    assert g.admin("migrate", "--stop").returncode == 0


# ---- what is left behind ------------------------------------------------------

def test_what_is_equal_there_is_deleted_here_when_asked_for(own_pair):
    p = own_pair
    bucket = {"Bucket": p.bucket}
    kept = {"Bucket": p.bucket + "-v"}

    def migrate(*words, status=0, to="s3"):
        done = p.a.admin("migrate", "--from", "s3" if to == "local" else
                         "local", "--to", to, "--settings", p.settings, *words)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    for key, size in (("a", 10), ("large", 9 << 20), ("changed", 70000),
                      ("deleted", 80000)):
        p.put(key, size)
    p.upload("film", PART, 1000)
    p.s3.create_bucket(**kept)
    p.s3.put_bucket_versioning(**kept, VersioningConfiguration={
        "Status": "Enabled"})
    for body in (b"1", b"2"):
        p.s3.put_object(**kept, Key="k", Body=body)
        p.s3.put_object(**kept, Key="later", Body=body)
    p.s3.delete_object(**kept, Key="k")
    migrate()
    # while it is served, nothing is deleted
    assert "of a gateway that serves the other S3" in migrate(
        "--remove-source", status=1)
    p.put("late", 20)
    p.serve("s3")
    p.put("changed", 70000, seed=1)
    p.s3.delete_object(**bucket, Key="deleted")
    p.s3.put_object(**kept, Key="later", Body=b"3")
    assert "whole local store" in migrate(
        "--remove-source", "--bucket", p.bucket, status=1)
    before = contents(p.s3, p.bucket)
    versions = p.s3.list_object_versions(**kept)

    out = migrate("--remove-source", status=1)
    assert "changed: different at the target" in out
    assert "deleted: missing at the target" in out
    # a, large, film, late, and of k and later all versions and the marker
    assert "9 of them, with " in out and "were deleted" in out
    before["late"] = contents(p.s3, p.bucket)["late"]
    out = migrate("--remove-source", status=1)
    assert "were deleted" not in out
    # nor does anybody take that for changes
    assert "no migration to it was completed" in migrate(status=1)
    assert contents(p.s3, p.bucket) == before
    after = p.s3.list_object_versions(**kept)
    for what in ("Versions", "DeleteMarkers"):
        assert after[what] == versions[what]
    p.a.stop()
    assert "2 objects of 150000 bytes" in p.a.admin("fsck").stdout

    p.serve("s3")
    migrate("--remove-extra", to="local")
    p.serve("local")
    assert contents(p.s3, p.bucket) == before
    assert [v["Size"] for v in p.s3.list_object_versions(**kept)["Versions"]
            ] == [1] * 5
