"""A folder with an encoder and a decoder: forward passes, search, text, pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from toolkit.oracle.asking import Pass, ScoredTokens
from toolkit.oracle.pages import let_go
from toolkit.oracle.reference import pad
from toolkit.oracle.search import Search
from toolkit.replay.target import mask_of, quiet_transformers
from toolkit.tasks.speech.target import SpeechTarget

if TYPE_CHECKING:
    from transformers.utils import ModelOutput


class Seq2SeqTarget(SpeechTarget):
    """A converted speech-to-text model, ready to be asked."""

    auto_class = "AutoModelForSpeechSeq2Seq"

    def further_arguments(self, prefixes: Sequence[Sequence[int]]) -> Mapping[str, object]:
        """The decoder's inputs, shorter ones padded, and where they are real."""
        pad_id = int(self.model.config.get_text_config(decoder=True).pad_token_id or 0)
        tokens, lengths = pad([torch.tensor(prefix) for prefix in prefixes], pad_id)
        mask = mask_of(lengths, tokens.shape[1])
        return {
            "decoder_input_ids": tokens,
            "decoder_attention_mask": mask,
            "use_cache": False,
        }

    def outputs(self, output: ModelOutput) -> Mapping[str, Tensor]:
        """`logits` of shape (B, S, V), `encoder_out` after the adaptor, shape (B, T, D)."""
        encoder_out = output.encoder_last_hidden_state.cpu()
        return {"logits": output.logits.cpu(), "encoder_out": encoder_out}

    def search(
        self,
        source: Tensor,
        search: Search,
        tag: int | None,
        heard: Pass | None = None,  # noqa: ARG002
    ) -> list[ScoredTokens]:
        """The hypotheses that the folder's search finds for one input of shape (L,), best first.

        The search is the one that the folder carries along. All but the beam comes from the
        folder's own `generation_config.json`.

        Args:
            source: The network's input.
            search: Only the beam is used, and the longest length where that is capped.
            tag: Token id of the language to decode into; None where the folder forces none.
            heard: Of no use: each token is asked for by itself.

        Returns:
            As many as fairseq's rules find, at most `search.beam`; an empty one, whose score is
            NaN, where they find none.
        """
        from toolkit.bundled.generation import generate

        let_go()
        with torch.no_grad(), quiet_transformers():
            output = generate(
                source.unsqueeze(0).to(self.model.device),
                model=self.model,
                attention_mask=torch.ones(
                    1, len(source), dtype=torch.long, device=self.model.device
                ),
                num_beams=search.beam,
                num_return_sequences=search.beam,
                forced_bos_token_id=tag,
                do_sample=False,
                **self._cap(search),
                return_dict_in_generate=True,
                output_scores=True,
            )
        rows = output.sequences.tolist()
        # A folder whose settings fairseq does not know is searched by transformers, which gives a
        # single hypothesis no score.
        scored = getattr(output, "sequences_scores", None)
        scores = [math.nan] * len(rows) if scored is None else scored.tolist()
        found = [
            ScoredTokens(tokens=self._trimmed(row), score=score)
            for row, score in zip(rows, scores, strict=True)
            if score != -math.inf
        ]
        return found or [ScoredTokens(tokens=(), score=math.nan)]

    def text(self, tokens: Sequence[int], tag: int | None = None) -> str:  # noqa: ARG002
        """The tokens as text, without special tokens."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def pipeline_options(self, search: Search, tag: int | None) -> dict[str, object]:
        """A beam of one, and the language."""
        forced = {} if tag is None else {"forced_bos_token_id": tag}
        return {"generate_kwargs": {"num_beams": 1, **forced, **self._cap(search)}}

    def _cap(self, search: Search) -> dict[str, int]:
        """The longest length, where a capped search allows less than the folder does."""
        own = self.model.generation_config.max_length
        cap = 2 + search.max_len_b  # the start token, and the end that the last one is
        if not search.capped or (isinstance(own, int) and own <= cap):
            return {}
        return {"max_length": cap}

    def _trimmed(self, sequence: list[int]) -> tuple[int, ...]:
        generated = sequence[1:]
        said = self.model.generation_config.eos_token_id
        ends = set(said) if isinstance(said, (list, tuple)) else {said}
        end = next((at for at, token in enumerate(generated, 1) if token in ends), len(generated))
        return tuple(generated[:end])
