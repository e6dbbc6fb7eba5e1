"""One deliberate break per case, in an otherwise right folder, and the finding that must come first.

The places are those of the Hugging Face folder: a module's path for a tensor, a key for a file.
"""

# The table keeps its columns.
# ruff: noqa: E501

from dataclasses import dataclass

import pytest
import torch

from tests.breaking import (
    Break,
    add,
    change,
    edit_tensors,
    remove,
    scale,
    set_key,
    swap,
    swap_rows,
    unmark,
)
from tests.sampling import first_of_each, one_in

LEVELS = (
    "weights",
    "config",
    "vocabulary",
    "front_end",
    "modules",
    "logits",
    "greedy",
    "beam",
)
"""Without the two that load or pad anew: no fault below shows in them alone."""

CONV = "encoder.feature_extractor.conv_layers."
PROJECTION = "encoder.feature_projection."
POS_CONV = "encoder.encoder.pos_conv_embed.conv"
LAYER = "encoder.encoder.layers."
ADAPTER = "encoder.adapter.layers."
DECODER = "decoder.model.decoder."


@dataclass(frozen=True)
class Fault:
    what: str
    spoil: Break
    kind: str
    where: str
    """The module for a tensor, the key or the file for everything else."""


def swap_layers(first: str, second: str) -> Break:
    def edit(tensors):
        for name in [name for name in tensors if name.startswith(first)]:
            other = second + name.removeprefix(first)
            tensors[name], tensors[other] = tensors[other], tensors[name]

    return lambda folder: edit_tensors(folder, edit)


def halves_swapped(tensor):
    first, second = tensor.chunk(2)
    return torch.cat([second, first])


def heads_permuted(tensor):
    return torch.cat([tensor[16:], tensor[:16]])


def config(key, value, kind="config"):
    return Fault(f"{key} is {value}", set_key("config.json", key, value), kind, key)


def generation(key, value):
    where = f"generation_config.{key}"
    spoil = set_key("generation_config.json", key, value)
    return Fault(f"{where} is {value}", spoil, "generation", where)


def preprocessor(key, value):
    where = f"preprocessor_config.{key}"
    spoil = set_key("preprocessor_config.json", key, value)
    return Fault(f"{where} is {value}", spoil, "front_end", where)


