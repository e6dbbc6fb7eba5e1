"""fairseq's half of the task text to text: an encoder that reads and a decoder that is searched."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from contextlib import contextmanager
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Callable,
    Collection,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
)

import torch
from torch import Tensor

from toolkit.oracle.asking import Pass, ScoredTokens
from toolkit.oracle.loading import load_weights, unfilled
from toolkit.oracle.reference import Reference
from toolkit.oracle.search import Search
from toolkit.oracle.tasks.base import Settings
from toolkit.oracle.texts import text_of

if TYPE_CHECKING:
    from fairseq.data.encoders.sentencepiece_bpe import SentencepieceBPE
    from fairseq.models.transformer import TransformerModel
    from fairseq.tasks import LegacyFairseqTask
    from torch import nn

PRETRAINED_BART = "translation_from_pretrained_bart"
MANY_PAIRS = "translation_multi_simple_epoch"
DICTIONARY, PIECES = "dict.txt", "spm.model"


class TextReference(Reference):
    """A fairseq model of texts with its task, ready to be asked."""

    def __init__(
        self,
        task: LegacyFairseqTask,
        model: nn.Module,
        tags: Collection[int],
        *,
        pieces: Optional[str],
        before: Optional[int] = None,
        behind: Optional[int] = None,
        start: Optional[int] = None,
    ) -> None:
        """Takes a task and its model.

        Args:
            task: fairseq's task.
            model: fairseq's model, in evaluation mode.
            tags: Ids of languages, which no text shows.
            pieces: The sentencepiece model; None where words are symbols.
            before: What stands before a text that is read.
            behind: What stands behind its end.
            start: What hypotheses start from; by default the end of a sentence.
        """
        super().__init__(task, model, tags)
        self._pieces, self._before, self._behind, self._start = pieces, before, behind, start

    @property
    def start_token(self) -> int:
        """The token that every hypothesis starts from."""
        return int(self.dictionary.eos()) if self._start is None else self._start

    @property
    def nothing(self) -> float:
        """Padding behind the end of a text, though fairseq's own batches have it before."""
        return float(self.dictionary.pad())

    def front_end(self, waveform: Tensor) -> Tensor:
        """The ids of a text, shape (S,), as fairseq's data set has them.

        Args:
            waveform: Its characters by their numbers, shape (L,).
        """
        around = (self._before, int(self.dictionary.eos()), self._behind)
        first, end, last = ([] if symbol is None else [symbol] for symbol in around)
        return torch.tensor([*first, *self.encode(text_of(waveform)), *end, *last])

    def search(
        self,
        source: Tensor,
        search: Search,
        tag: Optional[int] = None,
        heard: Optional[Pass] = None,
    ) -> List[ScoredTokens]:
        """See `toolkit.oracle.reference.Reference`.

        fairseq's BART keeps the beam of the generator that was made last, which it then takes for
        that of every pass: each search has its own, and what is no search has one row.
        """
        self._generator(search)
        with self._beams(search.beam):
            return super().search(source, search, tag, heard)

    @contextmanager
    def _beams(self, number: int) -> Iterator[None]:
        set_beams: Callable[[int], None] = getattr(self.model, "set_beam_size", lambda _: None)
        set_beams(number)
        try:
            yield
        finally:
            set_beams(1)

    @cached_property
    def _bpe(self) -> Optional[SentencepieceBPE]:
        if self._pieces is None:
            return None
        from fairseq.data import encoders

        return encoders.build_bpe(Namespace(bpe="sentencepiece", sentencepiece_model=self._pieces))

    @property
    def _prefix_size(self) -> int:
        return 0


def open_reference(
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,
    *,
    dropped: Collection[str],
    padding: str,  # noqa: ARG001
    tags: Collection[int],
) -> TextReference:
    """See `toolkit.oracle.tasks.open_task`."""
    import fairseq.models.bart
    import fairseq.models.transformer  # noqa: F401

    args = Namespace(**{**settings, "data": data_dir})
    task = _make_task(args, data_dir)
    with unfilled():
        model: nn.Module = _build(args, task)
    load_weights(model, state_dict, dropped)
    pieces = os.path.join(data_dir, PIECES)
    return TextReference(
        task,
        model.eval(),
        tags,
        pieces=pieces if os.path.exists(pieces) else None,
        **_frame(args, task),
    )


def _build(args: Namespace, task: LegacyFairseqTask) -> TransformerModel:
    from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_REGISTRY

    ARCH_CONFIG_REGISTRY[args.arch](args)
    return _parted(ARCH_MODEL_REGISTRY[args.arch].build_model(args, task))


def _parted(model: TransformerModel) -> TransformerModel:
    """The model with a module of its own in every place of embeddings that it shares.

    fairseq calls one module from two places, of which no hook could tell which.
    """
    seen = set()
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if module in seen and isinstance(module, torch.nn.Embedding):
            rows, width = module.weight.shape
            own = torch.nn.Embedding(rows, width, padding_idx=module.padding_idx)
            own.weight = module.weight
            owner, _, name = path.rpartition(".")
            setattr(model.get_submodule(owner), name, own)
        seen.add(module)
    return model


def _make_task(args: Namespace, data_dir: str) -> LegacyFairseqTask:
    """Fairseq's task, with the one dictionary for both sides."""
    from fairseq.data import Dictionary

    path = os.path.join(data_dir, DICTIONARY)
    if args.task_name == MANY_PAIRS:
        return _make_task_of_pairs(args, data_dir, path)
    dictionary = Dictionary.load(path)
    if args.task_name == PRETRAINED_BART:
        from fairseq.tasks.translation_from_pretrained_bart import (
            TranslationFromPretrainedBARTTask,
        )

        args.langs = ",".join(args.langs)
        task = TranslationFromPretrainedBARTTask(args, dictionary, dictionary)
        # Read for the end of a search, and never set since 0.12: `cfg` took its place.
        task.args = args
        return task
    from fairseq.tasks.translation import TranslationTask

    return TranslationTask(args, dictionary, dictionary)


def _make_task_of_pairs(args: Namespace, data_dir: str, path: str) -> LegacyFairseqTask:
    from fairseq.tasks.translation_multi_simple_epoch import TranslationMultiSimpleEpochTask

    parser = ArgumentParser()
    TranslationMultiSimpleEpochTask.add_args(parser)
    said = parser.parse_args([data_dir])
    said.source_dict = said.target_dict = path
    said.source_lang, said.target_lang = args.source_lang, args.target_lang
    said.lang_pairs = "{}-{}".format(args.source_lang, args.target_lang)
    said.langs, said.seed = args.langs, 1
    said.encoder_langtok = args.said_encoder_langtok
    said.decoder_langtok = bool(args.said_decoder_langtok)
    said.lang_tok_style = args.said_lang_tok_style or "multilingual"
    return TranslationMultiSimpleEpochTask.setup_task(said)


def _frame(args: Namespace, task: LegacyFairseqTask) -> Dict[str, int]:
    """What stands around texts, as fairseq's own task says."""
    if args.task_name == PRETRAINED_BART:
        index = task.source_dictionary.index
        target = index("[{}]".format(args.target_lang))
        return {"behind": index("[{}]".format(args.source_lang)), "start": target}
    if args.task_name == MANY_PAIRS:
        spec, _ = task.args.langtoks["main"]
        if spec:
            token = task.data_manager.get_encoder_langtok(args.source_lang, args.target_lang, spec)
            return {"before": token}
    return {}
