"""S2T-Transformer: filter banks, convolutions that shorten them, transformer encoder and decoder.

It becomes the stock class that has all of that, or classes that the folder carries: an encoder and a
decoder, each with what the stock class lacks.
Source: `fairseq/models/speech_to_text/s2t_transformer.py`; Wang et al. 2020 (arXiv:2010.05171).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from toolkit.blocks import transformer_decoder
from toolkit.blocks.arguments import Arguments, model_name, read_arguments
from toolkit.blocks.evidence import Derived, Facts
from toolkit.blocks.filter_bank_encoder import FilterBankEncoderBlock
from toolkit.blocks.forms import Lack, Part, find_misfits, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.transformer_decoder import WHOLE, Habits, TransformerDecoderBlock
from toolkit.blocks.tree import join, nested, placed, values_under
from toolkit.bundled import FILTER_BANKS, PARTS, S2T, STACK
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import BOS, EOS, PAD
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import Breakable, joined
from toolkit.core.json import JsonDict
from toolkit.families.base import Network, Options, Task, Told
from toolkit.families.carried import CarriedPair, carried_files
from toolkit.families.encoder_decoder import BREAKABLE as AROUND
from toolkit.families.filter_banks import PROCESSOR, FilterBanks, read_filter_banks
from toolkit.families.fine_tuned import refuse_pretrained
from toolkit.families.sidecars import Named, Sidecars, check_dictionary_size, find_sidecars
from toolkit.families.speech_to_text import (
    default_language,
    generation_config,
    read_search,
    reference_files,
    renamed_yaml,
)
from toolkit.families.waveforms import RATE_HZ
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Row, Table
from toolkit.tasks import speech_seq2seq
from toolkit.tasks.speech_seq2seq.tokenizer import needs_own_tokenizer

ENCODER, DECODER = "encoder", "decoder"
"""The parts of a folder that carries code, by the names of their keys."""
STOCK = {
    ENCODER: Place(source="encoder.", target="model.encoder."),
    DECODER: Place(source="decoder."),
}
"""Where the stock class has them."""
CARRIED = CarriedPair(model_type="fairseq_s2t", file=S2T, config_class="FairseqS2TConfig")
CARRIED_PLACES = {
    part: Place(source=f"{part}.", target=f"{part}.", part=part) for part in (ENCODER, DECODER)
}
HABITS = Habits(activation="relu", heads=8)
FRAME, SHIFT = RATE_HZ // 40, RATE_HZ // 100
"""Samples of a frame of filter banks, 25 ms, and from one to the next."""
STATISTICS = "gcmvn.npz"
"""Where fairseq's side of a comparison finds the statistics of a corpus."""


