"""Models of texts: what converts exactly, what is refused, and how users get a translation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.breaking import scale, set_key
from tests.bundled import elsewhere
from tests.families.exactness import EXACT, ROUNDED, check_refused
from tests.sampling import wide
from tests.variants.text_building import build_text
from tests.variants.text_kinds import NATIVE, TEXT_VARIANTS
from toolkit import BadInput, audit, convert, diff, verify
from toolkit.audio import golden_folder
from toolkit.blocks.known_tensors import maybe_known_specs
from toolkit.bundled import TOKENIZATION
from toolkit.core.result import Result
from toolkit.examples import TEXT
from toolkit.folder.skeleton import target_specs
from toolkit.pipeline.golden import golden_of
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.recording import record

BY_NAME = {variant.name: variant for variant in TEXT_VARIANTS}
FAST = ("mBART-25", "M2M-100", "swish")
LINES = "The dog sees the house.\nA bird loves the sea, my sister reads.\n"

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes the checkpoint of a variant, of which some may be changed."""

    def make(name: str, **changes: object) -> Path:
        folder = tmp_path / "checkpoint"
        folder.mkdir()
        return build_text(replace(BY_NAME[name], **changes), folder)

    return make


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text(LINES)
    return path


@pytest.fixture(scope="module")
def golden_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the golden model of texts."""
    folder = tmp_path_factory.mktemp("texts") / "hf"
    convert(golden_of("mbart"), folder, verify=False)
    return folder


def check_exact(proof: Result) -> None:
    """Checks all levels of a proof."""
    levels = {level.name: level for level in proof.levels}
    assert proof.verdict == "match"
    assert (proof.deviations, proof.findings) == ((), ())
    assert levels["weights"].measures[0].error == 0.0
    assert levels["front_end"].measures[0].error == 0.0
    exact, rounded, encoder = levels["logits"].measures
    assert exact.error <= EXACT
    assert max(rounded.error, encoder.error) <= ROUNDED
    assert levels["padding"].measures[0].error <= ROUNDED


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FAST else pytest.mark.wide) for n in BY_NAME]
)
def test_every_variant_converts_exactly_or_is_refused_by_name(
    name: str, build: Build, tmp_path: Path
) -> None:
    checkpoint, variant = build(name), BY_NAME[name]
    if variant.ends.startswith("refused: "):
        check_refused(checkpoint, variant.ends, tmp_path / "hf", variant.options)
        return
    check_exact(convert(checkpoint, tmp_path / "hf", verify=True, **variant.options))
    carried = {path.name for path in (tmp_path / "hf").glob("*.py")}
    assert carried == (set() if variant.ends == NATIVE else {TOKENIZATION.name})


def test_layers_that_recompute_their_activations_in_training_are_compared_like_others(
    build: Build, tmp_path: Path
) -> None:
    checkpoint = build("M2M-100", model={"checkpoint_activations": True})
    check_exact(convert(checkpoint, tmp_path / "hf", target_lang="de"))


def test_a_text_beyond_the_positions_is_fairseqs_to_refuse_and_no_fault_of_the_folder(
    build: Build, tmp_path: Path
) -> None:
    short = {"max_source_positions": 12, "max_target_positions": 12}
    checkpoint, path = build("mBART-25", model=short), tmp_path / "lines.txt"
    path.write_text("A bird loves the sea, and my sister reads of the sea.")
    with pytest.raises(BadInput, match="fairseq itself .* IndexError"):
        convert(checkpoint, tmp_path / "hf", text=[path])
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize("family", ["mbart", "bart", "m2m_100"])
def test_the_tensors_of_its_class_are_known_without_the_model(family: str) -> None:
    config = prepare(Inputs(checkpoint=golden_of(family))).task.contents.config
    assert list(maybe_known_specs(config) or {}) == list(target_specs(config))
    assert maybe_known_specs(config) == target_specs(config)
    for key, value in (("tie_word_embeddings", False), ("d_model", 7), ("more", 1)):
        assert maybe_known_specs({**config, key: value}) is None


def test_the_golden_model_translates_its_sentences_as_users_ask_it(golden_texts: Path) -> None:
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(golden_texts)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(golden_texts)
    known = [s for s in TEXT.read([]) if s.transcript]
    read = tokenizer([s.text for s in known], return_tensors="pt", padding=True)  # type: ignore[attr-defined]
    written = tokenizer.batch_decode(model.generate(**read), skip_special_tokens=True)
    assert written == [sentence.transcript for sentence in known]


@pytest.mark.wide
def test_it_translates_where_there_is_neither_the_toolkit_nor_fairseq(
    golden_texts: Path, tmp_path: Path
) -> None:
    script = Path(elsewhere.__file__).with_name("translating_script.py")
    sentence = "The queen buys green apples."
    said = elsewhere.make_elsewhere(tmp_path).run(script, golden_texts, sentence)
    assert said["absent"] == ["toolkit", "fairseq"]
    assert said["class"] == "MBartForConditionalGeneration"
    assert said["text"] == "Die Königin kauft grüne Äpfel."


def test_what_the_folder_says_is_how_mbart_25_frames_texts(golden_texts: Path) -> None:
    config = json.loads((golden_texts / "config.json").read_text())
    generation = json.loads((golden_texts / "generation_config.json").read_text())
    rows = (golden_texts.parent / "hf" / "tokenizer.json").read_text()
    english, german = (config["vocab_size"] - n for n in (3, 4))
    assert config["architectures"] == ["MBartForConditionalGeneration"]
    assert (config["decoder_start_token_id"], config["eos_token_id"]) == (german, german)
    assert (generation["eos_token_id"], generation["forced_eos_token_id"]) == (german, german)
    assert "forced_bos_token_id" not in generation
    frame = json.loads(rows)["post_processor"]
    assert frame["special_tokens"]["language"]["ids"] == [english]
    assert not (golden_texts / "preprocessor_config.json").exists()


@pytest.mark.parametrize(
    ("module", "key", "value"),
    [
        ("model.encoder.layers.0.self_attn.k_proj", None, None),
        wide("model.decoder.layers.1.encoder_attn.v_proj", None, None),
        wide("model.encoder.layernorm_embedding", None, None),
        (None, "config.activation_function", "relu"),
        (None, "config.scale_embedding", False),
        wide(None, "generation_config.decoder_start_token_id", 2),
        wide(None, "generation_config.eos_token_id", 2),
    ],
)
def test_a_fault_is_blamed(
    module: str | None, key: str | None, value: object, golden_texts: Path, tmp_path: Path
) -> None:
    import shutil

    out = Path(shutil.copytree(golden_texts, tmp_path / "hf"))
    if module is not None:
        scale(f"{module}.weight", 1.5)(out)
    else:
        file, _, name = str(key).rpartition(".")
        set_key(f"{file}.json", name, value)(out)
    first, *others = diff(golden_of("mbart"), out).findings
    assert others == []
    assert first.target_module == module if module else str(key).endswith(first.config_keys[0])


def test_padding_on_the_left_is_found(golden_texts: Path, tmp_path: Path) -> None:
    import shutil

    out = Path(shutil.copytree(golden_texts, tmp_path / "hf"))
    set_key("tokenizer_config.json", "padding_side", "left")(out)
    (finding,) = diff(golden_of("mbart"), out).findings
    assert finding.config_keys == ("tokenizer_config.padding_side",)


def test_a_recording_stands_in_for_fairseq(golden_texts: Path, lines: Path, tmp_path: Path) -> None:
    record(golden_of("mbart"), tmp_path / "recording", text=[lines])
    proof = verify(golden_of("mbart"), golden_texts, recording=tmp_path / "recording")
    check_exact(proof)
    assert proof.coverage is not None
    assert [clip.name for clip in proof.coverage.clips] == ["lines:1", "lines:2"]


def test_an_audit_holds_a_folder_against_a_recording(
    golden_texts: Path, lines: Path, tmp_path: Path
) -> None:
    record(golden_of("mbart"), tmp_path / "recording", text=[lines])
    found = audit(golden_texts, recording=tmp_path / "recording")
    assert found.against is not None
    assert found.against.broken == ""
    assert all(level.verdict == "pass" for level in found.against.levels)
    with pytest.raises(BadInput, match="the model is asked about sentences"):
        audit(golden_texts, recording=tmp_path / "recording", runner="mine.py:Mine")


def test_results_speak_of_sentences(golden_texts: Path, lines: Path) -> None:
    from toolkit.report.measured import describe_coverage

    proof = verify(golden_of("mbart"), golden_texts, text=[lines])
    assert proof.coverage is not None
    assert "sentences: 2" in describe_coverage(proof.coverage, examples=proof.examples)
    said = " ".join([*(level.summary for level in proof.levels)])
    assert "2 of 2 sentences equal" in said
    assert "clip" not in said
    assert proof.to_dict()["examples"] == "sentences"


def test_clips_are_refused_of_a_model_that_reads(golden_texts: Path) -> None:
    with pytest.raises(BadInput, match="but that is sentences, not clips"):
        verify(golden_of("mbart"), golden_texts, audio=[golden_folder() / "tiny.flac"])


def test_a_language_that_nobody_names_is_asked_for(build: Build, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="`--target-lang` must name one of the checkpoint's"):
        convert(build("mBART-50"), tmp_path / "hf", verify=False)


def test_a_folder_tells_the_language_that_it_was_made_for(build: Build, tmp_path: Path) -> None:
    checkpoint = build("mBART-50")
    convert(checkpoint, tmp_path / "hf", verify=False, target_lang="ar_AR")
    assert verify(checkpoint, tmp_path / "hf", beam=False).verdict == "match"


def test_a_dictionary_of_gpt_2_is_refused(build: Build, tmp_path: Path) -> None:
    checkpoint = build("BART with sentencepiece", model={"bpe": "gpt2"})
    with pytest.raises(BadInput, match="`bpe` must be sentencepiece, but is 'gpt2'"):
        convert(checkpoint, tmp_path / "hf", verify=False)


def test_a_file_that_holds_one_name_of_a_shared_table_holds_all(golden_texts: Path) -> None:
    from safetensors.torch import load_file

    written = load_file(golden_texts / "model.safetensors")
    tables = [name for name in written if "embed_tokens" in name or "shared" in name]
    assert tables == ["model.shared.weight"]
    saved = torch.load(golden_of("mbart"), weights_only=False)["model"]
    assert saved["encoder.embed_tokens.weight"].equal(saved["decoder.output_projection.weight"])
