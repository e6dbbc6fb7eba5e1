"""fairseq's beam search for `generate`: the same hypotheses, in the same order, same scores.

A converted folder carries this module as `custom_generate/generate.py`; `from_pretrained` with
`trust_remote_code=True` puts it in the place of `generate`. Encoding, caches and logits processors
stay those of transformers; the decoding loop is the one described in fairseq/sequence_generator.py
(`SequenceGenerator._generate`) and fairseq/search.py (`BeamSearch.step`). It differs from
transformers' own in what ends a hypothesis:

- Among the best 2 * beam candidates of a step, an end among the first `beam` finishes a hypothesis
  for good, and a sentence is done with its first `beam` hypotheses. transformers goes on exchanging
  finished hypotheses for better ones.
- Language tag and forced end keep their own log-probability. transformers counts them as certain.

Shapes: B batch, K beams, R hypotheses returned, S tokens so far, V vocabulary, C candidates.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.generation import (
    ForcedBOSTokenLogitsProcessor,
    ForcedEOSTokenLogitsProcessor,
    GenerateBeamEncoderDecoderOutput,
    GenerationMode,
    LogitsProcessorList,
    NoRepeatNGramLogitsProcessor,
)

INFINITY = float("inf")
UNK = 3
"""`<unk>` in every dictionary of fairseq."""
FORCING = (ForcedBOSTokenLogitsProcessor, ForcedEOSTokenLogitsProcessor)
BLOCKING = NoRepeatNGramLogitsProcessor
SEARCHES = (GenerationMode.GREEDY_SEARCH, GenerationMode.BEAM_SEARCH)
POSITIONS = ("max_position_embeddings", "max_target_positions")
"""What configurations call the longest target that a decoder has positions for."""
UNKNOWN_ARGUMENTS = ("assistant_model", "custom_generate", "stopping_criteria", "streamer")
UNKNOWN_SETTINGS = ("max_time", "stop_strings")
"""What fairseq has no word for: whoever asks for it gets transformers' own `generate`."""


def generate(
    inputs: Tensor | None = None,
    generation_config: Any = None,
    *,
    model: Any,
    **kwargs: Any,
) -> Any:
    """What `model.generate` returns, found by fairseq's search.

    Every argument means what it means in transformers, with these exceptions. `temperature` divides
    the logits of a search too; `early_stopping` says nothing, for fairseq has one rule; the last
    token that `max_length` allows is always the end; and these two settings of fairseq's are read
    from the arguments or from the generation config:

    - `fairseq_unk_penalty`: subtracted from the log-probability of `<unk>`.
    - `fairseq_max_len_a`: tokens that `max_length` grows by per input value.

    Args:
        inputs: Shape (B, L).
        generation_config: As in transformers.
        model: An encoder-decoder model of transformers.
        kwargs: As in transformers. Sampling, assisted decoding, streamers and stopping criteria are
            left to transformers altogether.

    Returns:
        Shape (B * R, S), padded on the right; with `return_dict_in_generate` an output that has
        `sequences` and `sequences_scores`, of shape (B * R,) and with a beam of one as well. Where
        fairseq finds fewer than R hypotheses, the start token alone stands for one, with a score of
        minus infinity.
    """
    if not _is_fairseqs(model, generation_config, kwargs):
        return type(model).generate(model, inputs, generation_config, **kwargs)
    return type(model).generate(
        model, inputs, generation_config, **{**kwargs, "custom_generate": decode}
    )


