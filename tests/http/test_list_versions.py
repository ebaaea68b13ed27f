"""ListObjectVersions against a model, page by page."""

import random
import re

import pytest

XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@pytest.fixture(scope="module")
def history(client):
    """A bucket with a past; the model: newest first below each key, as
    (key, version id, is latest, is marker)."""
    bucket, r, past = "version-history", random.Random(5), {}
    client.create_bucket(Bucket=bucket)
    keys = ["a", "a/", "a/b", "a/c", "b//x", "b/y", "c", "\u00e9/1",
            "\uffee", "\U0001f600/2", " +", "z&<"]

    def put(key):
        v = client.put_object(Bucket=bucket, Key=key, Body=b"")
        past.setdefault(key, []).insert(0, (v.get("VersionId", "null"), False))

    def remove(key):
        v = client.delete_object(Bucket=bucket, Key=key)
        past.setdefault(key, []).insert(0, (v["VersionId"], True))

    for k in keys[::2]:
        put(k)
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(90):
        (remove if r.random() < 0.3 else put)(r.choice(keys))
    remove("only-a-marker")
    return bucket, [
        (k, v, i == 0, marker) for k in sorted(past, key=str.encode)
        for i, (v, marker) in enumerate(past[k])]


def truth(model, prefix="", delimiter=""):
    out, seen = [], set()
    for key, version, latest, marker in model:
        if not key.startswith(prefix):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            out.append((key, version, latest, marker))
        elif key[:cut + len(delimiter)] not in seen:
            seen.add(key[:cut + len(delimiter)])
            out.append((key[:cut + len(delimiter)],))
    return out


def entries(page):
    """Versions and markers keep the order of the answer among themselves."""
    v = [(o["Key"], o["VersionId"], o["IsLatest"], False)
         for o in page.get("Versions", [])]
    m = [(o["Key"], o["VersionId"], o["IsLatest"], True)
         for o in page.get("DeleteMarkers", [])]
    p = [(o["Prefix"],) for o in page.get("CommonPrefixes", [])]
    return v, m, p


def pages(client, bucket, size, **options):
    v, m, p, after = [], [], [], {}
    while True:
        page = client.list_object_versions(Bucket=bucket, MaxKeys=size,
                                           **options, **after)
        got = entries(page)
        v, m, p = v + got[0], m + got[1], p + got[2]
        n = sum(len(g) for g in got)
        if not page["IsTruncated"]:
            assert n <= size
            assert "NextKeyMarker" not in page
            return v, m, p
        assert n == size
        after = {"KeyMarker": page["NextKeyMarker"]}
        if "NextVersionIdMarker" in page:
            after["VersionIdMarker"] = page["NextVersionIdMarker"]
        else:
            assert (page["NextKeyMarker"],) in got[2]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
@pytest.mark.parametrize("prefix,delimiter", [
    ("", ""), ("", "/"), ("", "//"), ("a", ""), ("a/", "/"), ("b", "/"),
    ("\u00e9", "/"), ("zz", "/"), (" +", "")])
def test_pages_are_the_whole_history(client, history, size, prefix,
                                     delimiter):
    bucket, model = history
    v, m, p = pages(client, bucket, size, Prefix=prefix, Delimiter=delimiter)
    expected = truth(model, prefix, delimiter)
    assert v == [e for e in expected if len(e) == 4 and not e[3]]
    assert m == [e for e in expected if len(e) == 4 and e[3]]
    assert p == [e for e in expected if len(e) == 1]


def test_versions_and_markers_stand_in_one_order(call, history):
    bucket, model = history
    r = call("GET", f"/{bucket}", "versions&encoding-type=url")
    found = re.findall("<(Version|DeleteMarker)><Key>.*?</Key><VersionId>"
                       "(.*?)</VersionId>", r.text)
    assert found == [("DeleteMarker" if m else "Version", v)
                     for _, v, _, m in model]


