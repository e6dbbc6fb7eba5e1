"""Classifiers of both kinds and every era: what converts exactly, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers

from tests.breaking import scale, set_key
from tests.families.exactness import CLIPS, EXACT, ROUNDED
from tests.families.faulted import check_all_blamed
from tests.sampling import wide
from tests.variants.class_kinds import BUNDLED, CLASS_VARIANTS, LANGUAGES
from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import CTC_VARIANTS
from toolkit import convert, diff, inspect, verify
from toolkit.audio import read_clips
from toolkit.bundled import CLASSIFIER
from toolkit.core.errors import BadInput
from toolkit.core.result import Result
from toolkit.pipeline.faulting import faults
from toolkit.pipeline.golden import golden_of

BY_NAME = {variant.name: variant for variant in CLASS_VARIANTS}
REFUSED = {name for name, variant in BY_NAME.items() if "refused" in variant.ends}
GELU, PLAIN = "classifier, group norm", "classifier, group norm, nothing behind the mean"
INSIDE = "classifier, dictionary in the checkpoint"
FAST = (GELU,)

Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Writes the checkpoint of a variant, once."""
    known: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in known:
            known[name] = build_ctc(BY_NAME[name], tmp_path_factory.mktemp("classes")).path
        return known[name]

    return make


def check_exact(result: Result, *, bundled: bool) -> None:
    levels = {level.name: level for level in result.levels}
    assert result.verdict == "match"
    assert levels["weights"].worst is not None
    assert levels["weights"].worst.error == 0.0
    for name in ("layers", "logits"):
        exact, rounded = levels[name].measures[:2]
        assert exact.error <= EXACT
        assert rounded.error <= ROUNDED
    (padded,) = levels["padding"].measures
    assert padded.compared == len(CLIPS)
    assert padded.error <= ROUNDED
    assert [measure.error for measure in levels["label"].measures] == [0.0, 0.0]
    declared = {deviation.name for deviation in result.deviations}
    assert declared <= (set() if bundled else {"normalization_epsilon"})


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.wide)
        for name in BY_NAME
        if name not in REFUSED
    ],
)
def test_every_variant_converts_exactly(name: str, build: Build, tmp_path: Path) -> None:
    bundled = BY_NAME[name].ends == BUNDLED
    result = convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS)
    check_exact(result, bundled=bundled)
    assert (tmp_path / "hf" / CLASSIFIER.name).exists() is bundled
    again = diff(build(name), tmp_path / "hf", audio=CLIPS[:2])
    assert (again.verdict, again.findings, again.notes) == ("match", (), ())


def stock_folder(build: Build, folder: Path) -> Path:
    """What scripts make that were derived from those of transformers: a stock class for GELU."""
    convert(build(GELU), folder, verify=False)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for key in ("auto_map", "classifier_activation"):
        del config[key]
    path.write_text(json.dumps({**config, "model_type": "wav2vec2"}), encoding="utf-8")
    preprocessor = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    del preprocessor["auto_map"]
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    for code in folder.glob("*.py"):
        code.unlink()
    return folder


def test_a_stock_folder_of_a_model_with_gelu_is_found_to_ignore_it(
    build: Build, tmp_path: Path
) -> None:
    folder = stock_folder(build, tmp_path / "hf")
    result = diff(build(GELU), folder, audio=CLIPS[:2])
    (finding,) = result.findings
    assert finding.config_keys == ("model_type",)
    assert finding.hypothesis is not None
    assert finding.hypothesis.name == "wrong_activation"
    assert "applies `gelu` to the mean of the projected frames" in finding.summary
    assert "Wav2Vec2ForSequenceClassification leaves out" in finding.summary
    levels = {level.name: level for level in verify(build(GELU), folder, audio=CLIPS[:2]).levels}
    assert levels["logits"].verdict == "fail"
    assert levels["layers"].verdict == "pass"


@pytest.mark.wide
def test_a_stock_folder_of_a_model_with_gelu_is_mended_by_a_conversion(
    build: Build, tmp_path: Path
) -> None:
    folder = stock_folder(build, tmp_path / "hf")
    mended = diff(build(GELU), folder, audio=CLIPS[:2], fix=tmp_path / "mended")
    assert mended.fixed is not None
    assert mended.fixed.how == "converted"
    assert (tmp_path / "mended" / CLASSIFIER.name).exists()


def test_a_carried_class_that_does_nothing_to_the_mean_is_right_too(
    build: Build, tmp_path: Path
) -> None:
    convert(build(GELU), tmp_path / "gelu", verify=False)
    convert(build(PLAIN), tmp_path / "plain", verify=False)
    for name in ("config.json", "preprocessor_config.json", CLASSIFIER.name):
        (tmp_path / "plain" / name).write_bytes((tmp_path / "gelu" / name).read_bytes())
    for code in (tmp_path / "gelu").glob("*.py"):
        (tmp_path / "plain" / code.name).write_bytes(code.read_bytes())
    (wrong,) = diff(build(PLAIN), tmp_path / "plain", audio=CLIPS[:2]).findings
    assert wrong.config_keys == ("classifier_activation",)
    set_key("config.json", "classifier_activation", "linear")(tmp_path / "plain")
    assert diff(build(PLAIN), tmp_path / "plain", audio=CLIPS[:2]).verdict == "match"


