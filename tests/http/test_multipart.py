"""Multipart uploads: create, upload parts, complete, abort."""

import concurrent.futures
import hashlib
import random

import pytest
from botocore.exceptions import ClientError

from signed import signed

MIN = 5 << 20  # every part but the last
PART = random.Random(5).randbytes(MIN)


def code(error):
    return error.value.response["Error"]["Code"]


def create(client, bucket, key="k", **args):
    return client.create_multipart_upload(Bucket=bucket, Key=key,
                                          **args)["UploadId"]


def put(client, bucket, upload, number, data, key="k", **args):
    etag = client.upload_part(Bucket=bucket, Key=key, UploadId=upload,
                              PartNumber=number, Body=data, **args)["ETag"]
    return {"PartNumber": number, "ETag": etag}


def complete(client, bucket, upload, parts, key="k", **args):
    return client.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload,
        MultipartUpload={"Parts": parts}, **args)


def etag_of(*parts):
    md5s = b"".join(hashlib.md5(p).digest() for p in parts)
    return f'"{hashlib.md5(md5s).hexdigest()}-{len(parts)}"'


def read(client, bucket, key="k", **args):
    return client.get_object(Bucket=bucket, Key=key, **args)["Body"].read()


# ---- the way it is meant -----------------------------------------------------

def test_parts_become_one_object(client, bucket):
    upload = create(client, bucket, ContentType="video/mp4",
                    Metadata={"a": "b"})
    parts = [put(client, bucket, upload, 1, PART),
             put(client, bucket, upload, 2, b"end")]
    done = complete(client, bucket, upload, parts)
    assert done["ETag"] == etag_of(PART, b"end")
    assert done["Bucket"] == bucket and done["Key"] == "k"
    assert done["Location"].endswith(f"/{bucket}/k")
    got = client.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == PART + b"end"
    assert got["ETag"] == done["ETag"]
    assert got["ContentType"] == "video/mp4"
    assert got["Metadata"] == {"a": "b"}
    assert got["ContentLength"] == MIN + 3


def test_part_has_the_etag_of_its_bytes(client, bucket):
    upload = create(client, bucket)
    part = put(client, bucket, upload, 1, b"abc")
    assert part["ETag"] == f'"{hashlib.md5(b"abc").hexdigest()}"'


def test_nothing_is_visible_before_the_completion(client, bucket):
    upload = create(client, bucket)
    put(client, bucket, upload, 1, b"abc")
    with pytest.raises(ClientError) as e:
        client.head_object(Bucket=bucket, Key="k")
    assert code(e) == "404"
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("data", [b"", b"x", PART], ids=["0", "1", "5MiB"])
def test_single_part_of_any_size(client, bucket, data):
    upload = create(client, bucket)
    done = complete(client, bucket, upload,
                    [put(client, bucket, upload, 1, data)])
    assert done["ETag"] == etag_of(data)
    assert read(client, bucket) == data


def test_numbers_may_have_gaps_and_come_in_any_order(client, bucket):
    upload = create(client, bucket)
    last = put(client, bucket, upload, 10000, b"z")
    first = put(client, bucket, upload, 7, PART)
    complete(client, bucket, upload, [first, last])
    assert read(client, bucket) == PART + b"z"


def test_part_sent_again_replaces_the_one_before(client, bucket):
    upload = create(client, bucket)
    put(client, bucket, upload, 1, b"old")
    new = put(client, bucket, upload, 1, b"new")
    complete(client, bucket, upload, [new])
    assert read(client, bucket) == b"new"


def test_parts_not_named_are_dropped(client, bucket):
    upload = create(client, bucket)
    one = put(client, bucket, upload, 1, PART)
    put(client, bucket, upload, 2, PART)
    three = put(client, bucket, upload, 3, b"!")
    complete(client, bucket, upload, [one, three])
    assert read(client, bucket) == PART + b"!"


def test_parts_may_be_sent_at_once(client, bucket):
    upload = create(client, bucket)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        parts = list(pool.map(
            lambda n: put(client, bucket, upload, n, PART), range(1, 7)))
    complete(client, bucket, upload, parts)
    assert read(client, bucket) == PART * 6


def test_ranges_across_parts(client, bucket):
    upload = create(client, bucket)
    tail = random.Random(6).randbytes(100_000)
    complete(client, bucket, upload, [put(client, bucket, upload, 1, PART),
                                      put(client, bucket, upload, 2, PART),
                                      put(client, bucket, upload, 3, tail)])
    whole = PART + PART + tail
    for first, last in [(0, 0), (MIN - 1, MIN), (MIN - 70000, MIN + 70000),
                        (2 * MIN - 5, 2 * MIN + 5), (0, len(whole) - 1),
                        (len(whole) - 1, len(whole) - 1)]:
        got = read(client, bucket, Range=f"bytes={first}-{last}")
        assert got == whole[first:last + 1], (first, last)


