"""wav2vec 2.0 with a CTC head: a letter, or nothing, for every frame.

Becomes a `Wav2Vec2ForCTC`, or a `Wav2Vec2ConformerForCTC` where its layers are a conformer's.
Source: `fairseq/models/wav2vec/wav2vec2_asr.py`; Baevski et al. 2020 (arXiv:2006.11477).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from toolkit.blocks import wav2vec2
from toolkit.blocks.arguments import Arguments, read_arguments
from toolkit.blocks.evidence import Derived, Facts, hard_coded
from toolkit.blocks.forms import Lack, Part, find_misfits, kind_of, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.tree import ConfigTree, nested, overridden, values_under
from toolkit.blocks.wav2vec2 import (
    LAST_NORM,
    Wav2Vec2Block,
    count_frames,
    possible_strides,
    shortest_input,
)
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import BOS, EOS, PAD, SPECIAL_SYMBOLS, read_dictionary
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import Breakable, joined
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.core.slips import CONFIG, Invention, halved, slip, toggled
from toolkit.families.base import Network, Options, Task
from toolkit.families.sidecars import Named, Sidecars, check_dictionary_size
from toolkit.families.waveforms import PROCESSOR, derive_normalization, preprocessor_config
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Row, Rule, Table
from toolkit.oracle.search import Search
from toolkit.replay.pairs import Layout
from toolkit.tasks import ctc

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.oracle.hooks import Calls

PLACES = {
    kind: Place(source="w2v_encoder.w2v_model.", target=target)
    for kind, target in (("wav2vec2", "wav2vec2."), ("wav2vec2-conformer", "wav2vec2_conformer."))
}
"""Where the encoder stands in the class of each model type."""
PART = ""
"""The encoder's keys stand at top level."""
HEAD_LAYOUTS = (Layout("lm_head", "T B D", "B T D"),)
BYPASSED = ("w2v_encoder.w2v_model",)
"""The model around it calls its `extract_features`."""
PRETRAINED = (None, "wav2vec2")
"""What their encoder's arguments call it."""
BREAKABLE = Breakable(
    slips=(
        slip("intermediate_size", "width_changed", halved),
        slip("num_conv_pos_embeddings", "positions_changed", halved),
        slip("add_adapter", "adapter_changed", toggled),
    ),
    inventions=(Invention(file=CONFIG, path="adapter_attn_dim", value=16),),
)
LABELS = "ltr"
"""What fairseq's recipes call letters, and the last part of their dictionary's name."""