@pytest.mark.parametrize("name", [GELU, wide(PLAIN)])
def test_users_load_it_and_the_pipeline_says_fairseqs_label(
    name: str, build: Build, tmp_path: Path
) -> None:
    proof = convert(build(name), tmp_path / "hf", audio=CLIPS)
    classify = transformers.pipeline(
        "audio-classification", model=str(tmp_path / "hf"), trust_remote_code=name == GELU
    )
    assert type(classify.model).__name__ == "Wav2Vec2ForSequenceClassification"
    said = {tokens.clip: tokens.greedy.reference_text for tokens in proof.tokens}
    for clip in read_clips(CLIPS):
        heard = {"raw": clip.waveform, "sampling_rate": 16_000}
        assert classify(heard, top_k=1)[0]["label"] == said[clip.name] in LANGUAGES


def test_without_trust_a_folder_with_code_of_its_own_does_not_load(
    build: Build, tmp_path: Path
) -> None:
    convert(build(GELU), tmp_path / "hf", verify=False)
    with pytest.raises(ValueError, match="trust_remote_code"):
        transformers.AutoModelForAudioClassification.from_pretrained(
            tmp_path / "hf", trust_remote_code=False
        )


def test_labels_come_from_the_dictionary_wherever_it_is(build: Build, tmp_path: Path) -> None:
    checkpoint = build(INSIDE)
    (checkpoint.parent / "dict.lang.txt").rename(tmp_path / "named.txt")
    named = [*reversed(LANGUAGES)]
    (tmp_path / "other.txt").write_text("".join(f"{label} 1\n" for label in named))
    for given, labels in (({}, LANGUAGES), ({"dict": tmp_path / "other.txt"}, named)):
        convert(checkpoint, tmp_path / "hf", verify=False, **given)
        config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
        assert config["id2label"] == {str(i): label for i, label in enumerate(labels)}
        assert config["label2id"] == {label: i for i, label in enumerate(labels)}
        (tmp_path / "hf").rename(tmp_path / f"done-{labels[0]}")


def test_without_a_dictionary_classes_are_numbered_and_that_is_said(
    build: Build, tmp_path: Path
) -> None:
    checkpoint = build(PLAIN)
    lost = tmp_path / "model.pt"
    lost.write_bytes(checkpoint.read_bytes())
    (assumed,) = (a for a in inspect(lost).assumptions if a.name == "labels")
    assert "7 classes are called by numbers" in assumed.because
    assert "--dict" in assumed.because
    convert(checkpoint, tmp_path / "hf", verify=False)
    again = diff(lost, tmp_path / "hf", audio=CLIPS[:1])
    assert (again.verdict, again.findings) == ("match", ())
    assert any("called by those of the folder" in a.because for a in again.assumptions)


@pytest.mark.parametrize(
    ("parameter", "module"),
    [wide("projector.weight", "projector"), ("classifier.bias", "classifier")],
)
def test_a_fault_of_the_head_is_blamed_and_nothing_else(
    parameter: str, module: str, build: Build, tmp_path: Path
) -> None:
    convert(build(GELU), tmp_path / "hf", verify=False)
    scale(parameter, 1.5)(tmp_path / "hf")
    (finding,) = diff(build(GELU), tmp_path / "hf", audio=CLIPS[:2]).findings
    assert (finding.target_parameters, finding.target_module) == ((parameter,), module)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_no_class_computes_is_refused_by_name(name: str, build: Build, tmp_path: Path) -> None:
    _, _, refused = BY_NAME[name].ends.partition(": ")
    with pytest.raises(BadInput, match=f"not: `{refused}`: "):
        convert(build(name), tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


def test_a_head_of_other_layers_is_refused_by_name(build: Build, tmp_path: Path) -> None:
    saved = torch.load(build(PLAIN), weights_only=False)
    saved["model"]["pooling_layer.weights"] = torch.ones(3)
    torch.save(saved, tmp_path / "model.pt")
    with pytest.raises(BadInput, match=r"`pooling_layer`: .*has .*pooling_layer\.weights"):
        convert(tmp_path / "model.pt", tmp_path / "hf", verify=False)


def test_conformer_layers_are_refused_as_fairseq_builds_no_such_model(tmp_path: Path) -> None:
    """Its layers do not say how wide they are, which the head asks them."""
    variant = next(v for v in CTC_VARIANTS if v.name == "conformer, relative positions")
    saved = torch.load(build_ctc(variant, tmp_path).path, weights_only=False)
    kept = {key: t for key, t in saved["model"].items() if not key.startswith("w2v_encoder.proj")}
    for name, rows in (("linear", 32), ("projection", 7)):
        kept[f"pooling_layer.{name}.weight"] = torch.ones(rows, 32)
        kept[f"pooling_layer.{name}.bias"] = torch.ones(rows)
    saved["cfg"]["model"] |= {"_name": "wav2vec_classification", "pooling": "mean"}
    torch.save({**saved, "model": kept}, tmp_path / "model.pt")
    with pytest.raises(BadInput, match=r"`w2v_args.layer_type`: it has conformer layers"):
        convert(tmp_path / "model.pt", tmp_path / "hf", verify=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target_lang": "deu"}, "a classifier writes nothing"),
        ({"padding_reference": "unmasked"}, "a classifier has none"),
    ],
)
def test_options_of_other_models_are_refused(
    options: dict[str, str], said: str, build: Build, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=said):
        convert(build(PLAIN), tmp_path / "hf", verify=False, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", [None, PLAIN])
def test_every_fault_is_found_and_blamed_first_and_alone(name: str | None, build: Build) -> None:
    checkpoint = golden_of("wav2vec2_classification") if name is None else build(name)
    check_all_blamed(faults(checkpoint))
