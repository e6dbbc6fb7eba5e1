"""Files against the checkpoint, on views whose tensors and keys are replaced in memory."""

import math
from dataclasses import replace

import pytest
import torch

from tests.breaking import edit_key, set_key
from tests.judged.wrong import remove_key
from toolkit.compare.differences import Difference
from toolkit.diagnosis import Known, take_inventory, take_notes
from toolkit.folder.view import view_folder

LAYERS = "encoder.encoder.layers."
CONVS = "encoder.feature_extractor.conv_layers."
ATTENTION = f"{LAYERS}1.attention."
POS_CONV = "encoder.encoder.pos_conv_embed.conv"
GAIN = f"{POS_CONV}.parametrizations.weight.original0"
DIRECTION = f"{POS_CONV}.parametrizations.weight.original1"


@pytest.fixture(scope="module")
def right_view(converted):
    view = view_folder(converted)
    return replace(view, tensors=dict(view.tensors))


@pytest.fixture
def inventory(truth, right_view):
    """The findings of the right folder with its tensors edited in place."""

    def take(edit):
        tensors = dict(right_view.tensors)
        edit(tensors)
        return take_inventory(truth, replace(right_view, tensors=tensors))

    return take


def exchange(tensors, left, right):
    for name in [name for name in tensors if name.startswith(left)]:
        other = right + name.removeprefix(left)
        tensors[name], tensors[other] = tensors[other], tensors[name]


def shift(tensors, stack, by=1):
    """Every layer of a stack gets what a later layer holds, where shapes allow it."""
    old = dict(tensors)
    for name, tensor in old.items():
        layer, _, rest = name.removeprefix(stack).partition(".")
        if name.startswith(stack) and layer.isdigit():
            later = old.get(f"{stack}{int(layer) + by}.{rest}")
            if later is not None and later.shape == tensor.shape:
                tensors[name] = later


def test_a_right_folder_has_nothing_to_find(inventory):
    assert inventory(len) == ()


def test_tensors_that_are_known_to_be_right_are_not_looked_at(truth, right_view):
    zeros = {name: torch.zeros_like(tensor) for name, tensor in right_view.tensors.items()}
    known = Known(right=truth.tensors.keys() - {DIRECTION})
    (finding,) = take_inventory(truth, replace(right_view, tensors=zeros), known)
    assert finding.target_parameters == (DIRECTION,)


def test_what_is_known_of_a_tokenizer_is_not_asked_again_and_told_as_well(truth, right_view):
    def found(*differences):
        return take_inventory(truth, right_view, Known(vocabulary=differences))

    other = Difference(aspect="rows", keys=("tokenizer.json",), wrong=("20 is another",))
    assert found() == ()
    (finding,) = found(other)
    assert (finding.kind, finding.config_keys) == ("vocabulary", ("tokenizer.json",))


def test_two_swapped_projections_are_one_finding(inventory):
    (finding,) = inventory(
        lambda t: exchange(t, f"{ATTENTION}q_proj.", f"{ATTENTION}k_proj."),
    )
    assert finding.kind == "weights"
    assert finding.hypothesis.name == "swapped_with"
    names = {f"{ATTENTION}{p}.{e}" for p in ("q_proj", "k_proj") for e in ("weight", "bias")}
    assert set(finding.target_parameters) == names
    assert len(finding.source_parameters) == 4
    assert finding.rule is not None


def test_a_copied_projection_names_whose_values_it_holds(inventory):
    left, right = f"{ATTENTION}q_proj.weight", f"{ATTENTION}k_proj.weight"
    (finding,) = inventory(lambda t: t.update({left: t[right]}))
    assert finding.target_parameters == (left,)
    assert finding.hypothesis.detail == {"with": right}
    assert f"`{right}`" in finding.summary
    assert f"`{right}`" in finding.fix


