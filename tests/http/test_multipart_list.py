"""ListParts and ListMultipartUploads: order, pages, markers."""

import pytest
from botocore.exceptions import ClientError

from signed import signed


def create(client, bucket, key, **args):
    return client.create_multipart_upload(Bucket=bucket, Key=key,
                                          **args)["UploadId"]


def put(client, bucket, key, upload, number, data=b"x"):
    return client.upload_part(Bucket=bucket, Key=key, UploadId=upload,
                              PartNumber=number, Body=data)["ETag"]


def parts(client, bucket, upload, **args):
    return client.list_parts(Bucket=bucket, Key="k", UploadId=upload, **args)


def uploads(client, bucket, **args):
    return client.list_multipart_uploads(Bucket=bucket, **args)


def names(page):
    return [(u["Key"], u["UploadId"]) for u in page.get("Uploads", [])]


# ---- parts --------------------------------------------------------------------

def test_parts_in_order_with_what_they_are(client, bucket):
    upload = create(client, bucket, "k")
    etags = {n: put(client, bucket, "k", upload, n, b"x" * n)
             for n in (3, 1, 10000, 2)}
    page = parts(client, bucket, upload)
    assert [(p["PartNumber"], p["ETag"], p["Size"]) for p in page["Parts"]] \
        == [(n, etags[n], n) for n in (1, 2, 3, 10000)]
    assert page["Bucket"] == bucket and page["Key"] == "k"
    assert page["UploadId"] == upload
    assert page["StorageClass"] == "STANDARD"
    assert page["Initiator"]["ID"] == page["Owner"]["ID"]
    assert page["MaxParts"] == 1000 and not page["IsTruncated"]
    assert page["NextPartNumberMarker"] == 10000
    assert page["PartNumberMarker"] == 0


def test_parts_of_an_empty_upload(client, bucket):
    page = parts(client, bucket, create(client, bucket, "k"))
    assert "Parts" not in page
    assert not page["IsTruncated"] and page["NextPartNumberMarker"] == 0


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7])
def test_pages_of_parts(client, bucket, size):
    upload = create(client, bucket, "k")
    for n in range(1, 8):
        put(client, bucket, "k", upload, n)
    seen, marker = [], 0
    while True:
        page = parts(client, bucket, upload, MaxParts=size,
                     PartNumberMarker=marker)
        assert page["MaxParts"] == size
        assert page["PartNumberMarker"] == marker
        seen += [p["PartNumber"] for p in page["Parts"]]
        assert len(page["Parts"]) <= size
        if not page["IsTruncated"]:
            break
        marker = page["NextPartNumberMarker"]
    assert seen == list(range(1, 8))


def test_marker_need_not_be_a_part(client, bucket):
    upload = create(client, bucket, "k")
    for n in (2, 4, 6):
        put(client, bucket, "k", upload, n)
    page = parts(client, bucket, upload, PartNumberMarker=3)
    assert [p["PartNumber"] for p in page["Parts"]] == [4, 6]
    assert "Parts" not in parts(client, bucket, upload, PartNumberMarker=6)


def test_no_parts_asked_for(client, bucket):
    upload = create(client, bucket, "k")
    put(client, bucket, "k", upload, 1)
    page = parts(client, bucket, upload, MaxParts=0)
    assert "Parts" not in page and page["MaxParts"] == 0


@pytest.mark.parametrize("query,argument,message", [
    ("max-parts=-1", "max-parts",
     "Argument max-parts must be an integer between 0 and 2147483647"),
    ("max-parts=x", "max-parts",
     "Provided max-parts not an integer or within integer range"),
    ("max-parts=2147483648", "max-parts",
     "Provided max-parts not an integer or within integer range"),
    ("part-number-marker=-1", "part-number-marker",
     "Argument part-number-marker must be an integer between 0 and "
     "2147483647"),
])
def test_bad_numbers_in_a_list_of_parts(client, bucket, gateway, query,
                                        argument, message):
    upload = create(client, bucket, "k")
    answer = signed(gateway, "GET", f"/{bucket}/k?uploadId={upload}&{query}")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.element("ArgumentName") == argument
    assert answer.message == message


def test_more_than_a_page_is_capped(client, bucket):
    upload = create(client, bucket, "k")
    assert parts(client, bucket, upload, MaxParts=5000)["MaxParts"] == 1000


# ---- uploads ------------------------------------------------------------------

