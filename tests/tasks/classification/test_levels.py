"""Every level of a classifier's folder passes where it is right, and fails where it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.breaking import Break, edit_tensors, set_key
from tests.sampling import wide
from toolkit import diff, record, verify
from toolkit.core.measures import Level
from toolkit.core.result import Result
from toolkit.tasks.classification import TASK

from .conftest import SHORT

Judge = Callable[[Path], dict[str, Level]]


def failing(levels: dict[str, Level]) -> set[str]:
    return {name for name, level in levels.items() if level.verdict == "fail"}


def edit(change: Callable[[dict[str, torch.Tensor]], None]) -> Break:
    return lambda folder: edit_tensors(folder, change)


def shift_bias(tensors: dict[str, torch.Tensor]) -> None:
    tensors["classifier.bias"][3] += 100.0


def scale_first_layer(tensors: dict[str, torch.Tensor]) -> None:
    tensors["wav2vec2.encoder.layers.0.feed_forward.output_dense.weight"] *= 1.01


def edit_labels(folder: Path, change: Callable[[dict[str, str]], object]) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    change(config["id2label"])
    path.write_text(json.dumps(config), encoding="utf-8")


def exchange(labels: dict[str, str]) -> None:
    labels["0"], labels["1"] = labels["1"], labels["0"]


def rename(labels: dict[str, str]) -> None:
    for number in labels:
        labels[number] = f"LABEL_{number}"


def test_a_right_folder_has_the_levels_of_its_task_and_fails_none(class_right: Result) -> None:
    assert tuple(level.name for level in class_right.levels) == TASK.level_names
    assert class_right.verdict == "match"
    assert (class_right.findings, class_right.deviations) == ((), ())
    assert {level.verdict for level in class_right.levels} == {"pass"}
    assert class_right.suspicious == ()


def test_what_a_padded_batch_is_off_by_without_its_mask_is_a_caution(class_right: Result) -> None:
    (caution,) = class_right.cautions
    assert caution.max_error > 1e-3
    assert "the largest logits" in caution.summary


def test_levels_of_other_tasks_are_told_with_the_reason(class_right: Result) -> None:
    said = class_right.to_dict()
    assert said["task"] == "classification"
    assert said["absent_levels"].keys() == {"vocabulary", "greedy", "beam"}


def test_every_clip_has_its_label_and_its_best_classes_in_order(class_right: Result) -> None:
    levels = {level.name: level for level in class_right.levels}
    assert levels["label"].clips == len(SHORT)
    assert "3 of 3 clips have fairseq's label, 3 its best 5 classes" in levels["label"].summary
    assert [measure.compared for measure in levels["label"].measures] == [3, 3]
    assert levels["layers"].measures[0].compared == 2 * 3
    assert levels["labels"].measures[0].compared == 7
    for tokens in class_right.tokens:
        assert tokens.greedy.converted_text == tokens.pipeline_text
        assert (len(tokens.greedy.converted), tokens.transcript, tokens.beam) == (5, None, ())


@pytest.mark.parametrize(
    ("breaking", "levels"),
    [
        wide(edit(shift_bias), {"weights", "modules", "logits", "label", "padding"}),
        wide(edit(scale_first_layer), {"weights", "modules", "layers", "logits", "padding"}),
        (set_key("config.json", "classifier_activation", "relu"), {"config", "logits"}),
        wide(set_key("preprocessor_config.json", "do_normalize", False), {"config", "front_end"}),
        (lambda folder: edit_labels(folder, exchange), {"labels", "label"}),
        wide(lambda folder: edit_labels(folder, rename), {"labels", "label"}),
    ],
    ids=["bias", "layer", "another activation", "not normalized", "exchanged", "renamed"],
)
def test_what_is_wrong_fails_the_levels_that_see_it(
    breaking: Break, levels: set[str], class_broken: Path, judged: Judge
) -> None:
    breaking(class_broken)
    assert levels <= failing(judged(class_broken))


def test_a_padded_batch_that_is_pooled_over_all_frames_fails(
    class_folder: Path, judged: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Wav2Vec2Model, Wav2Vec2PreTrainedModel

    right = Wav2Vec2PreTrainedModel._get_feature_vector_attention_mask

    def every_frame(self: object, *args: object, **options: object) -> torch.Tensor:
        frames = right(self, *args, **options)
        return frames if isinstance(self, Wav2Vec2Model) else torch.ones_like(frames)

    monkeypatch.setattr(Wav2Vec2PreTrainedModel, "_get_feature_vector_attention_mask", every_frame)
    assert failing(judged(class_folder)) == {"padding"}


@pytest.mark.parametrize("change", [exchange, wide(rename), wide(lambda labels: labels.popitem())])
def test_diff_names_the_labels_that_are_wrong(
    change: Callable[[dict[str, str]], object], class_checkpoint: Path, class_broken: Path
) -> None:
    edit_labels(class_broken, change)
    result = diff(class_checkpoint, class_broken, audio=SHORT[:1])
    (finding,) = result.findings
    assert finding.config_keys == ("id2label",)
    assert finding.consequence == "text"
    failed = {level.name for level in result.levels if level.verdict == "fail"}
    assert "labels" in failed
    assert "config" not in failed


def test_exchanged_labels_alone_are_put_back(
    class_checkpoint: Path, class_broken: Path, tmp_path: Path
) -> None:
    edit_labels(class_broken, exchange)
    mended = diff(class_checkpoint, class_broken, audio=SHORT[:1], fix=tmp_path / "mended")
    assert mended.fixed is not None
    assert (mended.fixed.how, mended.fixed.findings) == ("undone", 1)


def test_of_exchanged_labels_those_alone_are_told(
    class_checkpoint: Path, class_broken: Path
) -> None:
    edit_labels(class_broken, exchange)
    (finding,) = diff(class_checkpoint, class_broken, audio=SHORT[:1]).findings
    assert finding.summary == (
        "`id2label` must be {'0': 'ara', '1': 'cmn'} as the checkpoint says, "
        "but is {'0': 'cmn', '1': 'ara'}"
    )


def test_labels_are_judged_where_the_model_does_not_load(class_broken: Path, judged: Judge) -> None:
    set_key("config.json", "hidden_size", "wide")(class_broken)
    levels = judged(class_broken)
    assert (levels["labels"].verdict, levels["label"].verdict) == ("pass", "fail")
    edit_labels(class_broken, exchange)
    assert judged(class_broken)["labels"].verdict == "fail"


@pytest.mark.wide
def test_a_recording_answers_for_fairseq(
    class_checkpoint: Path, class_folder: Path, class_broken: Path, tmp_path: Path
) -> None:
    record(class_checkpoint, tmp_path / "recording", audio=SHORT)
    given = {"recording": tmp_path / "recording"}
    proof = verify(class_checkpoint, class_folder, **given)
    assert (proof.verdict, len(proof.levels)) == ("match", 10)
    edit_tensors(class_broken, shift_bias)
    (finding,) = diff(class_checkpoint, class_broken, **given).findings
    assert finding.target_module == "classifier"


def test_what_finds_a_class_for_a_loss_is_a_note(
    class_checkpoint: Path, class_broken: Path
) -> None:
    set_key("config.json", "label2id", {"deu": 1})(class_broken)
    result = diff(class_checkpoint, class_broken, audio=SHORT[:1])
    assert result.verdict == "match"
    assert [(note.key, note.consequence) for note in result.notes] == [("label2id", "training")]