@pytest.mark.parametrize(
    ("stack", "count"),
    [
        (LAYERS, 32),
        ("decoder.model.decoder.layers.", 52),
        ("encoder.adapter.layers.", 4),
        (CONVS, 22),
    ],
)
def test_a_stack_that_is_off_by_a_layer_is_one_finding(stack, count, inventory):
    (finding,) = inventory(lambda tensors: shift(tensors, stack))
    assert (finding.hypothesis.name, finding.hypothesis.detail["offset"]) == ("layer_offset", 1)
    assert len(finding.target_parameters) == count
    assert finding.summary.startswith(f"{count} tensors hold the values of others: ")
    assert "layer 0 holds " in finding.summary


def test_two_stacks_that_are_off_by_a_layer_are_two_findings(inventory):
    def edit(tensors):
        shift(tensors, LAYERS)
        shift(tensors, "decoder.model.decoder.layers.")

    assert len(inventory(edit)) == 2


def test_two_swapped_layers_are_told_by_their_offset_and_all_named(inventory):
    findings = inventory(lambda t: exchange(t, f"{LAYERS}0.", f"{LAYERS}2."))
    assert {finding.hypothesis.name for finding in findings} == {"layer_offset"}
    named = [name for finding in findings for name in finding.target_parameters]
    assert len(named) == len(set(named)) == 32


def test_weight_norm_split_another_way_is_no_finding(inventory):
    def edit(tensors):
        tensors[DIRECTION] = tensors[DIRECTION] * 2

    assert inventory(edit) == ()


def test_the_old_names_of_weight_norm_are_accepted(inventory):
    def edit(tensors):
        tensors[f"{POS_CONV}.weight_g"] = tensors.pop(GAIN)
        tensors[f"{POS_CONV}.weight_v"] = tensors.pop(DIRECTION)

    assert inventory(edit) == ()


def test_a_fault_under_an_old_name_is_found_under_the_new_one(inventory):
    def edit(tensors):
        tensors[f"{POS_CONV}.weight_g"] = tensors.pop(GAIN) * 1.01
        tensors[f"{POS_CONV}.weight_v"] = tensors.pop(DIRECTION)

    findings = inventory(edit)
    assert {finding.target_module for finding in findings} == {POS_CONV}
    assert GAIN in findings[0].target_parameters


@pytest.mark.parametrize("name", [GAIN, DIRECTION])
def test_a_missing_part_of_the_weight_norm_is_named(name, inventory):
    (finding,) = inventory(lambda tensors: tensors.pop(name))
    assert (finding.kind, finding.target_parameters) == ("missing", (name,))
    assert finding.hypothesis.name == "not_filled"


@pytest.mark.parametrize("name", [GAIN, DIRECTION])
def test_a_part_of_the_weight_norm_of_another_shape_is_found(name, inventory):
    findings = inventory(lambda tensors: tensors.update({name: tensors[name][..., :8]}))
    assert name in {parameter for f in findings for parameter in f.target_parameters}
    assert {finding.target_module for finding in findings} == {POS_CONV}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_file_in_lower_precision_is_told_as_that_and_nothing_else(dtype, inventory, truth):
    def edit(tensors):
        for name in tensors:
            tensors[name] = tensors[name].to(getattr(torch, dtype))

    findings = inventory(edit)
    assert {f.hypothesis.name for f in findings} == {"precision_lost"}
    assert {f.hypothesis.detail["dtype"] for f in findings} == {dtype}
    named = {name for finding in findings for name in finding.target_parameters}
    rounded = {n for n, t in truth.tensors.items() if not t.to(getattr(torch, dtype)).equal(t)}
    assert named | {GAIN, DIRECTION} == rounded | {GAIN, DIRECTION}


def test_one_tensor_in_lower_precision_is_found_beside_others_that_are_not(inventory):
    name = f"{ATTENTION}q_proj.weight"
    (finding,) = inventory(lambda tensors: tensors.update({name: tensors[name].half()}))
    assert finding.target_parameters == (name,)
    assert "float16" in finding.summary


def test_values_from_nowhere_are_missing(inventory):
    name = f"{ATTENTION}q_proj.weight"
    (finding,) = inventory(lambda t: t.update({name: torch.randn_like(t[name])}))
    assert (finding.kind, finding.hypothesis.name) == ("missing", "not_filled")
    assert "holds nothing of its source" in finding.summary


