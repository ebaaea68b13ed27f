"""The snippets of docs/clients.md, run as they stand there: what the page
tells people to type works. Only addresses and folders are the test's own."""

import json
import os
import re

import pytest
from conftest import Tool, payload

import form
from gateway import ACCESS_KEY, BIN, ROOT, SECRET_KEY
from web import request

FILM = payload(9 << 20)
KEY = "uploads/film.mp4"


def snippets():
    """{heading: [text of each block of code]}"""
    text = (ROOT / "docs/clients.md").read_text()
    return {section.splitlines()[0]:
            re.findall(r"^```\w+\n(.*?)^```", section, re.M | re.S)
            for section in re.split(r"^## ", text, flags=re.M)[1:]}


@pytest.fixture
def run(gateway, tmp_path):
    """Runs a block; the command line's first, Debian's programs only."""
    (tmp_path / "film.mp4").write_bytes(FILM)

    def go(text, *program):
        tool = Tool(program or ["bash", "-euc"], tmp_path,
                    AWS_ACCESS_KEY_ID=ACCESS_KEY,
                    AWS_SECRET_ACCESS_KEY=SECRET_KEY, AWS_REGION="us-east-1",
                    AWS_DEFAULT_REGION="us-east-1",
                    REELGATE_DATA=str(gateway.data))
        tool.environment["PATH"] = os.pathsep.join([str(BIN), "/usr/bin",
                                                    "/bin"])
        return tool(text.replace("http://127.0.0.1:9000", gateway.url)
                    .replace("127.0.0.1:9000", gateway.url[7:]))
    return go


@pytest.fixture
def uploads(client):
    """Empty at first, and what is in it."""
    bucket = "socialitix-videos"

    def listed():
        page = client.list_objects_v2(Bucket=bucket, Prefix="uploads/")
        return {o["Key"]: o["Size"] for o in page.get("Contents", [])}
    for key in listed():
        client.delete_object(Bucket=bucket, Key=key)
    return listed


def test_docs_key_pair_of_the_environment(tmp_path):
    text, = snippets()["What every client needs"]
    home = tmp_path / ".local/share/reelgate"
    home.mkdir(parents=True)
    (home / "credentials").write_text("REELGATE_ROOT_USER=me\n"
                                      "REELGATE_ROOT_PASSWORD=secret\n")
    said = Tool(["bash", "-euc"], tmp_path)(
        text + "env | grep '^AWS_' | sort")
    assert said.split() == [
        "AWS_ACCESS_KEY_ID=me", "AWS_DEFAULT_REGION=us-east-1",
        "AWS_REGION=us-east-1", "AWS_SECRET_ACCESS_KEY=secret"]


@pytest.mark.parametrize("section", ["AWS CLI", "rclone", "s3cmd"])
def test_docs_command_line(run, uploads, section):
    text, = snippets()[section]
    said = run(text)
    assert uploads() == {KEY: len(FILM)}
    if section == "AWS CLI":
        assert request("GET", said.split()[-1]).body == FILM


def test_docs_boto3(run, uploads, gateway):
    text, = snippets()["boto3"]
    said = run(text + "import json\nprint(json.dumps([url, form]))\n",
               "/usr/bin/python3", "-c")
    url, fields = json.loads(said)
    assert request("GET", url).body == FILM
    assert form.send(gateway.port, "socialitix-videos", form.body(
        fields["fields"], b"x", "form.mp4")).status == 204
    assert uploads() == {KEY: len(FILM), "uploads/form.mp4": 1}


def test_docs_presigned_put(run, uploads):
    command, page = snippets()["A page in the browser: presigned PUT"]
    assert 'method: "PUT"' in page and '"video/mp4"' in page
    put = request("PUT", run(command).strip(), FILM,
                  {"Content-Type": "video/mp4"})
    assert put.status == 200, put.body
    assert uploads() == {KEY: len(FILM)}


def test_docs_form(run, uploads, gateway):
    command, page = snippets()["A page in the browser: form upload"]
    assert "fields" in page
    answer = json.loads(run(command))
    sent = form.send(gateway.port, "socialitix-videos", form.body(
        answer["fields"], FILM, "film.mp4"))
    assert sent.status == 204, sent
    assert uploads() == {KEY: len(FILM)}
