"""A padded batch without the mask that says what pads it: what users get who leave it out.

fairseq's datasets give the mask wherever clips are padded, models with group norm among them, for
which folders of others leave it out (`return_attention_mask` false). Then zeros behind a clip are
heard as its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from toolkit.core.measures import Level
from toolkit.core.result import Caution

if TYPE_CHECKING:
    from torch import nn

MASK = "attention_mask"
"""The argument that says which frames belong to a clip, shape (B, T)."""


@contextmanager
def unmasked(model: nn.Module) -> Iterator[None]:
    """While the context lasts, the model is not told which samples belong to a clip."""

    def forget(
        _: nn.Module, args: tuple[object, ...], named: dict[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        return args, {name: value for name, value in named.items() if name != MASK}

    hook = model.register_forward_pre_hook(forget, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def tell_cautions(levels: Sequence[Level]) -> Iterator[Caution]:
    """What a padded batch is off by without its mask, where that was measured and shows."""
    asides = (aside for level in levels for aside in level.asides)
    for aside in (aside for aside in asides if aside.verdict != "pass"):
        result, _, _ = aside.name.partition(" ")
        yield Caution(
            name=MASK,
            summary=(
                f"heard without `{MASK}`, a padded batch differs by up to {aside.error:.2g} of the "
                f"largest {result}, as the model takes what pads a clip for sound. fairseq's own "
                "batches carry the mask, so the feature extractor returns it "
                "(`return_attention_mask` in `preprocessor_config.json`), for models with group "
                "norm as well, which others run without. Who gives the model `input_values` alone "
                "would notice, unless every clip is heard alone"
            ),
            where=aside.where,
            max_error=aside.error,
        )
