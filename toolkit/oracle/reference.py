"""Runs fairseq's model as a reference: front end, teacher forcing, search, text."""

from __future__ import annotations

from argparse import Namespace
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    AbstractSet,
    Any,
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
)

import torch
from torch import Tensor, nn
from torch.nn import functional

from toolkit.oracle.asking import Pass, ScoredTokens
from toolkit.oracle.failing import answering
from toolkit.oracle.hooks import Call, Calls, call_again, recording, told
from toolkit.oracle.nests import map_tensors
from toolkit.oracle.pages import let_go
from toolkit.oracle.precision import doubled, in_float64
from toolkit.oracle.search import Search

if TYPE_CHECKING:
    from fairseq.data import Dictionary
    from fairseq.sequence_generator import SequenceGenerator

ENCODER = "encoder"
"""fairseq's path of the encoder; its output is no output of the model."""


class Reference:
    """A fairseq speech-to-text model with its task, ready to be asked."""

    def __init__(self, task: Any, model: nn.Module, tags: Collection[int] = ()) -> None:
        """Takes a task and its model.

        Args:
            task: fairseq's task.
            model: fairseq's model, in evaluation mode.
            tags: Ids of language tags that fairseq does not know as such, which no text shows.
        """
        self.task = task
        self.model = model
        self.tags = frozenset(tags)
        self._generators: Dict[Search, SequenceGenerator] = {}

    @property
    def device(self) -> torch.device:
        """Where the model runs. What it is given and what it returns lies in memory."""
        return next(self.model.parameters()).device

    @property
    def start_token(self) -> int:
        """The token that every hypothesis starts from: fairseq's end of sentence."""
        return int(self.dictionary.eos())

    @property
    def nothing(self) -> float:
        """What stands behind the end of an input in a batch."""
        return 0.0

    @property
    def dictionary(self) -> Dictionary:
        """What the model says, symbol by symbol."""
        return self.task.target_dictionary

    def front_end(self, waveform: Tensor) -> Tensor:
        """The network's input for a waveform, as fairseq itself makes it.

        Args:
            waveform: Shape (L,), 16 kHz mono, full scale 1.0.

        Returns:
            Shape (L,), standardized where `config.yaml` says so.
        """
        from fairseq.models.speech_to_text.hub_interface import S2THubInterface

        sample = S2THubInterface.get_model_input(self.task, waveform.unsqueeze(0))
        source: Tensor = sample["net_input"]["src_tokens"]
        return source[0]

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]],
        *,
        double: bool = False,
        explicit: bool = False,
        only: Optional[Collection[str]] = None,
    ) -> Pass:
        """One pass over a batch with the decoder's inputs given.

        Args:
            sources: Inputs of shape (L,), one per clip; shorter ones are padded with `nothing`.
            prefixes: Decoder inputs, one per clip, from the start token on; shorter ones are
                padded with the pad token.
            double: Compute in float64 throughout.
            explicit: Compute attention step by step instead of in one fused kernel, so that the
                hooks of its projections fire. The kernels round differently.
            only: Paths of the modules whose calls are recorded, beside the encoder's; None records
                all.

        Returns:
            `logits`, `encoder_out` after the adaptor, shape (B, T, D), and the calls.
        """
        batch, lengths = pad(sources, self.nothing)
        tokens, _ = pad([torch.tensor(prefix) for prefix in prefixes], self.dictionary.pad())
        recorded = None if only is None else {*only, ENCODER}
        with one_pass(self.model, double=double, explicit=explicit, only=recorded) as calls:
            batch = doubled(batch) if double else batch
            net_input = self.net_input(batch.to(self.device), lengths.to(self.device))
            logits, _ = self.model(**net_input, prev_output_tokens=tokens.to(self.device))
        encoder_out = next(iter(calls[ENCODER][0].outputs.values()))
        return Pass(
            outputs={"logits": logits.cpu(), "encoder_out": encoder_out.transpose(0, 1)},
            calls=calls,
        )

    def again(
        self,
        sources: Sequence[Tensor],  # noqa: ARG002
        prefixes: Sequence[Sequence[int]],  # noqa: ARG002
        *,
        heard: Pass,
        only: Collection[str],
    ) -> Calls:
        """What some modules make in float64 of what they are given, each alone.

        Args:
            sources: The inputs of a pass.
            prefixes: Its decoder inputs.
            heard: That pass, in which these modules were recorded.
            only: Their paths.
        """
        return ask_again(self.model, heard.calls, only)

    def search(
        self,
        source: Tensor,
        search: Search,
        tag: Optional[int] = None,
        heard: Optional[Pass] = None,  # noqa: ARG002
    ) -> List[ScoredTokens]:
        """The hypotheses that fairseq finds for one input of shape (L,), best first.

        Args:
            source: The network's input.
            search: Beam, length penalty and limits.
            tag: Language tag that must come first; None where the task prepends none.
            heard: Of no use: each token is asked for by itself.

        Raises:
            Refusal: the model does not run on its input.
        """
        let_go()
        generator = self._generator(search)
        length = torch.tensor([len(source)], device=self.device)
        sample = {"net_input": self.net_input(source.unsqueeze(0).to(self.device), length)}
        prefix = None if tag is None else torch.tensor([[tag]], device=self.device)
        with answering(), torch.no_grad():
            (hypotheses,) = generator.generate([self.model], sample, prefix_tokens=prefix)
        return [
            ScoredTokens(tokens=tuple(h["tokens"].tolist()), score=float(h["score"]))
            for h in hypotheses
        ]

    def net_input(self, batch: Tensor, lengths: Tensor) -> Dict[str, Tensor]:
        """What fairseq's data sets call the encoder's inputs.

        Args:
            batch: Inputs, shape (B, L).
            lengths: Shape (B,), how much of each row belongs to its clip.
        """
        return {"src_tokens": batch, "src_lengths": lengths}

    def text(self, tokens: Sequence[int], tag: Optional[int] = None) -> str:  # noqa: ARG002
        """The tokens as text, without language tags, end and unknowns."""
        pieces = self._spelled(tokens)
        return str(pieces if self._bpe is None else self._bpe.decode(pieces))

    def encode(self, text: str) -> Tuple[int, ...]:
        """The token ids of a text without tag and end, through fairseq's bpe and dictionary."""
        pieces = text if self._bpe is None else self._bpe.encode(text)
        line = self.dictionary.encode_line(pieces, add_if_not_exist=False, append_eos=False)
        return tuple(line.tolist())

    @cached_property
    def _bpe(self) -> Any:
        # A large sentencepiece model takes a second to read.
        from fairseq.data import encoders

        # The task of units has none, whatever its configuration says.
        return encoders.build_bpe(Namespace(**(self.task.data_cfg.bpe_tokenizer or {})))

    @cached_property
    def _unsaid(self) -> AbstractSet[int]:
        """Ids that no text shows; fairseq looks for tags in the whole dictionary at each asking."""
        stripped: AbstractSet[int] = self._generator(Search(beam=1)).symbols_to_strip_from_output
        # fairseq prints <unk>; a tokenizer skips it with the other special tokens.
        return stripped | self.tags | {self.dictionary.unk()}

    def _spelled(self, tokens: Sequence[int]) -> str:
        """The symbols of a text, with spaces between them."""
        ignored = self._unsaid
        return str(self.dictionary.string(torch.tensor(tokens), extra_symbols_to_ignore=ignored))

    @property
    def _prefix_size(self) -> int:
        """How many tokens the task gives a search."""
        return int(self.task.data_cfg.prepend_tgt_lang_tag)

    def _generator(self, search: Search) -> SequenceGenerator:
        """What searches so; made once for all lengths, as it goes through the whole dictionary."""
        alike = replace(search, max_len_b=0, capped=False)
        if alike not in self._generators:
            self._generators[alike] = self._make_generator(search)
        generator = self._generators[alike]
        generator.max_len_b = search.max_len_b
        return generator

    def _make_generator(self, search: Search) -> SequenceGenerator:
        said = {name: value for name, value in vars(search).items() if name != "capped"}
        args = Namespace(**said, prefix_size=self._prefix_size)
        generator = self.task.build_generator([self.model], args)
        if generator.repeat_ngram_blocker is not None:
            generator.repeat_ngram_blocker = _make_blocker(search.no_repeat_ngram_size)
        return generator


