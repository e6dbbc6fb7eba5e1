"""A CTC model of fairseq, asked: front end, passes over batches, letters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import (
    TYPE_CHECKING,
    Collection,
    Dict,
    List,
    Optional,
    Sequence,
    Tuple,
)

import torch
from torch import Tensor, nn

from toolkit.oracle.asking import Pass, ScoredTokens, language_in
from toolkit.oracle.encoder_reference import EncoderReference
from toolkit.oracle.hooks import Calls
from toolkit.oracle.reference import layers_heard, one_pass, pad
from toolkit.oracle.search import Search
from toolkit.oracle.tasks.ctc.voices import Voices, put_weights

if TYPE_CHECKING:
    from fairseq.data import Dictionary

NO_VOICES = Voices()
POST_PROCESS = "letter"
"""How the criterion makes text of symbols: without blanks between them, `|` for a blank."""


@dataclass(frozen=True)
class CtcTask:
    """As much of fairseq's task as a CTC model and its reader need."""

    target_dictionary: Dictionary
    normalize: bool
    """Whether the sound is standardized before the model hears it."""
    adapter: int = 0
    """Which of its adapters the model runs with, where it has any."""

    def state_dict(self) -> Dict[str, List[None]]:
        """What a HuBERT encoder's own task takes over.

        Without dictionaries it makes no embeddings of its targets, which only pretraining needs,
        and reads no file of the machine that trained it (fairseq#3624, #4003).
        """
        return {"dictionaries": [None]}


def make_dictionary(symbols: Sequence[str]) -> Dictionary:
    """Fairseq's dictionary with one row per symbol, also where one stands twice."""
    from fairseq.data import Dictionary

    dictionary = Dictionary()
    for symbol in symbols:
        dictionary.add_symbol(symbol, overwrite=True)
    return dictionary


def best_path(logits: Tensor, blank: int) -> ScoredTokens:
    """The best symbol of every frame, repetitions and then blanks left out; and its score.

    Args:
        logits: Shape (T, V).
        blank: The symbol of a frame that says nothing.
    """
    best = logits.log_softmax(dim=-1).max(dim=-1)
    merged = torch.unique_consecutive(best.indices).tolist()
    return ScoredTokens(
        tokens=tuple(symbol for symbol in merged if symbol != blank),
        score=float(best.values.sum()),
    )


