"""HuBERT CTC of both kinds and every era: what converts exactly, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import torch

from tests.breaking import scale
from tests.families.exactness import CLIPS, check_exact
from tests.sampling import wide
from tests.variants.ctc_building import build_ctc
from tests.variants.hubert_kinds import HUBERT_VARIANTS
from toolkit import convert, diff, inspect, verify
from toolkit.bundled import HUBERT
from toolkit.core.errors import BadInput
from toolkit.pipeline.prepare import Inputs, prepare

BY_NAME = {variant.name: variant for variant in HUBERT_VARIANTS}
REFUSED = {name for name, variant in BY_NAME.items() if "refused" in variant.ends}
PLAIN, BATCH_NORMED = "HuBERT, group norm", "HuBERT, batch norm"
FAST = ("HuBERT, leftovers of pretraining",)

Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Writes the checkpoint of a variant, once."""
    known: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in known:
            known[name] = build_ctc(BY_NAME[name], tmp_path_factory.mktemp("hubert")).path
        return known[name]

    return make


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.wide)
        for name in BY_NAME
        if name not in REFUSED
    ],
)
def test_every_variant_converts_exactly(name: str, build: Build, tmp_path: Path) -> None:
    result = convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS)
    check_exact(result, padded=False)


@pytest.mark.parametrize("name", [PLAIN, pytest.param(BATCH_NORMED, marks=pytest.mark.slow)])
def test_with_code_that_counts_fairseqs_frames_padded_batches_are_exact(
    name: str, build: Build, tmp_path: Path
) -> None:
    folder, checkpoint = tmp_path / "hf", build(name)
    result = convert(checkpoint, folder, verify=True, audio=CLIPS, exact_padding=True)
    check_exact(result, padded=True)
    assert "normalization_epsilon" not in {deviation.name for deviation in result.deviations}
    assert (folder / HUBERT.name).read_bytes() == HUBERT.read_bytes()
    again = diff(checkpoint, folder, audio=CLIPS)
    assert (again.verdict, again.findings, again.notes) == ("match", (), ())


def test_a_stock_class_is_refused_where_padded_batches_must_be_exact(
    build: Build, tmp_path: Path
) -> None:
    convert(build(PLAIN), tmp_path / "hf", verify=False)
    result = diff(build(PLAIN), tmp_path / "hf", audio=CLIPS, exact_padding=True)
    (finding,) = result.findings
    assert (result.verdict, finding.config_keys) == ("mismatch", ("model_type",))
    assert "toolkit convert" in finding.fix


def test_a_model_that_is_wrong_in_padded_batches_alone_is_not_excused(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.hubert.modeling_hubert import HubertEncoderStableLayerNorm as Stack

    right = Stack.forward

    def unmasked(self: Stack, states: torch.Tensor, attention_mask: object = None, **kw: object):  # noqa: ARG001
        return right(self, states, attention_mask=None, **kw)

    checkpoint = build(BATCH_NORMED)
    convert(checkpoint, tmp_path / "hf", verify=False)
    monkeypatch.setattr(Stack, "forward", unmasked)
    result = verify(checkpoint, tmp_path / "hf", audio=CLIPS)
    assert {level.name for level in result.levels if level.verdict == "fail"} == {"padding"}
    assert "frame_mask" not in {deviation.name for deviation in result.deviations}


def test_that_no_clip_of_a_batch_shows_the_other_frames_is_said(
    build: Build, tmp_path: Path
) -> None:
    # Of 4008 samples and of 2004 beside them, fairseq and transformers count 12 frames and 6.
    sound = torch.randn(4008, generator=torch.Generator().manual_seed(1)).numpy()
    soundfile.write(tmp_path / "alike.wav", sound / 10, 16_000)
    proof = convert(build(PLAIN), tmp_path / "hf", verify=True, audio=[tmp_path / "alike.wav"])
    padding = proof.level("padding")
    assert (proof.verdict, padding.verdict) == ("match", "pass")
    assert "no clip of this batch shows" in padding.summary
    (told,) = (deviation for deviation in proof.deviations if deviation.name == "frame_mask")
    assert "no clip of this batch shows" in told.summary
    assert "`--exact-padding`" in told.summary


def test_what_pretraining_left_is_dropped_with_the_reason(build: Build) -> None:
    dropped = inspect(build("HuBERT, leftovers of pretraining")).dropped
    names = {reason.name.rpartition("w2v_model.")[2] for reason in dropped}
    assert names == {"label_embs_concat", "final_proj.weight", "final_proj.bias"}
    assert all("pretraining" in reason.because for reason in dropped)


def test_users_load_it_with_its_processor_and_in_the_pipeline(build: Build, tmp_path: Path) -> None:
    import transformers

    convert(build(BATCH_NORMED), tmp_path / "hf", verify=False)
    model = transformers.AutoModelForCTC.from_pretrained(tmp_path / "hf")
    processor = transformers.AutoProcessor.from_pretrained(tmp_path / "hf")
    assert type(model) is transformers.HubertForCTC
    assert model.config.conv_pos_batch_norm is True
    assert type(processor) is transformers.Wav2Vec2Processor
    recognize = transformers.pipeline("automatic-speech-recognition", model=str(tmp_path / "hf"))
    assert isinstance(recognize(torch.zeros(16_000).numpy())["text"], str)


@pytest.mark.parametrize(
    ("parameter", "module"),
    [
        ("pos_conv_embed.batch_norm.running_var", "pos_conv_embed.batch_norm"),
        wide("pos_conv_embed.conv.weight", "pos_conv_embed.conv"),
        wide("layers.1.feed_forward.output_dense.bias", "layers.1.feed_forward.output_dense"),
    ],
)
def test_a_fault_is_blamed_and_nothing_else(
    parameter: str, module: str, build: Build, tmp_path: Path
) -> None:
    checkpoint = build(BATCH_NORMED)
    convert(checkpoint, tmp_path / "hf", verify=False)
    scale(f"hubert.encoder.{parameter}", 1.5)(tmp_path / "hf")
    first, *others = diff(checkpoint, tmp_path / "hf", audio=CLIPS).findings
    assert first.target_parameters == (f"hubert.encoder.{parameter}",)
    assert first.target_module == f"hubert.encoder.{module}"
    assert others == []


def test_a_batch_norm_that_is_switched_off_is_found(build: Build, tmp_path: Path) -> None:
    import json

    checkpoint, path = build(BATCH_NORMED), tmp_path / "hf" / "config.json"
    convert(checkpoint, tmp_path / "hf", verify=False)
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "conv_pos_batch_norm": False}), encoding="utf-8")
    result = diff(checkpoint, tmp_path / "hf", audio=CLIPS)
    assert result.verdict == "mismatch"
    assert "conv_pos_batch_norm" in result.findings[0].config_keys


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_no_class_computes_is_refused_by_name(name: str, build: Build, tmp_path: Path) -> None:
    _, _, refused = BY_NAME[name].ends.partition(": ")
    with pytest.raises(BadInput, match=f"{refused}`: .*Hubert has none"):
        convert(build(name), tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


def test_a_key_of_adapters_is_broken_only_where_a_class_reads_it(build: Build) -> None:
    invented = {
        name: {
            item.path
            for item in prepare(Inputs(checkpoint=build(name))).network.breakable.inventions
        }
        for name in (PLAIN, BATCH_NORMED)
    }
    assert invented == {PLAIN: set(), BATCH_NORMED: {"adapter_attn_dim"}}