def test_a_missing_tensor_is_told_with_the_rule_that_writes_it(inventory):
    name = f"{ATTENTION}q_proj.weight"
    (finding,) = inventory(lambda tensors: tensors.pop(name))
    assert (finding.kind, finding.target_parameters) == ("missing", (name,))
    assert finding.hypothesis.detail == {"missing": True}
    assert finding.source_parameters[0].endswith("layers.1.self_attn.q_proj.weight")
    assert finding.source_parameters[0] in finding.fix


def test_heads_are_known_in_the_projections_of_an_attention(inventory):
    name = f"{ATTENTION}q_proj.weight"
    (finding,) = inventory(lambda t: t.update({name: t[name].roll(16, 0)}))
    assert finding.hypothesis.name == "heads_permuted"
    assert finding.hypothesis.detail["heads"] == [2, 0, 1]
    feed = f"{LAYERS}1.feed_forward.output_dense.weight"
    (finding,) = inventory(lambda t: t.update({feed: t[feed].roll(16, 0)}))
    assert finding.hypothesis.name == "rows_shifted"


@pytest.mark.parametrize("count", [1, 3])
def test_every_tensor_too_many_has_a_finding_of_its_own_beside_others(count, inventory):
    extra = [f"decoder.extra{i}.weight" for i in range(count)]

    def edit(tensors):
        tensors.update({name: torch.ones(2) for name in extra})
        del tensors[f"{ATTENTION}q_proj.weight"]

    findings = inventory(edit)
    assert [f.target_parameters for f in findings if f.hypothesis.detail.get("extra")] == [
        (name,) for name in extra
    ]
    assert len(findings) == count + 1


def test_an_output_layer_that_is_another_tensor_breaks_the_tie(inventory):
    (finding,) = inventory(lambda t: t.update({"decoder.lm_head.weight": torch.zeros(189, 48)}))
    assert finding.hypothesis.name == "tie_broken"
    assert finding.source_parameters
    assert "lm_head" in finding.summary


def test_an_output_layer_that_is_the_same_tensor_breaks_nothing(inventory):
    embedding = "decoder.model.decoder.embed_tokens.weight"
    assert inventory(lambda t: t.update({"decoder.lm_head.weight": t[embedding]})) == ()


@pytest.mark.parametrize(
    ("file", "key", "value", "kind", "name"),
    [
        ("config.json", "encoder.hidden_act", "relu", "config", "wrong_activation"),
        ("config.json", "decoder.activation_function", "relu", "config", "wrong_activation"),
        ("config.json", "decoder.scale_embedding", False, "config", "missing_scale"),
        ("config.json", "encoder.num_attention_heads", 4, "config", "wrong_head_count"),
        ("config.json", "encoder.do_stable_layer_norm", False, "config", "norm_order"),
        ("config.json", "encoder.layer_norm_eps", 1e-3, "config", "wrong_epsilon"),
        ("config.json", "encoder.adapter_stride", 3, "config", "wrong_stride"),
        ("config.json", "tie_word_embeddings", True, "config", "tie_invented"),
        ("config.json", "decoder.tie_word_embeddings", False, "config", "tie_broken"),
        ("config.json", "encoder.adapter_attn_dim", 16, "config", "wrong_value"),
        ("config.json", "dtype", "float16", "config", "wrong_dtype"),
        ("generation_config.json", "forced_bos_token_id", 182, "generation", "wrong_language"),
        ("generation_config.json", "decoder_start_token_id", 0, "generation", "wrong_start_token"),
        ("generation_config.json", "temperature", 0.5, "generation", "wrong_value"),
        ("preprocessor_config.json", "do_normalize", False, "front_end", "not_normalized"),
    ],
)
def test_a_wrong_key_is_called_what_it_means(file, key, value, kind, name, truth, broken):
    set_key(file, key, value)(broken)
    (finding,) = take_inventory(truth, view_folder(broken))
    assert (finding.kind, finding.hypothesis.name) == (kind, name)
    place = key if file == "config.json" else f"{file.removesuffix('.json')}.{key}"
    assert finding.config_keys == (place,)
    assert finding.hypothesis.confirmed
    assert f"`{place}`" in finding.fix


