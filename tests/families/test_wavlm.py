"""WavLM converts, and is proven by nothing but code of its fork: it never matches without that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.families.bare import Built
from tests.families.exactness import CLIPS
from tests.variants.bare_kinds import WAVLM_VARIANTS
from toolkit import convert, diff, inspect, verify
from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import BadInput

PLAIN = "WavLM, layer norm"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(WAVLM_VARIANTS, tmp_path_factory)


@pytest.mark.parametrize("name", [v.name for v in WAVLM_VARIANTS if "refused" not in v.ends])
def test_without_its_fork_a_conversion_is_unverified_and_says_what_would_prove_it(
    name: str, build: Built, tmp_path: Path
) -> None:
    import torch
    import transformers

    result = convert(build(name), tmp_path / "hf")
    assert result.verdict == "unverified"
    assert "--user-dir" in str(result.unverified_because)
    model = transformers.AutoModel.from_pretrained(tmp_path / "hf")
    assert type(model) is transformers.WavLMModel
    source = open_checkpoint(build(name)).state_dict()
    own, theirs = "encoder.layers.{}.self_attn.", model.encoder.layers
    for layer in range(3):
        gate = source[own.format(layer) + "grep_a"]
        assert torch.equal(theirs[layer].attention.gru_rel_pos_const, gate)
    table = source[own.format(0) + "relative_attention_bias.weight"]
    assert torch.equal(theirs[0].attention.rel_attn_embed.weight, table)


def test_values_are_read_off_tensors_and_arguments_without_groups(
    build: Built, tmp_path: Path
) -> None:
    convert(build(PLAIN), tmp_path / "hf")
    config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
    assert (config["num_buckets"], config["max_bucket_distance"]) == (20, 80)
    assert (config["num_attention_heads"], config["do_stable_layer_norm"]) == (2, True)
    file = tmp_path / "hf" / "preprocessor_config.json"
    assert json.loads(file.read_text(encoding="utf-8"))["do_normalize"] is True


def test_a_proof_without_its_fork_is_refused_and_no_match(build: Built, tmp_path: Path) -> None:
    convert(build(PLAIN), tmp_path / "hf")
    for ask in (
        lambda: convert(build(PLAIN), tmp_path / "other", verify=True, audio=CLIPS[:1]),
        lambda: verify(build(PLAIN), tmp_path / "hf", audio=CLIPS[:1]),
        lambda: diff(build(PLAIN), tmp_path / "hf", audio=CLIPS[:1]),
    ):
        with pytest.raises(BadInput, match="fairseq has no `wavlm`.*--user-dir"):
            ask()


def test_frames_that_no_code_here_counts_are_refused(build: Built, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--exact-padding.*fork of WavLM"):
        convert(build(PLAIN), tmp_path / "hf", exact_padding=True)


def test_inspect_knows_it_by_its_gates(build: Built) -> None:
    found = inspect(build(PLAIN))
    assert (found.family, found.architecture) == ("wavlm", "unknown")
    assert (found.refusals, found.unknown, found.assumptions) == ((), (), ())