# fmt: off
FAULTS = (
    Fault("one element of the first convolution",  scale(f"{CONV}0.conv.weight"),                                    "weights", f"{CONV}0.conv"),
    Fault("a convolution reversed in time",        change(f"{CONV}4.conv.weight", lambda t: t.flip(-1)),             "weights", f"{CONV}4.conv"),
    Fault("norms of two convolutions swapped",     swap_layers(f"{CONV}1.layer_norm.", f"{CONV}2.layer_norm."),      "weights", f"{CONV}1.layer_norm"),
    Fault("no convolution bias",                   remove(f"{CONV}3.conv.bias"),                                     "missing", f"{CONV}3.conv"),
    Fault("projection in half precision",          change(f"{PROJECTION}projection.weight", lambda t: t.half().float()), "weights", f"{PROJECTION}projection"),
    Fault("no projection at all",                  remove(f"{PROJECTION}projection.weight", f"{PROJECTION}projection.bias"), "missing", f"{PROJECTION}projection"),
    Fault("norm before the projection",            change(f"{PROJECTION}layer_norm.weight", torch.ones_like),        "missing", f"{PROJECTION}layer_norm"),
    Fault("gain of the positional convolution",    scale(f"{POS_CONV}.parametrizations.weight.original0", 1.01),     "weights", POS_CONV),
    Fault("direction of the positional convolution", change(f"{POS_CONV}.parametrizations.weight.original1", lambda t: t.roll(1, 0)), "weights", POS_CONV),
    Fault("bias of the positional convolution",    change(f"{POS_CONV}.bias", torch.zeros_like),                     "weights", POS_CONV),
    Fault("a value projection transposed",         change(f"{LAYER}0.attention.v_proj.weight", torch.t),             "weights", f"{LAYER}0.attention.v_proj"),
    Fault("heads permuted",                        change(f"{LAYER}1.attention.q_proj.weight", heads_permuted),      "weights", f"{LAYER}1.attention.q_proj"),
    Fault("key and query swapped",                 swap_layers(f"{LAYER}2.attention.q_proj.", f"{LAYER}2.attention.k_proj."), "weights", f"{LAYER}2.attention.k_proj"),
    Fault("a missing norm inside a layer",         remove(f"{LAYER}2.final_layer_norm.weight"),                      "missing", f"{LAYER}2.final_layer_norm"),
    Fault("a feed-forward bias",                   scale(f"{LAYER}0.feed_forward.output_dense.bias", 1.01),          "weights", f"{LAYER}0.feed_forward.output_dense"),
    Fault("norm after the encoder",                change("encoder.encoder.layer_norm.bias", torch.zeros_like),      "weights", "encoder.encoder.layer_norm"),
    Fault("mask embedding, which no output shows", scale("encoder.masked_spec_embed"),                               "weights", "encoder"),
    Fault("gates and values of the adapter",       change(f"{ADAPTER}1.conv.weight", halves_swapped),                "weights", f"{ADAPTER}1.conv"),
    Fault("embeddings shifted by a row",           change(f"{DECODER}embed_tokens.weight", lambda t: t.roll(1, 0)),  "weights", f"{DECODER}embed_tokens"),
    Fault("positions shifted by a row",            change(f"{DECODER}embed_positions.weight", lambda t: t.roll(1, 0)), "weights", f"{DECODER}embed_positions"),
    Fault("a position that no clip reaches",       scale(f"{DECODER}embed_positions.weight", index=48 * 900),        "weights", f"{DECODER}embed_positions"),
    Fault("norm of the embeddings",                remove(f"{DECODER}layernorm_embedding.bias"),                     "missing", f"{DECODER}layernorm_embedding"),
    Fault("query scaled twice",                    change(f"{DECODER}layers.0.self_attn.q_proj.weight", lambda t: t / 4), "weights", f"{DECODER}layers.0.self_attn.q_proj"),
    Fault("cross-attention's key and value",       swap(f"{DECODER}layers.1.encoder_attn.k_proj.weight", f"{DECODER}layers.1.encoder_attn.v_proj.weight"), "weights", f"{DECODER}layers.1.encoder_attn.k_proj"),
    Fault("a sign in the feed-forward block",      change(f"{DECODER}layers.2.fc2.weight", torch.neg),               "weights", f"{DECODER}layers.2.fc2"),
    Fault("norm before the cross-attention",       scale(f"{DECODER}layers.2.encoder_attn_layer_norm.bias", 1.01),   "weights", f"{DECODER}layers.2.encoder_attn_layer_norm"),
    Fault("last norm",                             scale(f"{DECODER}layer_norm.weight"),                             "weights", f"{DECODER}layer_norm"),
    Fault("an output projection of its own",       add("decoder.lm_head.weight", torch.zeros(189, 48)),              "weights", "decoder.lm_head"),
    Fault("a tensor too many",                     add("decoder.extra", torch.zeros(1)),                             "weights", "decoder"),
    config("encoder.hidden_act", "relu"),
    config("encoder.num_attention_heads", 6),
    config("encoder.adapter_stride", 3),
    config("encoder.conv_stride", [5, 2, 2, 2, 2, 2, 1]),
    config("encoder.num_hidden_layers", 2),
    config("encoder.hidden_size", 96),
    config("tie_word_embeddings", True),
    config("decoder.tie_word_embeddings", False),
    config("encoder.layer_norm_eps", 1e-3),
    config("encoder.do_stable_layer_norm", False),
    config("encoder.feat_extract_activation", "relu"),
    config("decoder.scale_embedding", False),
    config("decoder.decoder_attention_heads", 6),
    config("decoder.activation_function", "relu"),
    config("decoder_start_token_id", 0),
    generation("forced_bos_token_id", 182),
    generation("decoder_start_token_id", 0),
    generation("max_length", 5),
    generation("length_penalty", 0.0),
    generation("eos_token_id", 5),
    generation("min_new_tokens", 20),
    generation("temperature", 0.5),
    generation("do_sample", True),
    generation("repetition_penalty", 1.5),
    preprocessor("do_normalize", False),
    preprocessor("sampling_rate", 8000),
    Fault("two rows of the tokenizer",             swap_rows(20, 21),                                                "vocabulary", "tokenizer.json"),
    Fault("a language tag that is printed",        unmark("<lang:de>"),                                              "vocabulary", "tokenizer_config.extra_special_tokens"),
    Fault("no Unicode normalization of texts",     set_key("tokenizer.json", "normalizer", None),                    "vocabulary", "tokenizer.normalizer"),
)
# fmt: on


