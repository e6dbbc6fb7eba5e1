from __future__ import annotations

import pytest
import torch
from fairseq import checkpoint_utils
from torch import nn

from toolkit.oracle.mends.pretrained import described_encoder


def test_the_pretrained_checkpoint_is_its_width_and_nothing_is_opened():
    before = checkpoint_utils.load_checkpoint_to_cpu
    with described_encoder(48):
        assert checkpoint_utils.load_checkpoint_to_cpu(None)["args"].encoder_embed_dim == 48
    assert checkpoint_utils.load_checkpoint_to_cpu is before


def test_a_model_that_asks_for_the_marker_of_sinusoidal_positions_keeps_its_own():
    from toolkit.oracle.loading import load_weights

    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("_float_tensor", torch.ones(1))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.positions, self.linear = Positions(), nn.Linear(2, 2)

        def upgrade_state_dict(self, state):
            """fairseq's own hook."""

    model, weight = Model(), torch.full((2, 2), 3.0)
    load_weights(model, {"linear.weight": weight, "linear.bias": weight[0]}, ())
    assert model.linear.weight.equal(weight)
    assert model.positions._float_tensor.equal(torch.ones(1))
    with pytest.raises(RuntimeError, match=r"linear\.bias"):
        load_weights(Model(), {"linear.weight": weight}, ())


def test_what_an_upgrade_adds_by_a_fixed_name_is_no_tensor_of_a_fork():
    from toolkit.oracle.loading import load_weights

    class Fork(nn.Linear):
        def upgrade_state_dict(self, state):
            state["embed_positions._float_tensor"] = torch.ones(1)

    fork = Fork(2, 2)
    weight = torch.full((2, 2), 3.0)
    load_weights(fork, {"weight": weight, "bias": weight[0]}, ())
    assert fork.weight.equal(weight)
    with pytest.raises(RuntimeError, match="unknown"):
        load_weights(Fork(2, 2), {"weight": weight, "bias": weight[0], "unknown": weight}, ())
