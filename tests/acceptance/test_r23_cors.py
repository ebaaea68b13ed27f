"""R23: a page of another origin uploads by presigned URL: its preflight, the
PUT and the answers of the API carry what a browser asks for."""
from urllib.parse import urlsplit

import pytest

from gateway import DEFAULT_BUCKET as BUCKET
from web import request

PAGE = "https://app.example"


def preflight(url, method, headers):
    return request("OPTIONS", url, None, {
        "Origin": PAGE, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers})


def allowed(answer):
    return {n.strip().lower() for n in answer.headers[
        "Access-Control-Allow-Headers"].split(",")}


def assert_open_to_all_without_credentials(answer):
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", PAGE)
    if answer.headers["Access-Control-Allow-Origin"] == "*":
        assert answer.headers["Access-Control-Allow-Credentials"] is None


def test_R23_preflight_and_put_of_a_presigned_upload(user):
    upload = user.upload_url("v.mp4")
    url = upload["uploadUrl"]
    answer = preflight(url, "PUT", "content-type,x-amz-meta-title,x-amz-acl")
    assert answer.status == 200
    assert_open_to_all_without_credentials(answer)
    assert {"content-type", "x-amz-meta-title", "x-amz-acl"} <= allowed(answer)
    assert "Origin" in answer.headers["Vary"]
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    done = user.put(upload, b"bytes", Origin=PAGE)
    assert done.status == 200
    assert_open_to_all_without_credentials(done)
    assert "Origin" in done.headers["Vary"]
    assert "ETag" in done.headers["Access-Control-Expose-Headers"]


def test_R23_refusals_are_readable_by_the_page_too(user):
    parts = urlsplit(user.upload_url("v.mp4")["uploadUrl"])
    forged = parts._replace(query=parts.query + "0").geturl()
    answer = request("PUT", forged, b"x", {"Origin": PAGE,
                                           "Content-Type": "video/mp4"})
    assert answer.status == 403
    assert_open_to_all_without_credentials(answer)


def test_R23_max_age_is_the_buckets_rule(own_stack):
    s = own_stack()
    s.client().put_bucket_cors(Bucket=BUCKET, CORSConfiguration={
        "CORSRules": [{"AllowedOrigins": [PAGE], "AllowedMethods": ["PUT"],
                       "AllowedHeaders": ["*"], "MaxAgeSeconds": 77}]})
    url = s.user().upload_url("v.mp4")["uploadUrl"]
    answer = preflight(url, "PUT", "content-type")
    assert answer.headers["Access-Control-Max-Age"] == "77"
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    stranger = request("OPTIONS", url, None, {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "PUT"})
    assert stranger.status == 403
    assert stranger.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("path,method", [
    ("/api/videos/upload-url", "POST"), ("/api/videos", "GET")])
def test_R23_preflight_of_the_api(stack, path, method):
    answer = preflight(stack.api + path, method, "authorization,content-type")
    assert answer.status in (200, 204)
    assert_open_to_all_without_credentials(answer)
    assert {"authorization", "content-type"} <= allowed(answer)