@dataclass(frozen=True)
class Wav2Vec2Ctc:
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str = "wav2vec2_ctc"
    head: str = "w2v_encoder.proj"
    """fairseq's path of the linear layer that gives the logits."""
    architectures: tuple[str | None, ...] = (None, "wav2vec_ctc", "wav2vec2_ctc")
    """What such checkpoints call themselves; others have the same tensors and mean something else."""

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of a wav2vec 2.0 encoder with one linear layer."""
        facts = Facts(checkpoint.tensors)
        encoder = Wav2Vec2Block(place=PLACES["wav2vec2"], checkpoint=facts)
        model = read_arguments(checkpoint).model
        named = _named(model)
        return (
            encoder.is_present
            and facts.has(f"{self.head}.weight")
            and not facts.has_under("decoder.")
            and named in self.architectures
        )

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        arguments = read_arguments(checkpoint, options.w2v)
        model = _Model(checkpoint, arguments, options, self.head)
        model.encoder.check_pretrained(arguments.w2v_path)
        config = overridden(model.config, options.overrides)
        config |= {path: told for path, told in options.chosen.items() if path in config}
        values, place = values_under(config, PART), model.encoder.place
        return Network(
            generation=f"{model.encoder.extractor_norm} norm",
            config=config,
            table=Table(name=self.name, rows=(*model.encoder.rows(values), *model.head_rows)),
            layouts=(*model.encoder.layouts, *HEAD_LAYOUTS),
            head_widths=model.encoder.head_widths(values),
            bypassed=BYPASSED,
            whole=place.module("encoder"),
            frames_of=model.encoder.frames_of,
            unpaired=model.encoder.unpaired,
            refusals=tuple(model.refusals()),
            shortcomings=(),
            carries_code=False,
            misfits=tuple(find_misfits(model.parts)),
            lost=lost_prefixes(model.parts),
            breakable=joined((place.breakable(wav2vec2.BREAKABLE), BREAKABLE)),
        )

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """The dictionary of letters."""
        for option, path in (("--config-yaml", named.config_yaml), ("--spm", named.pieces)):
            if path is not None:
                raise BadInput(
                    f"`{option} {path}` must name a file that the checkpoint's task reads, but a "
                    "CTC model has letters of a dictionary alone. Leave the option out."
                )
        path = named.dictionary or _find_dictionary(checkpoint)
        return Sidecars(dict_path=path, dictionary=read_dictionary(path))

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        check_dictionary_size(sidecars, network.config["vocab_size"].value, f"{self.head}.weight")
        _refuse_options(options)
        arguments = read_arguments(checkpoint, options.w2v)
        model = _Model(checkpoint, arguments, options, self.head)
        normalize, contradictions = _normalization(arguments, network, options)
        symbols = sidecars.dictionary.symbols[_FIRST:]
        return Task(
            kind=ctc.TASK,
            contents=FolderContents(
                config=_config(network, checkpoint),
                preprocessor=preprocessor_config(normalize),
                processor=PROCESSOR,
                dictionary=sidecars.dictionary,
                misfits=network.misfits,
            ),
            padding=PaddingProbes(),
            search=Search(beam=1),
            default_lang=None,
            reference_settings=_reference_settings(arguments, model, network, normalize),
            reference_files={
                f"dict.{LABELS}.txt": "".join(f"{symbol} 1\n" for symbol in symbols).encode()
            },
            assumptions=(*network.assumptions, *contradictions),
            preprocessor={"do_normalize": normalize},
        )

    def shortest_input(self, network: Network) -> int:
        """Fewest samples that give the encoder one frame."""
        return shortest_input(values_under(network.config, PART))

    def frames(self, network: Network, samples: int) -> int:
        """Frames that the encoder makes of so many samples."""
        return count_frames(values_under(network.config, PART), samples)

    def possible(
        self, network: Network, calls: Sequence[Calls]
    ) -> Mapping[str, tuple[object, ...]]:
        """The strides that the lengths in fairseq's extractor leave."""
        values = values_under(network.config, PART)
        return dict(possible_strides(PLACES[values["model_type"].value], values, calls))


FAMILY = Wav2Vec2Ctc()

_FIRST = len(SPECIAL_SYMBOLS)


@dataclass(frozen=True)
class _Model:
    """The encoder of one checkpoint, and the class that it becomes."""

    checkpoint: Checkpoint
    arguments: Arguments
    options: Options
    head: str

    @property
    def head_rows(self) -> tuple[Row, ...]:
        """The rules of the linear layer."""
        return (Rule(f"{self.head}.{{weight|bias}}", "lm_head.{weight|bias}"),)

    @cached_property
    def facts(self) -> Facts:
        """What all tensors say."""
        return Facts(self.checkpoint.tensors)

    @cached_property
    def encoder(self) -> Wav2Vec2Block:
        """The layers that were pretrained, with what leads to them."""
        return self._encoder_of(self.kind)

    @cached_property
    def stock(self) -> str:
        """The class of a conversion."""
        return self._encoder_of("wav2vec2").stock_class

    @cached_property
    def kind(self) -> str:
        """The class of the folder on trial, where it is known, or that of a conversion."""
        form = self.options.form
        if form is None:
            return self.stock
        return kind_of(form.kinds.get(PART), wav2vec2.NAMES, self.stock)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The one part of a folder on trial."""
        form = self.options.form
        if form is None:
            return ()
        part = Part(
            name=PART,
            found=form.kinds.get(PART),
            nearest=self.stock,
            names=wav2vec2.NAMES,
            lacks=tuple(self.encoder.lacks(self.kind)),
        )
        return (part,)

    @cached_property
    def config(self) -> ConfigTree:
        """What the checkpoint says of the configuration."""
        supplied = self.options.overrides.get("encoder", {})
        return {
            "model_type": hard_coded(self.kind, "the encoder's layers"),
            **self.encoder.config(self.kind, supplied),
            "output_hidden_size": self.facts.shaped(self.encoder.width, LAST_NORM),
            "vocab_size": self._rows_of_head(),
            "pad_token_id": hard_coded(BOS, "the blank of fairseq's CTC is `<s>`"),
            "bos_token_id": hard_coded(PAD, "it changes places with the blank"),
            "eos_token_id": hard_coded(EOS, "fairseq's Dictionary"),
        }

    def _encoder_of(self, kind: str) -> Wav2Vec2Block:
        return Wav2Vec2Block(
            place=PLACES[kind],
            checkpoint=self.facts,
            w2v=self.arguments.w2v_model,
            where=self.arguments.w2v_model_where,
            around=self.arguments.model,
            around_first=True,
        )

    def _rows_of_head(self) -> Derived:
        name = f"{self.head}.weight"
        return self.facts.shaped(self.facts.shape(name)[0], name)

    def refusals(self) -> Iterator[Reason]:
        """Why no exact conversion is possible."""
        yield from self.encoder.refusals()
        yield from map(_as_refusal, self.encoder.lacks(self.stock))
        arguments = self.arguments
        pretrained = _named(arguments.w2v_model)
        if pretrained not in PRETRAINED:
            because = f"the encoder is `{pretrained}`, whose layers are other ones"
            yield Reason(name=f"{arguments.w2v_model_where}._name", because=because)
        if arguments.model.get("blank_weight"):
            because = (
                f"fairseq changes the logit of the blank by it ({arguments.model['blank_weight']}),"
                " Wav2Vec2ForCTC does not"
            )
            yield Reason(name="args.blank_weight", because=because)


def _named(arguments: JsonObject) -> object:
    """What arguments call their model; in one namespace, `_name` may be the task's."""
    return arguments.get("arch") or arguments.get("_name")


