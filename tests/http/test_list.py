"""Listings against a model: a page must be what sorting by bytes says."""

import random

import pytest
from botocore.exceptions import ClientError

ALPHABET = ["a", "b", "/", "//", "ab", "\u00e9", "\uffee", "\U0001f600",
            " ", "+", "%", "&"]


def names(n, seed):
    r = random.Random(seed)
    out = set()
    while len(out) < n:
        out.add("".join(r.choice(ALPHABET) for _ in range(r.randint(1, 6))))
    return out


@pytest.fixture(scope="module")
def filled(client):
    bucket = "list-bucket"
    client.create_bucket(Bucket=bucket)
    keys = names(250, 7)
    for k in keys:
        client.put_object(Bucket=bucket, Key=k, Body=b"")
    return bucket, sorted(keys, key=lambda k: k.encode())


def truth(keys, prefix="", delimiter="", after=""):
    """Keys and common prefixes, merged in byte order."""
    seen, out = set(), []
    for k in keys:
        if not k.startswith(prefix):
            continue
        rest = k[len(prefix):]
        name, is_prefix = k, False
        if delimiter and delimiter in rest:
            name = prefix + rest[:rest.index(delimiter) + len(delimiter)]
            is_prefix = True
        if name in seen or name.encode() <= after.encode():
            continue
        seen.add(name)
        out.append((name, is_prefix))
    return out


def pages_v2(client, **options):
    """All pages by continuation token; checks each page's arithmetic."""
    out, token = [], {}
    limit = options.get("MaxKeys", 1000)
    while True:
        page = client.list_objects_v2(**options, **token)
        items = [(o["Key"], False) for o in page.get("Contents", [])]
        items += [(p["Prefix"], True) for p in page.get("CommonPrefixes", [])]
        assert page["KeyCount"] == len(items) <= limit
        out += sorted(items, key=lambda i: i[0].encode())
        if not page["IsTruncated"]:
            return out
        assert len(items) == limit
        token = {"ContinuationToken": page["NextContinuationToken"]}


@pytest.mark.parametrize("prefix", ["", "a", "a/", "ab/", "\u00e9", "zzz"])
@pytest.mark.parametrize("delimiter", ["", "/", "//", "b", "\u00e9"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pages_are_the_sorted_truth(client, filled, prefix, delimiter, size):
    if size == 1 and prefix == "":
        size = 3
    bucket, keys = filled
    options = {"Delimiter": delimiter} if delimiter else {}
    got = pages_v2(client, Bucket=bucket, Prefix=prefix, MaxKeys=size,
                   **options)
    assert got == truth(keys, prefix, delimiter)


@pytest.mark.parametrize("delimiter", ["", "/"])
def test_version_1_pages_by_marker(client, filled, delimiter):
    bucket, keys = filled
    out, marker = [], ""
    while True:
        page = client.list_objects(Bucket=bucket, Marker=marker, MaxKeys=11,
                                   Delimiter=delimiter)
        items = [(o["Key"], False) for o in page.get("Contents", [])]
        items += [(p["Prefix"], True) for p in page.get("CommonPrefixes", [])]
        items.sort(key=lambda i: i[0].encode())
        out += items
        assert ("NextMarker" in page) == bool(page["IsTruncated"]
                                              and delimiter)
        if not page["IsTruncated"]:
            break
        marker = page.get("NextMarker", items[-1][0])
    assert out == truth(keys, "", delimiter)


def test_start_after(client, filled):
    bucket, keys = filled
    for after in (keys[0], keys[100], keys[-1], "a", "\U0010ffff"):
        got = pages_v2(client, Bucket=bucket, StartAfter=after)
        assert got == truth(keys, after=after)


def test_entries_tell_size_etag_and_owner_when_asked(client, bucket):
    etag = client.put_object(Bucket=bucket, Key="k", Body=b"12345")["ETag"]
    plain = client.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert (plain["Size"], plain["ETag"]) == (5, etag)
    assert plain["StorageClass"] == "STANDARD" and "Owner" not in plain
    owned = client.list_objects_v2(Bucket=bucket, FetchOwner=True)
    assert len(owned["Contents"][0]["Owner"]["ID"]) == 64


def test_listing_follows_every_change_at_once(client, bucket):
    for i in range(20):
        client.put_object(Bucket=bucket, Key=f"k{i:02}", Body=b"")
        assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == i + 1
    for i in range(20):
        client.delete_object(Bucket=bucket, Key=f"k{i:02}")
        assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 19 - i


def test_max_keys_zero_is_an_empty_page(client, filled):
    page = client.list_objects_v2(Bucket=filled[0], MaxKeys=0)
    assert page["KeyCount"] == 0 and not page["IsTruncated"]


def test_names_are_encoded_when_asked(gateway, filled):
    from sigv4 import Signer, head, quote
    from wire import request
    bucket, _ = filled
    query = [("list-type", "2"), ("encoding-type", "url"), ("prefix", " +")]
    path = f"/{bucket}"
    h = Signer().headers("GET", path, f"127.0.0.1:{gateway.port}",
                         query=query)
    target = path + "?" + "&".join(f"{k}={quote(v)}" for k, v in query)
    r = request(gateway.port, head("GET", target, h))
    assert r.status == 200 and "<Prefix>%20%2B</Prefix>" in r.text


@pytest.mark.parametrize("options,argument", [
    ({"MaxKeys": -1}, "maxKeys"),
    ({"EncodingType": "base64"}, "encoding-type"),
    ({"ContinuationToken": "not a token"}, "continuation-token"),
])
def test_bad_arguments_are_named(client, filled, options, argument):
    with pytest.raises(ClientError) as e:
        client.list_objects_v2(Bucket=filled[0], **options)
    error = e.value.response["Error"]
    assert error["Code"] == "InvalidArgument"
    assert error["ArgumentName"] == argument


def test_missing_bucket(client):
    for options in ({}, {"MaxKeys": 0}):
        with pytest.raises(ClientError) as e:
            client.list_objects_v2(Bucket="no-such-bucket-here", **options)
        assert e.value.response["Error"]["Code"] == "NoSuchBucket"
