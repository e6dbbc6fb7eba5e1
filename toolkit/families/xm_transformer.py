"""XMTransformer: wav2vec 2.0 encoder, convolutional length adaptor, transformer decoder.

Becomes a `SpeechEncoderDecoderModel`: of stock classes where they compute the same, otherwise of
classes that the folder carries.
Source: `fairseq/models/speech_to_text/xm_transformer.py`; Li et al. 2021 (arXiv:2010.12829).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from toolkit.blocks import transformer_decoder, wav2vec2
from toolkit.blocks.arguments import Arguments, read_arguments
from toolkit.blocks.evidence import Derived, Facts
from toolkit.blocks.forms import Lack, Part, find_misfits, kind_of, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.transformer_decoder import TransformerDecoderBlock
from toolkit.blocks.tree import ConfigTree, nested, placed, values_under
from toolkit.blocks.wav2vec2 import Wav2Vec2Block
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import BOS, EOS, PAD
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import Breakable, joined
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.core.slips import gained, lost, others, plus, slip
from toolkit.families import carried, length_adaptor
from toolkit.families.base import Network, Options, Task
from toolkit.families.carried import carried_files
from toolkit.families.hearing import Hearing
from toolkit.families.length_adaptor import LAYOUTS, LengthAdaptor
from toolkit.families.sidecars import Named, Sidecars, check_dictionary_size, find_sidecars
from toolkit.families.speech_to_text import (
    default_language,
    generation_config,
    normalization,
    read_search,
    reference_files,
)
from toolkit.families.waveforms import PROCESSOR, preprocessor_config
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Drop, Row, Table
from toolkit.replay.pairs import Layout
from toolkit.tasks import speech_seq2seq
from toolkit.tasks.speech_seq2seq.tokenizer import needs_own_tokenizer

if TYPE_CHECKING:
    pass

ENCODER = Place(source="encoder.w2v_encoder.w2v_model.", target="encoder.", part="encoder")
DECODER = Place(source="decoder.", target="decoder.", part="decoder")
CARRIED_ENCODER, CARRIED_DECODER = "xm_transformer_encoder", "xm_transformer_decoder"
STOCK_ENCODERS = {kind: wav2vec2.NAMES[kind] for kind in ("wav2vec2", "wav2vec2-conformer")}
"""How stock encoders that can have an adapter are called, by their model type."""
BYPASSED = ("encoder.w2v_encoder", "encoder.w2v_encoder.w2v_model")
"""The encoder calls `w2v_encoder.forward` itself, and that one `w2v_model.extract_features`."""
WHOLE_ENCODER = Layout("encoder", "B L -> T B D", "B L -> B T D")
BREAKABLE = joined(
    (
        ENCODER.breakable(wav2vec2.BREAKABLE),
        length_adaptor.BREAKABLE,
        DECODER.breakable(transformer_decoder.BREAKABLE),
        Breakable(
            slips=(
                slip("tie_word_embeddings", "tie_changed", lost, "tie_broken"),
                slip("tie_word_embeddings", "tie_changed", gained, "tie_invented"),
                slip(
                    "decoder_start_token_id",
                    "start_token_changed",
                    others(0, 1),
                    "wrong_start_token",
                ),
                slip("pad_token_id", "token_id_changed", plus(2)),
                slip("bos_token_id", "token_id_changed", plus(2)),
                slip("eos_token_id", "token_id_changed", plus(2)),
            )
        ),
    )
)


@dataclass(frozen=True)
class XMTransformer(Hearing):
    """The family's answers; see `toolkit.families.base.Family`."""

    hears_at = ENCODER
    name: str = "xm_transformer"

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of a wav2vec 2.0 encoder with a transformer decoder."""
        facts = Facts(checkpoint.tensors)
        encoder = Wav2Vec2Block(place=ENCODER, checkpoint=facts)
        return (
            encoder.is_present
            and TransformerDecoderBlock(place=DECODER, checkpoint=facts).is_present
        )

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        arguments = read_arguments(checkpoint, options.w2v)
        model = _Model(checkpoint, arguments, options)
        model.encoder.check_pretrained(arguments.w2v_path)
        config = options.settle(model.config)
        return Network(
            generation=model.adaptor.generation,
            config=config,
            table=Table(name=self.name, rows=model.rows(config)),
            layouts=(WHOLE_ENCODER, *model.encoder.layouts, *LAYOUTS, *model.decoder.layouts),
            head_widths=model.head_widths(config),
            bypassed=BYPASSED,
            whole=ENCODER.part if model.ends_in_encoder(config) else "encoder.encoder",
            frames_of=model.encoder.frames_of,
            unpaired=model.encoder.unpaired,
            refusals=(*model.encoder.refusals(), *model.decoder.refusals()),
            shortcomings=model.shortcomings,
            carries_code=model.kinds.carried,
            misfits=tuple(find_misfits(model.parts)),
            lost=lost_prefixes(model.parts),
            breakable=BREAKABLE,
        )

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """`config.yaml`, the dictionary and the sentencepiece model."""
        return find_sidecars(
            checkpoint.path,
            config_yaml=named.config_yaml,
            dict_path=named.dictionary,
            spm_path=named.pieces,
        )

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        arguments = read_arguments(checkpoint, options.w2v)
        model = _Model(checkpoint, arguments, options)
        rows = network.config["decoder.vocab_size"].value
        check_dictionary_size(sidecars, rows, "decoder.embed_tokens.weight")
        lang, language_assumed = default_language(sidecars, arguments, options)
        search = read_search(arguments)
        normalize, assumptions = normalization(arguments, sidecars, network, options)
        own_tokenizer = needs_own_tokenizer(sidecars.spm_path, sidecars.dictionary)
        contents = FolderContents(
            config=_config(network, checkpoint),
            generation=generation_config(network, search, sidecars.languages, lang),
            preprocessor={
                **preprocessor_config(normalize),
                **(carried.PREPROCESSOR if network.carries_code else {}),
            },
            processor=PROCESSOR,
            dictionary=sidecars.dictionary,
            pieces_path=sidecars.spm_path,
            language_tags=sidecars.languages,
            prefix_tag=None if lang is None else sidecars.tag_of(lang),
            max_positions=int(network.config["decoder.max_position_embeddings"].value),
            code=carried_files(classes=network.carries_code, tokenizer=own_tokenizer),
            misfits=network.misfits,
        )
        return Task(
            kind=speech_seq2seq.TASK,
            contents=contents,
            padding=_padding(model.adaptor, network),
            search=search,
            default_lang=lang,
            reference_settings=_reference_settings(arguments, model, network, normalize),
            reference_files=reference_files(sidecars, normalize),
            assumptions=(*network.assumptions, *assumptions, *language_assumed),
            preprocessor={"do_normalize": normalize},
        )


FAMILY = XMTransformer()


@dataclass(frozen=True, kw_only=True)
class _Kinds:
    """The classes that tensors and values are for, by their model types."""

    encoder: str
    decoder: str
    carried: bool
    """Whether they are those that a folder carries."""


@dataclass(frozen=True)
class _Model:
    """The blocks of one checkpoint, and the classes that they become."""

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
            place=ENCODER,
            checkpoint=self.facts,
            w2v=self.arguments.w2v_model,
            where=self.arguments.w2v_model_where,
            around=self.arguments.model,
            carried=CARRIED_ENCODER,
        )

    @cached_property
    def adaptor(self) -> LengthAdaptor:
        """What leads from the encoder to the decoder."""
        return LengthAdaptor(
            facts=self.facts,
            encoder=self.encoder,
            model=self.arguments.model,
            options=self.options,
        )

    @cached_property
    def decoder(self) -> TransformerDecoderBlock:
        """What attends to the adaptor's output."""
        return TransformerDecoderBlock(
            place=DECODER,
            checkpoint=self.facts,
            model=self.arguments.model,
            carried=CARRIED_DECODER,
        )

    @cached_property
    def shortcomings(self) -> tuple[Reason, ...]:
        """Why no stock class is exact."""
        lacks = self._encoder_lacks(self.encoder.stock_class)
        return (*lacks, *self.decoder.shortcomings())

    @cached_property
    def kinds(self) -> _Kinds:
        """The classes of the folder on trial, where they are known, or those of a conversion."""
        form = self.options.form
        if bool(self.shortcomings) if form is None else form.carries_code:
            return _Kinds(encoder=CARRIED_ENCODER, decoder=CARRIED_DECODER, carried=True)
        found = {} if form is None else form.kinds
        stock, stock_decoder = self.encoder.stock_class, self.decoder.stock_class
        return _Kinds(
            encoder=kind_of(found.get(ENCODER.part), STOCK_ENCODERS, stock),
            decoder=kind_of(found.get(DECODER.part), transformer_decoder.NAMES, stock_decoder),
            carried=False,
        )

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a folder on trial that is written in stock classes."""
        form, stock = self.options.form, self.encoder.stock_class
        if form is None or self.kinds.carried:
            return ()
        encoder = Part(
            name=ENCODER.part,
            found=form.kinds.get(ENCODER.part),
            nearest=CARRIED_ENCODER if self._encoder_lacks(stock) else stock,
            names=STOCK_ENCODERS,
            lacks=self._encoder_lacks(self.kinds.encoder),
            readers=("encoder_attn",),
        )
        decoder = Part(
            name=DECODER.part,
            found=form.kinds.get(DECODER.part),
            nearest=self.decoder.nearest or CARRIED_DECODER,
            names=transformer_decoder.NAMES,
            lacks=tuple(self.decoder.lacks(self.kinds.decoder)),
        )
        return encoder, decoder

    @cached_property
    def config(self) -> ConfigTree:
        """What the checkpoint says of the configuration."""
        supplied = self.options.overrides.get(ENCODER.part, {})
        encoder = self.encoder.config(self.kinds.encoder, supplied)
        return {
            **placed(ENCODER.part, {**encoder, **self._encoder_class()}),
            **placed(DECODER.part, self.decoder.config(self.kinds.decoder)),
        }

    def is_bundled(self, config: ConfigTree) -> bool:
        """Whether the encoder is of the class that a folder carries."""
        return bool(config["encoder.model_type"].value == CARRIED_ENCODER)

    def ends_in_encoder(self, config: ConfigTree) -> bool:
        """Whether all of fairseq's encoder is in the target's, its last projection too."""
        return self.is_bundled(config) or self.adaptor.layers > 0 or not self.adaptor.projects

    def rows(self, config: ConfigTree) -> tuple[Row, ...]:
        """The rules that apply to all tensors."""
        return (
            *self.encoder.rows(values_under(config, ENCODER.part)),
            *self.adaptor.rows(bundled=self.is_bundled(config)),
            *self.decoder.rows(values_under(config, DECODER.part)),
            *_multitask_rows(self.facts),
        )

    def head_widths(self, config: ConfigTree) -> dict[str, int]:
        """Width of an attention head, by the prefix of the target parameters it applies to."""
        return {
            **self.encoder.head_widths(values_under(config, ENCODER.part)),
            **self.decoder.head_widths(values_under(config, DECODER.part)),
        }

    def _encoder_class(self) -> dict[str, Derived]:
        """The class of the encoder, and what the adaptor makes of it."""
        if self.kinds.encoder != CARRIED_ENCODER:
            kind = Derived(value=self.kinds.encoder, evidence="the encoder's layers")
            return {"model_type": kind, **self.adaptor.stock_config()}
        because = "the encoder is a wav2vec 2.0 model with parts that the stock class lacks"
        layers = Derived(value=self.encoder.layer_type, evidence="the encoder's layers")
        return {
            "model_type": Derived(value=CARRIED_ENCODER, evidence=because),
            **self.adaptor.bundled_config(),
            "layer_type": layers,
            "pos_conv_depth": self.encoder.positional_depth,
        }

    def _encoder_lacks(self, kind: str) -> tuple[Lack, ...]:
        return (*self.encoder.lacks(kind), *self.adaptor.lacks())


def _multitask_rows(facts: Facts) -> Iterator[Row]:
    """One row for each decoder that an auxiliary task trained beside the model's own."""
    names = {name.split(".")[0] for name in facts.tensors}
    for name in sorted(names - {"encoder", "decoder"}):
        if name.endswith("_decoder"):
            for tensor in sorted(t for t in facts.tensors if t.startswith(f"{name}.")):
                yield Drop(tensor, "the decoder of an auxiliary task serves training only")


def _config(network: Network, checkpoint: Checkpoint) -> JsonDict:
    dtypes = Counter(spec.dtype for spec in checkpoint.tensors.values())
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
    return {**common, **carried.CONFIG} if network.carries_code else common


def _reference_settings(
    arguments: Arguments, model: _Model, network: Network, normalize: Derived
) -> JsonDict:
    """Arguments that fairseq builds the task and the model from."""
    # fairseq asserts that the model's arguments and the pretrained encoder's agree on this.
    normalized = arguments.w2v_task.get("normalize", bool(normalize.value))
    settings = {"normalize": normalized, **arguments.task, **arguments.model}
    w2v_args = arguments.w2v or model.encoder.reference_arguments(
        values_under(network.config, ENCODER.part), normalize=bool(settings["normalize"])
    )
    return {**settings, "w2v_args": w2v_args}


def _padding(adaptor: LengthAdaptor, network: Network) -> PaddingProbes:
    reference = adaptor.padding.value if adaptor.layers else "masked"
    deviates = bool(adaptor.layers) and not network.carries_code and reference == "masked"
    return PaddingProbes(
        before="encoder.encoder",
        unmasked="encoder.adapter" if deviates else None,
        after="decoder",
        reference=reference,
    )
