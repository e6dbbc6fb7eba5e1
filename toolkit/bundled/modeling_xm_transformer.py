"""fairseq's XMTransformer where no stock class of transformers computes the same.

Source: `fairseq/models/speech_to_text/xm_transformer.py`.
"""

from transformers import SpeechEncoderDecoderConfig

from .speech_encoder_decoder import DecoderSettings, EncoderDecoder, EncoderSettings


class EncoderConfig(EncoderSettings):
    """The encoder."""

    model_type = "xm_transformer_encoder"


class DecoderConfig(DecoderSettings):
    """The decoder."""

    model_type = "xm_transformer_decoder"


class XMTransformerConfig(SpeechEncoderDecoderConfig):
    """An encoder and a decoder."""

    model_type = "xm_transformer"
    sub_configs_defaults = {"encoder": EncoderConfig, "decoder": DecoderConfig}  # noqa: RUF012


class SpeechEncoderDecoderModel(EncoderDecoder):
    """The whole model.

    It bears the stock class's name because transformers' speech recognition pipeline tells
    sequence-to-sequence models by the names of their classes.
    """

    config_class = XMTransformerConfig
