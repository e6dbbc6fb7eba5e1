"""Models that read a text and write another: what every family of them says of its model.

Source: `fairseq/models/transformer`, `fairseq/models/bart`; the tasks
`translation_from_pretrained_bart`, `translation_multi_simple_epoch` and `translation`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from toolkit.blocks import forms, text_encoder, transformer_decoder
from toolkit.blocks.arguments import Arguments, read_arguments
from toolkit.blocks.evidence import Derived, Facts, argued
from toolkit.blocks.forms import find_misfits, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.text_encoder import TextEncoderBlock
from toolkit.blocks.transformer_decoder import Habits, TransformerDecoderBlock
from toolkit.blocks.tree import nested
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import BOS, PAD
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import Breakable, Part, joined
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.families.base import Network, Options, Task, Told
from toolkit.families.carried import carried_files
from toolkit.families.fine_tuned import refuse_pretrained
from toolkit.families.sidecars import Named, Sidecars, check_dictionary_size
from toolkit.families.speech_to_text import read_search
from toolkit.families.texts import (
    TRANSLATION,
    Frame,
    find_files,
    frame_of,
    generation_of,
    reference_task,
)
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Fill, Row, Rule, Table, Tie, Zeros
from toolkit.replay.pairs import Layout
from toolkit.tasks import text_seq2seq
from toolkit.tasks.speech_seq2seq.tokenizer import needs_own_tokenizer

ENCODER = Place(source="encoder.", target="model.encoder.")
DECODER = Place(source="decoder.")
NAMES = {"mbart": "MBart", "bart": "Bart", "m2m_100": "M2M100"}
"""How the classes are called, by their model type."""
_SHARED, _READ = "model.shared.weight", "encoder.embed_tokens.weight"
_TIED = "share_all_embeddings is set"
BIAS: tuple[Row, ...] = (Fill("final_logits_bias", Zeros(), "fairseq adds nothing to its logits"),)
"""Of classes that have one."""


AROUND = (Part(name="embeddings", modules=r"model\.shared"), Part(name="output bias", is_zero=True))
"""What has tensors beside both parts."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What tells a family from another, as data."""

    name: str
    model_type: str
    arch: str
    """An architecture of fairseq's that builds such models from their arguments."""
    activation: str
    """By default."""
    heads: int = 16
    """Attention heads by default."""
    has_bias: bool = True
    """Whether its class adds a bias to the logits."""

    @property
    def habits(self) -> Habits:
        """What the decoder does by default."""
        return Habits(activation=self.activation, heads=self.heads, whole=True, shared=True)

    @property
    def breakable(self) -> Breakable:
        """What can be broken of both parts together."""
        decoder = transformer_decoder.breakable(self.model_type, whole=True)
        both = joined((ENCODER.breakable(text_encoder.BREAKABLE), DECODER.breakable(decoder)))
        # The one table of embeddings is written under its own name.
        outputs = tuple(replace(output, embedding=_SHARED) for output in both.outputs)
        return replace(both, parts=(*both.parts, *AROUND), outputs=outputs)


