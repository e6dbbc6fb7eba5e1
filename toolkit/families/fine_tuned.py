"""An encoder of waveforms in a model that was fine-tuned: what around it says how it is run.

Source: `Wav2VecEncoder` in `fairseq/models/wav2vec/wav2vec2_asr.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeAlias, TypeVar

from toolkit.blocks.arguments import Arguments, model_name
from toolkit.blocks.evidence import Derived
from toolkit.blocks.place import Place
from toolkit.blocks.tree import values_under
from toolkit.blocks.wav2vec2 import Wav2Vec2Block
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.families.base import Network, Options
from toolkit.families.encoder_model import PART, EncoderModel
from toolkit.families.waveforms import derive_normalization, refused_rate

SOURCE = "w2v_encoder.w2v_model."
"""Where fairseq's fine-tuned models have their encoder."""
BYPASSED = (SOURCE.rstrip("."),)
"""The model around it calls its `extract_features`."""
PREFIXES = {
    "wav2vec2": "wav2vec2.",
    "wav2vec2-conformer": "wav2vec2_conformer.",
    "hubert": "hubert.",
    "data2vec-audio": "data2vec_audio.",
}
"""Where it stands in the class of each model type."""
WIDENED = ("wav2vec2", "wav2vec2-conformer", "fairseq_conformer", "data2vec-audio")
"""Classes that can have an adapter, whose width they are told."""


class Tuned(Protocol):
    """A fine-tuned model of any form."""

    @property
    def arguments(self) -> Arguments:
        """What its checkpoint says."""
        ...

    @property
    def options(self) -> Options:
        """What the user says."""
        ...

    @property
    def encoder(self) -> Wav2Vec2Block:
        """The layers that were pretrained."""
        ...


class AnyWays(Protocol):
    """What a family of fine-tuned models says of its members."""

    @property
    def pretrained(self) -> tuple[str | None, ...]:
        """What fairseq calls their encoder, the usual name first; None where nothing names one."""
        ...

    @property
    def stock(self) -> tuple[str, ...]:
        """Model types of the stock classes that one may become, those first that are preferred."""
        ...


W_co = TypeVar("W_co", bound=AnyWays, covariant=True)


@dataclass(frozen=True, kw_only=True)
class FineTunedModel(EncoderModel, Generic[W_co]):
    """An encoder and what was built on it."""

    ways: W_co
    """What its family says of it."""

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages that it has adapters for, in their order."""
        return ()

    @property
    def adapter_row(self) -> int:
        """Which of the adapters in one tensor are those of the language that is spoken first."""
        return 0

    @cached_property
    def encoder(self) -> Wav2Vec2Block:
        """The layers that were pretrained, with what leads to them."""
        return self.encoder_of(self.encoder_kind)

    @cached_property
    def nearest_stock(self) -> str:
        """Model type of the stock class whose encoder is nearest."""
        return self.encoder_of(self.ways.stock[0]).stock_class

    @property
    def stock(self) -> str:
        """The class of a conversion."""
        return self.nearest_stock

    @property
    def encoder_kind(self) -> str:
        """Model type of the class whose encoder the folder's class has."""
        return self.kind

    @property
    def place(self) -> Place:
        """Where the encoder stands in both models."""
        return self.place_of(self.encoder_kind)

    def place_of(self, kind: str) -> Place:
        """Where it stands in both models, if the folder's is of that model type."""
        exact = self.exact
        own = {} if exact is None else {exact.model_type: exact.prefix}
        return Place(source=SOURCE, target={**PREFIXES, **own}[kind])

    def encoder_of(self, kind: str) -> Wav2Vec2Block:
        """The encoder in a folder of that model type."""
        return Wav2Vec2Block(
            place=self.place_of(kind),
            checkpoint=self.facts,
            w2v=self.arguments.w2v_model,
            where=self.arguments.w2v_model_where,
            around=self.arguments.model,
            around_first=True,
            stock=self.ways.stock,
            languages=self.languages,
            adapter_row=self.adapter_row,
            carried=None if self.exact is None else self.exact.model_type,
            told=self.options.told(PART),
            tries=self.options.tries,
        )

    def refused_encoder(self, kind: str) -> Iterator[Reason]:
        """What of the encoder no class expresses, that of a model type included."""
        yield from self.encoder.refusals()
        yield from refused_rate(self.arguments.task)
        yield from self.lacks(kind)
        pretrained = model_name(self.arguments.w2v_model)
        if pretrained not in self.ways.pretrained:
            because = f"the encoder is `{pretrained}`, whose layers are other ones"
            yield Reason(name=f"{self.arguments.w2v_model_where}._name", because=because)


AnyModel: TypeAlias = FineTunedModel[AnyWays]


def normalization(model: Tuned) -> tuple[Derived, tuple[Reason, ...]]:
    """Whether the audio is standardized, and what of that was assumed or contradicts itself."""
    return derive_normalization(
        dict(_normalization_claims(model.arguments)),
        norm=model.encoder.extractor_norm,
        chosen=model.options.chosen,
        remedy="`--w2v`, the pretrained encoder's checkpoint, whose task says",
    )


def reference_settings(model: AnyModel, network: Network, normalize: Derived) -> JsonDict:
    """Arguments that fairseq builds the task and the model from."""
    settings = outer_settings(model.arguments, normalize)
    normalized = bool(settings["normalize"])
    w2v_args = model.arguments.w2v or _encoder_arguments(model, network, normalize=normalized)
    return {**settings, "w2v_args": w2v_args}


def outer_settings(arguments: Arguments, normalize: Derived) -> JsonDict:
    """Arguments that fairseq builds the task and the model around the encoder from."""
    # fairseq asserts that the model's arguments and the pretrained encoder's agree on this.
    normalized = arguments.w2v_task.get("normalize", bool(normalize.value))
    return {
        **arguments.task,
        **arguments.model,
        "normalize": normalized,
        "task_normalize": bool(normalize.value),
    }


def refuse_unmasked(options: Options, model: str) -> None:
    """Refuses what says something of an adaptor that a model, in words, has not.

    Raises:
        BadInput: an option does.
    """
    if options.padding_reference != "masked":
        raise BadInput(
            f"`--padding-reference {options.padding_reference}` must say what an adaptor does with "
            f"padded frames, but {model} has none. Leave the option out."
        )


def refuse_pretrained(options: Options, model: str) -> None:
    """Refuses what says something of a pretrained encoder that a model, in words, has not.

    Raises:
        BadInput: an option does.
    """
    refuse_unmasked(options, model)
    if options.w2v is not None:
        raise BadInput(
            f"`--w2v {options.w2v}` must give the arguments of a pretrained encoder, but {model} "
            "has none. Leave the option out."
        )


def _normalization_claims(arguments: Arguments) -> Iterator[tuple[str, bool]]:
    for where, group in (
        ("task.normalize", arguments.task),
        ("args.normalize", arguments.model),
        (f"{arguments.w2v_task_where}.normalize", arguments.w2v_task),
    ):
        if isinstance(group.get("normalize"), bool):
            yield where, group["normalize"]


def _encoder_arguments(model: AnyModel, network: Network, *, normalize: bool) -> JsonObject:
    """The pretrained encoder's, where they were lost."""
    values, name = values_under(network.config, PART), model.ways.pretrained[0]
    made = model.encoder.reference_arguments(values, normalize=normalize)
    return {**made, "_name": name, "arch": name}