@dataclass(frozen=True, kw_only=True)
class S2TModel:
    """The blocks of one checkpoint, and the classes that they become."""

    checkpoint: Checkpoint
    arguments: Arguments
    options: Options
    block: type[FilterBankEncoderBlock]

    @property
    def is_present(self) -> bool:
        """Whether the tensors of both blocks are there."""
        return self._encoder_at(STOCK).is_present and self._decoder_at(STOCK).is_present

    @cached_property
    def lacks(self) -> tuple[Lack, ...]:
        """What the checkpoint has and the stock class cannot express."""
        return (*self._encoder_at(STOCK).lacks(), *self._decoder_at(STOCK).lacks(WHOLE))

    @cached_property
    def carries_code(self) -> bool:
        """Whether the classes are those of the folder on trial that carries them, or lacking."""
        form = self.options.form
        return bool(self.lacks) if form is None else form.carries_code

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Where the parts are."""
        return CARRIED_PLACES if self.carries_code else STOCK

    @cached_property
    def encoder(self) -> FilterBankEncoderBlock:
        """What hears filter banks."""
        return self._encoder_at(self.places)

    @cached_property
    def decoder(self) -> TransformerDecoderBlock:
        """What attends to that."""
        return self._decoder_at(self.places)

    @property
    def decoder_kind(self) -> str:
        """Model type of the class that the decoder is of."""
        return CARRIED.decoder if self.carries_code else WHOLE

    @property
    def config(self) -> dict[str, Derived]:
        """What the checkpoint says of the configuration."""
        decoder = self.decoder.config(self.decoder_kind)
        dropouts = self.encoder.dropouts()
        if not self.carries_code:
            return {**decoder, **self.encoder.config(), **dropouts}
        encoder = self.encoder.config_alone(CARRIED.encoder)
        return {**placed(ENCODER, encoder), **placed(DECODER, {**decoder, **dropouts})}

    @property
    def parts(self) -> tuple[Part, ...]:
        """The one part of a folder on trial that is written in the stock class."""
        form = self.options.form
        if form is None or self.carries_code:
            return ()
        nearest = CARRIED.model_type if self.lacks else WHOLE
        names = {WHOLE: "Speech2Text"}
        found = form.kinds.get("")
        return (Part(name="", found=found, nearest=nearest, names=names, lacks=self.lacks),)

    def rows(self, config: Mapping[str, Derived]) -> Iterator[Row]:
        """The rules that apply."""
        yield from self.encoder.rows()
        yield from self.decoder.rows(values_under(config, self.places[DECODER].part))

    def head_widths(self, config: Mapping[str, Derived]) -> dict[str, int]:
        """Width of an attention head, by the prefix of the target parameters it applies to."""
        heads = config[self.places[ENCODER].key("encoder_attention_heads")].value
        return {
            **self.encoder.head_widths(heads),
            **self.decoder.head_widths(values_under(config, self.places[DECODER].part)),
        }

    def breakable(self) -> Breakable:
        """What can be broken of both parts, and of the model around them."""
        decoder = self.places[DECODER].breakable(transformer_decoder.breakable(self.decoder_kind))
        encoder = self.places[ENCODER].breakable(self.encoder.breakable(alone=self.carries_code))
        return joined((encoder, decoder, *((AROUND,) if self.carries_code else ())))

    def _encoder_at(self, places: Mapping[str, Place]) -> FilterBankEncoderBlock:
        facts = Facts(self.checkpoint.tensors)
        return self.block(place=places[ENCODER], checkpoint=facts, model=self.arguments.model)

    def _decoder_at(self, places: Mapping[str, Place]) -> TransformerDecoderBlock:
        return TransformerDecoderBlock(
            place=places[DECODER],
            checkpoint=Facts(self.checkpoint.tensors),
            model=self.arguments.model,
            carried=CARRIED.decoder,
            habits=replace(HABITS, whole=places is STOCK),
        )


@dataclass(frozen=True, kw_only=True)
class S2TTransformer(Told):
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str = "s2t_transformer"
    block: type[FilterBankEncoderBlock] = FilterBankEncoderBlock
    """What its encoder is."""

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of such an encoder and decoder, and named so.

        Models that translate speech into units have the same, and are called otherwise.
        """
        model = self._model(checkpoint, Options())
        named = model_name(model.arguments.model)
        is_named = named is None or str(named).startswith(self.name)
        return is_named and model.is_present

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        refuse_pretrained(options, "a model of filter banks")
        model = self._model(checkpoint, options)
        config = options.settle(model.config)
        return Network(
            generation=f"{len(model.encoder.kernels)} convolutions",
            config=config,
            table=Table(name=self.name, rows=tuple(model.rows(config))),
            layouts=(*model.encoder.layouts, *model.decoder.layouts(model.decoder_kind)),
            head_widths=model.head_widths(config),
            bypassed=(),
            whole=model.places[ENCODER].target.rstrip("."),
            frames_of=model.encoder.last_convolution,
            unpaired=model.encoder.unpaired,
            refusals=(*model.encoder.refusals(), *model.decoder.refusals()),
            shortcomings=model.lacks,
            carries_code=model.carries_code,
            misfits=tuple(find_misfits(model.parts)),
            lost=lost_prefixes(model.parts),
            breakable=model.breakable(),
            formats=model.decoder.formats,
        )

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """`config.yaml`, the dictionary, the sentencepiece model and the statistics of a corpus."""
        found = find_sidecars(
            checkpoint.path,
            config_yaml=named.config_yaml,
            dict_path=named.dictionary,
            spm_path=named.pieces,
        )
        return replace(found, statistics=read_filter_banks(found, checkpoint.path.parent).path)

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        model = self._model(checkpoint, options)
        decoder = values_under(network.config, model.places[DECODER].part)
        check_dictionary_size(sidecars, decoder["vocab_size"].value, "decoder.embed_tokens.weight")
        lang, language_assumed = default_language(sidecars, model.arguments, options)
        search = read_search(model.arguments)
        banks = read_filter_banks(sidecars, checkpoint.path.parent)
        longest = transformer_decoder.key(model.decoder_kind, "max_position_embeddings")
        positions = int(decoder[longest].value)
        own_tokenizer = needs_own_tokenizer(sidecars.spm_path, sidecars.dictionary)
        return Task(
            kind=speech_seq2seq.FILTERED,
            contents=FolderContents(
                config=_config_of(network, checkpoint),
                generation=generation_config(positions, search, sidecars.languages, lang),
                preprocessor=banks.preprocessor,
                processor=PROCESSOR,
                dictionary=sidecars.dictionary,
                pieces_path=sidecars.spm_path,
                language_tags=sidecars.languages,
                prefix_tag=None if lang is None else sidecars.tag_of(lang),
                max_positions=positions,
                code=_code(network, tokenizer=own_tokenizer),
                misfits=network.misfits,
            ),
            padding=PaddingProbes(),
            search=search,
            default_lang=lang,
            reference_settings={**_reference_settings(model, network), "arch": self.name},
            reference_files=_files(sidecars, banks),
            assumptions=(*network.assumptions, *language_assumed),
        )

    def shortest_input(self, network: Network) -> int:  # noqa: ARG002
        """Samples of one frame of filter banks; convolutions keep at least one."""
        return FRAME

    def frames(self, network: Network, samples: int) -> int:
        """Frames that the encoder makes of so many samples."""
        frames = 1 + (samples - FRAME) // SHIFT
        kernels = join(ENCODER if network.carries_code else "", "conv_kernel_sizes")
        for _ in network.config[kernels].value:
            frames = 1 + (frames - 1) // 2
        return frames

    def _model(self, checkpoint: Checkpoint, options: Options) -> S2TModel:
        arguments = read_arguments(checkpoint, options.w2v)
        return S2TModel(
            checkpoint=checkpoint, arguments=arguments, options=options, block=self.block
        )


