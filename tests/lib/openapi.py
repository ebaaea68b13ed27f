"""The description of the video API, and answers held against it.

The document allows members that it does not name, as clients have to; the
tests do not: what the gateway sends must be described."""
import copy
import json
import pathlib
import re
from urllib.parse import urlsplit

import jsonschema

import web

FILE = pathlib.Path(__file__).resolve().parents[2] / "gateway/api/openapi.json"
METHODS = ("get", "put", "post", "delete", "patch")
# What the HTTP server itself refuses, before there is an operation.
REFUSED = (400, 408, 411, 414, 431, 501, 505)


def load():
    return json.loads(FILE.read_text())


def operations(doc):
    """(METHOD, path, operation) of each."""
    return [(method.upper(), path, item[method])
            for path, item in doc["paths"].items()
            for method in METHODS if method in item]


def strict(doc):
    """The same with no member but the described ones."""
    def close(node):
        if isinstance(node, list):
            for item in node:
                close(item)
        elif isinstance(node, dict):
            if isinstance(node.get("properties"), dict):
                node.setdefault("additionalProperties", False)
            for value in node.values():
                close(value)
    doc = copy.deepcopy(doc)
    close(doc)
    return doc


class Contract:
    def __init__(self, doc):
        self.doc = doc
        self.closed = strict(doc)
        self.paths = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]*", re.escape(path))), path)
            for path in sorted(doc["paths"], key=lambda p: "{" in p)]

    def resolve(self, node):
        while "$ref" in node:
            found = self.closed
            for name in node["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            node = found
        return node

    def path_of(self, target):
        raw = target.split("?", 1)[0]
        return next((path for pattern, path in self.paths
                     if pattern.fullmatch(raw)), None)

    def problems(self, schema, value, doc=None):
        doc = doc or self.closed
        validator = jsonschema.Draft202012Validator(
            schema, resolver=jsonschema.RefResolver("", doc),
            format_checker=jsonschema.FormatChecker(("uuid",)))
        return [f"{e.json_path}: {e.message}"
                for e in validator.iter_errors(value)]

    def response_of(self, method, target, answer):
        """The response object that describes this answer, None when the
        description leaves it open."""
        common = self.closed["components"]["responses"]
        if answer.status in REFUSED and \
                "X-Content-Type-Options" not in answer.headers:
            return common["BadRequest"]
        path = self.path_of(target)
        if path is None:
            assert answer.status == 404, (target, answer.status)
            return common["NotFound"]
        item = self.closed["paths"][path]
        name = {"HEAD": "get"}.get(method, method.lower())
        if name == "options":
            assert answer.status == 204, (target, answer.status)
            return None
        if name not in item:
            assert answer.status == 405, (method, target, answer.status)
            return common["MethodNotAllowed"]
        responses = item[name]["responses"]
        assert str(answer.status) in responses, \
            f"{method} {path} does not describe {answer.status}: " \
            f"{answer.body[:500]}"
        return self.resolve(responses[str(answer.status)])

    def check_headers(self, response, answer, where):
        for name, header in response.get("headers", {}).items():
            header = self.resolve(header)
            value = answer.headers[name]
            if value is None:
                assert not header.get("required"), f"{where}: no {name}"
                continue
            if header["schema"].get("type") == "integer":
                value = int(value)
            assert not self.problems(header["schema"], value), \
                f"{where}: {name}: {value}"

    def check_body(self, response, method, answer, where):
        content = response.get("content")
        if content is None:
            assert answer.body == b"", where
            return
        kind = (answer.headers["Content-Type"] or "").split(";")[0]
        assert kind in content, f"{where}: Content-Type {kind}"
        if kind == "application/json" and method != "HEAD":
            problems = self.problems(content[kind]["schema"],
                                     json.loads(answer.body))
            assert not problems, f"{where}: {problems}: {answer.body[:2000]}"

    def check_request(self, method, target, body, answer):
        """What was accepted must be described as acceptable."""
        path = self.path_of(target)
        operation = self.doc["paths"].get(path, {}).get(method.lower(), {})
        content = operation.get("requestBody", {}).get("content", {})
        if answer.status // 100 != 2 or "application/json" not in content:
            return
        if isinstance(body, (bytes, str)):
            problems = self.problems(content["application/json"]["schema"],
                                     json.loads(body), self.doc)
            assert not problems, f"{method} {path} accepted: {problems}"

    def check(self, method, target, body, answer):
        where = f"{method} {target} -> {answer.status}"
        response = self.response_of(method, target, answer)
        if response is not None:
            self.check_headers(response, answer, where)
            self.check_body(response, method, answer, where)
        self.check_request(method, target, body, answer)


CONTRACT = Contract(load())


def watch(url, but_not):
    """From now on each answer of the API at url is checked. Ports are used
    again: the one of the S3 endpoint may have been an API's."""
    web.contracts.pop(urlsplit(but_not).netloc, None)
    web.contracts[urlsplit(url).netloc] = CONTRACT.check