def _make_blocker(size: int) -> nn.Module:
    """Fairseq's n-gram blocker as its CUDA kernel works.

    On a CPU it blocks nothing since 8ca4813, as it looks behind the tokens (fairseq#4709, #5206).
    """
    from fairseq.ngram_repeat_block import NGramRepeatBlock

    class Blocker(NGramRepeatBlock):  # type: ignore[misc]
        def forward(
            self, tokens: Tensor, lprobs: Tensor, bsz: int, beam_size: int, step: int
        ) -> Any:
            return super().forward(tokens[:, : step + 1], lprobs, bsz, beam_size, step)

    return Blocker(size, use_extension=False)


def pad(rows: Sequence[Tensor], value: float) -> Tuple[Tensor, Tensor]:
    """Rows of unequal length as one batch, and their lengths.

    Args:
        rows: Shapes (L_i,), or (T_i, F).
        value: What stands after a row's end.

    Returns:
        Shapes (B, max L), or (B, max T, F), and (B,).
    """
    batch = nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value)
    return batch, torch.tensor([len(row) for row in rows])


def standardized(waveform: Tensor) -> Tensor:
    """A waveform of shape (L,) with mean 0 and variance 1, as fairseq's data sets make it."""
    return functional.layer_norm(waveform, waveform.shape)


