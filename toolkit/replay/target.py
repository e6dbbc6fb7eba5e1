"""Runs a Hugging Face folder: front end and forward passes, whatever its task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import torch
from torch import Tensor

from toolkit.checkpoint.sets import maybe_language
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.core.lazy import LazyTensors
from toolkit.folder.heads import head_names
from toolkit.folder.safe_copy import loadable
from toolkit.folder.view import FolderView, needs_trust, view_folder
from toolkit.oracle.asking import Pass
from toolkit.oracle.hooks import recording
from toolkit.oracle.precision import doubled, in_float64
from toolkit.oracle.reference import pad
from toolkit.oracle.shelf import ALIGNMENT

if TYPE_CHECKING:
    from transformers import (
        PreTrainedModel,
        PreTrainedTokenizerBase,
        SequenceFeatureExtractor,
    )
    from transformers.utils import ModelOutput


T = TypeVar("T", bound="Target")
FEATURES = "input_features"
ALIGNED_NUMEL = 1 << 26
"""Parameters of a model that still counts as small: a second copy of it costs 256 MB."""


@dataclass(frozen=True, kw_only=True)
class LoadingReport:
    """What transformers said while it loaded the weights."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]


class DoesNotLoad(BadInput):
    """Users cannot load the folder either."""


class Target(ABC):
    """A converted model with its feature extractor and tokenizer, ready to be asked."""

    auto_class: ClassVar[str]
    """The class of transformers that loads the model, as its users do."""
    has_words: ClassVar[bool] = True
    """Whether the folder has a tokenizer."""
    framing: ClassVar[tuple[tuple[str, int], ...]]
    """What makes the frames of what the model is given: regular expressions of its module's path,
    the first that has one counts, each with the axis of its output along which they lie."""

    def __init__(
        self, folder: Path, *, lenient: bool = False, vetted: bool = False, device: str = "cpu"
    ) -> None:
        """Loads the folder as users do, with the weights and the attention that they get.

        It computes in float32 whatever the dtype that users get, so that only the rounding of
        weights is judged, and half precision can be told from a fault.

        Code that the folder carries runs only if its model needs it and it is the toolkit's own;
        what is not is left out, and so are pickles: their tensors are read as data.

        Args:
            folder: The folder.
            lenient: Load the model alone, where no tokenizer or feature extractor may load.
            vetted: The folder was written a moment ago, of what was admitted before.
            device: Where the model runs, in torch's words. What it is given and what it returns
                lies in memory.

        Raises:
            BadInput: the folder is not to be trusted.
            DoesNotLoad: transformers cannot load it, or needs somebody else's code for it.
        """
        # First: it refuses what transformers would read without bounds.
        self.view = view_folder(folder, vetted=vetted)
        try:
            with (
                quiet_transformers(),
                loadable(
                    folder, self.view.foreign, self.view.tensors if self.view.pickled else None
                ) as place,
            ):
                # Without trust a stock model keeps the `generate` that users get by default.
                self.model, info = _load_model(place, self.auto_class, trusted=needs_trust(place))
                if not lenient:
                    self._take_processor(place)
        except Exception as error:
            raise _unloadable(self.view, error) from error
        _align(self.model)
        self.model.to(device)
        heads = head_names(tuple(self.view.tensors), self.view.config, self.model.state_dict())
        self.loading = LoadingReport(
            missing=tuple(sorted(info["missing_keys"])),
            unexpected=tuple(sorted({*info["unexpected_keys"]} - {*heads})),
            mismatched=tuple(sorted(str(key) for key in info["mismatched_keys"])),
        )

    def _take_processor(self, place: Path) -> None:
        """The feature extractor and the tokenizer of the view, or why there are none.

        A vocabulary of 250,000 takes half a gigabyte: once is enough.
        """
        import transformers

        self.feature_extractor = (
            self.view.feature_extractor
            or transformers.AutoFeatureExtractor.from_pretrained(place, trust_remote_code=True)
        )
        if self.has_words:
            self.tokenizer = self.view.tokenizer or transformers.AutoTokenizer.from_pretrained(
                place, trust_remote_code=True
            )

    @property
    def saved_beside(self) -> tuple[SequenceFeatureExtractor | PreTrainedTokenizerBase, ...]:
        """What users save beside the model."""
        return (self.feature_extractor, *((self.tokenizer,) if self.has_words else ()))

    def reopened(self: T, folder: Path) -> T:
        """Another folder, loaded as this one was."""
        return type(self)(folder, vetted=True, device=str(self.model.device))

    def make_ready(self, prefixes: Sequence[Sequence[int]]) -> None:  # noqa: B027
        """Prepares the model for what it is going to be given; called before it is watched."""

    def state(self) -> Mapping[str, Tensor]:
        """Every tensor that users get, those of languages that the model may be told to speak too.

        The model speaks its first language afterwards.
        """
        self.make_ready(())
        spoken = (name for name in self.view.tensors if maybe_language(name) is not None)
        files = {name: partial(self.view.tensors.__getitem__, name) for name in spoken}
        return ChainMap(self.model.state_dict(), LazyTensors(files))  # type: ignore[arg-type]

    def kind_of(self, path: str) -> str:
        """Class name of the module at a path."""
        return type(self.model.get_submodule(path)).__name__

    @property
    def nothing(self) -> float:
        """What stands behind the end of an input in a batch."""
        return 0.0

    @property
    def input_name(self) -> str:
        """What the model calls its input: waveforms are values, and filter banks features."""
        return FEATURES if self.model.main_input_name == FEATURES else "input_values"

    def front_end(self, waveform: Tensor) -> Tensor:
        """The network's input, shape (L,) or (T, F), for a waveform of shape (L,) at 16 kHz.

        Raises:
            ValueError: the folder's feature extractor makes another input than the model takes.
        """
        rate = self.feature_extractor.sampling_rate
        features = self.feature_extractor(
            waveform.numpy(), sampling_rate=rate, return_tensors="pt", padding=False
        )
        name = self.input_name
        if name not in features:
            kind = type(self.feature_extractor).__name__
            raise ValueError(f"`{kind}` makes {', '.join(features)} of a waveform, no {name}")
        values: Tensor = features[name]
        return values[0]

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]],
        *,
        double: bool = False,
        explicit: bool = False,
        only: Collection[str] | None = None,
    ) -> Pass:
        """One pass over a batch; see `Reference.forward`."""
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            if double:
                stack.enter_context(in_float64(self.model))
            if explicit:
                stack.enter_context(_explicit_attention(self.model))
            calls = stack.enter_context(recording(self.model, only))
            output = self.call([doubled(s) if double else s for s in sources], prefixes)
        return Pass(outputs=self.outputs(output), calls=calls)

    def call(self, sources: Sequence[Tensor], prefixes: Sequence[Sequence[int]]) -> ModelOutput:
        """What the model itself returns for a batch: the one place where it is called.

        Args:
            sources: Inputs of shape (L,) or (T, F), of the model's dtype, or ids; shorter ones are
                padded with `nothing`.
            prefixes: Decoder inputs, one per source.

        Raises:
            Exception: whatever the model raises whose parts or settings do not go together.
        """
        batch, lengths = pad(sources, self.nothing)
        device = self.model.device
        return self.model(
            **{self.input_name: batch.to(device)},
            attention_mask=mask_of(lengths, batch.shape[1]).to(device),
            **{
                name: value.to(device) if isinstance(value, Tensor) else value
                for name, value in self.further_arguments(prefixes).items()
            },
        )

    @abstractmethod
    def further_arguments(self, prefixes: Sequence[Sequence[int]]) -> Mapping[str, object]:
        """What the model is given beside waveforms, the decoder's inputs if there are any."""

    @abstractmethod
    def outputs(self, output: ModelOutput) -> Mapping[str, Tensor]:
        """What a pass gave, by the names that fairseq's side of the task uses."""

    @contextmanager
    def exact(self) -> Iterator[None]:
        """The model in float64 with explicit attention while the context lasts, for replays."""
        with in_float64(self.model), _explicit_attention(self.model):
            yield


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keeps transformers' progress bars and advice off the terminal."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def _explicit_attention(model: PreTrainedModel) -> Iterator[None]:
    inner = getattr(model.config, "decoder", model.config)
    before = inner._attn_implementation
    try:
        with quiet_transformers():  # a class with one implementation advises against it
            model.set_attn_implementation("eager")
        yield
    finally:
        with quiet_transformers():
            model.set_attn_implementation(before)


