import math
from dataclasses import replace

import pytest

from tests.breaking import scale, set_key
from toolkit.compare.tolerances import ISOLATED, ROUNDED
from toolkit.tasks.speech.levels import (
    front_end_level,
    greedy_level,
    modules_level,
    unexplained_modules,
)
from toolkit.tasks.speech_seq2seq.clip import run_clip
from toolkit.tasks.speech_seq2seq.dynamic import beam_level, logits_level
from toolkit.trial.rows import module_rows

STATIC = ("weights", "config", "vocabulary")
DYNAMIC = ("front_end", "modules", "logits", "greedy", "beam")


def failed_modules(examined):
    return {row.target for row in examined.rows if row.verdict == "fail"}


def test_a_right_conversion_fails_no_level_that_runs_the_models(right):
    assert right.verdicts("fail", DYNAMIC) == set()
    assert right.verdicts("deviation", DYNAMIC) == {"front_end"}


def test_a_folder_that_does_not_normalize_fails_the_front_end_and_nothing_that_comes_after(
    broken, examined
):
    set_key("preprocessor_config.json", "do_normalize", False)(broken)
    found = examined(broken)
    assert found.verdicts("fail", DYNAMIC) == {"front_end"}
    assert found.runs[0].front_end > 0.5
    assert found.runs[0].front_end_explained > 0.5


def test_on_quiet_audio_the_normalization_differs_much_and_by_the_declared_amount(right):
    level = right.level("front_end")
    against, explained, _ = level.measures
    assert against.where == "quiet"
    assert against.error > 1e-2
    assert against.verdict == level.verdict == "deviation"
    assert explained.verdict == "pass"


def test_a_front_end_difference_of_another_size_is_no_declared_one(run):
    level = front_end_level([replace(run, front_end_explained=1e-3)])
    assert [m.verdict for m in level.measures[:2]] == ["fail", "fail"]


def test_a_text_that_the_front_end_changes_is_declared_only_if_fairseq_says_it_too(run):
    other = replace(run, pipeline_text="other")
    assert front_end_level([other]).verdict == "fail"
    assert front_end_level([replace(other, pipeline_reference_text="other")]).verdict == "deviation"


def test_a_text_that_greedy_search_itself_says_is_no_fault_of_the_front_end(run):
    greedy = replace(run.greedy, converted_text="other")
    level = front_end_level([replace(run, greedy=greedy, pipeline_text="other")])
    assert level.measures[2].verdict == "pass"


def test_a_wrong_number_of_heads_fails_the_attention_although_all_weights_are_right(
    broken, examined
):
    set_key("config.json", "encoder.num_attention_heads", 4)(broken)
    found = examined(broken)
    assert "weights" not in found.verdicts("fail", STATIC)
    assert "modules" in found.verdicts("fail", DYNAMIC)
    attention = {f"encoder.encoder.layers.{i}.attention" for i in range(3)}
    around = {*(path.removesuffix(".attention") for path in attention), "encoder.encoder"}
    assert failed_modules(found) == attention | around | {"encoder"}


def test_a_missing_scale_fails_the_embedding_although_all_weights_are_right(broken, examined):
    set_key("config.json", "decoder.scale_embedding", False)(broken)
    found = examined(broken)
    assert "weights" not in found.verdicts("fail", STATIC)
    assert failed_modules(found) == {"decoder.model.decoder.embed_tokens", "decoder"}
    (row,) = (row for row in found.rows if row.target.endswith("embed_tokens"))
    assert row.isolated_error == pytest.approx(1 - 1 / math.sqrt(48))


def test_a_wrong_last_norm_fails_the_logits_and_leaves_the_encoder_bit_identical(broken, examined):
    scale("decoder.model.decoder.layer_norm.weight", 1.01, index=4)(broken)
    found = examined(broken)
    double, single, encoder = found.level("logits").measures
    assert (double.verdict, single.verdict, encoder.error) == ("fail", "fail", 0.0)
    assert found.verdicts("fail", ("greedy", "beam")) <= {"beam"}


@pytest.mark.parametrize("measure", ["result", "result_float64", "encoder"])
def test_nan_in_an_output_fails_the_logits(measure, run):
    assert logits_level([replace(run, **{measure: math.nan})], ISOLATED).verdict == "fail"


