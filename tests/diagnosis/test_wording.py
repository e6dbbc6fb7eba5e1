"""The sentences of findings: short whatever the size of a fault, and ready to act on."""

# The table keeps its columns.

import random

import pytest
import torch

from tests.breaking import edit_tensors, set_key, swap_rows
from toolkit.diagnosis import take_inventory
from toolkit.diagnosis.wording import describe_place
from toolkit.folder.view import view_folder

ENCODER, DECODER = "encoder.encoder.layers.", "decoder.model.decoder.layers."


def within(prefix):
    return lambda name: name.startswith(prefix)


def everything(_):
    return True


def change_all(edit, chosen=everything):
    def spoil(tensors):
        for name in filter(chosen, list(tensors)):
            tensors[name] = edit(tensors[name]).contiguous()

    return spoil


def exchange(left, right):
    def spoil(tensors):
        for name in [n for n in tensors if n.startswith(f"{left}.") or n == left]:
            other = right + name.removeprefix(left)
            tensors[name], tensors[other] = tensors[other].clone(), tensors[name].clone()

    return spoil


def leave_out(chosen):
    return lambda tensors: [tensors.pop(name) for name in list(tensors) if chosen(name)]


def round_half(tensors):
    for name in random.Random(1).sample(sorted(tensors), len(tensors) // 2):
        tensors[name] = tensors[name].half().float()


def shift_layers(tensors):
    before = dict(tensors)
    for name in filter(within(f"{ENCODER}0."), before):
        tensors[name] = torch.randn_like(before[name]) * 0.02
        for layer in (1, 2):
            moved = name.replace(f"{ENCODER}0.", f"{ENCODER}{layer}.")
            tensors[moved] = before[name.replace(f"{ENCODER}0.", f"{ENCODER}{layer - 1}.")].clone()


def fresh(tensor):
    return torch.randn_like(tensor) * 0.02 if tensor.dim() > 1 else torch.zeros_like(tensor)


# fmt: off
ONE_CAUSE = {
    "half of the model rounded": (round_half, "went through float16"),
    "saved in float16": (change_all(torch.Tensor.half), "the folder is saved in float16"),
    "saved in bfloat16": (change_all(torch.Tensor.bfloat16), "the folder is saved in bfloat16"),
    "a layer missing": (
        leave_out(within(f"{ENCODER}1.")),
        "all 16 tensors of encoder layer 1 are missing",
    ),
    "a stack missing": (leave_out(within(DECODER)), "are missing"),
    "layers shifted": (shift_layers, "encoder layer 1 holds encoder layer 0"),
    "a part at random": (
        change_all(fresh, within("encoder.adapter.")),
        "of `encoder.adapter.layers` hold nothing",
    ),
    "a model at random": (change_all(fresh), "hold nothing of their source"),
    "noise everywhere": (change_all(lambda t: t * 0.9 + 0.01 * torch.randn_like(t)), "differ in"),
    "everything doubled": (
        change_all(lambda t: t * 2, within(DECODER)),
        "hold their values times 2",
    ),
    "query and key": (
        exchange(f"{ENCODER}1.attention.q_proj", f"{ENCODER}1.attention.k_proj"),
        "q_proj and k_proj of encoder layer 1 are exchanged",
    ),
    "self and cross": (
        exchange(f"{DECODER}1.self_attn", f"{DECODER}1.encoder_attn"),
        "encoder_attn and self_attn of decoder layer 1 are exchanged",
    ),
    "two norms": (
        exchange(f"{DECODER}2.final_layer_norm", f"{DECODER}2.self_attn_layer_norm"),
        "final_layer_norm and self_attn_layer_norm of decoder layer 2 are exchanged",
    ),
    "two layers": (exchange(f"{DECODER}0", f"{DECODER}2"), "decoder layers 0 and 2 are exchanged"),
    "a tensor of two layers": (
        exchange(f"{DECODER}0.fc1.weight", f"{DECODER}2.fc1.weight"),
        "fc1.weight of decoder layers 0 and 2 are exchanged",
    ),
    "kernels flipped": (
        change_all(
            lambda t: t.flip(-1), lambda n: "conv_layers" in n and n.endswith("conv.weight")
        ),
        "kernel flipped",
    ),
    "a layer too many": (
        lambda t: t.update(
            {
                n.replace(f"{DECODER}2.", f"{DECODER}3."): v.clone()
                for n, v in t.items()
                if n.startswith(f"{DECODER}2.")
            }
        ),
        "25 more tensors have no place",
    ),
}


@pytest.mark.parametrize("what", ONE_CAUSE)
def test_one_cause_is_one_short_finding_that_lists_every_tensor(what, broken, truth):
    spoil, said = ONE_CAUSE[what]
    edit_tensors(broken, spoil)
    (finding,) = take_inventory(truth, view_folder(broken))
    assert said in finding.summary
    assert len(finding.summary) < 400
    assert "\n" not in finding.summary
    assert len(finding.fix) < 1200
    assert finding.target_parameters


def test_an_exchange_is_undone_by_the_two_lines_of_its_fix(broken, truth):
    attention = f"{ENCODER}1.attention"
    edit_tensors(broken, exchange(f"{attention}.q_proj.weight", f"{attention}.k_proj.weight"))
    (finding,) = take_inventory(truth, view_folder(broken))
    source = "encoder.w2v_encoder.w2v_model.encoder.layers.1.self_attn"
    assert finding.fix.splitlines()[1:] == [
        f"`{source}.k_proj.weight` -> `{attention}.k_proj.weight`",
        f"`{source}.q_proj.weight` -> `{attention}.q_proj.weight`",
    ]
    assert set(finding.source_parameters) == {f"{source}.{p}.weight" for p in ("q_proj", "k_proj")}


def test_a_folder_saved_in_half_says_how_to_have_it_judged(broken, truth):
    edit_tensors(broken, change_all(torch.Tensor.half))
    (finding,) = take_inventory(truth, view_folder(broken))
    assert finding.fix == "verify with `--dtype float16`, or save the folder again in float32"


def test_three_independent_faults_stay_three_findings(broken, truth):
    names = (
        "encoder.adapter.layers.0.conv.weight",
        f"{ENCODER}1.attention.q_proj.weight",
        f"{DECODER}0.fc1.weight",
    )
    edit_tensors(broken, change_all(torch.zeros_like, lambda name: name in names))
    found = take_inventory(truth, view_folder(broken))
    assert sorted(f.target_parameters for f in found) == sorted((name,) for name in names)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "the model"),
        ("decoder.lm_head", "`decoder.lm_head`"),
        ("encoder.encoder.layers.3", "encoder layer 3"),
        ("encoder.encoder.layers.3.attention", "encoder layer 3"),
        ("encoder.encoder.layers.3.attention.q_proj", "q_proj of encoder layer 3"),
        ("decoder.model.decoder.layers.0.self_attn.k_proj", "self_attn.k_proj of decoder layer 0"),
        ("encoder.feature_extractor.conv_layers.2.conv", "conv of feature_extractor conv layer 2"),
    ],
)
def test_a_place_is_told_in_words(path, words):
    assert describe_place(path) == words


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("decoder.scale_embedding", 1),
        ("decoder.activation_function", 7),
        ("encoder.hidden_size", "48"),
        ("encoder.conv_bias", "yes"),
    ],
)
def test_a_value_of_another_type_is_no_fault_of_the_tokenizer(key, value, broken, truth):
    set_key("config.json", key, value)(broken)
    view = view_folder(broken)
    assert view.tokenizer is None
    (finding,) = take_inventory(truth, view)
    assert finding.config_keys == (key,)


def test_a_wrong_tokenizer_is_still_found_beside_such_a_value(broken, truth):
    set_key("config.json", "decoder.scale_embedding", 1)(broken)
    swap_rows(20, 21)(broken)
    kinds = [finding.kind for finding in take_inventory(truth, view_folder(broken))]
    assert kinds == ["config", "vocabulary"]
