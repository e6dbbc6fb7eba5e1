"""S2T-Transformer: filter banks, convolutions that shorten them, transformer encoder and decoder.

Source: `fairseq/models/speech_to_text/s2t_transformer.py`; Wang et al. 2020 (arXiv:2010.05171).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.blocks import filter_bank_encoder, transformer_decoder
from toolkit.blocks.arguments import Arguments, model_name, read_arguments
from toolkit.blocks.evidence import Derived, Facts, argued
from toolkit.blocks.filter_bank_encoder import FilterBankEncoderBlock
from toolkit.blocks.forms import Part, find_misfits, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.transformer_decoder import WHOLE, Habits, TransformerDecoderBlock
from toolkit.blocks.tree import nested
from toolkit.bundled import FILTER_BANKS
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import BOS, EOS, PAD
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import joined
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.families.base import Network, Options, Task
from toolkit.families.carried import carried_files
from toolkit.families.filter_banks import PROCESSOR, FilterBanks, read_filter_banks
from toolkit.families.fine_tuned import refuse_unmasked
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
from toolkit.mapping import Table
from toolkit.tasks import speech_seq2seq
from toolkit.tasks.speech_seq2seq.tokenizer import needs_own_tokenizer

if TYPE_CHECKING:
    from toolkit.oracle.hooks import Calls

ENCODER = Place(source="encoder.", target="model.encoder.")
DECODER = Place(source="decoder.")
HABITS = Habits(activation="relu", heads=8, whole=True)
BREAKABLE = joined(
    (
        ENCODER.breakable(filter_bank_encoder.BREAKABLE),
        DECODER.breakable(transformer_decoder.breakable(WHOLE)),
    )
)
"""What can be broken of both."""
FRAME, SHIFT = RATE_HZ // 40, RATE_HZ // 100
"""Samples of a frame of filter banks, 25 ms, and from one to the next."""
STATISTICS = "gcmvn.npz"
"""Where fairseq's side of a comparison finds the statistics of a corpus."""


@dataclass(frozen=True, kw_only=True)
class S2TModel:
    """The blocks of one checkpoint."""

    checkpoint: Checkpoint
    arguments: Arguments
    options: Options

    @cached_property
    def encoder(self) -> FilterBankEncoderBlock:
        """What hears filter banks."""
        facts = Facts(self.checkpoint.tensors)
        return FilterBankEncoderBlock(place=ENCODER, checkpoint=facts, model=self.arguments.model)

    @cached_property
    def decoder(self) -> TransformerDecoderBlock:
        """What attends to that."""
        facts = Facts(self.checkpoint.tensors)
        return TransformerDecoderBlock(
            place=DECODER, checkpoint=facts, model=self.arguments.model, habits=HABITS
        )

    @property
    def config(self) -> dict[str, Derived]:
        """What the checkpoint says of the configuration."""
        return {**self.decoder.config(WHOLE), **self.encoder.config(), **dict(self._dropouts())}

    @property
    def parts(self) -> tuple[Part, ...]:
        """The one part of a folder on trial."""
        form = self.options.form
        if form is None:
            return ()
        names = {WHOLE: "Speech2Text"}
        return (Part(name="", found=form.kinds.get(""), nearest=WHOLE, names=names, lacks=()),)

    def refusals(self) -> Iterator[Reason]:
        """What neither the stock class nor anything here can express."""
        yield from self.encoder.refusals()
        yield from self.decoder.refusals()
        for lack in self.decoder.lacks(WHOLE):
            because = f"{lack.because}. Use it with fairseq, or train it as s2t_transformer is"
            yield Reason(name=lack.name, because=because)

    def _dropouts(self) -> Iterator[tuple[str, Derived]]:
        model = self.arguments.model
        dropout = argued(model, "dropout", "args", 0.1)
        yield "dropout", dropout
        for name in ("attention_dropout", "activation_dropout"):
            yield name, argued(model, name, "args", dropout.value)


