"""The encoder of one checkpoint without heads, and the class of transformers that it becomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from toolkit.blocks.arguments import Arguments, model_name
from toolkit.blocks.evidence import Derived, Facts, hard_coded
from toolkit.blocks.forms import Lack
from toolkit.blocks.place import Place
from toolkit.blocks.tree import ConfigTree
from toolkit.blocks.wav2vec2 import LAST_NORM, NAMES, Wav2Vec2Block
from toolkit.blocks.wav2vec2.gates import has_gates
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonObject
from toolkit.families.carried import Carried
from toolkit.families.encoder_model import PART, EncoderModel, beyond_conformers
from toolkit.families.waveforms import refused_rate
from toolkit.families.wordless import own_arguments

SOURCES = ("", "w2v_encoder.w2v_model.")
"""Where an encoder stands by itself, and in a fine-tuned model whose head was taken off."""
LAYERS = {
    "relative_position_embedding": False,
    "gru_rel_pos": False,
    "expand_attention_head_size": -1,
    "structure_type": "transformer",
}
"""Arguments by which forks change layers, and the values that change nothing."""
GATED = ("relative_position_embedding", "gru_rel_pos")
"""Those that a class has which is made for them."""
WIDENED = ("wav2vec2", "wav2vec2-conformer", "fairseq_conformer", "data2vec-audio", "wavlm")
"""Classes that can have an adapter, whose width they are told."""


@dataclass(frozen=True, kw_only=True)
class Ways:
    """What a family of encoders says of its members."""

    pretrained: tuple[str, ...]
    """What fairseq calls them, the usual name first."""
    stock: tuple[str, ...]
    """Model types of the stock classes that one may become, those first that are preferred."""
    conformer: Carried | None = None
    """What has the conformer layers that no stock class has; None where they are refused."""
    exact: Carried | None = None
    """What is exact in padded batches too, where stock classes are not."""
    counts_otherwise: bool = False
    """Whether stock classes count frames of padded batches otherwise, though none is carried."""


def find_place(facts: Facts) -> str | None:
    """What the names of an encoder's tensors begin with, or None where there is none."""
    found = (
        source
        for source in SOURCES
        if Wav2Vec2Block(place=Place(source=source), checkpoint=facts).is_present
        and facts.has(source + LAST_NORM)
    )
    return next(found, None)


def encoder_name(arguments: Arguments) -> object:
    """What fairseq calls the encoder, or the model around it where its arguments were lost."""
    own, _ = own_arguments(arguments)
    return model_name(own) if own else model_name(arguments.model)


@dataclass(frozen=True, kw_only=True)
class BareModel(EncoderModel):
    """An encoder without heads."""

    ways: Ways

    @property
    def exact(self) -> Carried | None:
        """What computes the same where stock classes do not, be it in padded batches alone."""
        return self.ways.conformer if self.beyond_stock else self.ways.exact

    @cached_property
    def beyond_stock(self) -> tuple[Lack, ...]:
        """What no stock class has and `exact` has, so that a folder must carry that."""
        carried = self.ways.conformer
        if carried is None:
            return ()
        source = find_place(self.facts) or ""
        return beyond_conformers(carried, source, self.facts, self.own, self.options)

    @cached_property
    def around(self) -> JsonObject:
        """The arguments of the model that it was fine-tuned in; none of one that never was."""
        model = self.arguments.model
        return {} if self.own[0] is model else model

    @cached_property
    def encoder(self) -> Wav2Vec2Block:
        """The layers that were pretrained, with what leads to them."""
        model, where = self.own
        return Wav2Vec2Block(
            place=Place(source=find_place(self.facts) or ""),
            checkpoint=self.facts,
            w2v=model,
            where=where,
            around=self.around,
            around_first=True,
            stock=self.ways.stock,
            carried=None if self.exact is None else self.exact.model_type,
            told=self.options.told(PART),
            tries=self.options.tries,
        )

    @cached_property
    def stock(self) -> str:
        """The class of a conversion."""
        return self.encoder.stock_class

    @cached_property
    def config(self) -> ConfigTree:
        """What the checkpoint says of the configuration."""
        supplied = self.options.overrides.get("encoder", {})
        encoder = self.encoder
        width = encoder.facts.shaped(encoder.width, LAST_NORM)
        masks = hard_coded(True, "fairseq masks frames in pretraining")
        return {
            "model_type": self._model_type(),
            **encoder.config(self.kind, supplied),
            **({} if self.around else {"apply_spec_augment": masks}),
            **({"output_hidden_size": width} if self.kind in WIDENED else {}),
        }

    def _model_type(self) -> Derived:
        return hard_coded(self.kind, "the encoder's layers")

    def refusals(self) -> Iterator[Reason]:
        """Why no exact conversion is possible."""
        yield from self.encoder.refusals()
        yield from refused_rate(self.arguments.task)
        yield from self.lacks(self.stock)
        model, where = self.own
        name = f"{NAMES[self.stock]}Model"
        if self.ways.counts_otherwise and self.options.exact_padding:
            because = f"no code that a folder can carry counts frames as the fork of {name} does"
            yield Reason(name="--exact-padding", because=because)
        if model.get("quantize_input"):
            because = f"its encoder is given codes, that of {name} features"
            yield Reason(name=f"{where}.quantize_input", because=because)
        for argument, plain in LAYERS.items():
            if argument in GATED and has_gates(self.encoder):
                continue
            if model.get(argument, plain) not in (plain, None):
                because = f"its layers are other ones than those of {name}"
                yield Reason(name=f"{where}.{argument}", because=because)
