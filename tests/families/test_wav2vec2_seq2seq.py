"""wav2vec 2.0 with a decoder of letters: what converts exactly, and how users get its words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.breaking import scale
from tests.families.exactness import CLIPS, EXACT, ROUNDED
from tests.sampling import wide
from tests.variants.ctc_building import build_ctc
from tests.variants.seq2seq_kinds import BUNDLED, SEQ2SEQ_VARIANTS
from toolkit import BadInput, convert, diff, inspect
from toolkit.bundled import FEATURES, PARTS, SEQ2SEQ, STACK
from toolkit.core.result import Result

BY_NAME = {variant.name: variant for variant in SEQ2SEQ_VARIANTS}
PLAIN = "letters, norms behind"
FAST = (PLAIN,)
TIED = "letters, tied output"

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes the checkpoint of a variant, of which some may be changed."""

    def make(name: str, **changes: object) -> Path:
        folder = tmp_path / "checkpoint"
        folder.mkdir()
        return build_ctc(replace(BY_NAME[name], **changes), folder).path

    return make


def check_exact(proof: Result) -> None:
    """Checks all levels of a proof."""
    levels = {level.name: level for level in proof.levels}
    assert proof.verdict == "match"
    assert levels["weights"].measures[0].error == 0.0
    exact, rounded, encoder = levels["logits"].measures
    assert exact.error <= EXACT
    assert max(rounded.error, encoder.error) <= ROUNDED
    assert levels["padding"].measures[0].error <= ROUNDED
    assert {deviation.name for deviation in proof.deviations} <= {"normalization_epsilon"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FAST else pytest.mark.wide) for n in BY_NAME]
)
def test_every_variant_converts_exactly(name: str, build: Build, tmp_path: Path) -> None:
    check_exact(convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS))
    carried = {path.name for path in (tmp_path / "hf").glob("*.py")}
    config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
    kinds = [part["model_type"] for part in (config, config["encoder"], config["decoder"])]
    if BY_NAME[name].ends == BUNDLED:
        assert kinds == ["fairseq_seq2seq", "fairseq_seq2seq_encoder", "fairseq_seq2seq_decoder"]
        assert carried == {path.name for path in (SEQ2SEQ, PARTS, STACK, FEATURES)}
    else:
        assert (kinds[0], carried) == ("speech-encoder-decoder", set())


@pytest.mark.parametrize(
    ("name", "module"),
    [
        (TIED, "decoder.model.decoder.layers.1.encoder_attn.k_proj"),
        wide(PLAIN, "decoder.model.decoder.layers.0.fc1"),
        wide("letters, wider decoder", "enc_to_dec_proj"),
    ],
)
def test_a_fault_is_blamed(name: str, module: str, build: Build, tmp_path: Path) -> None:
    checkpoint = build(name)
    convert(checkpoint, tmp_path / "hf", verify=False)
    scale(f"{module}.weight", 1.5)(tmp_path / "hf")
    first, *others = diff(checkpoint, tmp_path / "hf", audio=CLIPS).findings
    assert first.target_module == module
    assert others == []


def test_users_load_it_with_stock_classes_and_get_words(build: Build, tmp_path: Path) -> None:
    import transformers

    convert(build(PLAIN), tmp_path / "hf", verify=False)
    tokenizer = transformers.AutoProcessor.from_pretrained(tmp_path / "hf").tokenizer
    ids = tokenizer("HELLO  WORLD").input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == [*"HELLO|WORLD|", "</s>"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "HELLO WORLD"
    model = transformers.AutoModelForSpeechSeq2Seq.from_pretrained(tmp_path / "hf")
    assert type(model.decoder) is transformers.TrOCRForCausalLM
    assert model.generation_config.forced_eos_token_id == tokenizer.eos_token_id


def test_the_width_of_what_the_decoder_attends_to_is_read_off_the_tensors(build: Build) -> None:
    values = {field.name: field for field in inspect(build("letters, wider decoder")).fields}
    assert values["decoder.cross_attention_hidden_size"].value is None
    assert values["decoder.d_model"].value == 48


def test_positions_that_half_precision_would_round_are_computed(build: Build) -> None:
    because = {reason.name for reason in inspect(build("letters, float16 weights")).shortcomings}
    assert because == {"decoder.embed_positions"}


@pytest.mark.parametrize(
    ("group", "name", "said"),
    [
        (("cfg", "model", "w2v_args", "model"), "hubert", r"`w2v_args._name`: .*is `hubert`"),
        (("cfg", "model"), "hubert_seq2seq", "is HuBERT with a decoder: it keeps other frames"),
    ],
)
def test_a_hubert_inside_is_refused_by_name_with_what_converts(
    group: tuple[str, ...], name: str, said: str, build: Build, tmp_path: Path
) -> None:
    built = build(PLAIN)
    inner = saved = torch.load(built, weights_only=False)
    for key in group:
        inner = inner[key]
    inner["_name"] = name
    torch.save(saved, tmp_path / "model.pt")
    shutil.copy(built.parent / "dict.ltr.txt", tmp_path)
    with pytest.raises(BadInput, match=f"{said}.* Convert the checkpoint that its encoder was"):
        convert(tmp_path / "model.pt", tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target_lang": "de"}, "a model that writes letters writes what it hears"),
        ({"padding_reference": "unmasked"}, "a model that writes letters has none"),
        ({"spm": "dict.ltr.txt"}, "has letters of a dictionary alone"),
    ],
)
def test_what_belongs_to_other_models_is_refused(
    options: dict[str, str], said: str, build: Build, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=said):
        convert(build(PLAIN), tmp_path / "hf", verify=False, **options)


def test_exchanged_letters_are_told_without_a_sentencepiece_model(
    build: Build, tmp_path: Path
) -> None:
    checkpoint = build(PLAIN)
    convert(checkpoint, tmp_path / "hf", verify=False)
    file = tmp_path / "hf" / "tokenizer.json"
    described = json.loads(file.read_text(encoding="utf-8"))
    rows = described["model"]["vocab"]
    rows["E"], rows["T"] = rows["T"], rows["E"]
    file.write_text(json.dumps(described), encoding="utf-8")
    (finding,) = diff(checkpoint, tmp_path / "hf", audio=CLIPS[:1]).findings
    assert finding.summary.startswith("`tokenizer.json` is not as the rows of the dictionary say")
