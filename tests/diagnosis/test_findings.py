from dataclasses import replace

import pytest
import torch

from tests.breaking import add, change, remove, scale, set_key, swap_rows
from tests.levels import LEVEL_NAMES
from tests.sampling import slow
from toolkit.core.findings import Finding, Hypothesis
from toolkit.core.measures import Level, Measure
from toolkit.diagnosis import Evidence, find_faults
from toolkit.diagnosis.findings import name_culprits, smallest_failing
from toolkit.tasks.speech_seq2seq import TASK

LEVELS = tuple(name for name in LEVEL_NAMES if name not in ("reload", "padding"))
Q_PROJ = "encoder.encoder.layers.1.attention.q_proj"
SOURCE = "encoder.w2v_encoder.w2v_model.encoder.layers.1.self_attn.q_proj"


@pytest.fixture(scope="module")
def sound(right):
    """The evidence of the right conversion, without its levels."""
    kinds = TASK.finding_kinds
    return Evidence(inventory=(), modules=right.rows, levels=(), kinds=kinds)


def finding(kind, *, module="", keys=(), parameters=()):
    return Finding(
        kind=kind,
        target_module=module,
        target_parameters=parameters,
        config_keys=keys,
        summary="it differs",
        hypothesis=Hypothesis(name="wrong_value", confirmed=True),
        fix="mend it",
    )


