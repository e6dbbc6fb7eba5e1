"""What fairseq's transformer layers can have, and those of no class of transformers.

Source: `fairseq/modules/transformer_layer.py`, `transformer_encoder.py`, `transformer_decoder.py`;
`prune_state_dict` of `fairseq/checkpoint_utils.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.blocks.evidence import Facts
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonObject

LAYERS = "layers."
SCALES = {
    "c_attn": ("scale_heads", "it scales each attention head"),
    "attn_ln.weight": ("scale_attn", "it normalizes what its attention gives"),
    "ffn_layernorm.weight": ("scale_fc", "it normalizes between its feed-forward layers"),
    "w_resid": ("scale_resids", "it scales its residual connection"),
}
"""The argument that gives a decoder's layers a tensor, and what that does."""
_NOISE = "quant_noise.weight"


def refused_extras(facts: Facts, model: JsonObject, side: str) -> Iterator[Reason]:
    """What a stack of layers has that nothing here can express.

    Args:
        facts: What its tensors say.
        model: fairseq's arguments of the model.
        side: `encoder` or `decoder`, as the arguments call it.
    """
    yield from facts.holes(LAYERS)
    yield from _pruned(facts, model, f"{side}_layers_to_keep")
    for tensor, (argument, because) in SCALES.items():
        if facts.has(f"{LAYERS}0.{tensor}"):
            yield Reason(name=f"args.{argument}", because=f"{because}, as no class does")
    if facts.has(_NOISE):
        yield Reason(
            name=facts.name(_NOISE),
            because="a layer stands between the embeddings and the positions, as in no class",
        )
    if model.get("cross_self_attention") and side == "decoder":
        yield Reason(
            name="args.cross_self_attention",
            because="its layers attend to the source and to themselves at once, as in no class",
        )


def _pruned(facts: Facts, model: JsonObject, argument: str) -> Iterator[Reason]:
    named = str(model.get(argument) or "").replace(" ", "")
    kept, present = named.split(","), facts.count(LAYERS)
    if named and sorted(kept) != sorted(map(str, range(present))):
        yield Reason(
            name=f"args.{argument}",
            because=f"fairseq keeps layers {named} alone when it loads the file, which holds "
            f"{present}. Save the model that fairseq loads, without the argument, and convert that",
        )
