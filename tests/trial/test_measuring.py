import math
from dataclasses import replace

import pytest
import torch

from tests.breaking import scale, set_key
from toolkit.compare.tolerances import ISOLATED
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget
from toolkit.trial.measuring import find_errors


def smallest_to_blame(blames, tolerance):
    """The failing pairs none of whose parts fails."""
    failing = [blame for blame in blames if not blame.isolated <= tolerance]
    paths = {blame.pair.target for blame in failing}
    return tuple(
        blame
        for blame in failing
        if not any(path.startswith(f"{blame.pair.target}.") for path in paths)
    )


@pytest.fixture(scope="module")
def blames(bench, reference, record):
    """The blames of a folder; of the right one if none."""

    def find(target):
        return find_errors(target, reference.model, bench.pairing, record)

    return find


def test_a_record_is_fairseqs_greedy_hypothesis_in_float64(record, run):
    assert record.clip == "ru_2"
    assert record.source.equal(run.source)
    assert record.prefix == run.prefix
    (projection,) = record.calls["decoder.output_projection"]
    (logits,) = projection.outputs.values()
    assert logits.dtype is torch.float64
    assert logits.shape[1] == len(record.prefix)


def test_every_pair_of_a_right_folder_is_right(blames, target, bench):
    found = blames(target)
    assert [blame.pair for blame in found] == list(bench.pairing.pairs)
    assert max(blame.isolated for blame in found) < 1e-12
    assert {(blame.clip, blame.reason) for blame in found} == {("ru_2", None)}
    assert smallest_to_blame(found, ISOLATED) == ()


def test_it_is_said_in_which_order_modules_answered_which_is_not_that_of_their_definition(
    blames, target
):
    order = {blame.pair.target: blame.order for blame in blames(target)}
    ran = [
        "encoder.encoder.pos_conv_embed.conv",
        "encoder.encoder.layers.0.attention.q_proj",
        "encoder.encoder.layers.0",
        "encoder.encoder.layer_norm",
        "encoder",
        "decoder.lm_head",
    ]
    assert sorted(ran, key=order.__getitem__) == ran
    defined = list(order)
    assert defined.index("encoder.encoder.layer_norm") < defined.index("encoder.encoder.layers.0")


def test_the_errors_are_those_of_the_verdict(blames, target, run):
    by_target = {errors.pair.target: errors.isolated for errors in run.pairs}
    assert {b.pair.target: b.isolated for b in blames(target)} == pytest.approx(
        by_target, abs=1e-13
    )


def test_blaming_leaves_the_model_as_it_was(blames, target):
    before = {name: tensor.clone() for name, tensor in target.model.state_dict().items()}
    blames(target)
    after = target.model.state_dict()
    assert all(after[n].dtype is torch.float32 and after[n].equal(t) for n, t in before.items())


def test_a_wrong_weight_blames_its_leaf(blames, broken):
    scale("decoder.model.decoder.layers.1.fc1.weight", 1.5)(broken)
    found = blames(Seq2SeqTarget(broken, lenient=True))
    (smallest,) = smallest_to_blame(found, ISOLATED)
    assert smallest.pair.target == "decoder.model.decoder.layers.1.fc1"
    failing = {blame.pair.target for blame in found if blame.isolated > ISOLATED}
    assert failing == {
        "decoder.model.decoder.layers.1.fc1",
        "decoder.model.decoder.layers.1",
        "decoder",
    }


def test_a_wrong_head_count_blames_the_attention_and_no_part_of_it(blames, broken):
    set_key("config.json", "encoder.num_attention_heads", 4)(broken)
    found = smallest_to_blame(blames(Seq2SeqTarget(broken, lenient=True)), ISOLATED)
    expected = {f"encoder.encoder.layers.{i}.attention" for i in range(3)}
    assert {blame.pair.target for blame in found} == expected


def test_a_model_that_raises_midway_is_judged_as_far_as_it_comes(blames, target, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(target.model.decoder.model.decoder.layers[1], "forward", refuse)
    found = {blame.pair.target: blame for blame in blames(target)}
    assert max(blame.isolated for blame in found.values()) < 1e-12
    assert {"encoder.encoder.layers.2.attention.q_proj", "encoder.adapter"} <= set(found)
    assert "decoder.model.decoder.layers.0.fc2" in found
    assert not any(path.startswith("decoder.model.decoder.layers.2") for path in found)
    assert target.model.decoder.model.decoder.layers[0].fc1.weight.dtype is torch.float32


@pytest.mark.parametrize("error", [IndexError, ValueError, TypeError])
def test_a_model_may_raise_anything_that_wrong_shapes_lead_to(error, blames, target, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise error("no")

    monkeypatch.setattr(target.model.encoder.encoder.layers[0], "forward", refuse)
    found = {blame.pair.target for blame in blames(target)}
    assert "encoder.feature_extractor.conv_layers.6" in found
    assert "encoder.encoder.layers.1" not in found


def test_a_module_that_cannot_take_fairseqs_input_errs_infinitely_and_says_why(
    blames, target, monkeypatch
):
    layer = target.model.encoder.encoder.layers[1].final_layer_norm
    forward = layer.forward
    calls = []

    def once(input):
        calls.append(input)
        if len(calls) > 1:
            raise RuntimeError("size mismatch")
        return forward(input) * 2

    monkeypatch.setattr(layer, "forward", once)
    found = {blame.pair.target: blame for blame in blames(target)}
    blame = found["encoder.encoder.layers.1.final_layer_norm"]
    assert (blame.isolated, blame.reason) == (math.inf, "size mismatch")
    assert found["encoder.encoder.layers.0.final_layer_norm"].isolated < 1e-12


def test_a_nan_is_to_blame_and_excuses_what_contains_it(blames, target):
    nan = "encoder.encoder.layers.1.attention.v_proj"
    wrong = {nan, "encoder.encoder.layers.1.attention", "encoder.encoder.layers.1", "encoder"}
    spoiled = [
        replace(blame, isolated=math.nan) if blame.pair.target in wrong else blame
        for blame in blames(target)
    ]
    assert [blame.pair.target for blame in smallest_to_blame(spoiled, ISOLATED)] == [nan]


def test_no_blame_is_nothing_to_blame():
    assert smallest_to_blame((), ISOLATED) == ()
