import math
from dataclasses import replace

import pytest
import torch

from tests.breaking import brief, scale, swap
from tests.sampling import wide
from toolkit.oracle.hooks import Call
from toolkit.replay.pairs import Layout
from toolkit.replay.replay import CannotReplayError, paired_outputs, replay
from toolkit.tasks.speech_seq2seq.clip import run_clip
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

FAULTS = {
    "encoder.feature_extractor.conv_layers.2.conv.bias": (
        "encoder.feature_extractor.conv_layers.2.conv",
        "encoder.feature_extractor.conv_layers.2",
        "encoder.feature_extractor",
        "encoder",
    ),
    "encoder.encoder.layers.1.attention.v_proj.weight": (
        "encoder.encoder.layers.1.attention.v_proj",
        "encoder.encoder.layers.1.attention",
        "encoder.encoder.layers.1",
        "encoder.encoder",
        "encoder",
    ),
    "encoder.adapter.layers.2.conv.weight": (
        "encoder.adapter.layers.2.conv",
        "encoder.adapter",
        "encoder",
    ),
    "decoder.model.decoder.layers.2.encoder_attn.out_proj.bias": (
        "decoder.model.decoder.layers.2.encoder_attn.out_proj",
        "decoder.model.decoder.layers.2.encoder_attn",
        "decoder.model.decoder.layers.2",
        "decoder",
    ),
    "decoder.model.decoder.layernorm_embedding.weight": (
        "decoder.model.decoder.layernorm_embedding",
        "decoder",
    ),
}


@pytest.fixture
def failing(make_bench, clip):
    """The modules whose isolated error is too large, in a folder."""

    def find(folder):
        target = Seq2SeqTarget(folder)
        with brief(target):
            run = run_clip(make_bench(target), clip("ru_2"), tag=188)
        return {errors.pair.target for errors in run.pairs if not errors.isolated <= 1e-9}

    return find


def test_every_module_of_a_right_conversion_is_exact_alone(run):
    assert max(errors.isolated for errors in run.pairs) < 1e-12


def test_one_extra_frame_is_left_out_and_only_inside_the_layers(run):
    left_out = {e.pair.target for e in run.pairs if e.frames_left_out}
    layers = {
        e.pair.target for e in run.pairs if e.pair.target.startswith("encoder.encoder.layers.")
    }
    assert left_out == layers
    assert {e.frames_left_out for e in run.pairs} == {0, 1}


@pytest.mark.parametrize("tensor", [*list(FAULTS)[:2], *map(wide, list(FAULTS)[2:])])
def test_one_wrong_element_shows_in_its_module_and_what_contains_it_and_nowhere_else(
    tensor, broken, failing
):
    scale(tensor, 1.05, index=5)(broken)
    assert failing(broken) == set(FAULTS[tensor])


def test_two_swapped_layers_show_in_both_and_not_between_them(broken, failing):
    first, last = (f"encoder.encoder.layers.{i}.layer_norm.weight" for i in (0, 2))
    swap(first, last)(broken)
    found = failing(broken)
    assert {first.removesuffix(".weight"), last.removesuffix(".weight")} <= found
    assert not any(path.startswith("encoder.encoder.layers.1") for path in found)


@pytest.fixture
def recorded(bench, run):
    """The calls of both sides in float64, by pair."""
    bare = {"double": True, "explicit": True}
    made = bench.target.forward([run.source], [run.prefix], **bare).calls
    received = bench.reference.forward([run.source], [run.prefix], **bare).calls

    def find(path):
        pair = next(pair for pair in bench.pairing.pairs if pair.target == path)
        return pair, made[pair.target][0], received[pair.source][0]

    return find


def test_a_replay_feeds_the_module_with_what_fairseq_received(bench, recorded):
    pair, made, received = recorded("encoder.encoder.layers.0.layer_norm")
    other = Call(
        arguments={name: value * 3 for name, value in received.arguments.items()},
        outputs=received.outputs,
    )
    with bench.target.exact():
        outputs = replay(pair, bench.target.model, bench.reference.model, made, other)
        (given,) = other.inputs.values()
        expected = bench.target.model.get_submodule(pair.target)(given.transpose(0, 1)[:, :53])
    assert outputs.actual.equal(expected)
    assert (outputs.frames_left_out, outputs.expected.shape) == (1, outputs.actual.shape)


def test_a_replay_changes_neither_recording(bench, recorded):
    pair, made, received = recorded("decoder.model.decoder.layers.0")
    before = [
        {k: t.clone() for k, t in {**call.inputs, **call.outputs}.items()}
        for call in (made, received)
    ]
    with bench.target.exact():
        replay(pair, bench.target.model, bench.reference.model, made, received)
    for call, tensors in zip((made, received), before, strict=True):
        after = {**call.inputs, **call.outputs}
        assert all(after[name].equal(tensor) for name, tensor in tensors.items())


def test_an_input_of_another_width_cannot_be_replayed(bench, recorded):
    pair, made, received = recorded("decoder.model.decoder.layers.0.fc1")
    narrow = {name: value[..., :7] for name, value in received.arguments.items()}
    other = Call(arguments=narrow, outputs=received.outputs)
    with bench.target.exact(), pytest.raises(CannotReplayError, match="shapes"):
        replay(pair, bench.target.model, bench.reference.model, made, other)


def test_the_states_of_the_encoder_are_fairseqs_too(bench, recorded):
    pair, made, received = recorded("decoder.model.decoder.layers.1.encoder_attn")
    assert "key_value_states" in pair.layout.also
    wrong = {**made.arguments, "key_value_states": made.arguments["key_value_states"] * 0}
    with bench.target.exact():
        outputs = replay(
            pair,
            bench.target.model,
            bench.reference.model,
            Call(arguments=wrong, outputs=made.outputs),
            received,
        )
    assert (outputs.expected - outputs.actual).abs().max() < 1e-10


def test_a_number_that_fairseq_multiplies_by_afterwards_is_applied(bench):
    embedding = torch.ones(1, 2, 3)
    layout = Layout("embed", "B S D", "B S D", scaled_by="decoder.embed_scale")
    outputs = paired_outputs(layout, bench.reference.model, embedding, embedding)
    assert outputs.expected.equal(embedding * math.sqrt(48))
    plain = paired_outputs(
        replace(layout, scaled_by=None), bench.reference.model, embedding, embedding
    )
    assert plain.expected.equal(embedding)
