from __future__ import annotations

from fairseq import checkpoint_utils

from toolkit.oracle.pretrained import described_encoder


def test_the_pretrained_checkpoint_is_its_width_and_nothing_is_opened():
    before = checkpoint_utils.load_checkpoint_to_cpu
    with described_encoder(48):
        assert checkpoint_utils.load_checkpoint_to_cpu(None)["args"].encoder_embed_dim == 48
    assert checkpoint_utils.load_checkpoint_to_cpu is before