@pytest.mark.parametrize("position", [0, 1, 5, 20, -2, -1])
def test_markers_may_be_any_version(client, history, position):
    bucket, model = history
    key, version, _, _ = model[position]
    page = client.list_object_versions(Bucket=bucket, KeyMarker=key,
                                       VersionIdMarker=version)
    v, m, _ = entries(page)
    at = position % len(model)
    assert sorted(v + m) == sorted(model[at + 1:])
    page = client.list_object_versions(Bucket=bucket, KeyMarker=key)
    v, m, _ = entries(page)
    assert sorted(v + m) == sorted(e for e in model
                                   if e[0].encode() > key.encode())


def test_what_an_entry_says(client, call, bucket):
    tag = client.put_object(Bucket=bucket, Key="k", Body=b"12345")["ETag"]
    page = client.list_object_versions(Bucket=bucket)
    v = page["Versions"][0]
    assert (v["ETag"], v["Size"], v["StorageClass"]) == (tag, 5, "STANDARD")
    assert (v["VersionId"], v["IsLatest"]) == ("null", True)
    assert len(v["Owner"]["ID"]) == 64
    assert page["MaxKeys"] == 1000 and page["Name"] == bucket
    assert page["KeyMarker"] == "" and page["VersionIdMarker"] == ""
    r = call("GET", f"/{bucket}", "versions")
    assert f"<ListVersionsResult {XMLNS}>" in r.text
    assert r.element("ChecksumAlgorithm") == "CRC64NVME"
    assert r.element("ChecksumType") == "FULL_OBJECT"
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.delete_object(Bucket=bucket, Key="k")
    page = client.list_object_versions(Bucket=bucket)
    marker = page["DeleteMarkers"][0]
    assert marker["IsLatest"] and len(marker["Owner"]["ID"]) == 64
    assert "ETag" not in marker and "Size" not in marker
    assert page["Versions"][0]["IsLatest"] is False
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_names_are_encoded_when_asked(call, history):
    bucket, _ = history
    r = call("GET", f"/{bucket}", "versions&encoding-type=url&delimiter=+"
             "&prefix= &key-marker= ")
    assert r.element("EncodingType") == "url"
    assert r.element("KeyMarker") == "%20"
    assert r.element("Delimiter") == "%2B"
    assert "<CommonPrefixes><Prefix>%20%2B</Prefix>" in r.text


@pytest.mark.parametrize("query,name,message", [
    ("max-keys=-1", "maxKeys", "max-keys cannot be negative"),
    ("max-keys=x", "maxKeys",
     "Provided maxKeys not an integer or within integer range"),
    ("max-keys=2147483648", "maxKeys",
     "Provided maxKeys not an integer or within integer range"),
    ("encoding-type=base64", "encoding-type",
     "Invalid Encoding Method specified in Request"),
    ("encoding-type=", "encoding-type",
     "Invalid Encoding Method specified in Request"),
    ("version-id-marker=null", "version-id-marker",
     "A version-id marker cannot be specified without a key marker."),
    ("key-marker=a&version-id-marker=none", "version-id-marker",
     "Invalid version id specified"),
])
def test_bad_arguments(call, history, query, name, message):
    r = call("GET", f"/{history[0]}", "versions&" + query)
    assert (r.status, r.code) == (400, "InvalidArgument")
    assert r.message == message
    assert r.element("ArgumentName") == name
    assert r.element("ArgumentValue") is not None


def test_pages_of_nothing_and_of_too_much(call, history):
    path = f"/{history[0]}"
    r = call("GET", path, "versions&max-keys=0")
    assert r.element("IsTruncated") == "false" and "<Version>" not in r.text
    r = call("GET", path, "versions&max-keys=5000")
    assert r.element("MaxKeys") == "1000"
    r = call("GET", "/no-such-bucket-here", "versions&max-keys=0")
    assert (r.status, r.code) == (404, "NoSuchBucket")