def _unloadable(view: FolderView, error: Exception) -> DoesNotLoad:
    if view.foreign:
        return DoesNotLoad(
            f"`{view.path}` must carry no code, or that of this version of the toolkit, but "
            "carries other code, which was not run, and does not load without it: "
            f"{_brief(error)}. Convert the checkpoint again."
        )
    return DoesNotLoad(
        f"`{view.path}` must be a folder that transformers loads, but {_brief(error)}. "
        "Convert the checkpoint again, or name the right folder."
    )


def _load_model(
    folder: Path, auto_class: str, *, trusted: bool
) -> tuple[PreTrainedModel, JsonDict]:
    """The model in float32, its weights rounded to the dtype in which users get them; and the info.

    Tables that a module makes for itself are made in float32: users get those of their dtype, which
    fairseq rounds likewise.
    """
    model, info = _from_pretrained(folder, auto_class, trusted=trusted)
    dtypes = {name: weight.dtype for name, weight in model.named_parameters()}
    if set(dtypes.values()) == {torch.float32}:
        return model, info
    del model
    model, info = _from_pretrained(folder, auto_class, trusted=trusted, dtype=torch.float32)
    for name, weight in model.named_parameters():
        weight.data = weight.data.to(dtypes[name]).float()
    return model, info


def _from_pretrained(
    folder: Path, auto_class: str, *, trusted: bool, **options: object
) -> tuple[PreTrainedModel, JsonDict]:
    import transformers

    with _drawn_alike():
        model, info = getattr(transformers, auto_class).from_pretrained(
            folder,
            output_loading_info=True,
            local_files_only=True,
            ignore_mismatched_sizes=True,
            trust_remote_code=trusted,
            **options,
        )
    return model, info


@contextmanager
def _drawn_alike() -> Iterator[None]:
    """What no file fills is drawn at random, here the same each time: so is what a proof says."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _align(model: PreTrainedModel) -> None:
    """Moves the weights of a small model to where kernels sum as they do on fairseq's.

    A file's tensors lie where they lie, and vectorized sums depend on it: bit-identity would too.
    """
    weights = list(model.parameters())
    if sum(weight.numel() for weight in weights) > ALIGNED_NUMEL:
        return
    for weight in weights:
        if weight.data_ptr() % ALIGNMENT:
            weight.data = weight.data.clone()


def mask_of(lengths: Tensor, longest: int) -> Tensor:
    """One where a batch holds a row's own values, shape (B, longest)."""
    return (torch.arange(longest) < lengths.unsqueeze(1)).long()


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