def test_two_uploads_of_a_key_do_not_meet(client, bucket):
    a, b = create(client, bucket), create(client, bucket)
    pa = put(client, bucket, a, 1, b"from a")
    pb = put(client, bucket, b, 1, b"from b")
    complete(client, bucket, b, [pb])
    assert read(client, bucket) == b"from b"
    complete(client, bucket, a, [pa])
    assert read(client, bucket) == b"from a"


def test_upload_replaces_an_object_and_is_replaced_by_one(client, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"plain")
    upload = create(client, bucket)
    complete(client, bucket, upload, [put(client, bucket, upload, 1, PART)])
    assert read(client, bucket) == PART
    client.put_object(Bucket=bucket, Key="k", Body=b"plain")
    assert read(client, bucket) == b"plain"


@pytest.mark.parametrize("key", ["a/b c+d%.mp4", "\u65e5\u672c", "x" * 1024,
                                 "//"])
def test_keys_of_any_kind(client, bucket, key):
    upload = create(client, bucket, key)
    complete(client, bucket, upload,
             [put(client, bucket, upload, 1, b"v", key)], key)
    assert read(client, bucket, key) == b"v"


# ---- refusals ---------------------------------------------------------------

@pytest.mark.parametrize("upload", ["nonsense", "0" * 26, "Z" * 26, "a b"])
def test_unknown_upload(client, bucket, upload):
    calls = [
        lambda: put(client, bucket, upload, 1, b"x"),
        lambda: complete(client, bucket, upload,
                         [{"PartNumber": 1, "ETag": "x"}]),
        lambda: client.abort_multipart_upload(Bucket=bucket, Key="k",
                                              UploadId=upload),
        lambda: client.list_parts(Bucket=bucket, Key="k", UploadId=upload),
    ]
    for call in calls:
        with pytest.raises(ClientError) as e:
            call()
        assert code(e) == "NoSuchUpload"
        assert e.value.response["Error"]["UploadId"] == upload
        assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_upload_belongs_to_its_key(client, bucket):
    upload = create(client, bucket, "one")
    with pytest.raises(ClientError) as e:
        put(client, bucket, upload, 1, b"x", "other")
    assert code(e) == "NoSuchUpload"


def test_upload_belongs_to_its_bucket(client, bucket):
    client.create_bucket(Bucket=bucket + "-2")
    upload = create(client, bucket)
    with pytest.raises(ClientError) as e:
        put(client, bucket + "-2", upload, 1, b"x")
    assert code(e) == "NoSuchUpload"


@pytest.mark.parametrize("number", [0, 10001, -1, 2**40])
def test_part_number_out_of_range(client, bucket, number):
    upload = create(client, bucket)
    with pytest.raises(ClientError) as e:
        put(client, bucket, upload, number, b"x")
    error = e.value.response["Error"]
    assert error["Code"] == "InvalidArgument"
    assert error["Message"] == ("Part number must be an integer between 1 and "
                                "10000, inclusive")
    assert error["ArgumentName"] == "partNumber"
    assert error["ArgumentValue"] == str(number)


def test_missing_bucket(client):
    with pytest.raises(ClientError) as e:
        create(client, "no-such-bucket-here")
    assert code(e) == "NoSuchBucket"


def test_completion_with_wrong_etag(client, bucket):
    upload = create(client, bucket)
    put(client, bucket, upload, 1, b"x")
    with pytest.raises(ClientError) as e:
        complete(client, bucket, upload,
                 [{"PartNumber": 1, "ETag": '"' + "0" * 32 + '"'}])
    error = e.value.response["Error"]
    assert error["Code"] == "InvalidPart"
    assert error["PartNumber"] == "1" and error["UploadId"] == upload
    assert error["ETag"] == "0" * 32


def test_completion_with_a_part_never_sent(client, bucket):
    upload = create(client, bucket)
    one = put(client, bucket, upload, 1, PART)
    with pytest.raises(ClientError) as e:
        complete(client, bucket, upload,
                 [one, {"PartNumber": 2, "ETag": one["ETag"]}])
    assert code(e) == "InvalidPart"
    assert e.value.response["Error"]["PartNumber"] == "2"


@pytest.mark.parametrize("numbers", [[2, 1], [1, 1], [3, 2, 1]])
def test_completion_out_of_order(client, bucket, numbers):
    upload = create(client, bucket)
    sent = {n: put(client, bucket, upload, n, b"x") for n in set(numbers)}
    with pytest.raises(ClientError) as e:
        complete(client, bucket, upload, [sent[n] for n in numbers])
    assert code(e) == "InvalidPartOrder"
    assert e.value.response["Error"]["UploadId"] == upload


