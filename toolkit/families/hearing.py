"""What every family says alike whose encoder hears waveforms through convolutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from toolkit.blocks.place import Place
from toolkit.blocks.tree import values_under
from toolkit.blocks.wav2vec2 import count_frames, possible_strides, shortest_input
from toolkit.families.base import Network

if TYPE_CHECKING:
    from toolkit.oracle.hooks import Calls


class Hearing:
    """The answers of `toolkit.families.base.Family` that follow from an encoder's strides."""

    hears_at: ClassVar[Place] = Place()
    """Where the encoder stands in fairseq's model and in the configuration."""

    def shortest_input(self, network: Network) -> int:
        """Fewest samples that give the encoder one frame."""
        return shortest_input(values_under(network.config, self.hears_at.part))

    def frames(self, network: Network, samples: int) -> int:
        """Frames that the encoder makes of so many samples."""
        return count_frames(values_under(network.config, self.hears_at.part), samples)

    def possible(
        self, network: Network, calls: Sequence[Calls]
    ) -> Mapping[str, tuple[object, ...]]:
        """The strides that the lengths in fairseq's extractor leave."""
        values = values_under(network.config, self.hears_at.part)
        return dict(possible_strides(self.hears_at, values, calls))
