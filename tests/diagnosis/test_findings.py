from dataclasses import replace

import pytest
import torch

from tests.faults.breaking import add, remove, scale, set_key, swap_rows
from toolkit.compare.static import KeyDifference
from toolkit.core.result import LEVEL_NAMES, Level, Measure
from toolkit.diagnosis import Evidence, find_faults

LEVELS = tuple(name for name in LEVEL_NAMES if name not in ("reload", "padding"))
Q_PROJ = "encoder.encoder.layers.1.attention.q_proj"
SOURCE = "encoder.w2v_encoder.w2v_model.encoder.layers.1.self_attn.q_proj"


@pytest.fixture(scope="module")
def sound(right):
    """The evidence of the right conversion, without its levels."""
    from toolkit.compare.static import weight_errors

    prepared = right.prepared
    return Evidence(
        plan=prepared.plan,
        weights=weight_errors(prepared.plan, prepared.checkpoint, right.target),
        missing=(),
        keys=(),
        modules=right.rows,
        levels=(),
    )


def failing(name):
    measure = Measure(
        name="measure", where="somewhere", error=1.0, tolerance=0.0, unit="", compared=1
    )
    return Level(name=name, measures=(measure,), summary="it differs")


def test_a_right_folder_gives_no_finding(right):
    assert right.findings() == ()


