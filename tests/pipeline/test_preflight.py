import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.core.errors import BadInput
from toolkit.pipeline import installed, provable
from toolkit.pipeline.preflight import expect_all_at_hand
from toolkit.session.requests.convert import Convert
from toolkit.session.requests.record import Record
from toolkit.session.requests.verify import Verify

REFUSED = """
import sys
sys.modules["fairseq"] = None
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = classmethod(
    lambda _, name, *rest: None if name == "fairseq" else find(name, *rest)
)
del sys.modules["fairseq"]
from toolkit.core.errors import BadInput
from toolkit.pipeline import {command}
try:
    {command}(sys.argv[1], sys.argv[2])
except BadInput as error:
    print(error)
print(sorted({{"transformers", "fairseq"}} & {{*sys.modules}}))
"""


TYPED = """
import sys
from toolkit.pipeline import installed
installed.find_spec = lambda name: None
from toolkit.cli import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    print(end.code, sorted({"torch", "numpy", "transformers", "fairseq", "rich"} & {*sys.modules}))
"""


@pytest.fixture
def without_fairseq(monkeypatch):
    for module in (installed, provable):
        monkeypatch.setattr(module, "fairseq_is_installed", lambda: False)


@pytest.fixture
def material(tmp_path):
    (tmp_path / "model.pt").touch()
    (tmp_path / "hf").mkdir()
    return tmp_path / "model.pt", tmp_path / "hf"


@pytest.mark.usefixtures("without_fairseq")
def test_without_fairseq_the_ways_to_a_proof_are_named(material):
    with pytest.raises(BadInput, match="`fairseq` must be installed to prove a folder") as raised:
        expect_all_at_hand(Verify(*material))
    for way in ("pip install", "`--fairseq-python`", "`--recording`"):
        assert way in str(raised.value)


@pytest.mark.usefixtures("without_fairseq")
def test_all_that_is_missing_is_told_at_once(tmp_path):
    with pytest.raises(BadInput) as raised:
        expect_all_at_hand(Verify(tmp_path / "no.pt", tmp_path / "no"))
    first, second, third = str(raised.value).split("\n")
    assert f"`{tmp_path / 'no.pt'}` must be a checkpoint file" in first
    assert f"`{tmp_path / 'no'}` must be a Hugging Face folder" in second
    assert "`fairseq` must be installed" in third


@pytest.mark.usefixtures("without_fairseq")
@pytest.mark.parametrize("name", ["recording", "fairseq_python"])
def test_who_names_another_to_ask_needs_no_fairseq(material, tmp_path, name):
    expect_all_at_hand(Verify(*material, **{name: tmp_path}))


def test_where_all_is_there_nothing_is_said(material):
    expect_all_at_hand(Verify(*material))


@pytest.mark.parametrize("command", ["verify", "diff"])
def test_a_proof_without_fairseq_is_refused_before_classes_of_models_are_imported(
    golden_checkpoint, converted, command
):
    code = REFUSED.format(command=command)
    arguments = [sys.executable, "-c", code, str(golden_checkpoint), str(converted)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    said, imported = done.stdout.strip().split("\n")
    assert "`--recording`" in said
    assert imported == "[]"


@pytest.mark.parametrize("command", ["verify", "diff"])
def test_the_command_line_refuses_before_anything_heavy_is_imported(
    golden_checkpoint, converted, command
):
    arguments = [sys.executable, "-c", TYPED, command, str(golden_checkpoint), str(converted)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout == "2 []\n"
    assert "`fairseq` must be installed" in done.stderr


@pytest.mark.usefixtures("without_fairseq")
def test_a_name_of_the_hub_is_not_taken_for_a_missing_file():
    with pytest.raises(BadInput) as raised:
        expect_all_at_hand(Verify(Path("hf://org/name"), Path("hf://org/other")))
    assert str(raised.value).startswith("`fairseq` must be installed")


@pytest.mark.usefixtures("without_fairseq")
def test_a_recording_names_the_files_beside_the_checkpoint_with_fairseq(
    golden_checkpoint, tmp_path
):
    alone = shutil.copy(golden_checkpoint, tmp_path / "model.pt")
    with pytest.raises(BadInput) as raised:
        expect_all_at_hand(Record(Path(alone), tmp_path / "rec"))
    first, *beside = str(raised.value).split("\n")
    assert "`fairseq` must be installed to record" in first
    assert [line for line in beside if "`--dict`" in line]
    assert [line for line in beside if "`--config-yaml`" in line]


@pytest.mark.usefixtures("without_fairseq")
def test_a_conversion_needs_fairseq_where_it_is_to_be_proven(material, tmp_path):
    expect_all_at_hand(Convert(material[0], tmp_path / "out"))
    expect_all_at_hand(Convert(material[0], tmp_path / "out", verify=False))
    with pytest.raises(BadInput, match="`fairseq` must be installed to prove a conversion"):
        expect_all_at_hand(Convert(material[0], tmp_path / "out", verify=True))


def test_companions_that_are_not_there_are_named_together(material, tmp_path):
    named = {"dict": tmp_path / "no.txt", "audio": [tmp_path / "no.wav"]}
    with pytest.raises(BadInput) as raised:
        expect_all_at_hand(Convert(material[0], tmp_path / "out", **named))
    first, second = sorted(str(raised.value).split("\n"))
    assert f"`{tmp_path / 'no.txt'}`, named by `--dict`, must be there" in first
    assert f"`{tmp_path / 'no.wav'}`, named by `--audio`, must be there" in second


def test_one_companion_that_is_not_there_is_left_to_who_reads_it(material, tmp_path):
    expect_all_at_hand(Convert(material[0], tmp_path / "out", dict=tmp_path / "no.txt"))