@dataclass(frozen=True, kw_only=True)
class TextModel:
    """The blocks of one checkpoint."""

    kind: Kind
    checkpoint: Checkpoint
    arguments: Arguments
    options: Options

    @cached_property
    def facts(self) -> Facts:
        """What all tensors say."""
        return Facts(self.checkpoint.tensors)

    @cached_property
    def encoder(self) -> TextEncoderBlock:
        """What reads."""
        return TextEncoderBlock(
            place=ENCODER,
            checkpoint=self.facts,
            model=self.arguments.model,
            heads=self.kind.heads,
        )

    @cached_property
    def decoder(self) -> TransformerDecoderBlock:
        """What writes."""
        return TransformerDecoderBlock(
            place=DECODER,
            checkpoint=self.facts,
            model=self.arguments.model,
            habits=self.kind.habits,
        )

    @property
    def nearest(self) -> str:
        """Model type of the class whose norms and positions are the most alike."""
        learns = self.encoder.learns_positions or self.decoder.learns_positions
        if self.encoder.normalizes_last:
            normalizes = self.encoder.normalizes_embeddings
            return "mbart" if learns or normalizes else "m2m_100"
        return "bart" if learns or self.encoder.normalizes_embeddings else ""

    @property
    def config(self) -> dict[str, Derived]:
        """What the checkpoint says of the configuration."""
        decoder = self.decoder.config(self.kind.model_type)
        tied = Derived(value=True, evidence=f"{_READ} is the decoder's and the output's too")
        return {
            **decoder,
            **self.encoder.config(),
            "tie_word_embeddings": tied,
            **dict(self._dropouts()),
        }

    @property
    def parts(self) -> tuple[forms.Part, ...]:
        """The one part of a folder on trial."""
        form = self.options.form
        if form is None:
            return ()
        found, own = form.kinds.get(""), self.kind.model_type
        # Of another class of texts, what it lacks is what a decoder of it lacks.
        lacks = tuple(self.decoder.lacks(found)) if found in NAMES and found != own else ()
        return (forms.Part(name="", found=found, nearest=own, names=NAMES, lacks=lacks),)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rules that apply to all tensors."""
        config = self.options.settle(self.config)
        return (
            *self._embedding_rows(),
            *self.encoder.rows(),
            *self.decoder.rows(config),
            *(BIAS if self.kind.has_bias else ()),
        )

    def refusals(self) -> Iterator[Reason]:
        """What no class here can express."""
        yield from self.encoder.refusals()
        yield from self.decoder.refusals()
        for lack in self.decoder.lacks(self.kind.model_type):
            because = f"{lack.because}. Use it with fairseq"
            yield Reason(name=lack.name, because=because)
        yield from self._refused_parts()
        if read_search(self.arguments).max_len_a:
            yield Reason(
                name="generation.max_len_a",
                because="hypotheses may grow with their source, and transformers' own `generate` "
                "knows one longest length. Set `max_len_a` to 0 and `max_len_b` to the longest",
            )

    def _embedding_rows(self) -> Iterator[Row]:
        yield Rule(_READ, _SHARED)
        yield Tie(_READ, _READ, "model.encoder.embed_tokens.weight", _SHARED, _TIED)
        for source, target in (
            ("decoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"),
            ("decoder.output_projection.weight", "lm_head.weight"),
        ):
            yield Tie(source, _READ, target, _SHARED, _TIED)

    def _refused_parts(self) -> Iterator[Reason]:
        name, one, other = NAMES[self.kind.model_type], self.encoder, self.decoder
        if one.normalizes_last != bool(other.normalizes_last.value):
            yield Reason(
                name="args.encoder_normalize_before",
                because=f"norms stand before the blocks of one of both parts, and {name} has one "
                "order. Use it with fairseq",
            )
        if one.normalizes_embeddings != bool(other.normalizes_embeddings.value):
            yield Reason(
                name=one.facts.name("layernorm_embedding"),
                because=f"one of both parts normalizes its embeddings, and {name} has both or "
                "none. Use it with fairseq",
            )
        if one.learns_positions != (self.kind.model_type != "m2m_100"):
            yield Reason(
                name=one.facts.name("embed_positions"),
                because=f"its positions are not those of {name}. Use it with fairseq",
            )
        if one.max_positions.value != other.max_positions.value and one.learns_positions:
            yield Reason(
                name=one.facts.name("embed_positions.weight"),
                because="sources and targets have positions of two lengths, and "
                f"`max_position_embeddings` of {name} is one. Use it with fairseq",
            )
        yield from self._refused_embeddings()

    def _refused_embeddings(self) -> Iterator[Reason]:
        model = self.arguments.model
        shapes = [
            self.facts.shape(f"{side}.embed_tokens.weight") for side in ("encoder", "decoder")
        ]
        if shapes[0] != shapes[1] or model.get("share_all_embeddings") is False:
            yield Reason(
                name="args.share_all_embeddings",
                because="its encoder, its decoder and its output have embeddings of their own, and "
                "the class has one table for all three. Use it with fairseq",
            )

    def _dropouts(self) -> Iterator[tuple[str, Derived]]:
        model = self.arguments.model
        dropout = argued(model, "dropout", "args", 0.1)
        yield "dropout", dropout
        for name in ("attention_dropout", "activation_dropout"):
            yield name, argued(model, name, "args", 0.0)


@dataclass(frozen=True)
class TextToText(Told):
    """A family's answers; see `toolkit.families.base.Family`."""

    kind: Kind

    @property
    def name(self) -> str:
        """The name that reports use."""
        return self.kind.name

    @property
    def architectures(self) -> tuple[str, ...]:
        """What fairseq calls such models, when nobody has another name for them."""
        return (self.kind.arch,)

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of such an encoder and decoder."""
        model = self._model(checkpoint, Options())
        present = model.encoder.is_present and model.decoder.is_present
        return present and model.nearest == self.kind.model_type

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        refuse_pretrained(options, "a model of texts")
        model = self._model(checkpoint, options)
        config = options.settle(model.config)
        heads = config["encoder_attention_heads"].value
        return Network(
            generation=f"{config['encoder_layers'].value} and {config['decoder_layers'].value} layers",
            config=config,
            table=Table(name=self.name, rows=model.rows),
            layouts=self._layouts(model),
            head_widths={**model.encoder.head_widths(heads), **model.decoder.head_widths(config)},
            bypassed=(),
            whole="model.encoder",
            frames_of="model.encoder.embed_tokens",
            frames_axis=1,
            unpaired=(_SHARED, *(("final_logits_bias",) if self.kind.has_bias else ())),
            refusals=tuple(model.refusals()),
            shortcomings=(),
            carries_code=False,
            misfits=tuple(find_misfits(model.parts)),
            lost=lost_prefixes(model.parts),
            breakable=self.kind.breakable,
            formats=(*model.encoder.formats, *model.decoder.formats),
        )

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """The dictionary, with what fairseq's task adds to it, and the sentencepiece model."""
        return find_files(checkpoint, named, read_arguments(checkpoint))

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        model = self._model(checkpoint, options)
        rows = network.config["vocab_size"].value
        check_dictionary_size(sidecars, rows, _READ)
        frame = frame_of(model.arguments, sidecars, checkpoint.path.parent, options)
        search = read_search(model.arguments)
        positions = int(network.config["max_position_embeddings"].value)
        own_tokenizer = needs_own_tokenizer(sidecars.spm_path, sidecars.dictionary)
        return Task(
            kind=text_seq2seq.TASK,
            contents=FolderContents(
                config=self._config(network, checkpoint, frame),
                generation=generation_of(positions, search, frame),
                dictionary=sidecars.dictionary,
                pieces_path=sidecars.spm_path,
                language_tags=frame.tags,
                prefix_tag=frame.before,
                suffix_tag=frame.behind,
                max_positions=positions,
                code=carried_files(tokenizer=own_tokenizer),
                misfits=network.misfits,
            ),
            padding=PaddingProbes(reference="right"),
            search=search,
            default_lang=frame.default,
            reference_settings={
                **self._settings(model, network),
                **reference_task(model.arguments, frame),
            },
            reference_files=_files(sidecars),
            assumptions=(*network.assumptions, *frame.assumptions),
        )

    def shortest_input(self, network: Network) -> int:  # noqa: ARG002
        """A character."""
        return 1

    def frames(self, network: Network, samples: int) -> int:  # noqa: ARG002
        """Pieces at most that a text of so many characters is cut into."""
        return samples

    def _model(self, checkpoint: Checkpoint, options: Options) -> TextModel:
        arguments = read_arguments(checkpoint)
        return TextModel(
            kind=self.kind, checkpoint=checkpoint, arguments=arguments, options=options
        )

    def _layouts(self, model: TextModel) -> tuple[Layout, ...]:
        return (*model.encoder.layouts, *model.decoder.layouts(self.kind.model_type))

    def _config(self, network: Network, checkpoint: Checkpoint, frame: Frame) -> JsonDict:
        """What `config.json` says."""
        dtypes = Counter(spec.dtype for spec in checkpoint.tensors.values())
        return {
            "architectures": [f"{NAMES[self.kind.model_type]}ForConditionalGeneration"],
            "is_encoder_decoder": True,
            "dtype": dtypes.most_common(1)[0][0],
            "bos_token_id": BOS,
            "pad_token_id": PAD,
            "eos_token_id": frame.end,
            "decoder_start_token_id": frame.start,
            **({"forced_eos_token_id": frame.end} if self.kind.has_bias else {}),
            "use_cache": True,
            **nested(network.config),
        }

    def _settings(self, model: TextModel, network: Network) -> JsonDict:
        """Arguments that fairseq builds the model from; what tensors tell counts more."""
        config = {key: derived.value for key, derived in network.config.items()}
        said = {**model.arguments.task, **model.arguments.model}
        width, before = config["d_model"], model.encoder.normalizes_last
        return {
            **{key: value for key, value in said.items() if key != "_name"},
            "arch": self.kind.arch,
            "task": TRANSLATION,
            "share_all_embeddings": True,
            "layernorm_embedding": model.encoder.normalizes_embeddings,
            **{
                f"{side}_{name}": value
                for side in ("encoder", "decoder")
                for name, value in (
                    ("embed_dim", width),
                    ("ffn_embed_dim", config[f"{side}_ffn_dim"]),
                    ("layers", config[f"{side}_layers"]),
                    ("attention_heads", config[f"{side}_attention_heads"]),
                    ("normalize_before", before),
                    ("learned_pos", model.encoder.learns_positions),
                    ("layerdrop", 0.0),
                )
            },
            "max_source_positions": model.encoder.max_positions.value,
            "max_target_positions": config["max_position_embeddings"],
        }


def _files(sidecars: Sidecars) -> dict[str, bytes | Path]:
    """What fairseq's task reads."""
    paths = {"dict.txt": sidecars.dict_path, "spm.model": sidecars.spm_path}
    return {name: path for name, path in paths.items() if path is not None}
