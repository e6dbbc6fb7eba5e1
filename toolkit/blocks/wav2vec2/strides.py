"""Strides of a wav2vec 2.0 extractor that the lengths in a recording leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from toolkit.blocks.evidence import Derived
from toolkit.blocks.place import Place
from toolkit.blocks.wav2vec2.trunk import CONV
from toolkit.core.errors import BadInput

if TYPE_CHECKING:
    from toolkit.oracle.hooks import Calls

MAX_STRIDES = 16
"""Combinations of strides that are worth a trial."""


def possible_strides(
    place: Place, values: Mapping[str, Derived], recorded: Sequence[Calls]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The strides that fit the lengths of what went into fairseq's convolutions and came out.

    Args:
        place: Where the encoder stands.
        values: Its configuration; strides that are known stay so.
        recorded: fairseq's calls by module path, one mapping per clip.

    Raises:
        BadInput: the clips are too short to tell.
    """
    strides = values["conv_stride"]
    if strides.shown_by is None:
        return
    paths = (f"{place.source}{CONV}{i}.0" for i in range(len(values["conv_kernel"].value)))
    each = [
        _fitting_strides(int(kernel), [call for calls in recorded for call in calls[path]])
        for path, kernel in zip(paths, values["conv_kernel"].value, strict=True)
    ]
    fitting = tuple(list(row) for row in islice(product(*each), MAX_STRIDES + 1))
    if len(fitting) > MAX_STRIDES:
        raise BadInput(
            f"The strides of the convolutions must follow from a recording, but more than "
            f"{MAX_STRIDES} combinations fit the lengths of its clips. Record longer clips with "
            "`--audio`, or supply `--encoder-config '{\"conv_stride\": ...}'`."
        )
    yield place.key("conv_stride"), fitting


def shortest_input(values: Mapping[str, Derived]) -> int:
    """Fewest samples that give one frame."""
    samples = 1
    pairs = list(zip(values["conv_kernel"].value, values["conv_stride"].value, strict=True))
    for kernel, stride in reversed(pairs):
        samples = (samples - 1) * stride + kernel
    return int(samples)


def count_frames(values: Mapping[str, Derived], samples: int) -> int:
    """Frames that the extractor makes of so many samples."""
    pairs = zip(values["conv_kernel"].value, values["conv_stride"].value, strict=True)
    for kernel, stride in pairs:
        samples = (samples - kernel) // stride + 1
    return int(samples)


def _fitting_strides(kernel: int, calls: Sequence[Any]) -> list[int]:
    lengths = [(_length(call.inputs), _length(call.outputs)) for call in calls]
    longest = max((samples for samples, _ in lengths), default=0)
    return [
        stride
        for stride in range(1, longest + 1)
        if all((samples - kernel) // stride + 1 == frames for samples, frames in lengths)
    ]


def _length(tensors: Mapping[str, Any]) -> int:
    return int(next(iter(tensors.values())).shape[-1])
