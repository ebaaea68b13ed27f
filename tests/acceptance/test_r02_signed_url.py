"""R2: the URL lives for one hour and is good for one request only.

The gateway's clock is the real one. URLs are back-dated instead: signed by
the tests' own signer, which makes the very text the gateway makes, with an
earlier X-Amz-Date; then both sides of the border are asked on that clock."""
import re
import time
from urllib.parse import parse_qsl, urlsplit

import pytest

from sigv4 import Signer, amz_date
from web import request

TYPE = {"Content-Type": "video/mp4"}
SIGNED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
          "X-Amz-SignedHeaders", "X-Amz-Signature")


def signed_at(upload, size, date):
    """The same URL as if it had been made at that second."""
    parts = urlsplit(upload["uploadUrl"])
    query = [(k, v) for k, v in parse_qsl(parts.query) if k not in SIGNED]
    return f"{parts.scheme}://{parts.netloc}" + Signer(date=date).presign(
        "PUT", parts.path, parts.netloc, query=query,
        headers={"content-type": "video/mp4", "content-length": str(size)})


def parameters(url):
    parts = urlsplit(url)
    return parts.netloc, parts.path, sorted(parse_qsl(parts.query))


def put_at_age(user, age_s, data=b"hello"):
    """The answer to a PUT in a second in which its URL is age_s old."""
    for _ in range(20):
        upload = user.upload_url(size=len(data))
        time.sleep(1 - time.time() % 1)
        began = int(time.time())
        url = signed_at(upload, len(data), amz_date(-age_s))
        answer = request("PUT", url, data, TYPE)
        if int(time.time()) == began:
            return answer
    raise AssertionError("the machine is too slow to tell")


def test_R2_the_tests_signer_makes_the_gateways_url(user):
    upload = user.upload_url(size=5)
    date = dict(parse_qsl(urlsplit(upload["uploadUrl"]).query))["X-Amz-Date"]
    assert parameters(signed_at(upload, 5, date)) == \
        parameters(upload["uploadUrl"])
    assert dict(parse_qsl(urlsplit(upload["uploadUrl"]).query))[
        "X-Amz-Expires"] == "3600"


@pytest.mark.parametrize("age_s", [0, 3598, 3599])
def test_R2_url_is_good_until_3599_s(user, age_s):
    assert put_at_age(user, age_s).status == 200


def test_R2_url_has_expired_at_3601_s(user):
    answer = put_at_age(user, 3601)
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code>" in answer.body
    assert b"<Message>Request has expired</Message>" in answer.body


def test_R2_one_url_expires_as_the_clock_goes_on(user):
    upload = user.upload_url(size=5)
    url = signed_at(upload, 5, amz_date(-3590))
    assert request("PUT", url, b"hello", TYPE).status == 200
    time.sleep(11.5)
    assert request("PUT", url, b"hello", TYPE).status == 403


def test_R2_size_type_and_host_are_signed_where_stated(user):
    def names(upload):
        return dict(parse_qsl(urlsplit(upload["uploadUrl"]).query))[
            "X-Amz-SignedHeaders"]
    assert names(user.upload_url(size=5)) == "content-length;content-type;host"
    assert names(user.upload_url()) == "content-type;host"


def test_R2_any_other_request_is_403(user):
    upload = user.upload_url(size=5)
    url = upload["uploadUrl"]
    host = urlsplit(url).netloc
    later = re.sub(r"(?<=X-Amz-Date=)\w+", amz_date(2), url)
    for what, answer in {
        "method GET": request("GET", url, None, TYPE),
        "method DELETE": request("DELETE", url, None, TYPE),
        "method HEAD": request("HEAD", url, None, TYPE),
        "key": request("PUT", url.replace("-a.mp4?", "-b.mp4?"), b"hello",
                       TYPE),
        "bucket": request("PUT", url.replace("/socialitix-videos/", "/other/"),
                          b"hello", TYPE),
        "type": request("PUT", url, b"hello", {"Content-Type": "text/html"}),
        "no type": request("PUT", url, b"hello"),
        "longer": request("PUT", url, b"hello!", TYPE),
        "shorter": request("PUT", url, b"hell", TYPE),
        "host": request("PUT", url, b"hello", {**TYPE, "Host": "x." + host}),
        "expiry": request("PUT", url.replace("Expires=3600", "Expires=3601"),
                          b"hello", TYPE),
        "date": request("PUT", later, b"hello", TYPE),
    }.items():
        assert answer.status == 403, what
    assert user.complete(upload).status == 409  # nothing was stored
    assert user.put(upload, b"hello").status == 200