def _as_refusal(lack: Lack) -> Reason:
    return Reason(name=lack.name, because=lack.because)


def _find_dictionary(checkpoint: Checkpoint) -> Path:
    """The dictionary beside the checkpoint, by the name that fairseq's task looks for.

    Raises:
        BadInput: there is none.
    """
    said = read_arguments(checkpoint).task.get("labels")
    labels = said if isinstance(said, str) and said else LABELS
    names = dict.fromkeys((f"dict.{labels}.txt", f"dict.{LABELS}.txt", "dict.txt"))
    folder = checkpoint.path.parent
    for name in names:
        if "/" not in name and (folder / name).is_file():
            return folder / name
    raise BadInput(
        f"The dictionary of letters must stand beside the checkpoint in `{folder}`, but does not "
        f"(looked for: {', '.join(f'`{name}`' for name in names)}). Name it with `--dict`."
    )


def _refuse_options(options: Options) -> None:
    """Refuses what says something of a part that a CTC model has not."""
    if options.target_lang is not None:
        raise BadInput(
            f"`--target-lang {options.target_lang}` must choose among several target languages, "
            "but a CTC model writes what it hears. Leave the option out."
        )
    if options.padding_reference != "masked":
        raise BadInput(
            f"`--padding-reference {options.padding_reference}` must say what an adaptor does with "
            "padded frames, but a CTC model has none. Leave the option out."
        )


def _normalization(
    arguments: Arguments, network: Network, options: Options
) -> tuple[Derived, tuple[Reason, ...]]:
    return derive_normalization(
        dict(_normalization_claims(arguments)),
        norm=network.config["feat_extract_norm"].value,
        chosen=options.chosen,
        remedy="`--w2v`, the pretrained encoder's checkpoint, whose task says",
    )


def _normalization_claims(arguments: Arguments) -> Iterator[tuple[str, bool]]:
    for where, group in (
        ("task.normalize", arguments.task),
        ("args.normalize", arguments.model),
        (f"{arguments.w2v_task_where}.normalize", arguments.w2v_task),
    ):
        if isinstance(group.get("normalize"), bool):
            yield where, group["normalize"]


def _config(network: Network, checkpoint: Checkpoint) -> JsonDict:
    dtypes = Counter(spec.dtype for spec in checkpoint.tensors.values())
    return {
        "architectures": [f"{wav2vec2.NAMES[network.config['model_type'].value]}ForCTC"],
        "dtype": dtypes.most_common(1)[0][0],
        **nested(network.config),
    }


def _reference_settings(
    arguments: Arguments, model: _Model, network: Network, normalize: Derived
) -> JsonDict:
    """Arguments that fairseq builds the task and the model from."""
    # fairseq asserts that the model's arguments and the pretrained encoder's agree on this.
    normalized = arguments.w2v_task.get("normalize", bool(normalize.value))
    settings = {**arguments.task, **arguments.model, "normalize": normalized}
    settings["task_normalize"] = bool(normalize.value)
    w2v_args = arguments.w2v or model.encoder.reference_arguments(
        values_under(network.config, PART), normalize=normalized
    )
    return {**settings, "w2v_args": w2v_args}