@dataclass(frozen=True)
class S2TTransformer:
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str = "s2t_transformer"

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of such an encoder and decoder, and named so.

        Models that translate speech into units have the same, and are called otherwise.
        """
        model = _model(checkpoint, Options())
        named = model_name(model.arguments.model)
        is_named = named is None or str(named).startswith(self.name)
        return is_named and model.encoder.is_present and model.decoder.is_present

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        refuse_unmasked(options, "a model of filter banks")
        model = _model(checkpoint, options)
        config = options.settle(model.config)
        heads = config["encoder_attention_heads"].value
        return Network(
            generation=f"{len(model.encoder.kernels)} convolutions",
            config=config,
            table=Table(name=self.name, rows=(*model.encoder.rows(), *model.decoder.rows(config))),
            layouts=(*model.encoder.layouts, *model.decoder.layouts(WHOLE)),
            head_widths={
                **model.encoder.head_widths(heads),
                **model.decoder.head_widths(config),
            },
            bypassed=(),
            whole="model.encoder",
            frames_of=model.encoder.last_convolution,
            unpaired=(),
            refusals=tuple(model.refusals()),
            shortcomings=(),
            carries_code=False,
            misfits=tuple(find_misfits(model.parts)),
            lost=lost_prefixes(model.parts),
            breakable=BREAKABLE,
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
        model = _model(checkpoint, options)
        check_dictionary_size(
            sidecars, network.config["vocab_size"].value, "decoder.embed_tokens.weight"
        )
        lang, language_assumed = default_language(sidecars, model.arguments, options)
        search = read_search(model.arguments)
        banks = read_filter_banks(sidecars, checkpoint.path.parent)
        positions = int(network.config["max_target_positions"].value)
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
                code={**carried_files(tokenizer=own_tokenizer), FILTER_BANKS.name: FILTER_BANKS},
                misfits=network.misfits,
            ),
            padding=PaddingProbes(),
            search=search,
            default_lang=lang,
            reference_settings=_reference_settings(model, network),
            reference_files=_files(sidecars, banks),
            assumptions=(*network.assumptions, *language_assumed),
        )

    def shortest_input(self, network: Network) -> int:  # noqa: ARG002
        """Samples of one frame of filter banks; convolutions keep at least one."""
        return FRAME

    def frames(self, network: Network, samples: int) -> int:
        """Frames that the encoder makes of so many samples."""
        frames = 1 + (samples - FRAME) // SHIFT
        for _ in network.config["conv_kernel_sizes"].value:
            frames = 1 + (frames - 1) // 2
        return frames

    def possible(
        self,
        network: Network,  # noqa: ARG002
        calls: Sequence[Calls],  # noqa: ARG002
    ) -> Mapping[str, tuple[object, ...]]:
        """Nothing: all strides are fairseq's."""
        return {}


FAMILY = S2TTransformer()


def _model(checkpoint: Checkpoint, options: Options) -> S2TModel:
    arguments = read_arguments(checkpoint, options.w2v)
    return S2TModel(checkpoint=checkpoint, arguments=arguments, options=options)


def _config_of(network: Network, checkpoint: Checkpoint) -> JsonDict:
    """What `config.json` says."""
    dtypes = Counter(spec.dtype for spec in checkpoint.tensors.values())
    return {
        "architectures": ["Speech2TextForConditionalGeneration"],
        "is_encoder_decoder": True,
        "dtype": dtypes.most_common(1)[0][0],
        "bos_token_id": BOS,
        "pad_token_id": PAD,
        "eos_token_id": EOS,
        "decoder_start_token_id": EOS,
        "use_cache": True,
        **nested(network.config),
    }


def _reference_settings(model: S2TModel, network: Network) -> JsonDict:
    """Arguments that fairseq builds the task and the model from; what tensors tell counts more."""
    config = {key: derived.value for key, derived in network.config.items()}
    arguments = model.arguments
    return {
        **arguments.task,
        **arguments.model,
        "arch": "s2t_transformer",
        "conv_kernel_sizes": ",".join(map(str, config["conv_kernel_sizes"])),
        "conv_channels": config["conv_channels"],
        "encoder_embed_dim": config["d_model"],
        "encoder_ffn_embed_dim": config["encoder_ffn_dim"],
        "encoder_layers": config["encoder_layers"],
        "encoder_attention_heads": config["encoder_attention_heads"],
        "encoder_normalize_before": True,
        "max_source_positions": config["max_source_positions"],
        "decoder_embed_dim": config["d_model"],
        "decoder_ffn_embed_dim": config["decoder_ffn_dim"],
        "decoder_layers": config["decoder_layers"],
        "decoder_attention_heads": config["decoder_attention_heads"],
        "decoder_normalize_before": True,
        "max_target_positions": config["max_target_positions"],
        "share_decoder_input_output_embed": config["tie_word_embeddings"],
    }


def _files(sidecars: Sidecars, banks: FilterBanks) -> dict[str, bytes | Path]:
    """What fairseq's task reads."""
    statistics = {} if banks.path is None else {STATISTICS: banks.path}
    return {**reference_files(sidecars, renamed_yaml(sidecars)), **statistics}
