"""A model that is one encoder, with heads or without: what its checkpoint says, what it becomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from toolkit.blocks.arguments import Arguments
from toolkit.blocks.evidence import Facts
from toolkit.blocks.forms import Lack, Part, kind_of
from toolkit.blocks.place import Place
from toolkit.blocks.wav2vec2 import NAMES, Wav2Vec2Block
from toolkit.checkpoint import Checkpoint
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonObject
from toolkit.families.base import Options
from toolkit.families.carried import Carried
from toolkit.families.wordless import own_arguments

PART = ""
"""The encoder's keys stand at top level."""


@dataclass(frozen=True, kw_only=True)
class EncoderModel(ABC):
    """What a checkpoint's tensors and arguments say of its encoder."""

    checkpoint: Checkpoint
    arguments: Arguments
    options: Options

    @property
    @abstractmethod
    def encoder(self) -> Wav2Vec2Block:
        """The layers that were pretrained, with what leads to them."""

    @property
    @abstractmethod
    def stock(self) -> str:
        """The class of a conversion."""

    @property
    def exact(self) -> Carried | None:
        """What computes the same where stock classes do not, be it in padded batches alone."""
        return None

    @cached_property
    def beyond_stock(self) -> tuple[Lack, ...]:
        """What no stock class has and `exact` has, so that a folder must carry that."""
        return ()

    @property
    def known(self) -> Mapping[str, str]:
        """How the stock classes are called that a folder on trial may name, by their model type."""
        return NAMES

    @cached_property
    def facts(self) -> Facts:
        """What all tensors say."""
        return Facts(self.checkpoint.tensors)

    @cached_property
    def own(self) -> tuple[JsonObject, str]:
        """The encoder's arguments, and what evidence calls them; empty where they were lost."""
        return own_arguments(self.arguments)

    @cached_property
    def carried(self) -> Carried | None:
        """The class that the folder carries, if any."""
        form, exact = self.options.form, self.exact
        if exact is None:
            return None
        own = form is not None and form.kinds.get(PART) == exact.model_type
        needed = bool(self.beyond_stock) or self.options.exact_padding
        return exact if own or (form is None and needed) else None

    @cached_property
    def kind(self) -> str:
        """The class of the folder on trial, where it is known, or that of a conversion."""
        form = self.options.form
        if self.carried is not None:
            return self.carried.model_type
        return self.stock if form is None else kind_of(form.kinds.get(PART), self.known, self.stock)

    @cached_property
    def shortcomings(self) -> tuple[Lack, ...]:
        """Why no stock class will do."""
        if self.beyond_stock:
            return self.beyond_stock
        if self.exact is None or not self.options.exact_padding:
            return ()
        module = self.encoder.place.module("encoder")
        return (Lack(name="--exact-padding", because=self.exact.because, module=module),)

    @property
    def nearest(self) -> str:
        """The class that is exact in all that was asked for."""
        return self.exact.model_type if self.exact is not None and self.shortcomings else self.stock

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The one part of a folder on trial that is written in a stock class."""
        form = self.options.form
        if form is None or self.carried is not None:
            return ()
        part = Part(
            name=PART,
            found=form.kinds.get(PART),
            nearest=self.nearest,
            names=self.known,
            lacks=tuple(dict.fromkeys((*self.encoder.lacks(self.kind), *self.shortcomings))),
        )
        return (part,)

    def lacks(self, kind: str) -> Iterator[Reason]:
        """What the encoder has and neither a stock class, by its model type, nor `exact` has."""
        for lack in self.encoder.lacks(kind):
            if lack not in self.beyond_stock:
                yield Reason(name=lack.name, because=lack.because)


def beyond_conformers(
    carried: Carried,
    source: str,
    facts: Facts,
    arguments: tuple[JsonObject, str],
    options: Options,
) -> tuple[Lack, ...]:
    """What of conformer layers the carried class has, and no stock class.

    Args:
        carried: The class.
        source: Where fairseq's model has the encoder.
        facts: What all tensors say.
        arguments: Those of the encoder, and what evidence calls them.
        options: What the user says of it.
    """
    w2v, where = arguments
    place = Place(source=source, target=carried.prefix)
    block = Wav2Vec2Block(
        place=place,
        checkpoint=facts,
        w2v=w2v,
        where=where,
        told=options.told(PART),
        tries=options.tries,
    )
    layers = block.maybe_conformer
    return () if layers is None else tuple(layers.lacks())
