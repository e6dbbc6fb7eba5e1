"""Encoders of waveforms that name what they heard, with fairseq's activation behind the pooling.

No class of transformers has one there; everything else is transformers' own. Shape letters: B
batch, L samples, T frames, D width, C classes.
Source: `MeanPoolingFast` in `fairseq/models/wav2vec/wav2vec2_classification.py`.
"""

import transformers
from torch import Tensor, nn
from transformers import Data2VecAudioConfig, Wav2Vec2Config
from transformers.activations import ACT2FN
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils.generic import can_return_tuple


class FairseqClassifierConfig(Wav2Vec2Config):
    """A wav2vec 2.0 encoder with a head for a whole clip."""

    model_type = "fairseq_classifier"

    classifier_activation: str = "gelu"
    """What is done to the mean of the projected frames, by its name in transformers."""


class FairseqData2VecClassifierConfig(Data2VecAudioConfig):
    """The same of a data2vec encoder."""

    model_type = "fairseq_data2vec_classifier"

    classifier_activation: str = "gelu"


class _Activated(nn.Module):
    """What stands between the encoder and the scores."""

    @can_return_tuple
    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: object,
    ) -> SequenceClassifierOutput:
        """A score for each class.

        Args:
            input_values: Waveforms of shape (B, L).
            attention_mask: Shape (B, L), 1 for samples of a clip; None if all are.
            labels: The right class of each clip, shape (B,), for the loss.
            **kwargs: What the encoder returns beside its features.

        Returns:
            `logits` of shape (B, C), and the encoder's layers where they were asked for.
        """
        outputs = self.base_model(input_values, attention_mask=attention_mask, **kwargs)
        frames = self.projector(outputs.last_hidden_state)  # (B, T, D)
        logits = self.classifier(self.activation(self._pool(frames, attention_mask)))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels.view(-1))
        return SequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def _pool(self, frames: Tensor, attention_mask: Tensor | None) -> Tensor:
        """The mean of each clip's own frames: (B, T, D) -> (B, D)."""
        if attention_mask is None:
            return frames.mean(dim=1)
        kept = self._get_feature_vector_attention_mask(frames.shape[1], attention_mask)
        weights = kept.unsqueeze(-1).to(frames.dtype)  # (B, T, 1)
        return (frames * weights).sum(dim=1) / weights.sum(dim=1)


class Wav2Vec2ForSequenceClassification(_Activated, transformers.Wav2Vec2ForSequenceClassification):
    """A wav2vec 2.0 encoder and its head."""

    config_class = FairseqClassifierConfig

    def __init__(self, config: FairseqClassifierConfig) -> None:
        super().__init__(config)
        self.activation = ACT2FN[config.classifier_activation]


class Data2VecAudioForSequenceClassification(
    _Activated, transformers.Data2VecAudioForSequenceClassification
):
    """A data2vec encoder and its head."""

    config_class = FairseqData2VecClassifierConfig

    def __init__(self, config: FairseqData2VecClassifierConfig) -> None:
        super().__init__(config)
        self.activation = ACT2FN[config.classifier_activation]
