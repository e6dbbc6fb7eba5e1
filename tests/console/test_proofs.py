import json
import shutil

import pytest
from click.testing import CliRunner

from toolkit import convert
from toolkit.audio import golden_folder
from toolkit.cli import app


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("written") / "hf"
    convert(golden_folder() / "ctc" / "model.pt", out, verify=False)
    return out


def invoke(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_an_audit_says_by_its_code_whether_a_folder_is_the_same(written, tmp_path):
    folder = shutil.copytree(written, tmp_path / "hf")
    assert invoke("audit", folder).exit_code == 0
    (folder / "config.json").write_text("{}")
    outcome = invoke("audit", folder, "--json", "-", "--html", tmp_path / "page.html")
    assert outcome.exit_code == 1
    assert json.loads(outcome.stdout)["changes"][0]["file"] == "config.json"
    assert "config.json" in (tmp_path / "page.html").read_text()
    (folder / "verification.json").unlink()
    outcome = invoke("audit", folder)
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("error: ")
    assert "must hold `verification.json`" in outcome.stderr


def test_cards_of_no_batch_are_refused_and_nothing_is_made(tmp_path):
    outcome = invoke("cards", tmp_path, tmp_path / "catalogue")
    assert outcome.exit_code == 2
    assert "must be a folder that `toolkit batch` wrote" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_who_interrupts_a_push_is_told_what_may_be_at_the_hub(written, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("toolkit.pipeline.pushing.maybe_look", stop)
    outcome = invoke("push", written, "org/name")
    assert (outcome.exit_code, outcome.stderr) == (130, "interrupted: nothing was written.\n")
    outcome = invoke("push", written, "org/name", "--yes")
    assert outcome.exit_code == 130
    assert "`org/name` may have been made, and holds all files or none" in outcome.stderr