FAMILY = S2TTransformer()


def _config_of(network: Network, checkpoint: Checkpoint) -> JsonDict:
    """What `config.json` says."""
    dtypes = Counter(spec.dtype for spec in checkpoint.tensors.values())
    common = {
        "architectures": ["Speech2TextForConditionalGeneration"],
        "is_encoder_decoder": True,
        "dtype": dtypes.most_common(1)[0][0],
        "bos_token_id": BOS,
        "pad_token_id": PAD,
        "eos_token_id": EOS,
        "decoder_start_token_id": EOS,
        **nested(network.config),
    }
    if not network.carries_code:
        return {**common, "use_cache": True}
    carried = {"architectures": ["SpeechEncoderDecoderModel"], "tie_word_embeddings": False}
    return {**common, **carried, **CARRIED.config}


def _code(network: Network, *, tokenizer: bool) -> dict[str, Path]:
    """The files that the folder carries, by their path in it."""
    model = (S2T, PARTS, STACK) if network.carries_code else ()
    files = {file.name: file for file in (*model, FILTER_BANKS)}
    return {**carried_files(tokenizer=tokenizer), **files}


def _reference_settings(model: S2TModel, network: Network) -> JsonDict:
    """Arguments that fairseq builds the task and the model from; what tensors tell counts more."""
    arguments, decoder = model.arguments, model.decoder
    encoder = values_under(network.config, model.places[ENCODER].part)
    values = values_under(network.config, model.places[DECODER].part)
    positions = decoder.positions.value
    return {
        **arguments.task,
        **arguments.model,
        **model.encoder.reference_arguments(),
        "encoder_attention_heads": encoder["encoder_attention_heads"].value,
        "max_source_positions": encoder["max_source_positions"].value,
        "decoder_embed_dim": decoder.width,
        "decoder_ffn_embed_dim": values["decoder_ffn_dim"].value,
        "decoder_layers": values["decoder_layers"].value,
        "decoder_attention_heads": values["decoder_attention_heads"].value,
        "decoder_normalize_before": decoder.normalizes_before.value,
        "decoder_learned_pos": positions == "learned",
        "no_token_positional_embeddings": positions == "none",
        "layernorm_embedding": decoder.normalizes_embeddings.value,
        "max_target_positions": decoder.max_positions.value,
        "share_decoder_input_output_embed": values["tie_word_embeddings"].value,
    }


def _files(sidecars: Sidecars, banks: FilterBanks) -> dict[str, bytes | Path]:
    """What fairseq's task reads."""
    statistics = {} if banks.path is None else {STATISTICS: banks.path}
    return {**reference_files(sidecars, renamed_yaml(sidecars)), **statistics}
