"""Models of fairseq that no family has: what each is, why it does not convert, what to do instead."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_SCRIPTS = "src/transformers/models"

# fmt: off
CONVERTERS: tuple[tuple[str, str, str], ...] = (
    # architecture                          what it is                        what converts it
    (r"roberta.*|xlmr.*",                   "RoBERTa, a model of text",       f"{_SCRIPTS}/roberta/convert_roberta_original_pytorch_checkpoint_to_pytorch.py"),
    (r"m?bart.*",                           "BART, a model of text",          f"{_SCRIPTS}/mbart/convert_mbart_original_checkpoint_to_pytorch.py"),
    (r"transformer_wmt.*|transformer|transformer_(iwslt|vaswani|big|base|large).*",
                                            "a model that translates text",   f"{_SCRIPTS}/fsmt/convert_fsmt_original_pytorch_checkpoint_to_pytorch.py. FSMT sees later tokens unless it is called with `use_cache=False` (transformers#21719), where its logits are compared"),
    (r"transformer_lm.*",                   "a language model of text",       f"{_SCRIPTS}/xglm/convert_xglm_original_ckpt_to_trfms.py"),
)
# fmt: on

ALONE = "Convert the checkpoint that its encoder was fine-tuned from, or a model with a CTC head"
"""What can be had of a HuBERT with a decoder."""


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A model of speech that transformers has no class for, nor code that a folder could carry."""

    what: str
    because: str
    instead: str
    architectures: str
    """Pattern of what fairseq or a fork calls it; empty where only its tensors tell."""
    tensors: tuple[str, ...]
    """Parts of names of which its tensors have one, and no other model's."""

    def is_it(self, architecture: str, names: Collection[str]) -> bool:
        """Whether a checkpoint is one, by its tensors or by what it calls itself."""
        told = any(part in f".{name}" for part in self.tensors for name in names)
        return told or re.fullmatch(self.architectures, architecture) is not None


STRANGERS = (
    Stranger(
        what="UnitY",
        because="it writes a text first and units of speech from that, and no class of transformers "
        "that hears waveforms searches twice",
        instead="Write its units with fairseq, or convert SeamlessM4T, which its authors made of it, "
        "with the script of transformers 4",
        architectures="(multitask_)?unity.*|xm_transformer_t2",
        tensors=(".synthesizer_encoder.",),
    ),
    Stranger(
        what="a conformer that translates speech into units",
        because="its own task was not compared with what the folder of a conformer carries",
        instead="Write its units with fairseq, or convert an `s2ut_transformer` or an "
        "`s2t_conformer`",
        architectures="s2ut_conformer.*",
        tensors=(),
    ),
    Stranger(
        what="a model whose convolutions shorten filter banks in two dimensions",
        because="the class of transformers that hears filter banks shortens them in one",
        instead="Write its texts with fairseq, or convert an `s2t_transformer` of its default "
        "`--conv-version`",
        architectures="convtransformer.*",
        tensors=(".encoder.subsample.conv.", ".encoder.out.weight"),
    ),
    Stranger(
        what="a model of two inputs",
        because="it was trained on speech and on text, with an encoder for each, and no class of "
        "transformers has two",
        instead="Write its translations with fairseq, or convert a model of speech alone",
        architectures="dual_?input.*",
        tensors=(".spch_encoder.",),
    ),
    Stranger(
        what="a model that reads texts out",
        because="no class of transformers has its weighted positions, its prenet and its postnet, or "
        "its predictors of duration, pitch and energy",
        instead="Write its spectrograms with fairseq, or use transformers' SpeechT5",
        architectures="tts_transformer.*|fastspeech2.*|tacotron_2.*",
        tensors=(".encoder.pos_emb_alpha", ".encoder.var_adaptor.", ".decoder.attention_lstm."),
    ),
    Stranger(
        what="a model that translates speech into spectrograms",
        because="no class of transformers has its decoder, with weighted positions, a prenet and a "
        "postnet",
        instead="Write its spectrograms with fairseq",
        architectures="s2spect2?_.*",
        tensors=(".decoder.feat_proj.",),
    ),
    Stranger(
        what="a mixture of experts",
        because="fairseq 0.12 has no layer of experts, so that no class of transformers could be "
        "compared with it",
        instead="Convert it with the script of transformers 4 for NLLB-MoE, unproven, or convert a "
        "dense model",
        architectures="",
        tensors=(".moe_layer.",),
    ),
    Stranger(
        what="vq-wav2vec",
        because="it makes a code of every frame by convolutions alone, and no class of "
        "transformers has its quantizer",
        instead="Write its codes with fairseq, or convert a wav2vec 2.0, whose codes convert",
        architectures="",
        tensors=(".vector_quantizer.",),
    ),
    Stranger(
        what="wav2vec 1.0",
        because="its context is made by convolutions, and every class of transformers that hears "
        "waveforms has attention",
        instead="Write its features with fairseq, or convert a wav2vec 2.0",
        architectures="wav2vec",
        tensors=(".feature_aggregator.", ".wav2vec_predictions."),
    ),
    Stranger(
        what="multi-resolution HuBERT",
        because="its layers run at several frame rates, and no class of transformers changes them "
        "between layers",
        instead="Write its features with fairseq, or convert a HuBERT of one frame rate",
        architectures="multires_hubert.*",
        tensors=(".middle_encoder.", ".downsample_modules."),
    ),
    Stranger(
        what="data2vec 2.0",
        because="its layers attend with a bias for distance and join their projections, and "
        "`Data2VecAudioModel` is the model of data2vec 1.0",
        instead="Write its features with fairseq, or convert a data2vec 1.0",
        architectures="data2vec_multi|data2vec2.*",
        tensors=(".modality_encoders.",),
    ),
    Stranger(
        what="HuBERT with a decoder",
        because="it keeps other frames of padded batches than the encoders that converted decoders "
        "attend to",
        instead=ALONE,
        architectures="hubert_seq2seq",
        tensors=(),
    ),
    Stranger(
        what="ContentVec with the layers that it was trained with",
        because="its last layers are told who speaks, and no class of transformers has such norms",
        instead="Convert the one without them, which its authors call legacy, or take off what "
        "serves training alone: layers from `encoder_layers` on, `encoder.cond_layer_norm` and "
        "`layer_proj`",
        architectures="",
        tensors=(".cond_layer_norm.", ".self_attn_layer_norm.weight_ln."),
    ),
    Stranger(
        what="AV-HuBERT",
        because="it hears filter banks and sees lips, and no class of transformers takes both",
        instead="Write its features with the fork that trained it, or convert a HuBERT",
        architectures="av_hubert.*",
        tensors=(".feature_extractor_audio.", ".feature_extractor_video."),
    ),
)
"""The first that it is counts: a vq-wav2vec has all that a wav2vec 1.0 has."""


def describe_elsewhere(architecture: str) -> str | None:
    """What a model of that architecture is and what converts it, as a sentence."""
    for pattern, what, converter in CONVERTERS:
        if re.fullmatch(pattern, architecture):
            return f"It is {what}; transformers 4 has a script for it: {converter}."
    return None


def maybe_stranger(architecture: str, names: Collection[str]) -> Stranger | None:
    """What a checkpoint of that architecture with tensors of these names is, if it is known."""
    return next((known for known in STRANGERS if known.is_it(architecture, names)), None)
