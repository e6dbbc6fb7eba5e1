"""Encoders without heads: what holds in every family of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import transformers

from tests.families.bare import Built, check_exact
from tests.families.exactness import CLIPS
from tests.families.faulted import check_all_blamed
from tests.sampling import wide
from tests.variants.bare_kinds import (
    BARE_HUBERT_VARIANTS,
    BARE_VARIANTS,
    DATA2VEC_PRETRAINING_VARIANTS,
    UNISPEECH_VARIANTS,
    WAVLM_VARIANTS,
)
from tests.variants.pretraining_kinds import PretrainingVariant
from toolkit import convert, diff
from toolkit.core.errors import BadInput
from toolkit.pipeline.faulting import faults

WAV2VEC2 = "encoder, CTC model without its head, Namespace"
HUBERT = "HuBERT's encoder, batch norm"
DATA2VEC = "data2vec as pretrained"
SPEAKERS = "UniSpeech-SAT, layer norm"
FAST = (WAV2VEC2, HUBERT, DATA2VEC, "UniSpeech, Namespace")
"""What is proven in each run, of each family one."""


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """The kinds of a family, or of two that have them in common."""

    variants: tuple[PretrainingVariant, ...]
    refusing: str
    """The class that errors name as the one that does something else."""
    counts_otherwise: str | None = None
    """A word in the names of those whose stock class counts frames of padded batches otherwise."""
    is_proven: bool = True
    """Whether fairseq itself builds them."""


KINDS = (
    Kinds(variants=BARE_VARIANTS, refusing="Wav2Vec2(Model|Conformer)"),
    Kinds(variants=BARE_HUBERT_VARIANTS, refusing="Hubert", counts_otherwise="encoder"),
    Kinds(variants=DATA2VEC_PRETRAINING_VARIANTS, refusing=""),
    Kinds(variants=UNISPEECH_VARIANTS, refusing="UniSpeechSat", counts_otherwise="SAT"),
    Kinds(variants=WAVLM_VARIANTS, refusing="WavLM", is_proven=False),
)


def converted() -> list[Any]:
    """Every variant that can be proven, and whether its stock class counts frames otherwise."""
    return [
        (pytest.param if v.name in FAST else wide)(
            v.name,
            kinds.counts_otherwise is not None and kinds.counts_otherwise in v.name,
            id=v.name,
        )
        for kinds in KINDS
        for v in kinds.variants
        if kinds.is_proven and "refused" not in v.ends
    ]


def refused() -> list[Any]:
    """Every variant that is refused, and what the error says."""
    return [
        pytest.param(
            v.name, f"{v.ends.partition(': ')[2]}`: .*({kinds.refusing}|no class)", id=v.name
        )
        for kinds in KINDS
        for v in kinds.variants
        if "refused" in v.ends
    ]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built((v for kinds in KINDS for v in kinds.variants), tmp_path_factory)


def test_every_variant_is_one_of_these_and_has_a_name_of_its_own() -> None:
    names = [variant.name for kinds in KINDS for variant in kinds.variants]
    assert len(set(names)) == len(names)
    assert set(FAST) < set(names)


@pytest.mark.parametrize(("name", "counts_otherwise"), converted())
def test_every_variant_converts_exactly(
    name: str, counts_otherwise: bool, build: Built, tmp_path: Path
) -> None:
    result = convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS)
    check_exact(result, counts_otherwise=counts_otherwise)


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        (WAV2VEC2, "Wav2Vec2Model"),
        (DATA2VEC, "Data2VecAudioModel"),
        (SPEAKERS, "UniSpeechSatModel"),
    ],
)
def test_a_right_folder_gives_no_finding(
    name: str, architecture: str, build: Built, tmp_path: Path
) -> None:
    convert(build(name), tmp_path / "hf", verify=False)
    config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == [architecture]
    result = diff(build(name), tmp_path / "hf", audio=CLIPS[:2])
    assert (result.verdict, result.findings, result.notes) == ("match", (), ())


@pytest.mark.parametrize("name", [HUBERT, wide(SPEAKERS)])
def test_the_folder_can_carry_what_padded_batches_need(
    name: str, build: Built, tmp_path: Path
) -> None:
    proof = convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS, exact_padding=True)
    check_exact(proof)
    assert proof.deviations == ()
    model = transformers.AutoModel.from_pretrained(tmp_path / "hf", trust_remote_code=True)
    assert not hasattr(model, "final_proj")
    result = diff(build(name), tmp_path / "hf", audio=CLIPS[:2])
    assert (result.verdict, result.findings, result.notes) == ("match", (), ())


@pytest.mark.parametrize(("name", "said"), refused())
def test_what_no_class_computes_is_refused_by_name(
    name: str, said: str, build: Built, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=said):
        convert(build(name), tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["encoder, group norm", HUBERT, DATA2VEC])
def test_every_fault_is_found_and_blamed_first_and_alone(name: str, build: Built) -> None:
    check_all_blamed(faults(build(name)))
