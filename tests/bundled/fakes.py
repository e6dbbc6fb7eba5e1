"""Models without weights, one of each kind: the same prefix gives the same random logits."""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from zlib import crc32

import torch
from fairseq.data import Dictionary
from torch import Tensor, nn
from transformers import GenerationConfig, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

BOS, PAD, EOS, UNK = 0, 1, 2, 3


class Chance:
    """Logits out of a sentence's seed and the tokens so far."""

    def __init__(self, vocabulary: int, spread: float, eagerness: float) -> None:
        self.vocabulary = vocabulary
        self.spread = spread
        self.eagerness = eagerness
        """What the end's logit is raised by."""
        self.row = lru_cache(maxsize=None)(self._row)

    def logits(self, seeds: Tensor, tokens: Tensor) -> Tensor:
        """(N,) and (N, S) -> (N, 1, V)."""
        prefixes = zip(seeds.tolist(), tokens.tolist(), strict=True)
        return torch.stack([self.row(seed, tuple(prefix)) for seed, prefix in prefixes])[:, None]

    def _row(self, seed: float, prefix: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed(crc32(repr((seed, prefix)).encode()))
        row = torch.randn(self.vocabulary, generator=generator) * self.spread
        row[EOS] += self.eagerness
        return row


class FairseqFake(nn.Module):
    def __init__(self, chance: Chance, positions: int) -> None:
        super().__init__()
        self.encoder = SimpleNamespace(
            forward_torchscript=lambda net_input: net_input["src_tokens"][:, 0],
            reorder_encoder_out=lambda seeds, order: seeds.index_select(0, order),
        )
        self.decoder = SimpleNamespace(
            forward=lambda tokens, encoder_out: (chance.logits(encoder_out, tokens), None)
        )
        self.positions = positions

    def max_decoder_positions(self) -> int:
        return self.positions

    def get_normalized_probs(self, output, log_probs, sample):  # noqa: ARG002
        return output[0].log_softmax(-1, dtype=torch.float32)


class _Encoder(nn.Module):
    main_input_name = "input_values"

    def forward(self, input_values: Tensor, **_: object) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=input_values[..., None])


class TransformersFake(PreTrainedModel, GenerationMixin):
    main_input_name = "input_values"
    config_class = PreTrainedConfig

    def __init__(self, chance: Chance, positions: int) -> None:
        config = PreTrainedConfig(is_encoder_decoder=True)
        config.max_position_embeddings = positions
        config.vocab_size = chance.vocabulary
        super().__init__(config)
        self.chance = chance
        self.encoder = _Encoder()
        self.anchor = nn.Parameter(torch.zeros(1))
        self.generation_config = GenerationConfig(
            bos_token_id=BOS,
            pad_token_id=PAD,
            eos_token_id=EOS,
            decoder_start_token_id=EOS,
            use_cache=False,
        )

    def get_encoder(self, *_: object) -> nn.Module:
        return self.encoder

    def forward(
        self,
        input_values: Tensor | None = None,
        attention_mask: Tensor | None = None,  # noqa: ARG002
        decoder_input_ids: Tensor | None = None,
        encoder_outputs: BaseModelOutput | None = None,
        **_: object,
    ) -> Seq2SeqLMOutput:
        states = input_values if encoder_outputs is None else encoder_outputs[0][..., 0]
        return Seq2SeqLMOutput(logits=self.chance.logits(states[:, 0], decoder_input_ids))


def make_dictionary(vocabulary: int) -> Dictionary:
    dictionary = Dictionary()
    for index in range(len(dictionary), vocabulary):
        dictionary.add_symbol(f"word{index}")
    return dictionary
