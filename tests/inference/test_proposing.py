"""Tensors are found by value, else by structure; what nothing tells apart is said to be so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from toolkit.inference import Proposal, propose

Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    """A stack of layers of torch's own, and an embedding."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    model = nn.ModuleDict({"stack": nn.TransformerEncoder(layer, 3), "emb": nn.Embedding(11, 8)})
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name, tensor in state.items():
        tensor.add_(0.05 * torch.randn_like(tensor)) if "stack" in name else None
    return state


def renamed(tensors: Tensors, call: Callable[[str], str]) -> Tensors:
    return {call(name): tensor for name, tensor in tensors.items()}


def words(name: str) -> str:
    pairs = {"layers": "blocks", "linear1": "ffn.up", "linear2": "ffn.down", "emb": "tokens"}
    for old, new in pairs.items():
        name = name.replace(old, new)
    return f"model.{name}"


def nonsense(name: str) -> str:
    parts = name.split(".")
    return ".".join(p if p.isdecimal() else hashlib.md5(p.encode()).hexdigest()[:4] for p in parts)


def without_values(tensors: Tensors) -> Tensors:
    """What a model looks like before training."""
    return {
        name: torch.ones_like(t) if "norm" in name and "weight" in name else torch.zeros_like(t)
        for name, t in tensors.items()
    }


def wrong(proposal: Proposal, call: Callable[[str], str], tensors: Tensors) -> list[str]:
    return [name for name in tensors if proposal.renames.get(call(name)) != name]


@pytest.mark.parametrize("call", [words, nonsense])
def test_equal_values_say_which_is_which(call: Callable[[str], str], tensors: Tensors) -> None:
    proposal = propose(renamed(tensors, call), tensors)
    assert wrong(proposal, call, tensors) == []
    assert all(row.by_value for row in proposal)
    assert not proposal.ambiguous
    assert proposal.unmatched_sources + proposal.unmatched_targets == ()


def test_words_and_shapes_do_where_values_are_others(tensors: Tensors) -> None:
    known = without_values(tensors)
    proposal = propose(renamed(tensors, words), known, shares_values=False)
    assert wrong(proposal, words, tensors) == []
    assert not any(row.by_value for row in proposal)


def test_what_nothing_tells_apart_is_ambiguous(tensors: Tensors) -> None:
    known = without_values(tensors)
    proposal = propose(renamed(tensors, nonsense), known, shares_values=False)
    (norms,) = [one for one in proposal.ambiguous if "stack.layers.{i}.norm1" in one.targets]
    assert norms.targets == ("stack.layers.{i}.norm1", "stack.layers.{i}.norm2")
    assert len(norms.parts[0]) == 2 * 3
    assert "nothing tells these apart" in str(norms)


def test_joined_cut_turned_and_reordered_tensors_are_found_by_value(tensors: Tensors) -> None:
    source = dict(tensors)
    first, second, third = (f"stack.layers.{n}." for n in range(3))
    whole = source.pop(first + "self_attn.in_proj_weight")
    source |= {f"q.{n}": part for n, part in enumerate(whole.chunk(3))}
    source[second + "linear1.weight"] = tensors[second + "linear1.weight"].flip(0)
    source["turned"] = source.pop(third + "linear2.weight").t().contiguous()
    joined = {"q.0", "q.1", "q.2"}
    rows = {frozenset(row.recipe.sources): row.recipe for row in propose(source, tensors)}
    assert rows[frozenset(joined)].sources == ("q.0", "q.1", "q.2")
    assert rows[frozenset([second + "linear1.weight"])].order == tuple(reversed(range(16)))
    assert rows[frozenset(["turned"])].axes == (0, 1)
    back = propose(tensors, source)
    (cut,) = [row.recipe for row in back if len(row.recipe.targets) == 3]
    assert cut.targets == ("q.0", "q.1", "q.2")


def test_what_one_side_alone_has_is_left_over(tensors: Tensors) -> None:
    source = {**tensors, "extra": torch.randn(3, 3)}
    lost = source.pop("emb.weight")
    proposal = propose(source, tensors)
    assert proposal.unmatched_sources == ("extra",)
    assert proposal.unmatched_targets == ("emb.weight",)
    assert lost.shape == (11, 8)


def test_a_fused_tensor_whose_name_has_the_letters_is_cut_in_their_order() -> None:
    target = {f"attn.{p}_proj.weight": torch.zeros(4, 4) for p in ("k", "v", "q")}
    target["attn.out.weight"] = torch.zeros(4, 4)
    source = {"a.qkv.weight": torch.randn(12, 4), "a.out.weight": torch.randn(4, 4)}
    proposal = propose(source, target, shares_values=False)
    (cut,) = [row.recipe for row in proposal if len(row.recipe.targets) == 3]
    assert cut.targets == tuple(f"attn.{p}_proj.weight" for p in ("q", "k", "v"))
    source["a.inner.weight"] = source.pop("a.qkv.weight")
    assert any(
        "order" in one.because for one in propose(source, target, shares_values=False).ambiguous
    )
