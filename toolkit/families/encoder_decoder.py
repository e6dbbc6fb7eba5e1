"""Encoders of waveforms with a decoder of tokens: what every family of them says of its model.

One becomes a `SpeechEncoderDecoderModel`: of stock classes where they compute the same, otherwise
of classes that the folder carries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from toolkit.blocks import transformer_decoder, wav2vec2
from toolkit.blocks.arguments import Arguments
from toolkit.blocks.evidence import Derived, Facts
from toolkit.blocks.forms import Lack, Part, find_misfits, kind_of, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.transformer_decoder import Habits, TransformerDecoderBlock
from toolkit.blocks.tree import ConfigTree, nested, placed, values_under
from toolkit.blocks.wav2vec2 import Wav2Vec2Block
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import BOS, EOS, PAD
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import Breakable, joined
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.core.slips import gained, lost, others, plus, slip
from toolkit.families import length_adaptor
from toolkit.families.base import Network, Options
from toolkit.families.carried import CarriedPair
from toolkit.families.length_adaptor import LAYOUTS, LengthAdaptor
from toolkit.mapping import Row, Table
from toolkit.replay.pairs import Layout

ENCODER, DECODER = "encoder", "decoder"
"""The parts, by the names of their keys, and where transformers has them."""
DECODER_PLACE = Place(source="decoder.", target="decoder.", part=DECODER)
STOCK_ENCODERS = {kind: wav2vec2.NAMES[kind] for kind in ("wav2vec2", "wav2vec2-conformer")}
"""How stock encoders that can have an adapter are called, by their model type."""
WHOLE_ENCODER = Layout(ENCODER, "B L -> T B D", "B L -> B T D")


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """Where the models of a family have their parts."""

    encoder: Place
    """Of the layers that were pretrained."""
    projection: str
    """fairseq's path of the linear layer behind them."""
    bypassed: tuple[str, ...]
    """fairseq's modules whose `forward` their parent never calls."""
    carried: CarriedPair
    """What a folder carries where no stock class computes the same."""
    decoder: Place = DECODER_PLACE
    habits: Habits = field(default_factory=Habits)
    around_first: bool = False
    """Whether fairseq gives the encoder dropouts and masks of the model around it."""

    def breakable(self, decoder: str) -> Breakable:
        """What can be broken of all parts together.

        Args:
            decoder: Model type of the decoder's class.
        """
        return joined(
            (
                self.encoder.breakable(wav2vec2.BREAKABLE),
                length_adaptor.BREAKABLE,
                self.decoder.breakable(transformer_decoder.breakable(decoder)),
                BREAKABLE,
            )
        )

    def is_of(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of such an encoder with such a decoder."""
        facts = Facts(checkpoint.tensors)
        encoder = Wav2Vec2Block(place=self.encoder, checkpoint=facts)
        decoder = TransformerDecoderBlock(place=self.decoder, checkpoint=facts)
        return encoder.is_present and decoder.is_present


BREAKABLE = Breakable(
    slips=(
        slip("tie_word_embeddings", "tie_changed", lost, "tie_broken"),
        slip("tie_word_embeddings", "tie_changed", gained, "tie_invented"),
        slip("decoder_start_token_id", "start_token_changed", others(0, 1), "wrong_start_token"),
        slip("pad_token_id", "token_id_changed", plus(2)),
        slip("bos_token_id", "token_id_changed", plus(2)),
        slip("eos_token_id", "token_id_changed", plus(2)),
    )
)
"""What can be broken of the model around its parts."""


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """The classes that tensors and values are for, by their model types."""

    encoder: str
    decoder: str
    carried: bool
    """Whether they are those that a folder carries."""


@dataclass(frozen=True, kw_only=True)
class EncoderDecoderModel:
    """The blocks of one checkpoint, and the classes that they become."""

    anatomy: Anatomy
    checkpoint: Checkpoint
    arguments: Arguments
    options: Options

    @cached_property
    def facts(self) -> Facts:
        """What all tensors say."""
        return Facts(self.checkpoint.tensors)

    @cached_property
    def encoder(self) -> Wav2Vec2Block:
        """The layers that were pretrained, with what leads to them."""
        return Wav2Vec2Block(
            place=self.anatomy.encoder,
            checkpoint=self.facts,
            w2v=self.arguments.w2v_model,
            where=self.arguments.w2v_model_where,
            around=self.arguments.model,
            around_first=self.anatomy.around_first,
            carried=self.anatomy.carried.encoder,
            told=self.options.told(ENCODER),
            tries=self.options.tries,
        )

    @cached_property
    def adaptor(self) -> LengthAdaptor:
        """What leads from the encoder to the decoder."""
        return LengthAdaptor(
            facts=self.facts,
            encoder=self.encoder,
            model=self.arguments.model,
            options=self.options,
            projection=self.anatomy.projection,
        )

    @cached_property
    def decoder(self) -> TransformerDecoderBlock:
        """What attends to the adaptor's output."""
        return TransformerDecoderBlock(
            place=self.anatomy.decoder,
            checkpoint=self.facts,
            model=self.arguments.model,
            carried=self.anatomy.carried.decoder,
            habits=self.anatomy.habits,
        )

    @cached_property
    def shortcomings(self) -> tuple[Reason, ...]:
        """Why no stock class is exact."""
        lacks = self._encoder_lacks(self.encoder.stock_class)
        return (*lacks, *self.decoder.shortcomings())

    @cached_property
    def kinds(self) -> Kinds:
        """The classes of the folder on trial, where they are known, or those of a conversion."""
        form = self.options.form
        if bool(self.shortcomings) if form is None else form.carries_code:
            own = self.anatomy.carried
            return Kinds(encoder=own.encoder, decoder=own.decoder, carried=True)
        found = {} if form is None else form.kinds
        stock, stock_decoder = self.encoder.stock_class, self.decoder.stock_class
        return Kinds(
            encoder=kind_of(found.get(ENCODER), STOCK_ENCODERS, stock),
            decoder=kind_of(found.get(DECODER), transformer_decoder.NAMES, stock_decoder),
            carried=False,
        )

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a folder on trial that is written in stock classes."""
        form, stock = self.options.form, self.encoder.stock_class
        if form is None or self.kinds.carried:
            return ()
        encoder = Part(
            name=ENCODER,
            found=form.kinds.get(ENCODER),
            nearest=self.anatomy.carried.encoder if self._encoder_lacks(stock) else stock,
            names=STOCK_ENCODERS,
            lacks=self._encoder_lacks(self.kinds.encoder),
            readers=("encoder_attn",),
        )
        decoder = Part(
            name=DECODER,
            found=form.kinds.get(DECODER),
            nearest=self.decoder.nearest or self.anatomy.carried.decoder,
            names=transformer_decoder.NAMES,
            lacks=tuple(self.decoder.lacks(self.kinds.decoder)),
        )
        return encoder, decoder

    @cached_property
    def config(self) -> ConfigTree:
        """What the checkpoint says of the configuration."""
        supplied = self.options.overrides.get(ENCODER, {})
        encoder = self.encoder.config(self.kinds.encoder, supplied)
        return {
            **placed(ENCODER, {**encoder, **self._encoder_class()}),
            **placed(DECODER, self.decoder.config(self.kinds.decoder)),
        }

    def is_bundled(self, config: ConfigTree) -> bool:
        """Whether the encoder is of the class that a folder carries."""
        return bool(config["encoder.model_type"].value == self.anatomy.carried.encoder)

    def ends_in_encoder(self, config: ConfigTree) -> bool:
        """Whether all of fairseq's encoder is in the target's, its last projection too."""
        return self.is_bundled(config) or self.adaptor.layers > 0 or not self.adaptor.projects

    def rows(self, config: ConfigTree) -> tuple[Row, ...]:
        """The rules that apply to all tensors."""
        return (
            *self.encoder.rows(values_under(config, ENCODER)),
            *self.adaptor.rows(bundled=self.is_bundled(config)),
            *self.decoder.rows(values_under(config, DECODER)),
        )

    def head_widths(self, config: ConfigTree) -> dict[str, int]:
        """Width of an attention head, by the prefix of the target parameters it applies to."""
        return {
            **self.encoder.head_widths(values_under(config, ENCODER)),
            **self.decoder.head_widths(values_under(config, DECODER)),
        }

    def _encoder_class(self) -> dict[str, Derived]:
        """The class of the encoder, and what the adaptor makes of it."""
        if not self.kinds.carried:
            kind = Derived(value=self.kinds.encoder, evidence="the encoder's layers")
            return {"model_type": kind, **self.adaptor.stock_config()}
        because = "the encoder is a wav2vec 2.0 model with parts that the stock class lacks"
        layers = Derived(value=self.encoder.layer_type, evidence="the encoder's layers")
        return {
            "model_type": Derived(value=self.kinds.encoder, evidence=because),
            **self.adaptor.bundled_config(),
            "layer_type": layers,
            "pos_conv_depth": self.encoder.positional_depth,
        }

    def _encoder_lacks(self, kind: str) -> tuple[Lack, ...]:
        return (*self.encoder.lacks(kind), *self.adaptor.lacks())


def network_of(
    model: EncoderDecoderModel, *, name: str, generation: str, further: Iterable[Row] = ()
) -> Network:
    """What the network is, read off the tensors first and the arguments second.

    Args:
        model: The blocks of the checkpoint.
        name: The family's name.
        generation: Which forward pass of the family's history the tensors belong to.
        further: Rules of tensors that are no block's.

    Raises:
        BadInput: a tensor that every such model has is missing.
    """
    model.encoder.check_pretrained(model.arguments.w2v_path)
    config = model.options.settle(model.config)
    return Network(
        generation=generation,
        config=config,
        table=Table(name=name, rows=(*model.rows(config), *further)),
        layouts=(
            WHOLE_ENCODER,
            *model.encoder.layouts,
            *LAYOUTS,
            *model.decoder.layouts(model.kinds.decoder),
        ),
        head_widths=model.head_widths(config),
        bypassed=model.anatomy.bypassed,
        whole=ENCODER if model.ends_in_encoder(config) else "encoder.encoder",
        frames_of=model.encoder.frames_of,
        unpaired=model.encoder.unpaired,
        refusals=(*model.encoder.refusals(), *model.decoder.refusals()),
        shortcomings=model.shortcomings,
        carries_code=model.kinds.carried,
        misfits=tuple(find_misfits(model.parts)),
        lost=lost_prefixes(model.parts),
        breakable=model.anatomy.breakable(model.kinds.decoder),
    )


def config_of(network: Network, model: EncoderDecoderModel) -> JsonDict:
    """What `config.json` says."""
    dtypes = Counter(spec.dtype for spec in model.checkpoint.tensors.values())
    common = {
        "architectures": ["SpeechEncoderDecoderModel"],
        "model_type": "speech-encoder-decoder",
        "is_encoder_decoder": True,
        "tie_word_embeddings": False,
        "dtype": dtypes.most_common(1)[0][0],
        "bos_token_id": BOS,
        "pad_token_id": PAD,
        "eos_token_id": EOS,
        "decoder_start_token_id": EOS,
        **nested(network.config),
    }
    return {**common, **model.anatomy.carried.config} if network.carries_code else common


def padding_of(model: EncoderDecoderModel, network: Network) -> PaddingProbes:
    """What shows how padded batches differ, if they do."""
    adaptor = model.adaptor
    reference = adaptor.padding.value if adaptor.layers else "masked"
    deviates = bool(adaptor.layers) and not network.carries_code and reference == "masked"
    return PaddingProbes(
        before="encoder.encoder",
        unmasked="encoder.adapter" if deviates else None,
        after="decoder",
        reference=reference,
    )