def test_completion_with_a_small_part_inside(client, bucket):
    upload = create(client, bucket)
    parts = [put(client, bucket, upload, 1, PART[:-1]),
             put(client, bucket, upload, 2, b"x")]
    with pytest.raises(ClientError) as e:
        complete(client, bucket, upload, parts)
    error = e.value.response["Error"]
    assert error["Code"] == "EntityTooSmall"
    assert error["ProposedSize"] == str(MIN - 1)
    assert error["MinSizeAllowed"] == str(MIN)
    assert error["PartNumber"] == "1"
    assert error["ETag"] == parts[0]["ETag"].strip('"')


PART_1 = "<PartNumber>1</PartNumber>"
ETAG = f"<ETag>{'0' * 32}</ETag>"


@pytest.mark.parametrize("body,expected", [
    ("", ("InvalidRequest", "You must specify at least one part")),
    ("<CompleteMultipartUpload/>", ("MalformedXML", None)),
    (f"<Other><Part>{PART_1}{ETAG}</Part></Other>", ("MalformedXML", None)),
    *((f"<CompleteMultipartUpload><Part>{part}</Part>"
       "</CompleteMultipartUpload>", ("MalformedXML", None))
      for part in ("", PART_1, ETAG, f"<PartNumber>x</PartNumber>{ETAG}",
                   f"<PartNumber>4294967295</PartNumber>{ETAG}")),
])
def test_completion_without_parts(client, bucket, http, body, expected):
    upload = create(client, bucket)
    answer = http("POST", f"/{bucket}/k", body.encode(),
                  query=[("uploadId", upload)])
    code, message = expected
    assert (answer.status, answer.code) == (400, code)
    assert message in (None, answer.message)


@pytest.mark.parametrize("header,code", [
    ("x-amz-server-side-encryption", "InvalidArgument"),
    ("x-amz-server-side-encryption-customer-algorithm", "InvalidRequest"),
])
def test_parts_are_not_encrypted(client, bucket, http, header, code):
    upload = create(client, bucket)
    answer = http("PUT", f"/{bucket}/k", b"x", {header: "AES256"},
                  [("partNumber", "1"), ("uploadId", upload)])
    assert (answer.status, answer.code) == (400, code)


def test_failed_completion_leaves_the_upload(client, bucket):
    upload = create(client, bucket)
    part = put(client, bucket, upload, 1, b"x")
    with pytest.raises(ClientError):
        complete(client, bucket, upload, [{"PartNumber": 9, "ETag": "x"}])
    complete(client, bucket, upload, [part])
    assert read(client, bucket) == b"x"


# ---- repeat, abort ----------------------------------------------------------

def test_completion_repeated_answers_the_same(client, bucket):
    upload = create(client, bucket)
    parts = [put(client, bucket, upload, 1, b"x")]
    first = complete(client, bucket, upload, parts)
    again = complete(client, bucket, upload, parts)
    assert again["ETag"] == first["ETag"]
    assert again["Location"] == first["Location"]


def test_completion_repeated_with_other_parts(client, bucket):
    upload = create(client, bucket)
    one = put(client, bucket, upload, 1, PART)
    two = put(client, bucket, upload, 2, b"x")
    complete(client, bucket, upload, [one, two])
    with pytest.raises(ClientError) as e:
        complete(client, bucket, upload, [one])
    assert code(e) in ("NoSuchUpload", "InvalidPart")


def test_completed_upload_is_gone(client, bucket):
    upload = create(client, bucket)
    complete(client, bucket, upload, [put(client, bucket, upload, 1, b"x")])
    for call in (lambda: put(client, bucket, upload, 1, b"x"),
                 lambda: client.list_parts(Bucket=bucket, Key="k",
                                           UploadId=upload)):
        with pytest.raises(ClientError) as e:
            call()
        assert code(e) == "NoSuchUpload"
    # AWS answers an abort for some time as if there were something left.
    client.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    assert read(client, bucket) == b"x"


def test_aborted_upload_is_gone(client, bucket):
    upload = create(client, bucket)
    part = put(client, bucket, upload, 1, b"x")
    answer = client.abort_multipart_upload(Bucket=bucket, Key="k",
                                           UploadId=upload)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (lambda: put(client, bucket, upload, 1, b"x"),
                 lambda: complete(client, bucket, upload, [part])):
        with pytest.raises(ClientError) as e:
            call()
        assert code(e) == "NoSuchUpload"


def test_abort_does_not_touch_the_object(client, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"kept")
    upload = create(client, bucket)
    put(client, bucket, upload, 1, b"x")
    client.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    assert read(client, bucket) == b"kept"


# ---- what else a completion can say -----------------------------------------

