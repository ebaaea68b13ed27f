"""reelgate presign: what it prints does what it says, and no more."""

import json
import re
import subprocess

import pytest

import form
from gateway import BIN
from web import request


@pytest.fixture
def presign(gateway):
    """The command on the module's gateway: its status, stdout, stderr."""
    def run(*words):
        return subprocess.run(
            [BIN / "reelgate", "presign", *words, "--data", gateway.data],
            env=gateway.environment(), capture_output=True, text=True,
            timeout=60)
    return run


@pytest.fixture
def do(presign):
    """A request on what the command prints for it."""
    def run(method, target, *options, body=None, headers=None):
        done = presign(method, target, *options)
        assert done.returncode == 0, done.stderr
        return request(method, done.stdout.strip(), body, headers)
    return run


def test_presign_each_method_on_an_object(do, bucket):
    target = f"s3://{bucket}/a b/ü?&+%.txt"
    assert do("PUT", target, body=b"text").status == 200
    assert do("HEAD", target).headers["Content-Length"] == "4"
    assert do("GET", target).body == b"text"
    assert do("DELETE", target).status == 204
    assert do("GET", target).status == 404


def test_presign_names_a_version(do, client, bucket):
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = client.put_object(Bucket=bucket, Key="o", Body=b"first")
    client.put_object(Bucket=bucket, Key="o", Body=b"second")
    query = ("--query", "versionId=" + first["VersionId"])
    assert do("GET", f"s3://{bucket}/o", *query).body == b"first"
    assert do("DELETE", f"s3://{bucket}/o", *query).status == 204
    assert do("GET", f"s3://{bucket}/o", *query).status == 404
    assert do("GET", f"s3://{bucket}/o").body == b"second"


def test_presign_an_upload_in_parts(do, bucket):
    target = f"s3://{bucket}/parts"
    begun = do("POST", target, "--query", "uploads").body.decode()
    upload = re.search("<UploadId>(.*)</UploadId>", begun)[1]
    part = do("PUT", target, "--query", f"partNumber=1&uploadId={upload}",
              body=b"part")
    document = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                f"<ETag>{part.headers['ETag']}</ETag></Part>"
                "</CompleteMultipartUpload>")
    done = do("POST", target, "--query", f"uploadId={upload}", body=document)
    assert done.status == 200, done.body
    assert do("GET", target).body == b"part"


def test_presign_a_bucket_and_text_that_needs_escapes(do, client, bucket):
    client.put_object(Bucket=bucket, Key="a b/1", Body=b"")
    client.put_object(Bucket=bucket, Key="c", Body=b"")
    listed = do("GET", f"s3://{bucket}", "--query", "list-type=2&prefix=a b/")
    assert re.findall(b"<Key>(.*?)</Key>", listed.body) == [b"a b/1"]
    named = do("GET", f"s3://{bucket}/c", "--query",
               'response-content-disposition=attachment; filename="c%26.mp4"')
    assert named.headers["Content-Disposition"] == \
        'attachment; filename="c&.mp4"'


def test_presign_binds_the_type_of_an_upload(do, bucket):
    target = (f"s3://{bucket}/typed", "--content-type", "video/mp4")
    good, bad = {"Content-Type": "video/mp4"}, {"Content-Type": "text/html"}
    assert do("PUT", *target, body=b"x", headers=bad).status == 403
    assert do("PUT", *target, body=b"x", headers=good).status == 200


def test_presign_form_takes_any_file_name_of_one_type(presign, gateway,
                                                      client, bucket):
    done = presign("POST", f"s3://{bucket}/in/${{filename}}", "--form",
                   "--content-type", "video/mp4", "--max-size", "1K")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["url"] == f"{gateway.url}/{bucket}"

    def send(data, **fields):
        return form.send(gateway.port, bucket, form.body(
            {**answer["fields"], **fields}, data, "a film.mp4"))
    assert send(b"x" * 1024).status == 204
    kept = client.head_object(Bucket=bucket, Key="in/a film.mp4")
    assert kept["ContentType"] == "video/mp4"
    assert kept["ContentLength"] == 1024
    assert send(b"x" * 1025).code == "EntityTooLarge"
    assert send(b"x", key="out/o").code == "AccessDenied"
    assert send(b"x", **{"Content-Type": "text/html"}).code == "AccessDenied"
    assert send(b"x", acl="private").code == "AccessDenied"


REFUSED = [
    (("PATCH", "s3://b/k"), "PATCH: no method of"),
    (("GET", "s3:/b/k"), "not of the form s3://BUCKET/KEY"),
    (("GET", "s3://"), "not of the form s3://BUCKET/KEY"),
    (("GET", "s3:///k"), "not of the form s3://BUCKET/KEY"),
    (("GET", "s3://b/k", "--expires", "8d"), "not a time from 1s to 7d"),
    (("GET", "s3://b/k", "--expires", "0"), "not a time from 1s to 7d"),
    (("GET", "s3://b/k", "--query", "a=%zz"), "two hex digits"),
    (("PUT", "s3://b/k", "--form"), "--form goes with POST and a key"),
    (("POST", "s3://b", "--form"), "--form goes with POST and a key"),
    (("POST", "s3://b/k", "--form", "--query", "a"), "without --query"),
    (("POST", "s3://b/k", "--form", "--max-size", "x"), "number of bytes"),
    (("PUT", "s3://b/k", "--max-size", "5"), "--max-size goes with --form"),
]


@pytest.mark.parametrize("words, message", REFUSED)
def test_presign_refuses(presign, words, message):
    done = presign(*words)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.count("\n") == 1 and message in done.stderr