def test_uploads_by_key_then_by_beginning(client, bucket):
    assert "Uploads" not in uploads(client, bucket)
    b1 = create(client, bucket, "b")
    a = create(client, bucket, "a")
    b2 = create(client, bucket, "b")
    page = uploads(client, bucket)
    assert names(page) == [("a", a), ("b", b1), ("b", b2)]
    for u in page["Uploads"]:
        assert u["StorageClass"] == "STANDARD"
        assert u["Initiator"]["ID"] == u["Owner"]["ID"]
        assert u["Initiated"].year >= 2026
    assert page["MaxUploads"] == 1000 and not page["IsTruncated"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
def test_pages_of_uploads(client, bucket, size):
    want = []
    for key in ("a", "b", "b/c", "c", "\u00fc"):
        want += [(key, create(client, bucket, key)) for _ in range(2)]
    seen, markers = [], {}
    while True:
        page = uploads(client, bucket, MaxUploads=size, **markers)
        seen += names(page)
        assert len(page["Uploads"]) <= size
        if not page["IsTruncated"]:
            break
        markers = {"KeyMarker": page["NextKeyMarker"],
                   "UploadIdMarker": page["NextUploadIdMarker"]}
    assert seen == want


def test_key_marker_alone_skips_that_key(client, bucket):
    create(client, bucket, "a")
    create(client, bucket, "a")
    b = create(client, bucket, "b")
    assert names(uploads(client, bucket, KeyMarker="a")) == [("b", b)]


def test_upload_marker_without_key_marker_says_nothing(client, bucket):
    a = create(client, bucket, "a")
    assert names(uploads(client, bucket, UploadIdMarker=a)) == [("a", a)]


def test_prefix_and_delimiter(client, bucket):
    ids = {k: create(client, bucket, k)
           for k in ("a/1", "a/2", "b", "a/x/y", "c/1")}
    page = uploads(client, bucket, Prefix="a/", Delimiter="/")
    assert names(page) == [("a/1", ids["a/1"]), ("a/2", ids["a/2"])]
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["a/x/"]
    page = uploads(client, bucket, Delimiter="/")
    assert names(page) == [("b", ids["b"])]
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["a/", "c/"]


def test_pages_with_a_delimiter(client, bucket):
    for k in ("a/1", "a/2", "b", "c/1", "d"):
        create(client, bucket, k)
    seen, markers = [], {}
    while True:
        page = uploads(client, bucket, Delimiter="/", MaxUploads=1, **markers)
        seen += [u["Key"] for u in page.get("Uploads", [])]
        seen += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            break
        markers = {"KeyMarker": page["NextKeyMarker"],
                   "UploadIdMarker": page.get("NextUploadIdMarker", "")}
    assert seen == ["a/", "b", "c/", "d"]


def test_keys_encoded_on_request(client, bucket, gateway):
    create(client, bucket, "a b/\u00fc")
    answer = signed(gateway, "GET", f"/{bucket}?uploads&encoding-type=url")
    assert answer.element("Key") == "a%20b/%C3%BC"
    assert answer.element("EncodingType") == "url"


@pytest.mark.parametrize("query,argument,message", [
    ("max-uploads=-1", "max-uploads",
     "Argument max-uploads must be an integer between 0 and 2147483647"),
    ("max-uploads=x", "max-uploads",
     "Provided max-uploads not an integer or within integer range"),
    ("encoding-type=x", "encoding-type",
     "Invalid Encoding Method specified in Request"),
    ("key-marker=k&upload-id-marker=nonsense", "upload-id-marker",
     "Invalid uploadId marker"),
])
def test_bad_arguments(client, bucket, gateway, query, argument, message):
    answer = signed(gateway, "GET", f"/{bucket}?uploads&{query}")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.element("ArgumentName") == argument
    assert answer.message == message
    assert answer.text.count("<ArgumentName>") == 1


@pytest.mark.parametrize("keys,options,key_marker,names_upload", [
    ((), {}, "", False),
    (("a", "b"), {}, "b", True),
    (("a", "b/c"), {"Delimiter": "/"}, "b/", False),
    (("a", "b"), {"Prefix": "c"}, "", False),
    (("a",), {"MaxUploads": 0}, "", False),
])
def test_the_last_upload_is_named_on_the_last_page(
        client, bucket, keys, options, key_marker, names_upload):
    ids = [create(client, bucket, k) for k in keys]
    page = uploads(client, bucket, **options)
    assert not page["IsTruncated"]
    assert page["NextKeyMarker"] == key_marker
    assert page["NextUploadIdMarker"] == (ids[-1] if names_upload else "")


def test_uploads_of_a_missing_bucket(client):
    with pytest.raises(ClientError) as e:
        uploads(client, "no-such-bucket-here")
    assert e.value.response["Error"]["Code"] == "NoSuchBucket"


def test_uploads_in_progress_alone_are_listed(client, bucket):
    done, gone, open_ = (create(client, bucket, "k") for _ in range(3))
    etag = put(client, bucket, "k", done, 1)
    client.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=done, MultipartUpload={"Parts": [
            {"PartNumber": 1, "ETag": etag}]})
    client.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=gone)
    assert names(uploads(client, bucket)) == [("k", open_)]


def test_bucket_with_an_upload_in_progress_can_be_deleted(client, bucket):
    put(client, bucket, "k", create(client, bucket, "k"), 1)
    client.delete_bucket(Bucket=bucket)
    client.create_bucket(Bucket=bucket)
    assert "Uploads" not in uploads(client, bucket)
