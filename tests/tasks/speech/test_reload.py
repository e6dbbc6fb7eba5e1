from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.breaking import add, set_key, swap_rows
from toolkit.tasks.speech.reload import SEARCHED_TOKENS, reload_level
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

CUT = f"clips whose first {SEARCHED_TOKENS} tokens changed"
NORM = "decoder.model.decoder.layer_norm.weight"
EMBEDDING = "decoder.model.decoder.embed_tokens.weight"


def changed(level):
    return {measure.name for measure in level.measures if measure.verdict == "fail"}


def test_a_right_folder_reloads_as_itself(right):
    level = right.level("reload")
    assert level.verdict == "pass"
    assert all(measure.compared > 0 for measure in level.measures)


def test_swapped_rows_of_the_tokenizer_stay_swapped_and_pass(broken, examined):
    swap_rows(20, 21)(broken)
    assert examined(broken).level("reload").verdict == "pass"


def test_an_id_that_is_lost_on_saving_fails(prepared, loaded, run, monkeypatch):
    save = loaded.tokenizer.save_pretrained

    def forgetful(name):
        save(name)
        swap_rows(20, 21)(Path(name))

    monkeypatch.setattr(loaded.tokenizer, "save_pretrained", forgetful)
    assert changed(reload(prepared, loaded, run)) == {"ids that changed"}


def test_a_model_that_transformers_does_not_save_fails(prepared, loaded, run, monkeypatch):
    def refuse(name, **_):
        raise RuntimeError(f"no {name} today\nnor tomorrow")

    monkeypatch.setattr(loaded.model, "save_pretrained", refuse)
    level = reload(prepared, loaded, run)
    assert changed(level) == {"parts that cannot be saved"}
    assert level.summary.endswith("today")


@pytest.mark.wide
def test_an_output_projection_stored_beside_the_embedding_that_it_is_tied_to_fails(
    broken, examined, target
):
    """transformers loads both and unties them; a reader of the config ties them again."""
    untied = target.model.state_dict()[EMBEDDING] * 1.01
    add("decoder.lm_head.weight", untied.clone())(broken)
    assert "ties that changed" in changed(examined(broken).level("reload"))


def test_a_folder_that_does_not_tie_what_the_checkpoint_ties_fails(broken, examined, target):
    add("decoder.lm_head.weight", target.model.state_dict()[EMBEDDING].clone())(broken)
    set_key("config.json", "decoder.tie_word_embeddings", False)(broken)
    level = examined(broken).level("reload")
    assert changed(level) == {"ties that changed"}
    assert level.worst.where == "decoder.lm_head.weight is no longer tied"


def reload(prepared, target, run, thorough=False):
    task = prepared.task
    given = (target, task.contents, prepared.plan, [run], task.search)
    return reload_level(*given, thorough=thorough)


@pytest.fixture(params=["moved", pytest.param("mapped", marks=pytest.mark.wide)])
def loaded(broken, request, monkeypatch):
    """With weights as small models have them, and as large ones do: views of the file."""
    if request.param == "mapped":
        monkeypatch.setattr("toolkit.replay.target.ALIGNED_NUMEL", 0)
    return Seq2SeqTarget(broken)


def test_a_model_whose_logits_were_others_before_it_was_saved_fails(prepared, loaded, run):
    """The run's logits are those of the weights as loaded; the saved ones are others."""
    with torch.no_grad():
        loaded.model.decoder.model.decoder.layer_norm.bias[0] += 1e-3
    assert "clips whose logits changed" in changed(reload(prepared, loaded, run))


@pytest.mark.parametrize(
    "edit",
    [
        lambda state: state.update({NORM: state[NORM] + 1e-3}),
        lambda state: state.pop(NORM),
    ],
    ids=["changed", "left out"],
)
def test_a_tensor_that_is_lost_on_saving_fails(prepared, loaded, run, monkeypatch, edit):
    save = loaded.model.save_pretrained

    def lossy(name, **options):
        state = {n: t.clone() for n, t in loaded.model.state_dict().items() if "lm_head" not in n}
        edit(state)
        save(name, state_dict=state, **options)

    monkeypatch.setattr(loaded.model, "save_pretrained", lossy)
    level = reload(prepared, loaded, run)
    lost = next(m for m in level.measures if m.name == "tensors that changed")
    assert lost.where.startswith(NORM)
    assert {"tensors that changed", "clips whose logits changed"} <= changed(level)


def test_a_generation_setting_that_is_lost_on_saving_fails(prepared, loaded, run, monkeypatch):
    save = loaded.model.save_pretrained

    def forgetful(name, **options):
        save(name, **options)
        set_key("generation_config.json", "max_length", 4)(Path(name))

    monkeypatch.setattr(loaded.model, "save_pretrained", forgetful)
    assert changed(reload(prepared, loaded, run)) == {
        "keys that changed",
        CUT,
    }


@pytest.mark.parametrize(
    ("at", "thorough", "found"),
    [
        (2, False, {CUT}),
        (-2, False, set()),
        (-2, True, {"clips whose tokens changed"}),
    ],
)
def test_a_reloaded_folder_is_searched_for_the_first_tokens_or_to_the_end(
    prepared, loaded, run, at, thorough, found
):
    said = list(run.said.converted)
    assert len(said) > SEARCHED_TOKENS + 2
    said[at] += 1
    other = replace(run, greedy=replace(run.said, converted=tuple(said)))
    assert changed(reload(prepared, loaded, other, thorough)) == found


def test_a_search_that_ends_early_is_no_beginning_of_a_longer_one(prepared, loaded, run):
    ended = (*run.said.converted[:3], 2)
    other = replace(run, greedy=replace(run.said, converted=ended))
    assert changed(reload(prepared, loaded, other)) == {CUT}


def test_a_run_without_clips_fails(prepared, loaded):
    task = prepared.task
    level = reload_level(loaded, task.contents, prepared.plan, [], task.search, thorough=False)
    assert level.verdict == "fail"
