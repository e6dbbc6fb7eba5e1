import pytest
import torch

import toolkit.families
from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import BadInput
from toolkit.families import families, find_family
from toolkit.families.xm_transformer import FAMILY

EVERYTHING = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Everything:
    name: str = "everything"

    def matches(self, checkpoint):
        return True

FAMILY = Everything()
"""


@pytest.fixture
def stranger(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"model": {"w": torch.ones(1)}, "args": {"arch": "conv_tasnet"}}, path)
    return open_checkpoint(path)


@pytest.fixture
def new_file(tmp_path, monkeypatch):
    """A file beside those of the package."""
    (tmp_path / "families").mkdir()
    (tmp_path / "families" / "everything.py").write_text(EVERYTHING)
    monkeypatch.setattr(
        toolkit.families,
        "__path__",
        [*toolkit.families.__path__, str(tmp_path / "families")],
    )
    yield
    import sys

    sys.modules.pop("toolkit.families.everything", None)


def test_the_families_are_the_modules_that_have_one():
    assert [family.name for family in families()] == [
        "bart",
        "code_hifigan",
        "data2vec_pretraining",
        "hifigan",
        "hubert_ctc",
        "hubert_encoder",
        "hubert_pretraining",
        "m2m_100",
        "mbart",
        "s2t_conformer",
        "s2t_transformer",
        "s2ut_transformer",
        "unispeech",
        "unispeech_sat",
        "wav2vec2_classification",
        "wav2vec2_ctc",
        "wav2vec2_encoder",
        "wav2vec2_pretraining",
        "wav2vec2_seq2seq",
        "wavlm",
        "xm_transformer",
    ]


def test_the_golden_checkpoint_is_an_xm_transformer(prepared):
    assert find_family(prepared.checkpoint) is FAMILY


@pytest.mark.usefixtures("new_file")
def test_a_new_file_is_found_by_itself(stranger):
    assert {family.name for family in families()} == {
        "everything",
        "bart",
        "code_hifigan",
        "data2vec_pretraining",
        "hifigan",
        "hubert_ctc",
        "hubert_encoder",
        "hubert_pretraining",
        "m2m_100",
        "mbart",
        "s2t_conformer",
        "s2t_transformer",
        "s2ut_transformer",
        "unispeech",
        "unispeech_sat",
        "wav2vec2_classification",
        "wav2vec2_ctc",
        "wav2vec2_encoder",
        "wav2vec2_pretraining",
        "wav2vec2_seq2seq",
        "wavlm",
        "xm_transformer",
    }
    assert find_family(stranger).name == "everything"


@pytest.mark.usefixtures("new_file")
def test_a_checkpoint_of_two_families_is_refused(prepared):
    with pytest.raises(BadInput, match=r"families `xm_transformer`, `everything` match"):
        find_family(prepared.checkpoint)


def test_a_checkpoint_of_no_family_is_refused_with_its_architecture(stranger):
    with pytest.raises(
        BadInput, match="architecture is `conv_tasnet`, and of [0-9]+ families none match"
    ):
        find_family(stranger)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"cfg": {"model": {"_name": "lightconv"}}}, "lightconv"), ({}, "unknown")],
)
def test_the_architecture_is_named_wherever_it_stands(tmp_path, settings, name):
    path = tmp_path / "model.pt"
    torch.save({"model": {"w": torch.ones(1)}, **settings}, path)
    with pytest.raises(BadInput, match=f"architecture is `{name}`"):
        find_family(open_checkpoint(path))
