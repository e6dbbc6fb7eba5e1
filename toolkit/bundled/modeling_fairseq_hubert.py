"""HuBERT with the frames of fairseq in padded batches, which no class of transformers counts.

Everything else is transformers' own. Shape letters: B batch, L samples, T frames.
Source: `HubertModel.forward_padding_mask` in `fairseq/models/hubert/hubert.py`.
"""

import transformers
from torch import Tensor, nn
from transformers import HubertConfig


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
