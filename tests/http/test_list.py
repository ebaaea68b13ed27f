"""Listings against a model: a page must be what sorting by bytes says."""

import random
import re

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


# ---- the form of the answer -------------------------------------------------

@pytest.fixture(scope="module")
def few(client):
    bucket = "few-keys"
    client.create_bucket(Bucket=bucket)
    for k in ("a", "a/", "a/b", "a/c", "b \u00e9+/x", "c\x01\x1f&<"):
        client.put_object(Bucket=bucket, Key=k, Body=b"")
    return bucket


def keys_of(r):
    return re.findall("<Key>(.*?)</Key>", r.text)


def test_a_key_and_what_looks_like_its_folder(call, few):
    r = call("GET", f"/{few}", "list-type=2&prefix=a&delimiter=/")
    assert keys_of(r) == ["a"]
    assert "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>" in r.text
    r = call("GET", f"/{few}", "list-type=2&prefix=a/&delimiter=/")
    assert keys_of(r) == ["a/", "a/b", "a/c"]
    assert "<CommonPrefixes>" not in r.text
    r = call("GET", f"/{few}", "list-type=2&prefix=a/")
    assert keys_of(r) == ["a/", "a/b", "a/c"]


def test_control_bytes_come_as_references_or_encoded(call, few):
    r = call("GET", f"/{few}", "prefix=c")
    assert keys_of(r) == ["c&#x1;&#x1f;&amp;&lt;"]
    r = call("GET", f"/{few}", "prefix=c&encoding-type=url")
    assert keys_of(r) == ["c%01%1F%26%3C"]


@pytest.mark.parametrize("query,elements", [
    ("list-type=2&prefix=b &delimiter=+&start-after= %",
     {"Prefix": "b%20", "Delimiter": "%2B", "StartAfter": "%20%25",
      "EncodingType": "url", "KeyCount": "1"}),
    ("prefix=b &delimiter=+&marker= %",
     {"Prefix": "b%20", "Delimiter": "%2B", "Marker": "%20%25",
      "EncodingType": "url", "KeyCount": None}),
    ("delimiter= &max-keys=3&prefix=",
     {"NextMarker": "a/b", "IsTruncated": "true"}),
    ("delimiter= &max-keys=5", {"NextMarker": "b%20"}),
])
def test_encoded_elements(call, few, query, elements):
    r = call("GET", f"/{few}", query + "&encoding-type=url")
    assert r.status == 200
    for name, value in elements.items():
        assert r.element(name) == value, name
    if elements.get("Delimiter"):
        assert "<CommonPrefixes><Prefix>b%20%C3%A9%2B</Prefix>" in r.text


@pytest.mark.parametrize("query,present,absent", [
    ("", ["Prefix", "Marker", "MaxKeys", "IsTruncated", "Owner"],
     ["KeyCount", "Delimiter", "EncodingType", "NextMarker",
      "ContinuationToken", "StartAfter"]),
    ("list-type=1", ["Marker"], ["KeyCount"]),
    ("list-type=2", ["Prefix", "KeyCount", "MaxKeys", "IsTruncated"],
     ["Marker", "Owner", "ContinuationToken", "NextContinuationToken",
      "StartAfter", "Delimiter"]),
    ("list-type=2&fetch-owner=true", ["Owner"], []),
    ("list-type=2&fetch-owner=false", [], ["Owner"]),
    ("list-type=2&max-keys=2", ["NextContinuationToken"], ["NextMarker"]),
    ("max-keys=2", [], ["NextMarker"]),
    ("max-keys=2&delimiter=/", ["NextMarker", "Delimiter"], []),
    ("delimiter=", [], ["Delimiter"]),
])
def test_elements(call, few, query, present, absent):
    r = call("GET", f"/{few}", query)
    assert r.status == 200
    assert ('<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/'
            '">') in r.text
    assert r.element("Name") == few
    assert r.headers["x-amz-bucket-region"] == "us-east-1"
    for name in present:
        assert r.element(name) is not None, name
    for name in absent:
        assert r.element(name) is None, name


def test_checksum_and_class_of_entries(client, call, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"x",
                      ChecksumAlgorithm="SHA256", StorageClass="STANDARD_IA")
    for query in ("", "list-type=2"):
        r = call("GET", f"/{bucket}", query)
        assert r.element("ChecksumAlgorithm") == "SHA256"
        assert r.element("ChecksumType") == "FULL_OBJECT"
        assert r.element("StorageClass") == "STANDARD_IA"


@pytest.mark.parametrize("asked,shown,count", [
    ("0", "0", 0), ("1", "1", 1), ("1000", "1000", 6), ("1001", "1000", 6),
    ("2147483647", "1000", 6)])