def test_logits_may_differ_by_twice_the_references_own_noise_where_that_is_large(run):
    noisy = replace(run, result_noise=1e-4, result=1.9e-4)
    assert logits_level([noisy], ISOLATED).verdict == "pass"
    assert logits_level([replace(noisy, result=2.1e-4)], ISOLATED).verdict == "fail"
    assert logits_level([replace(run, result=1e-5)], ISOLATED).verdict == "fail"


@pytest.mark.parametrize(("key", "value"), [("max_length", 5), ("decoder_start_token_id", 0)])
def test_wrong_generation_fails_greedy_search_while_all_logits_agree(key, value, broken, examined):
    set_key("generation_config.json", key, value)(broken)
    failed = examined(broken).verdicts("fail", DYNAMIC)
    assert {"greedy", "beam"} <= failed
    assert not {"modules", "logits"} & failed


def test_a_greedy_text_that_differs_fails_although_the_tokens_are_equal(run):
    other = replace(run, greedy=replace(run.greedy, converted_text="Ежик ест яблоко."))
    tokens, texts = greedy_level([other]).measures
    assert (tokens.verdict, texts.verdict) == ("pass", "fail")


@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_a_wrong_length_penalty_fails_the_beam_alone(penalty, broken, examined):
    set_key("generation_config.json", "length_penalty", penalty)(broken)
    found = examined(broken)
    assert found.verdicts("fail", DYNAMIC) == {"beam"}
    assert found.verdicts("fail", STATIC) == {"config"}


def test_an_added_repetition_penalty_fails_the_config_and_the_beam(broken, examined):
    set_key("generation_config.json", "repetition_penalty", 1.5)(broken)
    found = examined(broken)
    assert found.verdicts("fail", DYNAMIC) == {"beam"}
    assert found.level("config").worst.where == "generation_config.repetition_penalty"


def with_beams(run, *hypotheses):
    return replace(run, beam=tuple(hypotheses))


def swapped(first, second):
    """Two ranks whose converted hypotheses stand in each other's place."""
    return (
        replace(first, converted=second.converted, converted_score=second.converted_score),
        replace(second, converted=first.converted, converted_score=first.converted_score),
    )


def beam_verdicts(run):
    """Best hypothesis, list, score."""
    return [measure.verdict for measure in beam_level([run]).measures]


def test_the_lists_of_a_right_conversion_are_equal(run):
    level = beam_level([run])
    assert beam_verdicts(run) == ["pass", "pass", "pass"]
    assert level.summary.startswith("1 of 1 best hypotheses and 1 of 1 whole lists equal")


def test_another_hypothesis_at_the_end_of_the_list_fails_the_beam(run):
    last = replace(run.beam[-1], converted=(188, 2))
    other = with_beams(run, *run.beam[:-1], last)
    assert beam_verdicts(other) == ["pass", "fail", "pass"]
    assert "1 of 1 best hypotheses and 0 of 1 whole lists" in beam_level([other]).summary


def test_another_score_at_the_end_of_the_list_fails_the_beam(run):
    last = replace(run.beam[-1], converted_score=run.beam[-1].converted_score - 1e-4)
    assert beam_verdicts(with_beams(run, *run.beam[:-1], last)) == ["pass", "pass", "fail"]


@pytest.mark.parametrize("side", ["reference", "converted"])
def test_a_missing_hypothesis_fails_the_beam(side, run):
    last = replace(run.beam[-1], **{side: (), f"{side}_score": math.nan})
    assert beam_verdicts(with_beams(run, *run.beam[:-1], last)) == ["pass", "fail", "fail"]


def test_a_list_of_another_length_is_compared_to_its_end(bench, clip, monkeypatch):
    search = bench.target.search
    monkeypatch.setattr(bench.target, "search", lambda *arguments: search(*arguments)[:3])
    short = run_clip(bench, clip("tiny"), tag=182)
    assert [hypothesis.converted == () for hypothesis in short.beam] == [False] * 3 + [True] * 2
    assert beam_verdicts(short) == ["pass", "fail", "fail"]