def erring(evidence, *modules, error=0.1):
    """The evidence with these modules failing alone."""
    return tuple(
        replace(row, isolated_error=error) if row.target in modules else row
        for row in evidence.modules
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
    assert finding.fix == f"write `{SOURCE}.weight` to `{Q_PROJ}.weight` unchanged"
    assert (finding.hypothesis.name, finding.hypothesis.confirmed) == ("wrong_value", True)
    assert 1e-9 < finding.evidence["isolated_error"] < 1e-2
    assert finding.evidence["clip"] == "ru_2"


def test_wrong_weight_and_bias_of_one_module_are_one_finding(broken, examined):
    scale(f"{Q_PROJ}.weight")(broken)
    scale(f"{Q_PROJ}.bias", 1.01)(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert finding.target_parameters == (f"{Q_PROJ}.weight", f"{Q_PROJ}.bias")


def test_wrong_weights_of_two_modules_are_two_findings_with_the_larger_error_first(
    broken, examined
):
    scale("decoder.model.decoder.layers.0.fc1.weight", 50.0)(broken)
    scale("encoder.adapter.layers.0.conv.weight")(broken)
    findings = examined(broken).findings(LEVELS)
    found = [finding.target_module for finding in findings]
    assert found == ["decoder.model.decoder.layers.0.fc1", "encoder.adapter.layers.0.conv"]
    errors = [finding.evidence["isolated_error"] for finding in findings]
    assert errors[0] > errors[1]


def test_a_tensor_missing_from_the_file_is_a_finding_of_that_kind(broken, examined):
    remove(f"{Q_PROJ}.weight")(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert (finding.kind, finding.target_parameters) == ("missing", (f"{Q_PROJ}.weight",))
    assert "is missing from the folder" in finding.summary
    assert finding.rule is not None


def test_a_broken_tie_is_traced_to_the_tensor_that_the_checkpoint_ties(broken, examined):
    add("decoder.lm_head.weight", torch.zeros(189, 48))(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert finding.target_module == "decoder.lm_head"
    assert finding.source_parameters == ("decoder.output_projection.weight",)


@pytest.mark.parametrize(
    ("file", "key", "value", "kind", "name"),
    [
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
    assert finding.hypothesis.detail["found"] == repr(value)


@pytest.mark.wide
def test_a_wrong_key_by_another_name_is_one_finding_that_names_both(broken, examined):
    set_key("config.json", "decoder.hidden_size", 24)(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert finding.config_keys == ("decoder.hidden_size",)
    assert "but is 24; transformers takes it for `decoder.d_model`, over the 48" in finding.summary
    assert finding.fix == "set `decoder.hidden_size` to 48"


@pytest.mark.parametrize(
    ("key", "value", "module"),
    [
        ("decoder.scale_embedding", False, "decoder.model.decoder.embed_tokens"),
        ("encoder.num_attention_heads", 6, "encoder.encoder.layers.0.attention"),
        slow("encoder.do_stable_layer_norm", False, "encoder.encoder.layers.0"),
        slow("decoder.activation_function", "relu", "decoder.model.decoder.layers.0"),
    ],
)
def test_a_wrong_key_is_one_finding_with_the_first_smallest_module_whose_parts_are_right(
    key, value, module, broken, examined
):
    set_key("config.json", key, value)(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert (finding.kind, finding.config_keys) == ("config", (key,))
    assert finding.target_module == module
    assert finding.source_module
    assert finding.evidence["isolated_error"] > 1e-9
    assert finding.evidence["clip"] == "ru_2"


def test_a_wiring_fault_without_a_wrong_key_names_the_smallest_module(sound):
    layer = "encoder.encoder.layers.1"
    rows = erring(sound, layer, "encoder.encoder", "encoder")
    (found,) = find_faults(replace(sound, modules=rows, levels=(failing("modules"),)))
    assert (found.kind, found.target_module) == ("wiring", layer)
    assert "although its parts agree" in found.summary
    assert found.evidence["isolated_error"] == 0.1


def test_a_wrong_key_explains_every_module_that_fails_beside_it(sound):
    rows = erring(sound, *(f"encoder.encoder.layers.{i}.attention" for i in range(3)))
    key = finding("config", keys=("encoder.num_attention_heads",))
    (found,) = find_faults(replace(sound, inventory=(key,), modules=rows))
    assert found.target_module == "encoder.encoder.layers.0.attention"


@pytest.mark.parametrize("kind", ["generation", "front_end", "vocabulary"])
def test_a_fault_that_touches_no_module_explains_none(kind, sound):
    rows = erring(sound, f"{Q_PROJ}")
    found = find_faults(replace(sound, inventory=(finding(kind, keys=("x",)),), modules=rows))
    assert {(f.kind, f.target_module) for f in found} == {(kind, ""), ("wiring", Q_PROJ)}


def test_a_wrong_weight_excuses_what_contains_it_and_nothing_else(sound):
    other = "decoder.model.decoder.layers.0.fc1"
    rows = erring(sound, Q_PROJ, "encoder.encoder.layers.1", "encoder", other)
    weight = finding("weights", module=Q_PROJ, parameters=(f"{Q_PROJ}.weight",))
    found = find_faults(replace(sound, inventory=(weight,), modules=rows))
    assert [(f.kind, f.target_module) for f in found] == [("weights", Q_PROJ), ("wiring", other)]


def test_a_finding_of_many_modules_excuses_all_of_them(sound):
    k_proj = Q_PROJ.replace("q_proj", "k_proj")
    both = (f"{Q_PROJ}.weight", f"{k_proj}.weight")
    rows = erring(sound, Q_PROJ, k_proj, "encoder.encoder.layers.1")
    swapped = finding("weights", module=Q_PROJ, parameters=both)
    (found,) = find_faults(replace(sound, inventory=(swapped,), modules=rows))
    assert found.target_parameters == both


@pytest.mark.parametrize("wrong", ["decoder.embedding", "decoder.lm_head"])
def test_a_wrong_tensor_under_two_names_excuses_both_modules(wrong, sound):
    embedding = "decoder.model.decoder.embed_tokens"
    module = wrong.replace("decoder.embedding", embedding)
    weight = finding("weights", module=module, parameters=(f"{module}.weight",))
    rows = erring(sound, embedding, "decoder.lm_head")
    twins = {"decoder.lm_head.weight": f"{embedding}.weight"}
    evidence = replace(sound, inventory=(weight,), modules=rows, twins=twins)
    assert [f.target_module for f in find_faults(evidence)] == [module]
    untied = find_faults(replace(evidence, twins={}))
    assert {f.kind for f in untied} == {"weights", "wiring"}


@pytest.mark.parametrize(
    "spoil",
    [torch.neg, slow(torch.zeros_like), slow(lambda t: t * 0.5), slow(lambda t: t.roll(1, 0))],
)
def test_a_fault_of_the_tied_embedding_is_one_finding(spoil, broken, examined):
    embedding = "decoder.model.decoder.embed_tokens"
    change(f"{embedding}.weight", spoil)(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert finding.target_module == embedding


def test_a_wrong_weight_beside_a_wrong_key_leaves_the_key_another_module(sound):
    embedding = "decoder.model.decoder.embed_tokens"
    weight = finding("weights", module=Q_PROJ, parameters=(f"{Q_PROJ}.weight",))
    key = finding("config", keys=("decoder.scale_embedding",))
    evidence = replace(sound, inventory=(key, weight), modules=erring(sound, Q_PROJ, embedding))
    assert [f.target_module for f in find_faults(evidence)] == [Q_PROJ, embedding]


def test_findings_are_ranked_by_kind_and_then_by_error(sound):
    other = "decoder.model.decoder.layers.0.fc1"
    rows = erring(replace(sound, modules=erring(sound, Q_PROJ)), other, error=0.5)
    inventory = (
        finding("generation", keys=("generation_config.x",)),
        finding("vocabulary", keys=("tokenizer.json",)),
        finding("config", keys=("decoder.dropout",)),
        finding("weights", module=Q_PROJ, parameters=(f"{Q_PROJ}.weight",)),
        finding("weights", module=other, parameters=(f"{other}.weight",)),
        finding("missing", module="encoder", parameters=("encoder.masked_spec_embed",)),
    )
    found = find_faults(replace(sound, inventory=inventory, modules=rows))
    assert [f.kind for f in found] == [
        "missing",
        "weights",
        "weights",
        "config",
        "vocabulary",
        "generation",
    ]
    assert [f.target_module for f in found[1:3]] == [other, Q_PROJ]


@pytest.mark.parametrize("error", [float("nan"), float("inf")])
def test_a_module_that_gives_no_number_is_a_finding(error, sound):
    name = sound.modules[3].target
    rows = erring(sound, name, error=error)
    (found,) = find_faults(replace(sound, modules=rows))
    assert (found.kind, found.target_module) == ("wiring", name)


def test_the_smallest_failing_modules_are_those_none_of_whose_parts_fails(sound):
    rows = erring(sound, Q_PROJ, "encoder.encoder.layers.1", "encoder", "decoder")
    assert [row.target for row in smallest_failing(rows)] == [Q_PROJ, "decoder"]
    assert smallest_failing(sound.modules) == ()


def test_modules_that_fail_for_another_ones_sake_name_it(sound):
    embedding, layer = "decoder.model.decoder.embed_tokens", "encoder.encoder.layers.1"
    rows = erring(sound, Q_PROJ, layer, "encoder", embedding, "decoder.lm_head")
    named = name_culprits(rows, {"decoder.lm_head.weight": f"{embedding}.weight"})
    assert {row.target: row.fails_in for row in named if row.verdict == "fail"} == {
        Q_PROJ: None,
        layer: Q_PROJ,
        "encoder": Q_PROJ,
        embedding: None,
        "decoder.lm_head": embedding,
    }
    assert all(row.fails_in is None for row in name_culprits(sound.modules, {}))


def test_a_tokenizer_fault_is_a_vocabulary_finding_with_the_rows(broken, examined):
    swap_rows(20, 21)(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert finding.kind == "vocabulary"
    assert "20:" in finding.summary
    assert len(finding.hypothesis.detail["rows"]) == 2


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
    levels = tuple(failing(name) for name in ("config", "modules", "logits", "greedy", "beam"))
    key = finding("config", keys=("decoder.dropout",))
    found = find_faults(replace(sound, inventory=(key,), levels=levels))
    assert [f.config_keys for f in found] == [("decoder.dropout",)]


def test_declared_deviations_and_passes_are_no_findings(right, sound):
    levels = tuple(right.level(name) for name in LEVEL_NAMES)
    assert {level.verdict for level in levels} == {"pass", "deviation"}
    assert find_faults(replace(sound, levels=levels)) == ()