def test_max_keys(call, few, asked, shown, count):
    for v in ("", "list-type=2&"):
        r = call("GET", f"/{few}", f"{v}max-keys={asked}")
        assert r.element("MaxKeys") == shown and len(keys_of(r)) == count
        assert r.element("IsTruncated") == ("true" if count == 1 else "false")


def test_tokens_are_echoed_and_start_after_yields_to_them(call, few):
    first = call("GET", f"/{few}", "list-type=2&max-keys=2&start-after=a")
    assert keys_of(first) == ["a/", "a/b"]
    token = first.element("NextContinuationToken")
    r = call("GET", f"/{few}", "list-type=2&max-keys=2&start-after=a"
             f"&continuation-token={token}")
    assert keys_of(r)[0] == "a/c"
    assert r.element("ContinuationToken") == token
    assert r.element("StartAfter") == "a"


def test_a_changed_token_is_refused(call, few):
    first = call("GET", f"/{few}", "list-type=2&max-keys=2")
    token = first.element("NextContinuationToken")
    bad = ["", "x", token[:-1], token[1:], token + "A", "YQ", "a" * 2000]
    for i in range(len(token)):
        bad.append(token[:i] + ("A" if token[i] != "A" else "B")
                   + token[i + 1:])
    for t in bad:
        r = call("GET", f"/{few}", f"list-type=2&continuation-token={t}")
        assert (r.status, r.code) == (400, "InvalidArgument"), t
        assert r.message == "The continuation token provided is incorrect"
        assert r.element("ArgumentName") == "continuation-token"
    r = call("GET", "/", f"continuation-token={token}")
    assert (r.status, r.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("query,name,message", [
    ("max-keys=-1", "maxKeys",
     "Argument maxKeys must be an integer between 0 and 2147483647"),
    ("max-keys=x", "maxKeys",
     "Provided maxKeys not an integer or within integer range"),
    ("max-keys=1.5", "maxKeys",
     "Provided maxKeys not an integer or within integer range"),
    ("max-keys=2147483648", "maxKeys",
     "Provided maxKeys not an integer or within integer range"),
    ("encoding-type=URL", "encoding-type",
     "Invalid Encoding Method specified in Request"),
    ("encoding-type=", "encoding-type",
     "Invalid Encoding Method specified in Request"),
])
@pytest.mark.parametrize("v", ["", "list-type=2&"])
def test_bad_arguments_of_both(call, few, v, query, name, message):
    r = call("GET", f"/{few}", v + query)
    assert (r.status, r.code) == (400, "InvalidArgument")
    assert r.message == message
    assert r.element("ArgumentName") == name


@pytest.mark.parametrize("value", ["3", "0", "x", ""])
def test_list_types(call, few, value):
    r = call("GET", f"/{few}", f"list-type={value}")
    assert (r.status, r.code) == (400, "InvalidArgument")
    assert r.element("ArgumentName") == "list-type"


def test_optional_attributes(call, few):
    for value, status in (("RestoreStatus", 200), ("Other", 400)):
        r = call("GET", f"/{few}", "list-type=2",
                 x_amz_optional_object_attributes=value)
        assert r.status == status


@pytest.mark.parametrize("delimiter", ["/", "//", "a", "\u00e9"])
@pytest.mark.parametrize("prefix", ["", "a", "a/"])
def test_version_1_markers_that_are_common_prefixes(client, filled, prefix,
                                                    delimiter):
    bucket, keys = filled
    whole = truth(keys, prefix, delimiter)
    for name, is_prefix in whole[::5]:
        page = client.list_objects(Bucket=bucket, Prefix=prefix,
                                   Delimiter=delimiter, Marker=name)
        items = [(o["Key"], False) for o in page.get("Contents", [])]
        items += [(p["Prefix"], True) for p in page.get("CommonPrefixes", [])]
        items.sort(key=lambda i: i[0].encode())
        at = whole.index((name, is_prefix))
        assert items == whole[at + 1:]


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


def test_times_are_those_of_head_in_whole_seconds(client, versioned):
    bucket = versioned
    client.put_object(Bucket=bucket, Key="k", Body=b"")
    upload = client.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]
    client.upload_part(Bucket=bucket, Key="u", UploadId=upload, PartNumber=1,
                       Body=b"")
    head = client.head_object(Bucket=bucket, Key="k")["LastModified"]
    same = [client.list_objects(Bucket=bucket)["Contents"],
            client.list_objects_v2(Bucket=bucket)["Contents"],
            client.list_object_versions(Bucket=bucket)["Versions"]]
    assert all(items[0]["LastModified"] == head for items in same)
    others = [b["CreationDate"] for b in client.list_buckets()["Buckets"]]
    others += [u["Initiated"] for u in
               client.list_multipart_uploads(Bucket=bucket)["Uploads"]]
    others += [p["LastModified"] for p in client.list_parts(
        Bucket=bucket, Key="u", UploadId=upload)["Parts"]]
    assert len(others) >= 3 and not any(t.microsecond for t in others)