def decode(
    model: Any,
    input_ids: Tensor,
    *,
    logits_processor: LogitsProcessorList,
    generation_config: Any,
    inputs_tensor: Tensor,
    stopping_criteria: Any = None,  # noqa: ARG001 - length and end, which are decided here
    fairseq_unk_penalty: float | None = None,
    fairseq_max_len_a: float | None = None,
    **model_kwargs: Any,
) -> Any:
    """The decoding loop, as transformers' `generate` calls it when all is prepared.

    Args:
        model: The model.
        input_ids: What every hypothesis starts with, shape (B * K, S).
        logits_processor: transformers' own and the caller's; they see log-probabilities.
        generation_config: All settings.
        inputs_tensor: The encoder's input, shape (B, L).
        stopping_criteria: Ignored.
        fairseq_unk_penalty: See `generate`.
        fairseq_max_len_a: See `generate`.
        model_kwargs: Everything else that the model's `forward` takes, encoder outputs and cache
            among it, for B * K rows.

    Returns:
        See `generate`.
    """
    extra = {"fairseq_unk_penalty": fairseq_unk_penalty, "fairseq_max_len_a": fairseq_max_len_a}
    rules = _read_rules(model, input_ids.shape[1], inputs_tensor.shape[1], generation_config, extra)
    processors = LogitsProcessorList(p for p in logits_processor if not isinstance(p, FORCING))
    scores = torch.zeros(len(input_ids), device=input_ids.device).view(-1, rules.beam)
    beams = Beams(tokens=input_ids, scores=scores, skipped=scores.bool())
    ended: list[list[Hypothesis]] = [[] for _ in scores]
    for step in range(rules.max_len + 1):
        logits = _next_logits(model, beams.tokens, model_kwargs)
        log_probs = _log_probs(logits, beams.tokens, processors, rules, step)
        candidates = _best_candidates(log_probs, beams, first=step == 0)
        ends = _ends(candidates, beams, rules)
        for sentence, hypothesis in _hypotheses(candidates, ends, beams, rules, step):
            if len(ended[sentence]) < rules.beam:
                ended[sentence].append(hypothesis)
        if all(len(hypotheses) == rules.beam for hypotheses in ended):
            break
        rows, beams = _go_on(candidates, ends, beams)
        if model_kwargs.get("past_key_values") is not None:
            model_kwargs["past_key_values"].reorder_cache(rows)
    return _output(ended, input_ids[:: rules.beam], generation_config)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The settings of one search."""

    beam: int
    max_len: int
    """Most tokens before the end."""
    length_penalty: float
    temperature: float
    unk_penalty: float
    tag: int | None
    """Language tag that comes first, if any."""
    end: int
    pad: int


@dataclass(frozen=True, kw_only=True)
class Beams:
    """The hypotheses that are still going on; a sentence that is done goes on unheeded."""

    tokens: Tensor
    """Shape (B * K, S)."""
    scores: Tensor
    """Sum of log-probabilities, shape (B, K)."""
    skipped: Tensor
    """Shape (B, K): ranks whose candidates end nothing in the next step. fairseq marks them so
    where fewer than K candidates go on, which takes a vocabulary of less than 2 * K."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The best continuations of a step, best first, each of shape (B, C)."""

    scores: Tensor
    tokens: Tensor
    rows: Tensor
    """Which row of `Beams.tokens` goes on."""


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A finished hypothesis."""

    tokens: Tensor
    """From the start token to the end, shape (S,)."""
    score: float
    """Sum of log-probabilities over (number of generated tokens) ** length penalty."""


def _is_fairseqs(model: Any, generation_config: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether fairseq has a word for all that is asked."""
    config = copy.deepcopy(model.generation_config)
    given = {} if generation_config is None else vars(generation_config)
    chosen = {name: value for name, value in given.items() if value is not None}
    for name, value in {**chosen, **kwargs}.items():
        if hasattr(config, name):
            setattr(config, name, value)
    unknown = [kwargs.get(name) for name in UNKNOWN_ARGUMENTS]
    unknown += [getattr(config, name, None) for name in UNKNOWN_SETTINGS]
    ids = (_only(config.eos_token_id), config.pad_token_id)
    return (
        not any(unknown)
        and config.get_generation_mode() in SEARCHES
        and all(isinstance(token, int) for token in ids)
    )


def _only(tokens: Any) -> Any:
    """The token of a list of one, which some releases write in place of the token."""
    return tokens[0] if isinstance(tokens, (list, tuple)) and len(tokens) == 1 else tokens


def _read_rules(
    model: Any, prompt: int, source: int, config: Any, extra: Mapping[str, float | None]
) -> Rules:
    """The rules of a search after `prompt` tokens, for a padded batch of `source` values."""
    own = {name: getattr(config, name, None) if v is None else v for name, v in extra.items()}
    longest = int((own["fairseq_max_len_a"] or 0.0) * source + config.max_length - prompt - 1)
    decoder = model.config.get_text_config(decoder=True)
    said = (getattr(decoder, name, None) for name in POSITIONS)
    positions = next((most for most in said if most is not None), None)
    return Rules(
        beam=config.num_beams,
        max_len=longest if positions is None else min(longest, positions - prompt),
        length_penalty=config.length_penalty,
        temperature=config.temperature or 1.0,
        unk_penalty=own["fairseq_unk_penalty"] or 0.0,
        # As in transformers, a longer start brings its own tag.
        tag=config.forced_bos_token_id if prompt == 1 else None,
        end=_only(config.eos_token_id),
        pad=config.pad_token_id,
    )


def _next_logits(model: Any, tokens: Tensor, model_kwargs: dict[str, Any]) -> Tensor:
    """The logits after the tokens, shape (B * K, V)."""
    cache, mask = (model_kwargs.get(n) for n in ("past_key_values", "decoder_attention_mask"))
    if mask is not None:
        grown = (0, tokens.shape[1] - mask.shape[1])
        model_kwargs["decoder_attention_mask"] = torch.nn.functional.pad(mask, grown, value=1)
    known = 0 if cache is None else int(cache.get_seq_length())
    output = model(**model_kwargs, decoder_input_ids=tokens[:, known:], return_dict=True)
    logits: Tensor = output.logits[:, -1].to(tokens.device)
    return logits


