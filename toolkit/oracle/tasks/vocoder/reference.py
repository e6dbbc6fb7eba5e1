"""fairseq's CodeHiFiGAN, asked as `CodeHiFiGANVocoder` asks it, with predicted durations."""

from __future__ import annotations

import contextlib
from typing import Collection, Dict, Iterator, List, Mapping, Optional, Sequence

import torch
from torch import Tensor, nn

from toolkit.oracle.asking import Pass
from toolkit.oracle.encoder_reference import WordlessReference
from toolkit.oracle.loading import load_normless
from toolkit.oracle.reference import one_pass
from toolkit.oracle.tasks.base import Settings

MOST_FRAMES = 1000
"""That a unit of a sequence lasts on average: 20 s. What is wrong by a factor in a logarithm would
take all memory."""
SPEAKER = 0
"""Whose voice is asked for, of several."""


class VocoderReference(WordlessReference):
    """A fairseq vocoder of units, ready to be asked."""

    def __init__(self, model: nn.Module) -> None:
        """Takes a vocoder in evaluation mode, without weight norms."""
        super().__init__(model, normalize=False)

    def front_end(self, waveform: Tensor) -> Tensor:
        """The units, shape (L,), whole numbers; they come as real ones."""
        return waveform.long()

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]] = (),  # noqa: ARG002
        *,
        double: bool = False,
        explicit: bool = False,
        only: Optional[Collection[str]] = None,
    ) -> Pass:
        """One pass over one sequence of units, as fairseq takes no more at a time.

        Args:
            sources: One sequence, shape (L,).
            prefixes: Of no use: there is no decoder.
            double: Compute in float64 throughout.
            explicit: Of no use: there is no attention.
            only: Paths of the modules whose calls are recorded; None records all.

        Returns:
            `waveform`, shape (1, samples), and `durations`, shape (1, L), how many frames each unit
            lasts; and the calls.
        """
        (units,) = sources
        passing = one_pass(self.model, double=double, explicit=explicit, only=only)
        with passing as calls, lasting(self.model, len(units)) as durations:
            given = {"code": units.unsqueeze(0).to(self.device), "dur_prediction": True}
            if getattr(self.model, "multispkr", None):
                given["spkr"] = torch.tensor([[SPEAKER]], device=self.device)
            waveform = self.model(**given)
        outputs = {"waveform": waveform.squeeze(1).cpu()}
        outputs["durations"] = durations[0] if durations else torch.ones_like(units).unsqueeze(0)
        return Pass(outputs=outputs, calls=calls)


@contextlib.contextmanager
def lasting(model: nn.Module, units: int) -> Iterator[List[Tensor]]:
    """While the context lasts, the frames that every unit gets by a vocoder's predictor.

    Args:
        model: A vocoder of either side; its predictor gives log(1 + frames).
        units: How many there are.

    Raises:
        RuntimeError: they last longer than anybody speaks.
    """
    heard: List[Tensor] = []
    predictor = getattr(model, "dur_predictor", None)
    if predictor is None:
        yield heard
        return

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        frames = torch.expm1(output)
        if not float(frames.sum()) < MOST_FRAMES * units:
            raise RuntimeError(
                "{} units last {:.3g} frames, and no speech does".format(units, float(frames.sum()))
            )
        heard.append(torch.clamp(torch.round(frames).long(), min=1).cpu())

    hook = predictor.register_forward_hook(keep)
    try:
        yield heard
    finally:
        hook.remove()


def open_reference(
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,  # noqa: ARG001
    *,
    dropped: Collection[str],
    padding: str,  # noqa: ARG001
    tags: Collection[int],  # noqa: ARG001
) -> VocoderReference:
    """See `toolkit.oracle.tasks.open_task`."""
    from fairseq.models.text_to_speech.codehifigan import CodeGenerator

    said: Dict[str, object] = dict(settings)
    model = CodeGenerator(said)
    load_normless(model, state_dict, dropped)
    return VocoderReference(model.eval())
