"""The loaders on samples written by hand in the formats of the collections."""
import json

import pytest

import annotations


def test_bbc(tmp_path):
    """Neighbouring shots meet in a cut; a hole is a gradual transition."""
    (tmp_path / "01_Poles.txt").write_text("0\t99\n100\t149\n160\t200\n")
    (tmp_path / "readme.md").write_text("not a list of shots")
    assert annotations.bbc(tmp_path) == {"01_Poles": {
        "cuts": [100], "events": [], "ignore": [],
        "graduals": [{"type": "gradual", "first": 150, "end": 160}]}}


def test_bbc_going_backwards_is_refused(tmp_path):
    (tmp_path / "02.txt").write_text("0\t99\n90\t149\n")
    with pytest.raises(annotations.Damaged):
        annotations.bbc(tmp_path)


def test_autoshot(tmp_path):
    path = tmp_path / "all.txt"
    path.write_text("11.mp4 700\n130,131\n200.201\n300,,301\n41,45\n\n\n"
                    "12.mp4  90\n7,8,\n80,20\n \n13.mp4 50\n")
    said = []
    films = annotations.autoshot(path, said.append)
    assert films["11"]["cuts"] == [131, 201, 301]
    assert films["11"]["graduals"] == [
        {"type": "gradual", "first": 42, "end": 45}]
    assert films["12"]["cuts"] == [8]
    assert films["13"]["cuts"] == []
    assert said == ["line 10 left out: 80,20"]


def test_clipshots(tmp_path):
    path = tmp_path / "test.json"
    path.write_text(json.dumps({
        "123.mp4": {"transitions": [[10, 11], [20, 30]], "frame_num": 99},
        "4.mp4": {"transitions": [], "frame_num": 5}}))
    films = annotations.clipshots(path)
    assert films["123"]["cuts"] == [11]
    assert films["123"]["graduals"] == [
        {"type": "gradual", "first": 21, "end": 30}]
    assert films["4"]["graduals"] == []
