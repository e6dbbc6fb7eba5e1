"""The golden checkpoint of filter banks: a tiny S2TTransformerModel."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from clips import SAMPLE_RATE_HZ, read_mono_16k
from fairseq.data.audio.audio_utils import _get_torchaudio_fbank
from fairseq.data.audio.feature_transforms.utterance_cmvn import UtteranceCMVN
from fairseq.data.audio.speech_to_text_dataset import SpeechToTextDataset
from fairseq.tasks import LegacyFairseqTask
from training import Recipe

from toolkit.oracle.mends.kaldi import kaldi_alone

FULL_SCALE = 2**15

CONFIG_YAML = """\
input_channels: 1
input_feat_per_channel: 80
vocab_filename: dict.txt
bpe_tokenizer:
  bpe: sentencepiece
  sentencepiece_model: spm.model
prepend_tgt_lang_tag: true
transforms:
  '*': [utterance_cmvn]
hub:
  tgt_lang: en
"""

TRAINING_OPTIONS = """
--task speech_to_text --config-yaml config.yaml
--max-source-positions 6000 --max-target-positions 1024
--criterion label_smoothed_cross_entropy --label-smoothing 0.1 --ignore-prefix-size 1
--optimizer adam --adam-betas (0.9,0.98) --clip-norm 1
--lr 0.003 --lr-scheduler inverse_sqrt --warmup-updates 60
--cpu --no-progress-bar --no-save-optimizer-state --num-workers 0
--arch s2t_transformer --conv-kernel-sizes 5,5 --conv-channels 48
--encoder-layers 3 --encoder-embed-dim 48 --encoder-ffn-embed-dim 96 --encoder-attention-heads 3
--decoder-layers 2 --decoder-embed-dim 48 --decoder-ffn-embed-dim 96 --decoder-attention-heads 3
--encoder-normalize-before --decoder-normalize-before --share-decoder-input-output-embed
--dropout 0 --attention-dropout 0 --activation-dropout 0
"""


class FilterBankDataset(SpeechToTextDataset):
    """fairseq's dataset, its files read by soundfile instead of torchaudio."""

    def _get_source_audio(self, index: int) -> torch.Tensor:
        return filter_banks(Path(self.audio_paths[index]))


def _hear_filter_banks(_: LegacyFairseqTask, path: Path) -> dict[str, Any]:
    banks = filter_banks(path)
    lengths = torch.tensor([len(banks)])
    # (T, F) -> (1, T, F)
    net_input = {"src_tokens": banks[None], "src_lengths": lengths, "prev_output_tokens": None}
    return {"net_input": net_input, "target_lengths": None, "speaker": None}


@cache
def filter_banks(path: Path) -> torch.Tensor:
    """Fairseq's filter banks of a clip, each with mean 0 and variance 1, shape (T, F)."""
    samples = read_mono_16k(path)[None] * FULL_SCALE
    with kaldi_alone():
        return torch.from_numpy(UtteranceCMVN()(_get_torchaudio_fbank(samples, SAMPLE_RATE_HZ)))


S2T_TRANSFORMER = Recipe(
    config_yaml=CONFIG_YAML,
    options=TRAINING_OPTIONS,
    settings={},
    dataset=FilterBankDataset,
    hear=_hear_filter_banks,
    # Texts as they are written: the rules that sentencepiece has by default take most of its file.
    pieces={"normalization_rule_name": "identity"},
)
