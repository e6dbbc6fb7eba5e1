"""What a checkpoint asks of the clips that it is run on."""

from __future__ import annotations

from toolkit.audio import Clip
from toolkit.pipeline.prepare import Prepared


def shortest_input(prepared: Prepared) -> int:
    """Fewest samples that give the encoder one frame."""
    encoder = prepared.network.encoder
    samples = 1
    pairs = list(zip(encoder["conv_kernel"].value, encoder["conv_stride"].value, strict=True))
    for kernel, stride in reversed(pairs):
        samples = (samples - 1) * stride + kernel
    return int(samples)


def tag_of(prepared: Prepared, clip: Clip) -> int | None:
    """The tag of the clip's own language where the dictionary has it, else of the default."""
    tags, default = prepared.task.contents.language_tags, prepared.task.default_lang
    return None if default is None else tags.get(clip.lang or default, tags[default])
