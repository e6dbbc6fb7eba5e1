import json
from dataclasses import replace

from toolkit.core.artifact import Artifact
from toolkit.report import write_json


def refuse(constant):
    raise AssertionError(constant)


def read_strictly(path):
    return json.loads(path.read_bytes().decode("utf-8"), parse_constant=refuse)


def test_json_is_strict_and_equals_the_result(any_result, tmp_path):
    path = tmp_path / "report.json"
    write_json(any_result, path)
    assert read_strictly(path) == any_result.to_dict()


def test_json_is_indented_by_one_and_keeps_foreign_text_readable(matching, tmp_path):
    path = tmp_path / "report.json"
    write_json(replace(matching, reproduce="toolkit verify Grüße.pt"), path)
    assert path.read_text(encoding="utf-8").startswith('{\n "schema_version": 1,')
    assert "Grüße" in path.read_text(encoding="utf-8")


def test_a_path_that_is_no_utf_8_survives_in_json(matching, tmp_path):
    path = tmp_path / "report.json"
    write_json(replace(matching, source=Artifact(path="model\udcff.pt", sha256="")), path)
    assert read_strictly(path)["source"]["path"] == "model\udcff.pt"