def test_several_search_settings_of_one_file_are_one_finding(truth, broken):
    for key, value in (("num_beams", 1), ("max_length", 20), ("do_sample", True)):
        set_key("generation_config.json", key, value)(broken)
    set_key("generation_config.json", "forced_bos_token_id", 182)(broken)
    names, language = take_inventory(truth, view_folder(broken))
    assert set(names.config_keys) == {
        f"generation_config.{key}" for key in ("num_beams", "max_length", "do_sample")
    }
    assert names.summary.startswith("3 search settings are not as the checkpoint says: ")
    assert len(names.fix.splitlines()) == 3
    assert language.hypothesis.name == "wrong_language"


def test_a_key_that_nobody_sets_is_to_be_removed(truth, broken):
    set_key("config.json", "custom_pipelines", {})(broken)
    (finding,) = take_inventory(truth, view_folder(broken))
    assert finding.fix == "remove `custom_pipelines`"


def test_notes_name_keys_and_reasons_those_of_training_first(truth, broken):
    set_key("config.json", "decoder.add_bias_logits", True)(broken)
    set_key("config.json", "decoder.dropout", 0.1)(broken)
    view = view_folder(broken)
    assert take_inventory(truth, view) == ()
    notes = take_notes(truth, view)
    assert [(note.key, note.consequence) for note in notes] == [
        ("decoder.dropout", "training"),
        ("decoder.add_bias_logits", "none"),
    ]
    assert notes[0].summary == (
        "`decoder.dropout` is 0.1, where 0.0 was expected: only fine-tuning reads it"
    )


def test_a_score_that_is_not_the_sentencepiece_models_is_a_vocabulary_finding(truth, broken):
    def edit(rows):
        rows[20][1] -= 0.5
        return rows

    edit_key("tokenizer.json", "model.vocab", edit)(broken)
    (finding,) = take_inventory(truth, view_folder(broken))
    assert (finding.kind, finding.config_keys) == ("vocabulary", ("tokenizer.json",))
    assert "has the score" in finding.summary


def test_a_lost_part_of_the_tokenizer_is_a_vocabulary_finding_that_names_it(truth, broken):
    set_key("tokenizer.json", "normalizer", None)(broken)
    (finding,) = take_inventory(truth, view_folder(broken))
    assert finding.kind == "vocabulary"
    assert finding.config_keys[0] == "tokenizer.normalizer"


def test_no_tokenizer_is_a_vocabulary_finding(truth, right_view):
    (finding,) = take_inventory(truth, replace(right_view, tokenizer=None))
    assert finding.kind == "vocabulary"
    assert "no tokenizer loads" in finding.summary


