"""wav2vec 2.0 without its heads, of every kind and era: what converts exactly, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.breaking import scale
from tests.families.bare import Built, check_exact
from tests.families.exactness import CLIPS
from tests.sampling import wide
from tests.variants.bare_kinds import BARE_VARIANTS
from toolkit import assert_parity, convert, diff, inspect, record, verify
from toolkit.core.errors import BadInput
from toolkit.core.result import Result

PLAIN = "encoder, CTC model without its head, Namespace"
CONFORMER = "encoder, conformer, relative positions"

Plain = tuple[Path, Path, Result]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(BARE_VARIANTS, tmp_path_factory)


@pytest.fixture(scope="module")
def plain(build: Built, tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """A checkpoint, its conversion and the proof; read them, never write to them."""
    folder = tmp_path_factory.mktemp("plain") / "hf"
    checkpoint = build(PLAIN)
    return checkpoint, folder, convert(checkpoint, folder, verify=True, audio=CLIPS)


def test_users_load_a_stock_model_without_any_code(plain: Plain) -> None:
    import transformers

    files = {path.name for path in plain[1].iterdir()}
    assert files == {
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "verification.json",
    }
    model, told = transformers.AutoModel.from_pretrained(plain[1], output_loading_info=True)
    assert type(model) is transformers.Wav2Vec2Model
    assert not any(map(bool, told.values()))


@pytest.mark.wide
def test_a_wrong_weight_is_blamed(plain: Plain, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(plain[1], tmp_path / "broken"))
    scale("encoder.layers.1.attention.k_proj.weight", 1.5)(broken)
    (finding,) = diff(plain[0], broken, audio=CLIPS[:1]).findings
    assert finding.target_module == "encoder.layers.1.attention.k_proj"


@pytest.mark.parametrize(
    "content",
    [
        '{"tokenizer_class": "Wav2Vec2CTCTokenizer", "processor_class": "Wav2Vec2Processor"}',
        wide('{"tokenizer_class": "Nothing"}'),
        wide("[]"),
        wide("{"),
    ],
)
def test_a_stray_file_of_a_tokenizer_that_no_encoder_has_is_passed_over(
    content: str, plain: Plain, tmp_path: Path
) -> None:
    stray = Path(shutil.copytree(plain[1], tmp_path / "stray"))
    (stray / "tokenizer_config.json").write_text(content, encoding="utf-8")
    result = verify(plain[0], stray, audio=CLIPS[:1])
    assert (result.verdict, result.findings) == ("match", ())
    again = diff(plain[0], stray, audio=CLIPS[:1])
    assert (again.verdict, again.findings, again.notes) == ("match", (), ())


@pytest.mark.wide
def test_the_plugins_assertion_holds(plain: Plain) -> None:
    assert_parity(plain[0], plain[1], audio=CLIPS[:1])


@pytest.mark.wide
def test_a_recording_proves_it_without_fairseq(plain: Plain, tmp_path: Path) -> None:
    checkpoint, folder, _ = plain
    record(checkpoint, tmp_path / "recording", audio=CLIPS[:2])
    check_exact(verify(checkpoint, folder, recording=tmp_path / "recording"))


@pytest.mark.wide
def test_strides_are_read_off_a_recording_wherever_the_encoder_stands(
    build: Built, tmp_path: Path
) -> None:
    lost = build("encoder, CTC model without its head, no w2v_args")
    record(lost, tmp_path / "recording", audio=CLIPS[:2])
    result = convert(lost, tmp_path / "hf", verify=True, recording=tmp_path / "recording")
    check_exact(result)


def test_a_conformer_becomes_one(build: Built, tmp_path: Path) -> None:
    convert(build(CONFORMER), tmp_path / "hf", verify=False)
    config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Wav2Vec2ConformerModel"]


def test_heads_that_are_left_are_dropped_with_the_reason(build: Built) -> None:
    found = inspect(build("encoder, one projection left"))
    assert found.family == "wav2vec2_encoder"
    assert {reason.name for reason in found.dropped} == {"final_proj.weight", "final_proj.bias"}
    assert all("pretraining" in reason.because for reason in found.dropped)


@pytest.mark.parametrize(
    ("name", "doubted"), [("encoder, no arguments", True), ("encoder, nothing masked", False)]
)
def test_that_it_is_none_of_huberts_is_assumed_where_nothing_says_so(
    name: str, doubted: bool, build: Built
) -> None:
    said = {reason.name: reason.because for reason in inspect(build(name)).assumptions}
    assert ("model_type" in said) is doubted
    if doubted:
        assert said["model_type"].startswith("assumed wav2vec2,")
        assert "HuBERT's encoder has the same tensors" in said["model_type"]


def test_a_model_with_a_head_of_another_name_is_no_encoder_alone(
    build: Built, tmp_path: Path
) -> None:
    saved = torch.load(build("encoder, CTC model without its head"), weights_only=False)
    saved["model"]["w2v_encoder.letters.weight"] = torch.ones(3, 32)
    torch.save(saved, tmp_path / "model.pt")
    with pytest.raises(BadInput, match="families none match"):
        inspect(tmp_path / "model.pt")
