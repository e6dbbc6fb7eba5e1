import math
from dataclasses import replace

import pytest

from tests.breaking import change, scale, set_key
from tests.sampling import slow
from toolkit.compare.probes import PaddingProbes
from toolkit.compare.tolerances import PADDED_LOGITS
from toolkit.tasks.speech_seq2seq.padding import padding_deviation, padding_level


@pytest.fixture(scope="module")
def probes(prepared):
    return prepared.task.padding


@pytest.fixture(scope="module")
def level(right, probes):
    return padding_level(right.bench, right.runs, probes, thorough=True)


def test_a_stock_adapter_deviates_in_padded_batches_and_is_declared(level, probes):
    whole, *parts = level.measures
    assert whole.verdict == level.verdict == "deviation"
    assert whole.error > 1e-3
    assert [part.where for part in parts] == ["encoder.encoder", "encoder.adapter", "decoder"]
    deviation = padding_deviation(level, probes)
    assert deviation.max_error == whole.error
    assert "`encoder.adapter`" in deviation.summary


def test_what_surrounds_the_adapter_is_exact_within_the_clips(level):
    parts = level.measures[1:]
    assert all(part.error < 1e-10 for part in parts)
    assert all(part.compared > 0 for part in parts)


def test_a_part_that_agrees_as_it_was_heard_costs_no_pass_in_float64(right, probes, level):
    asked = []

    class Watched:
        def forward(self, *given, double=False, **named):
            asked.append(double)
            return right.bench.reference.forward(*given, double=double, **named)

    bench = replace(right.bench, reference=Watched())
    found = padding_level(bench, right.runs, probes, thorough=False)
    assert asked == [False]
    assert found.verdict == "deviation"
    assert found.measures[0] == level.measures[0]
    assert [part.where for part in found.measures[1:]] == [
        part.where for part in level.measures[1:]
    ]
    assert all(part.name.endswith(", in float32") for part in found.measures[1:])
    assert {part.tolerance for part in found.measures[1:]} == {PADDED_LOGITS}


def test_what_float32_cannot_show_fails_where_a_module_errs_alone(broken, examined, probes):
    change("encoder.encoder.layers.2.attention.v_proj.weight", lambda t: t * (1 + 1e-6))(broken)
    found = examined(broken, "ru_2", "tiny")
    level = padding_level(found.bench, found.runs, probes, thorough=False)
    assert level.verdict == "fail"
    assert not any(measure.name.endswith("float32") for measure in level.measures)


def test_the_deviation_fails_where_the_family_declares_none(right, probes):
    undeclared = replace(probes, unmasked=None)
    level = padding_level(right.bench, right.runs, undeclared, thorough=True)
    assert level.measures[0].verdict == level.verdict == "fail"
    assert padding_deviation(level, undeclared) is None


def test_a_declared_deviation_that_no_part_explains_fails(right):
    probes = PaddingProbes(before="nowhere", unmasked="nowhere", after="nowhere")
    assert padding_level(right.bench, right.runs, probes, thorough=True).verdict == "fail"


def test_a_padded_batch_may_differ_by_what_the_reference_itself_errs_and_no_more(right, probes):
    error = padding_level(right.bench, right.runs, probes, thorough=False).measures[0].error
    for share, verdict in ((0.6, "pass"), (0.4, "deviation")):
        runs = tuple(replace(run, result_noise=share * error) for run in right.runs)
        assert padding_level(right.bench, runs, probes, thorough=False).verdict == verdict


@pytest.mark.parametrize(
    ("tensor", "part"),
    [
        slow("encoder.encoder.layers.2.feed_forward.output_dense.bias", "encoder.encoder"),
        ("encoder.adapter.layers.1.conv.bias", "encoder.adapter"),
        slow("decoder.model.decoder.layers.0.encoder_attn.k_proj.weight", "decoder"),
    ],
)
@pytest.mark.parametrize("thorough", [False, slow(True)])
def test_a_wrong_part_is_not_excused_by_the_deviation(
    tensor, part, thorough, broken, examined, probes
):
    scale(tensor, 1.5, index=3)(broken)
    found = examined(broken, "ru_2", "tiny")
    level = padding_level(found.bench, found.runs, probes, thorough=thorough)
    failed = {m.where for m in level.measures[1:] if m.verdict == "fail"}
    assert failed == {part}
    assert not any(m.name.endswith("float32") for m in level.measures)
    assert level.measures[0].verdict == "fail"
    assert padding_deviation(level, probes) is None


def test_where_all_clips_are_of_one_length_a_part_of_one_makes_the_padding(right, probes):
    for runs in (right.runs[:1], right.runs[:1] * 2):
        level = padding_level(right.bench, runs, probes, thorough=False)
        assert level.verdict == "deviation"
        assert "ru_2 in part" in level.summary
        assert len(level.measures) == 4


def test_a_padded_batch_shows_a_decoder_fault_that_spares_the_encoder(broken, examined, probes):
    change("decoder.model.decoder.layers.1.encoder_attn.v_proj.bias", lambda t: -t)(broken)
    found = examined(broken, "ru_2", "tiny")
    level = padding_level(found.bench, found.runs, probes, thorough=True)
    assert {m.where for m in level.measures[1:] if m.verdict == "fail"} == {"decoder"}


@pytest.mark.parametrize(
    ("key", "value"),
    [("encoder.adapter_stride", 3), slow("encoder.conv_stride", [5, 2, 2, 2, 2, 2, 1])],
)
def test_a_wrong_stride_fails_instead_of_crashing(key, value, broken, examined, probes):
    set_key("config.json", key, value)(broken)
    found = examined(broken, "ru_2", "tiny")
    level = padding_level(found.bench, found.runs, probes, thorough=True)
    assert level.verdict == "fail"
    assert math.inf in {measure.error for measure in level.measures}
    assert padding_deviation(level, probes) is None
