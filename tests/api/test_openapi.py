"""The description of the API: served, sound in itself, and able to notice a
wrong answer. Each answer that any test gets is held against it by
tests/lib/openapi.py; that it names exactly the routes is a unit test."""
import copy
import json
import re

import jsonschema
import pytest

import openapi
from web import request

DOC = openapi.load()
OPERATIONS = openapi.operations(DOC)
IDS = [f"{method} {path}" for method, path, _ in OPERATIONS]


def nodes(value):
    """Every object of the document."""
    if isinstance(value, dict):
        yield value
    for item in (value.values() if isinstance(value, dict) else
                 value if isinstance(value, list) else ()):
        yield from nodes(item)


# ---- served -----------------------------------------------------------------

def test_document_is_served_to_everybody_as_it_is(stack):
    answer = stack.get("/api/openapi.json")
    assert answer.status == 200
    assert answer.body == openapi.FILE.read_bytes()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "public, no-cache"


def test_document_that_the_client_has_is_304(stack):
    url = stack.api + "/api/openapi.json"
    tag = stack.get("/api/openapi.json").headers["ETag"]
    again = request("GET", url, None, {"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == tag
    other = request("GET", url, None, {"If-None-Match": '"x"'})
    assert other.status == 200


def test_document_may_be_read_from_other_origins(stack):
    answer = request("GET", stack.api + "/api/openapi.json", None,
                     {"Origin": "https://app.example.org"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


# ---- sound (OpenAPI 3.1.0) --------------------------------------------------

def test_document_has_the_members_openapi_demands():
    assert DOC["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(DOC["info"])
    assert set(DOC) <= {"openapi", "info", "servers", "tags", "paths",
                        "webhooks", "components"}
    assert set(DOC["components"]) <= {
        "schemas", "responses", "parameters", "headers", "securitySchemes"}
    for path in DOC["paths"]:
        assert path.startswith("/")


def test_every_reference_leads_somewhere_and_every_component_is_used():
    used = {node["$ref"] for node in nodes(DOC) if "$ref" in node}
    have = {f"#/components/{kind}/{name}"
            for kind, named in DOC["components"].items()
            if kind != "securitySchemes" for name in named}
    # answers to a method that no path describes
    assert used | {"#/components/responses/MethodNotAllowed"} == have


@pytest.mark.parametrize("name", DOC["components"]["schemas"])
def test_schema_is_json_schema(name):
    jsonschema.Draft202012Validator.check_schema(
        DOC["components"]["schemas"][name])


def test_inline_schemas_are_json_schema():
    found = [node["schema"] for node in nodes(DOC) if "schema" in node]
    assert found
    for schema in found:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_operation_ids_are_unique():
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("method,path,operation", OPERATIONS, ids=IDS)
def test_operation_is_whole(method, path, operation):
    assert {"operationId", "summary", "tags", "security",
            "responses"} <= set(operation)
    assert set(operation["tags"]) <= {t["name"] for t in DOC["tags"]}
    for scheme in operation["security"]:
        assert set(scheme) <= set(DOC["components"]["securitySchemes"])
    parameters = [openapi.CONTRACT.resolve(p)
                  for p in operation.get("parameters", [])]
    for p in parameters:
        assert {"name", "in", "schema"} <= set(p)
        assert p["in"] in ("path", "query", "header")
        assert p["in"] != "path" or p["required"] is True
    assert {p["name"] for p in parameters if p["in"] == "path"} == set(
        re.findall(r"{(\w+)}", path))
    for status, response in operation["responses"].items():
        assert re.fullmatch(r"[2-5]\d\d", status)
        response = openapi.CONTRACT.resolve(response)
        assert response["description"]
        for media in response.get("content", {}).values():
            assert "schema" in media
    assert any(status.startswith("2") for status in operation["responses"])


# ---- able to notice ---------------------------------------------------------

class Given:
    def __init__(self, answer, **changes):
        self.status = changes.get("status", answer.status)
        self.headers = copy.copy(answer.headers)
        self.body = changes.get("body", answer.body)


def changed(answer, edit):
    body = json.loads(answer.body)
    edit(body)
    return Given(answer, body=json.dumps(body).encode())


@pytest.mark.parametrize("edit", [
    lambda b: b.pop("pagination"),
    lambda b: b.update(extra=1),
    lambda b: b["pagination"].update(page="1"),
    lambda b: b["pagination"].update(pages=-1),
    lambda b: b["videos"][0].update(status="done"),
    lambda b: b["videos"][0].update(id=b["videos"][0]["id"].upper()),
    lambda b: b["videos"][0].update(created_at="yesterday"),
    lambda b: b["videos"][0].update(url="http://127.0.0.1/x"),
])
def test_wrong_body_is_noticed(user, edit):
    user.complete(user.upload())
    good = user.get("/api/videos")
    openapi.CONTRACT.check("GET", "/api/videos", None, good)
    with pytest.raises(AssertionError):
        openapi.CONTRACT.check("GET", "/api/videos", None,
                               changed(good, edit))


def test_wrong_status_header_or_path_is_noticed(stack, user):
    good = user.get("/api/videos")
    for method, path, answer in (
            ("GET", "/api/videos", Given(good, status=201)),
            ("POST", "/api/videos", good),
            ("GET", "/api/video", good),
            ("GET", "/api/openapi.json", good)):
        with pytest.raises(AssertionError):
            openapi.CONTRACT.check(method, path, None, answer)
    refused = stack.get("/api/videos")
    assert refused.status == 401
    del refused.headers["WWW-Authenticate"]
    with pytest.raises(AssertionError):
        openapi.CONTRACT.check("GET", "/api/videos", None, refused)


def test_accepted_request_that_is_not_described_is_noticed(user):
    good = user.post("/api/videos/upload-url",
                     {"fileName": "a", "fileType": "video/mp4"})
    with pytest.raises(AssertionError):
        openapi.CONTRACT.check("POST", "/api/videos/upload-url",
                               b'{"fileName": "a"}', good)
