import math
from dataclasses import replace

import pytest
import torch

from tests.breaking import change, set_key
from toolkit.compare.tolerances import ISOLATED, ROUNDED
from toolkit.tasks.speech.levels import greedy_level
from toolkit.tasks.speech_seq2seq.clip import run_clip
from toolkit.trial.effort import NOTHING


def test_a_right_conversion_is_bit_identical_up_to_the_decoder(run):
    assert run.encoder == 0.0
    assert run.result_float64 < 1e-12
    assert run.result <= 2 * run.result_noise


def test_every_pair_is_measured_alone_and_in_its_place(run, bench):
    assert [errors.pair for errors in run.pairs] == list(bench.pairing.pairs)
    assert all(math.isfinite(e.isolated) and math.isfinite(e.propagated) for e in run.pairs)
    assert max(e.propagated for e in run.pairs) <= 4.0
    assert all(errors.shape for errors in run.pairs)


def test_the_teacher_forced_prefix_is_fairseqs_own_hypothesis_without_its_end(run):
    assert run.prefix == (2, *run.greedy.reference[:-1])
    assert run.greedy.reference[-1] == 2


def test_the_margin_is_the_smallest_lead_of_the_best_token(run):
    assert 0 < run.greedy.margin < 10


def test_both_searches_say_the_same_with_the_same_scores(run):
    assert run.greedy.equal
    assert run.greedy.reference_text == run.pipeline_text == "Ёжик ест яблоко."
    assert len(run.beam) == 5
    best = run.beam[0]
    assert best.equal
    assert abs(best.reference_score - best.converted_score) < 1e-5


def test_frames_are_those_of_the_convolutions(run):
    assert run.frames == 53


def test_a_clip_of_four_frames_can_be_compared(bench, clip):
    tiny = run_clip(bench, clip("tiny"), tag=182)
    assert tiny.frames == 4
    assert max(errors.isolated for errors in tiny.pairs) < 1e-12


def test_the_target_gets_fairseqs_input_so_that_the_front_end_spoils_no_other_measure(
    broken, examined
):
    set_key("preprocessor_config.json", "do_normalize", False)(broken)
    (run,) = examined(broken).runs
    assert run.front_end > 0.5
    assert run.encoder == 0.0
    assert run.greedy.equal


@pytest.mark.parametrize(
    ("key", "value", "module"),
    [
        ("encoder.adapter_stride", 3, "encoder.adapter.layers.0.conv"),
        (
            "encoder.conv_stride",
            [5, 2, 2, 2, 2, 2, 1],
            "encoder.feature_extractor.conv_layers.6.conv",
        ),
    ],
)
def test_a_module_of_another_stride_errs_infinitely_and_the_rest_is_measured(
    key, value, module, broken, examined
):
    set_key("config.json", key, value)(broken)
    (run,) = examined(broken).runs
    errors = {e.pair.target: e.isolated for e in run.pairs}
    assert errors[module] == math.inf
    assert errors["encoder.feature_extractor.conv_layers.0.conv"] < 1e-12
    assert errors["decoder.model.decoder.layers.0.fc1"] < 1e-12


def test_the_explained_front_end_error_is_that_of_the_epsilon_alone(bench, clip):
    quiet = run_clip(bench, clip("quiet"), tag=182)
    assert quiet.front_end > 1e3 * quiet.front_end_explained


def test_a_run_leaves_both_models_as_they_were(bench, clip):
    sides = (bench.reference.model, bench.target.model)
    before = [{n: t.clone() for n, t in side.state_dict().items()} for side in sides]
    run_clip(bench, clip("tiny"), tag=182)
    for side, state in zip(sides, before, strict=True):
        after = side.state_dict()
        assert all(after[n].dtype is torch.float32 and after[n].equal(state[n]) for n in state)


def test_only_modules_around_a_rounded_weight_may_differ_more(bench):
    rounded = replace(
        bench.pairing, rounded=frozenset({"encoder.encoder.pos_conv_embed.conv.weight"})
    )
    wider = {p.target for p in bench.pairing.pairs if rounded.tolerance(p.target) == ROUNDED}
    conv = "encoder.encoder.pos_conv_embed"
    assert wider == {"encoder", "encoder.encoder", conv, f"{conv}.conv"}
    assert rounded.tolerance() == ROUNDED
    assert bench.pairing.tolerance() == ISOLATED


def test_neither_encoder_hears_a_clip_twice_in_order_to_search(bench, clip, monkeypatch):
    heard = []

    def count(side, module):
        forward = module.forward

        def counted(*args):
            heard.append(side)
            return forward(*args)

        monkeypatch.setattr(module, "forward", counted)

    count("fairseq", bench.reference.model.encoder.w2v_encoder.w2v_model.feature_extractor)
    count("folder", bench.target.model.encoder.feature_extractor)
    effort = replace(NOTHING, searched=True, beamed=True, piped=True)
    run = run_clip(bench, clip("ru_2"), tag=182, effort=effort)
    assert run.greedy.equal
    # The pipeline hears with the folder's own front end, which is another input.
    assert heard == ["fairseq", "folder", "folder"]


def test_a_search_is_read_off_one_pass_where_that_leaves_no_doubt(bench, clip, monkeypatch):
    effort = replace(NOTHING, searched=True)
    searched = run_clip(bench, clip("ru_2"), tag=182, effort=effort)

    def refuse(*_):
        raise AssertionError("searched")

    monkeypatch.setattr(bench.target, "search", refuse)
    effort = replace(effort, generated=False)
    read = run_clip(bench, clip("ru_2"), tag=182, effort=effort)
    assert (read.is_read_off, searched.is_read_off) == (True, False)
    expected = vars(searched.greedy)
    scores = ("reference_score", "converted_score")
    assert vars(read.greedy) == {**expected, **{s: pytest.approx(expected[s]) for s in scores}}
    assert "1 of them as one pass tells it" in greedy_level([read]).summary
    assert "pass" not in greedy_level([searched]).summary


def test_a_folder_that_says_something_else_is_searched_all_the_same(broken, examined, clip):
    change("decoder.model.decoder.embed_tokens.weight", lambda t: t.roll(1, 0))(broken)
    bench = examined(broken).bench
    effort = replace(NOTHING, searched=True, generated=False)
    run = run_clip(bench, clip("ru_2"), tag=182, effort=effort)
    assert not run.is_read_off
    assert not run.greedy.equal