def test_two_hypotheses_in_each_others_place_fail_the_beam(run):
    first, second, *rest = run.beam
    assert beam_verdicts(with_beams(run, *swapped(first, second), *rest)) == [
        "fail",
        "fail",
        "pass",
    ]


@pytest.mark.parametrize(("gap", "verdict"), [(5e-7, "pass"), (2e-6, "fail")])
def test_only_hypotheses_that_fairseq_scores_alike_may_stand_in_either_order(gap, verdict, run):
    first, second, *rest = run.beam
    near = first.reference_score - gap
    second = replace(second, reference_score=near, converted_score=near)
    other = with_beams(run, *swapped(first, second), *rest)
    assert beam_verdicts(other) == [verdict, verdict, "pass"]


def test_a_hypothesis_listed_twice_in_place_of_a_near_tie_fails_the_list(run):
    first, second, *rest = run.beam
    twice = replace(second, reference_score=first.reference_score, converted=first.converted)
    assert beam_verdicts(with_beams(run, first, twice, *rest))[:2] == ["pass", "fail"]


def test_a_clip_without_any_hypothesis_fails_the_beam(run):
    assert beam_level([replace(run, beam=())]).verdict == "fail"


def test_a_best_hypothesis_with_another_score_fails_the_beam(run):
    first = replace(run.beam[0], converted_score=run.beam[0].converted_score - 1e-4)
    level = beam_level([replace(run, beam=(first, *run.beam[1:]))])
    assert [m.verdict for m in level.measures] == ["pass", "pass", "fail"]


@pytest.mark.parametrize("side", ["target", "source"])
def test_a_hook_that_never_fires_fails_the_modules(side, bench, clip):
    silent = replace(bench.pairing.pairs[40], **{side: "never.called"})
    pairs = (*bench.pairing.pairs[:40], silent, *bench.pairing.pairs[41:])
    pairing = replace(bench.pairing, pairs=pairs)
    run = run_clip(replace(bench, pairing=pairing), clip("tiny"), tag=182)
    unexplained = unexplained_modules([], [run])
    assert unexplained == (silent.target,)
    level = modules_level([run], unexplained)
    assert [m.verdict for m in level.measures] == ["fail", "fail", "fail"]
    rows = module_rows([run.pairs], lambda _: "Module")
    assert [row.target for row in rows if row.verdict == "fail"] == [silent.target]


def test_a_module_that_fails_on_one_clip_of_several_fails(run):
    spoiled = replace(run.pairs[7], isolated=1e-3)
    other = replace(run, pairs=(*run.pairs[:7], spoiled, *run.pairs[8:]))
    level = modules_level([run, other, run], ())
    assert (level.verdict, level.measures[0].where) == ("fail", spoiled.pair.target)
    rows = module_rows([run.pairs, other.pairs, run.pairs], str)
    (row,) = (row for row in rows if row.verdict == "fail")
    assert row.isolated_error == 1e-3


def test_a_module_with_a_rounded_weight_is_judged_by_the_wider_tolerance_and_no_other(run):
    rounded = replace(run.pairs[7], isolated=1e-8, tolerance=ROUNDED)
    pairs = (*run.pairs[:7], rounded, *run.pairs[8:])
    assert modules_level([replace(run, pairs=pairs)], ()).verdict == "pass"
    spoiled = (replace(run.pairs[0], isolated=1e-8), *pairs[1:])
    assert modules_level([replace(run, pairs=spoiled)], ()).verdict == "fail"


def test_an_error_that_shows_only_end_to_end_fails_the_modules(run):
    spoiled = replace(run.pairs[7], propagated=1e3)
    level = modules_level([replace(run, pairs=(*run.pairs[:7], spoiled, *run.pairs[8:]))], ())
    assert [m.verdict for m in level.measures] == ["pass", "fail", "pass"]


@pytest.mark.parametrize(
    "level",
    [
        front_end_level,
        lambda runs: modules_level(runs, ()),
        lambda runs: logits_level(runs, ISOLATED),
        greedy_level,
        beam_level,
    ],
)
def test_comparing_no_clip_fails(level):
    assert level([]).verdict == "fail"


def test_a_run_without_pairs_fails_the_modules(run):
    assert modules_level([replace(run, pairs=())], ()).verdict == "fail"