def test_a_wrong_weight_is_one_finding_with_module_rule_and_source(broken, examined):
    scale(f"{Q_PROJ}.weight")(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert finding.kind == "weights"
    assert finding.target_module == Q_PROJ
    assert finding.target_parameters == (f"{Q_PROJ}.weight",)
    assert (finding.source_module, finding.source_parameters) == (SOURCE, (f"{SOURCE}.weight",))
    assert finding.rule.startswith("xm_transformer, row ")
    assert "self_attn.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}" in finding.rule
    assert finding.fix == f"write `{SOURCE}.weight` there"
    assert 0 < finding.evidence["error"] < 1e-2


def test_wrong_weight_and_bias_of_one_module_are_one_finding(broken, examined):
    scale(f"{Q_PROJ}.weight")(broken)
    scale(f"{Q_PROJ}.bias", 1.01)(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert finding.target_parameters == (f"{Q_PROJ}.weight", f"{Q_PROJ}.bias")


def test_wrong_weights_of_two_modules_are_two_findings_in_model_order(broken, examined):
    scale("decoder.model.decoder.layers.0.fc1.weight")(broken)
    scale("encoder.adapter.layers.0.conv.weight")(broken)
    found = [finding.target_module for finding in examined(broken).findings(LEVELS)]
    assert found == ["encoder.adapter.layers.0.conv", "decoder.model.decoder.layers.0.fc1"]


def test_a_tensor_missing_from_the_file_is_a_finding_of_that_kind(broken, examined):
    remove(f"{Q_PROJ}.weight")(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert (finding.kind, finding.target_parameters) == ("missing", (f"{Q_PROJ}.weight",))
    assert "is missing from the folder" in finding.summary
    assert finding.rule is not None


def test_a_tied_tensor_is_traced_to_the_row_that_writes_its_twin(broken, examined):
    add("decoder.lm_head.weight", torch.zeros(189, 48))(broken)
    finding = examined(broken).findings(LEVELS)[0]
    assert finding.target_module == "decoder.lm_head"
    assert finding.source_parameters == ("decoder.embed_tokens.weight",)


@pytest.mark.parametrize(
    ("file", "key", "value", "kind", "name"),
    [
        ("config.json", "decoder.dropout", 0.1, "config", "decoder.dropout"),
        ("generation_config.json", "length_penalty", 0.0, "generation", None),
        ("preprocessor_config.json", "padding_value", 1.0, "front_end", None),
    ],
)
def test_a_wrong_key_is_a_finding_of_its_files_kind_with_the_right_value(
    file, key, value, kind, name, broken, examined
):
    set_key(file, key, value)(broken)
    (finding,) = examined(broken).findings(LEVELS)
    name = name or f"{file.removesuffix('.json')}.{key}"
    assert (finding.kind, finding.config_keys) == (kind, (name,))
    assert (finding.target_module, finding.target_parameters) == ("", ())
    assert finding.fix.startswith(f"set `{name}` to ")
    assert finding.evidence["actual"] == repr(value)


@pytest.mark.parametrize(
    ("key", "value", "smallest"),
    [
        ("decoder.scale_embedding", False, {"decoder.model.decoder.embed_tokens"}),
        (
            "encoder.num_attention_heads",
            6,
            {f"encoder.encoder.layers.{i}.attention" for i in range(3)},
        ),
        (
            "encoder.do_stable_layer_norm",
            False,
            {f"encoder.encoder.layers.{i}" for i in range(3)},
        ),
        (
            "decoder.activation_function",
            "relu",
            {f"decoder.model.decoder.layers.{i}" for i in range(3)},
        ),
    ],
)
def test_a_wiring_fault_names_the_smallest_modules_whose_parts_are_right(
    key, value, smallest, broken, examined
):
    set_key("config.json", key, value)(broken)
    findings = examined(broken).findings(LEVELS)
    assert (findings[0].kind, findings[0].config_keys) == ("config", (key,))
    wiring = [finding for finding in findings if finding.kind == "wiring"]
    assert {finding.target_module for finding in wiring} == smallest
    assert all("although its parts agree" in finding.summary for finding in wiring)
    assert all(finding.source_module and finding.evidence["clip"] == "ru_2" for finding in wiring)


def test_a_wiring_fault_without_a_wrong_key_is_found_as_well(sound):
    layer = "encoder.encoder.layers.1"
    wrong = {layer, "encoder.encoder", "encoder"}
    rows = tuple(
        replace(row, isolated_error=0.1) if row.target in wrong else row for row in sound.modules
    )
    (finding,) = find_faults(replace(sound, modules=rows, levels=(failing("modules"),)))
    assert (finding.kind, finding.target_module) == ("wiring", layer)


def test_a_wrong_weight_excuses_what_contains_it_and_nothing_else(sound):
    wrong_weight = replace(
        next(e for e in sound.weights if e.target == f"{Q_PROJ}.weight"), error=1
    )
    weights = tuple(wrong_weight if e.target == wrong_weight.target else e for e in sound.weights)
    wrong = {Q_PROJ, "encoder.encoder.layers.1", "encoder", "decoder.model.decoder.layers.0.fc1"}
    rows = tuple(
        replace(row, isolated_error=0.1) if row.target in wrong else row for row in sound.modules
    )
    found = find_faults(replace(sound, weights=weights, modules=rows))
    assert [(f.kind, f.target_module) for f in found] == [
        ("weights", Q_PROJ),
        ("wiring", "decoder.model.decoder.layers.0.fc1"),
    ]


def test_a_module_that_gives_nan_is_a_finding(sound):
    rows = (replace(sound.modules[3], isolated_error=float("nan")), *sound.modules[4:])
    (finding,) = find_faults(replace(sound, modules=rows))
    assert finding.target_module == sound.modules[3].target


def test_a_weight_of_nan_is_a_finding(sound):
    weights = (replace(sound.weights[5], error=float("nan")), *sound.weights[6:])
    (finding,) = find_faults(replace(sound, weights=weights))
    assert finding.target_parameters == (sound.weights[5].target,)


def test_a_tokenizer_fault_is_a_vocabulary_finding_with_the_rows(broken, examined):
    swap_rows(20, 21)(broken)
    first = examined(broken).findings(LEVELS)[0]
    assert first.kind == "vocabulary"
    assert "20:" in first.summary
    assert first.evidence["measures"][0]["error"] == 2.0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("weights", "weights"),
        ("config", "config"),
        ("vocabulary", "vocabulary"),
        ("front_end", "front_end"),
        ("modules", "wiring"),
        ("logits", "wiring"),
        ("greedy", "generation"),
        ("beam", "generation"),
        ("padding", "padding"),
        ("reload", "generation"),
    ],
)
def test_no_level_can_fail_without_a_finding(name, kind, sound):
    (finding,) = find_faults(replace(sound, levels=(failing(name),)))
    assert finding.kind == kind
    assert f"`{name}`" in finding.summary
    assert "somewhere" in finding.summary
    assert finding.evidence["measures"]


def test_a_level_that_another_finding_explains_is_no_finding_of_its_own(sound):
    key = KeyDifference(key="decoder.dropout", expected=0.0, actual=0.1)
    levels = tuple(failing(name) for name in ("config", "modules", "logits", "greedy", "beam"))
    found = find_faults(replace(sound, keys=(key,), levels=levels))
    assert [finding.config_keys for finding in found] == [("decoder.dropout",)]


def test_a_vocabulary_fault_is_reported_beside_every_other_finding(sound):
    key = KeyDifference(key="decoder.dropout", expected=0.0, actual=0.1)
    found = find_faults(replace(sound, keys=(key,), levels=(failing("vocabulary"),)))
    assert [finding.kind for finding in found] == ["config", "vocabulary"]


def test_declared_deviations_and_passes_are_no_findings(right, sound):
    levels = tuple(right.level(name) for name in LEVEL_NAMES)
    assert {level.verdict for level in levels} == {"pass", "deviation"}
    assert find_faults(replace(sound, levels=levels)) == ()
