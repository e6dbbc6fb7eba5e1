"""fairseq's wav2vec 2.0 with a decoder of letters, where no stock class computes the same.

Source: `Wav2Vec2Seq2SeqModel` in `fairseq/models/wav2vec/wav2vec2_asr.py`.
"""

from transformers import SpeechEncoderDecoderConfig

from .speech_encoder_decoder import DecoderSettings, EncoderDecoder, EncoderSettings


class EncoderConfig(EncoderSettings):
    """The encoder."""

    model_type = "fairseq_seq2seq_encoder"


class DecoderConfig(DecoderSettings):
    """The decoder."""

    model_type = "fairseq_seq2seq_decoder"


class FairseqSeq2SeqConfig(SpeechEncoderDecoderConfig):
    """An encoder and a decoder."""

    model_type = "fairseq_seq2seq"
    sub_configs_defaults = {"encoder": EncoderConfig, "decoder": DecoderConfig}  # noqa: RUF012


class SpeechEncoderDecoderModel(EncoderDecoder):
    """The whole model.

    It bears the stock class's name because transformers' speech recognition pipeline tells
    sequence-to-sequence models by the names of their classes.
    """

    config_class = FairseqSeq2SeqConfig