def test_object_size_is_checked(client, bucket, gateway):
    upload = create(client, bucket)
    part = put(client, bucket, upload, 1, b"four")
    document = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                f"<ETag>{part['ETag']}</ETag></Part>"
                "</CompleteMultipartUpload>")
    wrong = signed(gateway, "POST", f"/{bucket}/k?uploadId={upload}", document,
                           {"x-amz-mp-object-size": "5"})
    assert wrong.status == 400 and wrong.code == "InvalidRequest"
    assert wrong.message == ("The provided 'x-amz-mp-object-size' header value "
                             "5 does not match what was computed: 4")
    wrong = signed(gateway, "POST", f"/{bucket}/k?uploadId={upload}", document,
                   {"x-amz-mp-object-size": "x"})
    assert wrong.status == 400 and wrong.code == "InvalidRequest"
    assert wrong.message == ("Value for x-amz-mp-object-size header is "
                             "invalid: 'x'")
    right = signed(gateway, "POST", f"/{bucket}/k?uploadId={upload}", document,
                           {"x-amz-mp-object-size": "4"})
    assert right.status == 200, right


@pytest.mark.parametrize("document", [
    "<CompleteMultipartUpload>",
    "not xml",
    "<Other><Part/></Other>",
    "<CompleteMultipartUpload><Part><PartNumber>x</PartNumber>"
    "<ETag>e</ETag></Part></CompleteMultipartUpload>",
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part>"
    "</CompleteMultipartUpload>",
    "<!DOCTYPE a><CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
    "<ETag>e</ETag></Part></CompleteMultipartUpload>",
    "<CompleteMultipartUpload>"
    + "<Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>" * 10001
    + "</CompleteMultipartUpload>",
], ids=["open", "text", "root", "number", "no-etag", "doctype", "10001"])
def test_malformed_document(client, bucket, gateway, document):
    upload = create(client, bucket)
    put(client, bucket, upload, 1, b"x")
    answer = signed(gateway, "POST", f"/{bucket}/k?uploadId={upload}", document)
    assert (answer.status, answer.code) == (400, "MalformedXML")


@pytest.mark.parametrize("number,message", [
    ("0", "PartNumber must be >= 1"), ("-1", "PartNumber must be >= 1"),
    ("10001", "Part number must be an integer between 1 and 10000, inclusive"),
])
def test_completion_with_a_number_out_of_range(client, bucket, gateway, number,
                                               message):
    upload = create(client, bucket)
    put(client, bucket, upload, 1, b"x")
    answer = signed(
        gateway, "POST", f"/{bucket}/k?uploadId={upload}",
        f"<CompleteMultipartUpload><Part><PartNumber>{number}</PartNumber>"
        "<ETag>e</ETag></Part></CompleteMultipartUpload>")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.message == message


def test_etags_with_and_without_quotes(client, bucket):
    for quote in ('"', ""):
        upload = create(client, bucket)
        etag = put(client, bucket, upload, 1, b"x")["ETag"].strip('"')
        complete(client, bucket, upload,
                 [{"PartNumber": 1, "ETag": quote + etag + quote}])


# ---- conditions -------------------------------------------------------------

def post_complete(gateway, bucket, upload, etag, headers):
    document = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>")
    return signed(gateway, "POST", f"/{bucket}/k?uploadId={upload}", document,
                          headers)


@pytest.mark.parametrize("exists,headers,status,error", [
    (False, {"If-None-Match": "*"}, 200, None),
    (True, {"If-None-Match": "*"}, 412, "PreconditionFailed"),
    (True, {"If-Match": "CURRENT"}, 200, None),
    (True, {"If-Match": '"other"'}, 412, "PreconditionFailed"),
    (False, {"If-Match": '"other"'}, 404, "NoSuchKey"),
    (True, {"If-Match": "*"}, 501, "NotImplemented"),
    (True, {"If-None-Match": '"x"'}, 501, "NotImplemented"),
    (True, {"If-None-Match": "*", "If-Match": '"x"'}, 501, "NotImplemented"),
])
def test_conditions(client, bucket, gateway, exists, headers, status, error):
    if exists:
        etag = client.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
        headers = {k: v.replace("CURRENT", etag) for k, v in headers.items()}
    upload = create(client, bucket)
    part = put(client, bucket, upload, 1, b"x")
    answer = post_complete(gateway, bucket, upload, part["ETag"], headers)
    assert (answer.status, answer.code) == (status, error), answer


def test_of_racing_completions_one_wins(client, bucket, gateway):
    uploads = [create(client, bucket) for _ in range(8)]
    etags = [put(client, bucket, u, 1, b"x")["ETag"] for u in uploads]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda ue: post_complete(gateway, bucket, *ue,
                                     {"If-None-Match": "*"}).status,
            zip(uploads, etags)))
    assert sorted(answers) == [200] + [412] * 7
