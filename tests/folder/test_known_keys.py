"""A key that no class reads is refused, and the one that may be meant is named."""

from __future__ import annotations

import pytest

from toolkit.core.errors import BadInput
from toolkit.folder.known_keys import expect_known_keys

FLAT = {"model_type": "wav2vec2", "hidden_size": 48}
NESTED = {
    "model_type": "speech-encoder-decoder",
    "encoder": FLAT,
    "decoder": {"model_type": "mbart", "d_model": 48},
}


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (FLAT, {"encoder": {"num_attention_heads": 4, "conv_stride": [5]}, "decoder": {}}),
        (NESTED, {"encoder": {"num_attention_heads": 4}, "decoder": {"decoder_layers": 2}}),
        (NESTED, {"decoder": {"num_attention_heads": 4}}),
    ],
)
def test_keys_of_the_class_and_their_other_names_are_known(config, named):
    expect_known_keys(config, named)


@pytest.mark.parametrize(
    ("config", "part", "key", "meant"),
    [
        (FLAT, "encoder", "heads", "`num_attention_heads`"),
        (NESTED, "encoder", "conv_strides", "`conv_stride`"),
        (NESTED, "decoder", "conv_stride", ""),
        (NESTED, "encoder", "decoder_layers", ""),
    ],
)
def test_a_key_of_another_class_or_of_none_is_refused(config, part, key, meant):
    with pytest.raises(BadInput, match=f"`--{part}-config` must .*`{key}` is none") as caught:
        expect_known_keys(config, {part: {key: 1}})
    assert meant in str(caught.value)