def test_a_tokenizer_without_its_file_is_a_vocabulary_finding_that_names_the_file(truth, broken):
    (broken / "tokenizer.json").unlink()
    (finding, *_) = take_inventory(truth, view_folder(broken))
    assert finding.summary.endswith("no tokenizer loads; the folder has no `tokenizer.json`")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.json", "{"),
        ("config.json", None),
        ("generation_config.json", "{"),
        ("preprocessor_config.json", "{"),
        ("preprocessor_config.json", None),
        ("processor_config.json", "{"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_finding_that_names_it(file, text, truth, broken):
    (broken / file).unlink()
    if text is not None:
        (broken / file).write_text(text)
    findings = take_inventory(truth, view_folder(broken))
    named = [f for f in findings if f.config_keys == (file,) and file in f.summary]
    assert len(named) == 1
    groups = {"config": ("encoder.", "decoder."), "processor_config": ("preprocessor_config.",)}
    group = groups.get(file.removesuffix(".json"), (file.replace("json", ""),))
    others = [key for f in findings if f not in named for key in f.config_keys]
    assert not [key for key in others if key.startswith(group)]


def test_without_a_generation_file_the_keys_are_judged_that_transformers_derives(truth, broken):
    (broken / "generation_config.json").unlink()
    keys = {key for f in take_inventory(truth, view_folder(broken)) for key in f.config_keys}
    assert {"generation_config.num_beams", "generation_config.forced_bos_token_id"} <= keys
    assert "generation_config.eos_token_id" not in keys


def with_scores(truth, scores):
    form = replace(truth.vocabulary.form, scores=scores)
    return replace(truth, vocabulary=replace(truth.vocabulary, form=form))


def test_a_score_that_a_file_gave_back_with_another_last_bit_is_no_finding(truth, right_view):
    scores = truth.vocabulary.form.scores
    nudged = {piece: math.nextafter(score, 0.0) for piece, score in scores.items()}
    assert not take_inventory(with_scores(truth, nudged), right_view)


def test_a_score_that_differs_by_a_bit_of_float32_is_a_finding(truth, right_view):
    scores = truth.vocabulary.form.scores
    (piece, score), *_ = scores.items()
    nudged = {**scores, piece: score * (1 + 2**-23)}
    (finding,) = take_inventory(with_scores(truth, nudged), right_view)
    assert repr(piece) in finding.summary


@pytest.mark.parametrize(("longest", "keys"), [(9, ["tokenizer_config.max_length"]), (1024, [])])
def test_a_length_that_a_call_left_behind_is_a_note_where_it_cuts(longest, keys, truth, broken):
    block = {"direction": "Right", "max_length": longest, "strategy": "LongestFirst", "stride": 0}
    set_key("tokenizer.json", "truncation", block)(broken)
    view = view_folder(broken)
    assert take_inventory(truth, view) == ()
    assert [note.key for note in take_notes(truth, view)] == keys


def test_a_tied_tensor_may_stand_under_its_other_name_alone(truth, inventory):
    (tie,) = truth.plan.ties

    def rename(tensors):
        tensors[tie.target] = tensors.pop(tie.target_twin)

    assert not inventory(rename)


def test_a_tied_tensor_under_its_other_name_alone_is_compared(truth, inventory):
    (tie,) = truth.plan.ties

    def rename(tensors):
        tensors[tie.target] = -tensors.pop(tie.target_twin)

    (finding,) = inventory(rename)
    assert finding.hypothesis.name == "sign_flipped"


def test_all_code_of_others_is_one_finding(truth, broken):
    for name in ("more.py", "custom_generate/generate.py", "custom_generate/requirements.txt"):
        (broken / name).write_text("x = 1\n")
    named = {"AutoConfig": "more.Config", "AutoModelForSpeechSeq2Seq": "more.Model"}
    for file in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        set_key(file, "auto_map", named)(broken)
    (finding,) = take_inventory(truth, view_folder(broken))
    assert finding.hypothesis.name == "foreign_code"
    assert finding.hypothesis.confirmed
    assert set(finding.config_keys) == {
        *("more.py", "custom_generate/generate.py", "custom_generate/requirements.txt"),
        *("auto_map", "tokenizer_config.auto_map", "preprocessor_config.auto_map"),
    }
    assert "and 1 more" in finding.summary


@pytest.mark.parametrize(
    ("paths", "findings"),
    [
        (("encoder",), 1),
        (("encoder", "decoder", "model_type"), 1),
        (("encoder.hidden_size", "decoder.d_model"), 2),
    ],
)
def test_many_keys_that_are_left_out_are_one_finding(paths, findings, truth, broken):
    for path in paths:
        remove_key("config.json", path)(broken)
    found = take_inventory(truth, view_folder(broken))
    assert len(found) == findings
    assert sum(len(finding.config_keys) for finding in found) >= len(paths)
    assert all(len(finding.summary) < 400 for finding in found)


def test_a_file_that_is_missing_is_said_to_be_so_with_what_it_must_hold(truth, broken):
    (broken / "preprocessor_config.json").unlink()
    (finding,) = take_inventory(truth, view_folder(broken))
    assert finding.summary == "`preprocessor_config.json` is missing from the folder"
    assert '"do_normalize": true' in finding.fix


def test_a_file_that_is_none_says_why_it_cannot_be_read(truth, broken):
    (broken / "preprocessor_config.json").write_text("{")
    (finding,) = take_inventory(truth, view_folder(broken))
    assert "cannot be read" in finding.summary