@contextmanager
def one_pass(
    model: nn.Module, *, double: bool, explicit: bool, only: Optional[Collection[str]]
) -> Iterator[Calls]:
    """Records the calls of a model's modules while the context lasts, without gradients.

    Args:
        model: The model.
        double: Whether it computes in float64 throughout; its input is the caller's.
        explicit: Whether it computes attention step by step.
        only: Paths of the modules whose calls are recorded; None records all.

    Raises:
        Refusal: the model does not run on its input.
    """
    with ExitStack() as stack:
        stack.enter_context(answering())
        stack.enter_context(torch.no_grad())
        if double:
            stack.enter_context(in_float64(model))
        if explicit:
            stack.enter_context(explicit_attention(model))
        yield stack.enter_context(recording(model, only))


def ask_again(model: nn.Module, calls: Calls, only: Collection[str]) -> Calls:
    """What some modules make in float64 of what they were given in a pass, each alone.

    Args:
        model: fairseq's.
        calls: What a pass gave its modules, in whatever precision.
        only: Paths of the modules to ask.
    """
    with torch.no_grad(), in_float64(model), explicit_attention(model):
        return {
            path: [_answer(model.get_submodule(path), call) for call in calls.get(path, ())]
            for path in only
        }


def _answer(module: nn.Module, call: Call) -> Call:
    device = next(module.parameters()).device

    def place(tensor: Tensor) -> Tensor:
        return (tensor.double() if tensor.is_floating_point() else tensor).to(device)

    given = map_tensors(call.arguments, place)
    outputs = told(call_again(module, given))
    return Call(arguments=given, outputs={name: tensor.cpu() for name, tensor in outputs.items()})


@contextmanager
def explicit_attention(model: nn.Module) -> Iterator[None]:
    """While the context lasts, fairseq computes attention step by step, its projections called."""
    from fairseq.modules import MultiheadAttention

    attentions = [m for m in model.modules() if isinstance(m, MultiheadAttention)]
    before = {attention: attention.skip_embed_dim_check for attention in attentions}
    try:
        for attention in attentions:
            attention.skip_embed_dim_check = True
        yield
    finally:
        for attention, value in before.items():
            attention.skip_embed_dim_check = value


@contextmanager
def layers_heard(layers: Iterable[nn.Module]) -> Iterator[List[Tensor]]:
    """What each layer of a stack gives while the context lasts, shape (T, B, D).

    Some stacks make an odd number of frames even: then there is a frame more.
    """
    heard: List[Tensor] = []
    with ExitStack() as hooks:
        for layer in layers:
            hook = layer.register_forward_hook(lambda _, __, output: heard.append(output[0]))
            hooks.callback(hook.remove)
        yield heard
