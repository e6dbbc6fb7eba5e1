import torch
from torch import nn

from toolkit.core.pictures import Edge
from toolkit.oracle.hooks import recording
from toolkit.trial.flow import find_flow
from toolkit.trial.measuring import own_calls


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.inner, self.turned = nn.LayerNorm(8), nn.Linear(8, 8), nn.Conv1d(8, 8, 1)
        self.last = nn.Linear(8, 8)

    def forward(self, x):
        return self.last(x + self.inner(self.turned(self.norm(x).mT).mT))


def flow(model, paths):
    with torch.no_grad(), recording(model) as calls:
        model(torch.randn(1, 5, 8, dtype=torch.float64))
    return find_flow(calls, paths)


def test_what_is_taken_transposed_or_as_a_sum_is_told_by_its_values():
    model = nn.Sequential(nn.Linear(8, 8), Block()).double()
    found = flow(model, {"0", "1.norm", "1.inner", "1.turned", "1.last", "1"})
    assert set(found) == {
        Edge(giver="0", taker="1.norm"),
        Edge(giver="1.norm", taker="1.turned"),
        Edge(giver="1.turned", taker="1.inner"),
        Edge(giver="1.inner", taker="1.last", adds=True),
        Edge(giver="0", taker="1.last", adds=True),
        Edge(giver="0", taker="1"),
    }


def test_what_nobody_gave_makes_no_edge():
    assert (
        flow(nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8)).double(), {"0", "2"}) == ()
    )


def test_residuals_and_cross_attention_of_a_real_model_are_found(target, bench, record):
    targets = {pair.target for pair in bench.pairing.pairs}
    found = find_flow(own_calls(target, record), targets)
    layer, before = "decoder.model.decoder.layers.1", "decoder.model.decoder.layers.0"
    norm = f"{layer}.encoder_attn_layer_norm"
    assert Edge(giver="encoder.adapter", taker=f"{layer}.encoder_attn.k_proj") in found
    assert {edge for edge in found if edge.taker == norm} == {
        Edge(giver=f"{layer}.self_attn.out_proj", taker=norm, adds=True),
        Edge(giver=before, taker=norm, adds=True),
    }
    assert all(edge.giver in targets and edge.taker in targets for edge in found)
