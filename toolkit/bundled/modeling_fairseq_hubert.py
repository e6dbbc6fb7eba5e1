"""HuBERT with the frames of fairseq in padded batches, which no class of transformers counts.

Everything else is transformers' own. Shape letters: B batch, L samples, T frames, S letters.
Source: `HubertModel.forward_padding_mask` in `fairseq/models/hubert/hubert.py`, and
`fairseq/criterions/ctc.py`.
"""

import torch
import transformers
from torch import Tensor, nn
from transformers import HubertConfig
from transformers.modeling_outputs import CausalLMOutput
from transformers.utils.generic import can_return_tuple


class FairseqHubertConfig(HubertConfig):
    """A HuBERT whose frames are counted as fairseq does."""

    model_type = "fairseq_hubert"


class HubertModel(transformers.HubertModel):
    """The encoder."""

    config_class = FairseqHubertConfig

    def _get_feature_vector_attention_mask(
        self, feature_vector_length: int, attention_mask: Tensor
    ) -> Tensor:
        """True for frames of a clip, shape (B, T).

        fairseq cuts the batch into as many windows of equal size as there are frames, and keeps
        those with a sample of the clip. They are more than its convolutions make of the clip.

        Args:
            feature_vector_length: Frames of the batch.
            attention_mask: Shape (B, L), 1 for samples of the clip.
        """
        samples = attention_mask.shape[1] // feature_vector_length
        windows = attention_mask[:, : samples * feature_vector_length].bool()
        return windows.reshape(-1, feature_vector_length, samples).any(-1)


class HubertForCTC(transformers.HubertForCTC):
    """The encoder and its head."""

    config_class = FairseqHubertConfig

    def __init__(self, config: FairseqHubertConfig, target_lang: str | None = None) -> None:
        super().__init__(config, target_lang)
        self.hubert = HubertModel(config)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: object,
    ) -> CausalLMOutput:
        """A score for each letter in every frame, and the loss of the right letters.

        Args:
            input_values: Waveforms of shape (B, L).
            attention_mask: Shape (B, L), 1 for samples of a clip; None if all are.
            labels: The letters of each clip, shape (B, S), -100 behind them, for the loss.
            **kwargs: What the encoder returns beside its features.
        """
        asked = {**kwargs, "return_dict": True}
        output = super().forward(input_values, attention_mask=attention_mask, **asked)
        if labels is None:
            return output
        # Made anew, as a tuple has its values in the order of their making.
        loss = self._loss(output.logits, attention_mask, labels)
        return CausalLMOutput(loss=loss, **output)

    def _loss(self, logits: Tensor, attention_mask: Tensor | None, labels: Tensor) -> Tensor:
        """What fairseq's CTC criterion gives: it takes the frames that the encoder keeps."""
        batch, length, _ = logits.shape
        frames = torch.full((batch,), length, device=logits.device)
        if attention_mask is not None:
            kept = self.hubert._get_feature_vector_attention_mask(length, attention_mask)
            frames = kept.sum(-1)
        said = labels >= 0
        with torch.backends.cudnn.flags(enabled=False):
            return nn.functional.ctc_loss(
                logits.log_softmax(-1, dtype=torch.float32).transpose(0, 1),
                labels.masked_select(said),
                frames,
                said.sum(-1),
                blank=self.config.pad_token_id,
                reduction=self.config.ctc_loss_reduction,
                zero_infinity=self.config.ctc_zero_infinity,
            )


class FairseqHubertWithFinalProjConfig(FairseqHubertConfig):
    """The same of an encoder with its projection.

    transformers remembers one class for each configuration: of two that shared one, a process
    would load the second folder as the class of the first.
    """

    model_type = "fairseq_hubert_with_final_proj"


class HubertModelWithFinalProj(HubertModel):
    """The encoder with the projection that it was pretrained with, for features of some layer.

    `final_proj(hidden_states[9])` is what voice conversion takes for content.
    """

    config_class = FairseqHubertWithFinalProjConfig

    def __init__(self, config: FairseqHubertWithFinalProjConfig) -> None:
        super().__init__(config)
        self.final_proj = nn.Linear(config.hidden_size, config.classifier_proj_size)
        self.post_init()