def place(finding):
    return finding.config_keys[0] if finding.config_keys else finding.target_module


SAMPLED = first_of_each(
    lambda fault: fault.kind, FAULTS, lambda fault: fault.what.replace(" ", "_")
)


@pytest.mark.parametrize("fault", SAMPLED)
def test_the_first_finding_names_the_fault(fault, broken, examined):
    fault.spoil(broken)
    findings = examined(broken).findings(LEVELS)
    assert (findings[0].kind, place(findings[0])) == (fault.kind, fault.where)


def test_a_right_folder_has_no_finding(right):
    assert right.findings() == ()


def test_two_swapped_layers_are_found_whole_and_nothing_else_is(broken, examined):
    swap_layers(f"{LAYER}1.", f"{LAYER}2.")(broken)
    findings = examined(broken).findings(LEVELS)
    assert {finding.hypothesis.name for finding in findings} == {"layer_offset"}
    named = {name for finding in findings for name in finding.target_parameters}
    assert len(named) == 32
    assert all(name.startswith((f"{LAYER}1.", f"{LAYER}2.")) for name in named)


ALONE = {
    "a tokenizer fault": (swap_rows(20, 21), "vocabulary"),
    "max_length 5": (set_key("generation_config.json", "max_length", 5), "generation"),
    "an output layer of its own": (add("decoder.lm_head.weight", torch.zeros(189, 48)), "weights"),
    "untied by key": (set_key("config.json", "decoder.tie_word_embeddings", False), "config"),
    "a wrong adapter stride": (set_key("config.json", "encoder.adapter_stride", 3), "config"),
    "no gain": (remove(f"{POS_CONV}.parametrizations.weight.original0"), "missing"),
}


@pytest.mark.parametrize("what", one_in(2, ALONE, str))
def test_one_fault_is_one_finding(what, broken, examined):
    spoil, kind = ALONE[what]
    spoil(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert finding.kind == kind


def test_a_missing_gain_of_a_weight_norm_is_named(broken, examined):
    gain = f"{POS_CONV}.parametrizations.weight.original0"
    remove(gain)(broken)
    (finding,) = examined(broken).findings(LEVELS)
    assert (finding.kind, finding.target_parameters) == ("missing", (gain,))


def test_an_extra_tensor_beside_another_fault_has_a_finding_of_its_own(broken, examined):
    add("decoder.extra", torch.zeros(1))(broken)
    scale(f"{CONV}0.conv.weight")(broken)
    findings = examined(broken).findings(LEVELS)
    assert {f.target_parameters for f in findings} == {
        ("decoder.extra",),
        (f"{CONV}0.conv.weight",),
    }


@pytest.mark.wide
def test_several_faults_are_found_in_one_run(broken, examined):
    scale(f"{CONV}0.conv.weight")(broken)
    remove(f"{DECODER}layers.0.fc1.bias")(broken)
    set_key("generation_config.json", "length_penalty", 0.0)(broken)
    swap_rows(20, 21)(broken)
    found = {(finding.kind, place(finding)) for finding in examined(broken).findings(LEVELS)}
    assert {
        ("weights", f"{CONV}0.conv"),
        ("missing", f"{DECODER}layers.0.fc1"),
        ("generation", "generation_config.length_penalty"),
        ("vocabulary", "tokenizer.json"),
    } <= found


def test_faults_are_told_apart_by_name():
    assert len({fault.what for fault in FAULTS}) == len(FAULTS)
