"""The reference and the table of operations say the same."""

import re

from gateway import ROOT


def test_every_operation_is_documented_and_none_is_invented():
    table = (ROOT / "gateway/s3/ops.def").read_text()
    page = (ROOT / "docs/s3-api.md").read_text()
    names = set(re.findall(r'^OP\("(\w+)"', table, re.M))
    assert len(names) > 20
    for name in names:
        assert re.search(rf"\b{name}\b", page), f"{name} is not documented"
    rows = re.search(r"## Operations\n(.*?)\n## ", page, re.S).group(1)
    rows = re.sub(r"\bs3:\w+", "", rows)
    named = set(re.findall(r"\b(?:Get|Put|List|Head|Delete|Create|Copy|Post)"
                           r"[A-Z]\w+", rows))
    assert named <= names, named - names
