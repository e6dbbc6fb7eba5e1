"""A folder whose model says of which class a clip is: forward passes, labels, pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from toolkit.oracle.pages import let_go
from toolkit.replay.target import quiet_transformers
from toolkit.tasks.speech.layers import layers_of
from toolkit.tasks.speech.target import HearingTarget

if TYPE_CHECKING:
    from transformers.utils import ModelOutput

PIPELINE = "audio-classification"


class ClassTarget(HearingTarget):
    """A converted classifier, ready to be asked."""

    auto_class = "AutoModelForAudioClassification"
    has_words = False

    def further_arguments(self, prefixes: Sequence[Sequence[int]]) -> Mapping[str, object]:  # noqa: ARG002
        """What every layer gives is asked for."""
        return {"output_hidden_states": True}

    def outputs(self, output: ModelOutput) -> Mapping[str, Tensor]:
        """`logits` of shape (B, C), and `layers.k` of shape (B, T, D), k from 1."""
        return {"logits": output.logits.cpu(), **layers_of(output)}

    def text(self, tokens: Sequence[int]) -> str:
        """The label of the best class."""
        return str(self.model.config.id2label.get(tokens[0], "")) if tokens else ""

    def pipeline_label(self, waveform: Tensor) -> str:
        """The label that the folder gives a waveform of shape (L,) through the pipeline."""
        let_go()
        heard = {"raw": waveform.numpy(), "sampling_rate": self.feature_extractor.sampling_rate}
        with quiet_transformers():
            return str(self._classify(heard, top_k=1)[0]["label"])

    @cached_property
    def _classify(self) -> Callable[..., list[Mapping[str, object]]]:
        import transformers

        pipeline: Callable[..., list[Mapping[str, object]]] = transformers.pipeline(
            PIPELINE,
            model=self.model,
            feature_extractor=self.feature_extractor,
            device=self.model.device,
        )
        return pipeline