class CtcReference(EncoderReference):
    """A fairseq CTC model with its task, ready to be asked."""

    def __init__(self, task: CtcTask, model: nn.Module, voices: Voices = NO_VOICES) -> None:
        """Takes a task and its model, in evaluation mode, and the languages that it has."""
        super().__init__(model, normalize=task.normalize)
        self.task = task
        self._voices = voices
        self._first = task
        self._spoken: Optional[int] = None

    def speak(self, tag: Optional[int]) -> None:
        """Makes the model run with a language's weights and dictionary.

        Args:
            tag: The language's number; None for the first.
        """
        number = self._voices.first if tag is None else tag
        if number == self._spoken or not self._voices.each:
            return
        voice = self._voices.each[number]
        put_weights(self.model, voice.weights)
        dictionary = make_dictionary(voice.symbols)
        self.task = replace(self.task, target_dictionary=dictionary, adapter=voice.adapter)
        self._spoken = number

    @property
    def blank(self) -> int:
        """The symbol of a frame that says nothing: fairseq's beginning of sentence, 0."""
        return int(self.task.target_dictionary.bos())

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]] = (),
        *,
        double: bool = False,
        explicit: bool = False,
        only: Optional[Collection[str]] = None,
    ) -> Pass:
        """One pass over a batch; every frame has its logits.

        Args:
            sources: Inputs of shape (L,), one per clip; shorter ones are padded with zeros.
            prefixes: The number of the language, one per clip and the same for all, where the model
                has several; there is no decoder.
            double: Compute in float64 throughout.
            explicit: Compute attention step by step instead of in one fused kernel, so that the
                hooks of its projections fire. The kernels round differently.
            only: Paths of the modules whose calls are recorded; None records all.

        Returns:
            The calls, and as outputs, batch first:
            `logits`, shape (B, T, V), as the last layer gives them;
            `emissions`, the same as fairseq decodes them: blank weighted as the checkpoint says,
            and nothing but blank possible in padded frames;
            `padding_mask`, shape (B, T), true in padded frames;
            `layers.k`, shape (B, T, D), for k from 1 to the number of layers: what fairseq gives
            for `output_layer=k`, without the norm that follows the last layer of a pre-norm stack.
        """
        self.speak(language_in(prefixes))
        batch, lengths = pad(sources, 0.0)
        with one_pass(self.model, double=double, explicit=explicit, only=only) as calls:
            batch = batch.double() if double else batch
            outputs = self._run(batch.to(self.device), lengths.to(self.device))
        return Pass(outputs={name: tensor.cpu() for name, tensor in outputs.items()}, calls=calls)

    def again(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]],
        *,
        heard: Pass,
        only: Collection[str],
    ) -> Calls:
        """What some modules make in float64 of what they are given, in the language of a pass."""
        self.speak(language_in(prefixes))
        return super().again(sources, prefixes, heard=heard, only=only)

    def search(
        self,
        source: Tensor,
        search: Search,  # noqa: ARG002
        tag: Optional[int] = None,
        heard: Optional[Pass] = None,
    ) -> List[ScoredTokens]:
        """The one hypothesis of greedy decoding, without repetitions and then without blanks.

        Args:
            source: The network's input, shape (L,).
            search: Of no use: every frame has its best symbol.
            tag: The number of the language, where the model has several.
            heard: The pass over this input alone, in this language, if there was one.

        Returns:
            Its symbols, and the sum of the log-probabilities of every frame's best one.
        """
        given = () if tag is None else ((tag,),)
        made = heard or self.forward([source], given, only=())
        return [best_path(made.outputs["emissions"][0], self.blank)]

    def text(self, tokens: Sequence[int], tag: Optional[int] = None) -> str:
        """The text of symbols, as fairseq's criterion reads it to count errors.

        Those that every dictionary begins with stand for no text, and are left out.

        Args:
            tokens: The symbols.
            tag: The number of the language, where the model has several.
        """
        from fairseq.data.data_utils import post_process

        self.speak(tag)
        dictionary = self.task.target_dictionary
        special = {dictionary.pad(), dictionary.eos(), dictionary.unk()}
        spoken = torch.tensor([token for token in tokens if token not in special]).long()
        return str(post_process(dictionary.string(spoken), POST_PROCESS))

    def encode(self, text: str) -> Tuple[int, ...]:
        """The ids of a text letter by letter, `|` between words, in the first language.

        A file of labels has one more behind the last word.
        """
        letters = " ".join("|".join(text.split()))
        line = self._first.target_dictionary.encode_line(
            letters, add_if_not_exist=False, append_eos=False
        )
        return tuple(line.tolist())

    @property
    def _layers(self) -> List[nn.Module]:
        return list(self.model.w2v_encoder.w2v_model.encoder.layers)  # type: ignore[union-attr,arg-type]

    def _chosen_adapters(self, rows: int) -> Dict[str, List[int]]:
        """Which adapter each row of a batch runs with; encoders without any are not told."""
        has_any = any(hasattr(layer, "adapter_layer") for layer in self._layers)
        return {"corpus_key": [self.task.adapter] * rows} if has_any else {}

    def _run(self, batch: Tensor, lengths: Tensor) -> Dict[str, Tensor]:
        beyond = torch.arange(batch.shape[1], device=batch.device) >= lengths.unsqueeze(1)
        with layers_heard(self._layers) as layers:
            net = self.model(source=batch, padding_mask=beyond, **self._chosen_adapters(len(batch)))
        frames, mask = net["encoder_out"], net["padding_mask"]
        outputs = {"logits": frames.clone()}
        # fairseq's conformer gives no `layer_results` unless one layer is asked for.
        # Its HuBERT gives none at all. What was heard has a frame more where that made it even.
        results = [layer for layer, *_ in net.get("layer_results", ())]
        results = results or [layer[: len(frames)] for layer in layers]
        for number, layer in enumerate(results, start=1):
            outputs[f"layers.{number}"] = layer
        # It writes into what the model gave.
        outputs["emissions"] = self.model.get_logits(net)  # type: ignore[operator]
        outputs = {name: tensor.transpose(0, 1) for name, tensor in outputs.items()}
        unmasked = torch.zeros(frames.shape[1::-1], dtype=torch.bool, device=frames.device)
        return {**outputs, "padding_mask": unmasked if mask is None else mask}