def _log_probs(
    logits: Tensor, tokens: Tensor, processors: LogitsProcessorList, rules: Rules, step: int
) -> Tensor:
    """Log-probabilities of the next token, shape (B * K, V).

    A forced token keeps its own, unless it repeats an n-gram: fairseq blocks those last.
    """
    own = (logits / rules.temperature).log_softmax(-1, dtype=torch.float32)
    own = own.masked_fill(own.isnan(), -INFINITY)
    forced = rules.end if step == rules.max_len else rules.tag if step == 0 else None
    if forced is not None:
        alone = torch.full_like(own, -INFINITY).index_copy(
            1, torch.tensor([forced], device=own.device), own[:, [forced]]
        )
        return LogitsProcessorList(p for p in processors if isinstance(p, BLOCKING))(tokens, alone)
    log_probs: Tensor = processors(tokens, own)
    log_probs[:, rules.pad] = -INFINITY
    log_probs[:, UNK] -= rules.unk_penalty
    return log_probs


def _best_candidates(log_probs: Tensor, beams: Beams, *, first: bool) -> Candidates:
    """The 2 * K best continuations of each sentence; at first all its beams are the same one."""
    batch, beam = beams.scores.shape
    vocabulary = log_probs.shape[-1]
    totals = log_probs.view(batch, beam, -1) + beams.scores.unsqueeze(-1)
    flat = (totals[:, :1] if first else totals).flatten(1)
    # All but one: <pad> is never chosen.
    scores, places = flat.topk(min(2 * beam, flat.shape[1] - 1))
    sentences = torch.arange(batch, device=places.device).unsqueeze(1)
    return Candidates(
        scores=scores,
        tokens=places % vocabulary,
        rows=places // vocabulary + sentences * beam,
    )


def _ends(candidates: Candidates, beams: Beams, rules: Rules) -> Tensor:
    """Which candidates end their hypothesis, shape (B, C)."""
    ends = (candidates.tokens == rules.end) & (candidates.scores > -INFINITY)
    ends[:, : rules.beam] &= ~beams.skipped
    return ends


def _hypotheses(
    candidates: Candidates, ends: Tensor, beams: Beams, rules: Rules, step: int
) -> Iterator[tuple[int, Hypothesis]]:
    """The hypotheses that a step finishes, with their sentences; later ranks finish nothing."""
    scores = candidates.scores / (step + 1) ** rules.length_penalty
    for sentence, rank in ends[:, : rules.beam].nonzero().tolist():
        tokens = beams.tokens[candidates.rows[sentence, rank]]
        yield (
            sentence,
            Hypothesis(
                tokens=torch.cat([tokens, tokens.new_tensor([rules.end])]),
                score=float(scores[sentence, rank]),
            ),
        )


def _go_on(candidates: Candidates, ends: Tensor, beams: Beams) -> tuple[Tensor, Beams]:
    """The best K candidates that do not end, and the rows of shape (B * K,) that they continue."""
    beam = beams.scores.shape[1]
    stopped = ends.clone()
    stopped[:, :beam] |= beams.skipped
    chosen = stopped.long().argsort(dim=1, stable=True)[:, :beam]
    rows = candidates.rows.gather(1, chosen).flatten()
    tokens = candidates.tokens.gather(1, chosen).view(-1, 1)
    return rows, Beams(
        tokens=torch.cat([beams.tokens[rows], tokens], dim=1),
        scores=candidates.scores.gather(1, chosen),
        skipped=stopped.gather(1, chosen),
    )


def _output(ended: list[list[Hypothesis]], starts: Tensor, config: Any) -> Any:
    """The best R hypotheses of each sentence; `starts`, of shape (B, S), stand in for missing ones.

    A stable sort: among equal scores, the hypothesis that was finished first.
    """
    best: list[Hypothesis] = []
    for start, hypotheses in zip(starts, ended, strict=True):
        missing = [Hypothesis(tokens=start, score=-INFINITY)] * config.num_return_sequences
        ranked = sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)
        best += [*ranked, *missing][: config.num_return_sequences]
    sequences = torch.nn.utils.rnn.pad_sequence(
        [hypothesis.tokens for hypothesis in best],
        batch_first=True,
        padding_value=config.pad_token_id,
    )
    if not config.return_dict_in_generate:
        return sequences
    scores = torch.tensor([hypothesis.score for hypothesis in best], device=sequences.device)
    return GenerateBeamEncoderDecoderOutput(sequences=sequences, sequences_scores=scores)
