"""Every level of a CTC folder passes where the folder is right, and fails where it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import Wav2Vec2Model

from tests.breaking import Break, edit_tensors, set_key
from tests.sampling import wide
from toolkit import diff
from toolkit.core.measures import Level
from toolkit.core.result import Result
from toolkit.pipeline.difference import Session, diff_folder
from toolkit.tasks.ctc import TASK
from toolkit.tasks.ctc.target import CtcTarget

from .conftest import CHECKPOINT, SHORT

Judge = Callable[[Path], dict[str, Level]]
EXACT = 1e-9
ROUNDED = 2e-6


def failing(levels: dict[str, Level]) -> set[str]:
    return {name for name, level in levels.items() if level.verdict == "fail"}


def edit(change: Callable[[dict[str, torch.Tensor]], None]) -> Break:
    return lambda folder: edit_tensors(folder, change)


def rename_rows(folder: Path, change: Callable[[dict[str, int]], None]) -> None:
    path = folder / "vocab.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    change(rows)
    path.write_text(json.dumps(rows), encoding="utf-8")


def shift_bias(tensors: dict[str, torch.Tensor]) -> None:
    tensors["lm_head.bias"][7] += 100.0


def scale_first_layer(tensors: dict[str, torch.Tensor]) -> None:
    tensors["wav2vec2.encoder.layers.0.feed_forward.output_dense.weight"] *= 1.01


def unswap(rows: dict[str, int]) -> None:
    rows["<pad>"], rows["<s>"] = 1, 0


def exchange(rows: dict[str, int]) -> None:
    rows["e"], rows["i"] = rows["i"], rows["e"]


def test_a_right_folder_has_the_levels_of_its_task_and_fails_none(ctc_right: Result) -> None:
    assert tuple(level.name for level in ctc_right.levels) == TASK.level_names
    assert ctc_right.verdict == "match"
    assert ctc_right.findings == ()
    assert {level.verdict for level in ctc_right.levels} <= {"pass", "deviation"}
    assert [deviation.name for deviation in ctc_right.deviations] == ["normalization_epsilon"]


def test_a_level_of_other_tasks_is_not_listed_and_the_reason_is_told(ctc_right: Result) -> None:
    said = ctc_right.to_dict()
    assert "beam" not in said["levels"]
    assert "beam" not in said["task_levels"]
    assert said["task"] == "ctc"
    assert said["absent_levels"] == {
        "beam": "every frame has its best letter, and nothing is searched"
    }


def test_layers_and_logits_are_exact_in_both_precisions(ctc_right: Result) -> None:
    levels = {level.name: level for level in ctc_right.levels}
    exact, rounded = levels["layers"].measures
    assert exact.compared == rounded.compared == 3 * 2
    assert exact.error <= EXACT
    assert rounded.error <= ROUNDED
    assert levels["logits"].measures[0].error <= EXACT
    assert levels["logits"].measures[1].error <= ROUNDED
    assert levels["padding"].measures[0].error <= ROUNDED
    assert levels["padding"].measures[0].compared > 20


def test_the_spoken_clip_is_transcribed(ctc_right: Result) -> None:
    said = {tokens.clip: tokens for tokens in ctc_right.tokens}["ru_2"]
    assert said.greedy.equal
    assert said.greedy.converted_text == said.pipeline_text == "Ёжик ест яблоко."
    assert said.beam == ()


@pytest.mark.parametrize(
    ("breaking", "levels"),
    [
        wide(edit(shift_bias), {"weights", "modules", "logits", "greedy", "padding"}),
        (edit(scale_first_layer), {"weights", "modules", "layers", "logits", "padding"}),
        wide(set_key("config.json", "do_stable_layer_norm", False), {"config", "layers", "logits"}),
        (set_key("preprocessor_config.json", "do_normalize", False), {"config", "front_end"}),
        (lambda folder: rename_rows(folder, unswap), {"vocabulary"}),
        wide(lambda folder: rename_rows(folder, exchange), {"vocabulary", "greedy"}),
    ],
    ids=[
        *("bias", "layer", "norms behind", "not normalized"),
        *("blank not swapped", "rows exchanged"),
    ],
)
def test_what_is_wrong_fails_the_levels_that_see_it(
    breaking: Break, levels: set[str], ctc_broken: Path, judged: Judge
) -> None:
    breaking(ctc_broken)
    assert levels <= failing(judged(ctc_broken))


def test_a_padded_batch_whose_frames_are_counted_otherwise_fails(
    ctc_folder: Path, judged: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Wav2Vec2Model._get_feature_vector_attention_mask

    def one_more(*args: object, **options: object) -> torch.Tensor:
        frames = right(*args, **options)
        return frames | frames.roll(1, dims=1)

    monkeypatch.setattr(Wav2Vec2Model, "_get_feature_vector_attention_mask", one_more)
    padding = judged(ctc_folder)["padding"]
    assert padding.verdict == "fail"
    assert "frames, not" in padding.measures[1].where


def test_doubled_letters_survive_and_repetitions_do_not(ctc_folder: Path) -> None:
    target = CtcTarget(ctc_folder)
    row = target.tokenizer.convert_tokens_to_ids("l")
    frames = torch.full((1, 5, len(target.tokenizer)), -9.0)
    for at, symbol in enumerate((row, row, 0, row, 0)):
        frames[0, at, symbol] = 9.0
    from toolkit.oracle.tasks.ctc import best_path

    assert best_path(frames[0], target.blank).tokens == (row, row)
    assert target.text((row, row)) == "ll"


@pytest.mark.parametrize(
    ("breaking", "key"),
    [
        (set_key("config.json", "num_attention_heads", 4), "num_attention_heads"),
        wide(set_key("preprocessor_config.json", "do_normalize", False), "preprocessor_config"),
        (set_key("tokenizer_config.json", "do_lower_case", True), "do_lower_case"),
        wide(set_key("tokenizer_config.json", "word_delimiter_token", " "), "word_delimiter"),
        (lambda folder: rename_rows(folder, unswap), "vocab.json"),
    ],
)
def test_diff_blames_the_one_key_that_is_wrong(
    breaking: Break, key: str, ctc_broken: Path, ctc_session: Session
) -> None:
    breaking(ctc_broken)
    result = diff_folder(ctc_session, ctc_broken)
    assert result.verdict == "mismatch"
    assert key in result.findings[0].config_keys[0]
    assert len(result.findings) == 1


def test_another_blank_of_the_loss_is_a_note_as_no_text_changes(
    ctc_broken: Path, ctc_session: Session
) -> None:
    set_key("config.json", "pad_token_id", 5)(ctc_broken)
    result = diff_folder(ctc_session, ctc_broken)
    assert result.verdict == "match"
    assert [(note.key, note.consequence) for note in result.notes] == [("pad_token_id", "training")]


def test_a_mended_folder_matches(ctc_broken: Path, tmp_path: Path) -> None:
    rename_rows(ctc_broken, unswap)
    edit_tensors(ctc_broken, shift_bias)
    mended = diff(CHECKPOINT, ctc_broken, fix=tmp_path / "mended", audio=SHORT)
    assert mended.verdict == "mismatch"
    assert mended.fixed is not None
    assert mended.fixed.findings == 2


@pytest.mark.parametrize(
    ("breaking", "keys"),
    [
        (lambda folder: (folder / "config.json").unlink(), ("config.json",)),
        (set_key("config.json", "model_type", "data2vec-audio"), ("model_type",)),
        wide(set_key("config.json", "model_type", "hubert"), ("model_type",)),
        (set_key("preprocessor_config.json", "return_attention_mask", False), None),
        (set_key("processor_config.json", "processor_class", "Wav2Vec2ProcessorWithLM"), None),
        (set_key("config.json", "adapter_attn_dim", 16), ("adapter_attn_dim",)),
    ],
    ids=["no config", "data2vec", "hubert", "no mask", "language model", "adapters"],
)
def test_one_cause_is_one_finding(
    breaking: Break, keys: tuple[str, ...] | None, ctc_broken: Path, ctc_session: Session
) -> None:
    breaking(ctc_broken)
    (finding,) = diff_folder(ctc_session, ctc_broken).findings
    assert keys is None or finding.config_keys == keys
