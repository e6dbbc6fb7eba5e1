"""wav2vec 2.0 and XLS-R as they were pretrained: features, and the codes that they predict.

Becomes a `Wav2Vec2ForPreTraining`, or a `Wav2Vec2ConformerForPreTraining` where its layers are a
conformer's (one that the folder carries if they have a positional convolution, or a norm before
them); each loads without its heads as well.
Source: `fairseq/models/wav2vec/wav2vec2.py`; Baevski et al. 2020 (arXiv:2006.11477).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from toolkit.blocks import wav2vec2
from toolkit.blocks.arguments import Arguments, model_name, read_arguments
from toolkit.blocks.evidence import Derived, Facts, argued, hard_coded
from toolkit.blocks.forms import Lack, find_misfits, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.tree import ConfigTree, nested, values_under
from toolkit.blocks.wav2vec2 import (
    LAST_NORM,
    Wav2Vec2Block,
)
from toolkit.checkpoint import Checkpoint
from toolkit.compare.probes import PaddingProbes
from toolkit.core import breakable as breaking
from toolkit.core.breakable import Breakable, joined
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.core.slips import halved, others, plus, slip, toggled, unseen
from toolkit.families import wav2vec2_encoder
from toolkit.families.base import Network, Options, Task
from toolkit.families.carried import PREPROCESSOR, Carried, carried_conformer
from toolkit.families.encoder_model import PART, EncoderModel, beyond_conformers
from toolkit.families.sidecars import Sidecars
from toolkit.families.waveforms import preprocessor_config, refused_rate
from toolkit.families.wordless import (
    SPEAKERS,
    Wordless,
    does_without,
    normalization,
    refuse_options,
)
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Row, Rule, Table
from toolkit.oracle.search import Search
from toolkit.replay.pairs import Layout
from toolkit.tasks import features

if TYPE_CHECKING:
    pass

PLACES = {
    "wav2vec2": Place(target="wav2vec2."),
    "wav2vec2-conformer": Place(target="wav2vec2_conformer."),
}
"""Where the encoder stands in the class of each model type."""
NAMES = {kind: wav2vec2.NAMES[kind] for kind in PLACES}
"""How the stock encoders are called, by their model type."""
CONFORMER = carried_conformer(
    PLACES["wav2vec2-conformer"].target,
    AutoModelForPreTraining="Wav2Vec2ConformerForPreTraining",
    AutoModel="Wav2Vec2ConformerModel",
)
"""What a folder carries for conformer layers that no stock class has."""
VARS, SCORES, PROJECTION = "quantizer.vars", "quantizer.weight_proj", "project_q"

# fmt: off
HEAD_ROWS: tuple[Row, ...] = (
    Rule(VARS,                             "quantizer.codevectors"),
    Rule(SCORES + ".{weight|bias}",        "quantizer.weight_proj.{weight|bias}"),
    Rule(PROJECTION + ".{weight|bias}",    "project_q.{weight|bias}"),
    Rule("final_proj.{weight|bias}",       "project_hid.{weight|bias}"),
)
HEAD_LAYOUTS = (
    Layout("quantizer",                    "B T D",  "B T D"),
    # fairseq puts the frames of all clips in a row.
    Layout("quantizer.weight_proj",        "T D",    "1 T D"),
    Layout("{project_q|project_hid}",      "B T D",  "B T D"),
)
BREAKABLE = Breakable(
    parts=(
        breaking.Part(name="quantizer",    modules=r"quantizer(\..+)?"),
        breaking.Part(name="projections",  modules=r"project_(q|hid)"),
    ),
    slips=(
        slip("intermediate_size",              "width_changed",       halved),
        slip("num_conv_pos_embeddings",        "positions_changed",   halved),
        slip("num_codevector_groups",          "groups_changed",      plus(-1)),
        slip("codevector_dim",                 "width_changed",       halved),
        slip("proj_codevector_dim",            "width_changed",       halved),
        slip("contrastive_logits_temperature", "temperature_changed", others(0.5, 1.0)),
        # Without it no frame is masked, and the loss is another one.
        slip("apply_spec_augment",             "masking_changed",     toggled, absent=True),
        unseen("num_negatives",                "negatives_changed",   plus(1)),
    ),
)
# fmt: on
_ENCODER = replace(
    wav2vec2.BREAKABLE,
    slips=tuple(
        known
        for known in wav2vec2.BREAKABLE.slips
        if known.path not in {own.path for own in BREAKABLE.slips}
    ),
)
"""What of the encoder can be broken, but for what has another consequence here."""
ALONE = (
    "without the tensors under `quantizer`, `project_q`, `final_proj` and `target_glu` its encoder "
    "converts alone"
)
REFUSED = {
    "quantizer.weight_proj.0": (
        "quantizer_depth",
        "its quantizer has several layers, {name} one; " + ALONE,
    ),
    "target_glu": ("target_glu", "its targets go through a gate, those of {name} do not; " + ALONE),
    "input_quantizer": ("quantize_input", "its encoder is given codes, that of {name} features"),
    "project_inp": ("quantize_input", "its encoder is given codes, that of {name} features"),
}
"""Tensors that no class has a place for, with the argument that brings each, and why."""

HEADS = ("quantizer.", "project_")
"""What the names of heads begin with in transformers."""
WANTING = Reason(
    name="quantizer, project_q, final_proj",
    because="the folder's class has no heads of pretraining; its features are compared. Convert the "
    "checkpoint to have them",
)
"""What a folder of the encoder alone does without."""


@dataclass(frozen=True)
class Wav2Vec2Pretraining(Wordless):
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str = "wav2vec2_pretraining"
    architectures: tuple[str | None, ...] = (None, "wav2vec2")
    """What such checkpoints call themselves; others have the same tensors and mean something else."""

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of a wav2vec 2.0 encoder with what it was pretrained with."""
        facts = Facts(checkpoint.tensors)
        encoder = Wav2Vec2Block(place=PLACES["wav2vec2"], checkpoint=facts)
        named = model_name(read_arguments(checkpoint).model)
        return (
            encoder.is_present
            and facts.has(f"{PROJECTION}.weight")
            and facts.has("final_proj.weight")
            and named in self.architectures
            and not facts.has(SPEAKERS)
        )

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        if _is_alone(options):
            return wav2vec2_encoder.FAMILY.network(checkpoint, options)
        arguments = read_arguments(checkpoint, options.w2v)
        model = _Model(checkpoint=checkpoint, arguments=arguments, options=options)
        model.encoder.check_pretrained(arguments.w2v_path)
        config = options.settle(model.config)
        values, place = values_under(config, PART), model.encoder.place
        return Network(
            generation=f"{model.encoder.extractor_norm} norm",
            config=config,
            table=Table(name=self.name, rows=(*model.encoder.rows(values), *HEAD_ROWS)),
            layouts=(*model.encoder.layouts, *HEAD_LAYOUTS),
            head_widths=model.encoder.head_widths(values),
            bypassed=(),
            whole=place.module("encoder"),
            frames_of=model.encoder.frames_of,
            unpaired=model.encoder.unpaired,
            refusals=tuple(model.refusals()),
            shortcomings=model.shortcomings,
            carries_code=model.carried is not None,
            misfits=tuple(find_misfits(model.parts)),
            lost=lost_prefixes(model.parts),
            breakable=joined((place.breakable(_ENCODER), BREAKABLE)),
        )

    def task(
        self,
        checkpoint: Checkpoint,
        sidecars: Sidecars,
        network: Network,
        options: Options,
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        if _is_alone(options):
            task = wav2vec2_encoder.FAMILY.task(checkpoint, sidecars, network, options)
            return replace(task, contents=replace(task.contents, wanting=(WANTING,)))
        refuse_options(options)
        arguments = read_arguments(checkpoint, options.w2v)
        model = _Model(checkpoint=checkpoint, arguments=arguments, options=options)
        normalize, contradictions = normalization(arguments, network, options)
        return Task(
            kind=features.PRETRAINED,
            contents=FolderContents(
                config=_config(network, model),
                preprocessor={
                    **preprocessor_config(normalize, {}),
                    **(PREPROCESSOR if model.carried else {}),
                },
                code=model.carried.files if model.carried else {},
                misfits=network.misfits,
            ),
            padding=PaddingProbes(),
            search=Search(beam=1),
            default_lang=None,
            reference_settings=_reference_settings(arguments, model, network, normalize),
            reference_files={},
            assumptions=(*network.assumptions, *contradictions),
            preprocessor={"do_normalize": normalize},
        )


FAMILY = Wav2Vec2Pretraining()


def _is_alone(options: Options) -> bool:
    """Whether the folder on trial is meant to hold the encoder without its heads."""
    names = {**NAMES, CONFORMER.model_type: NAMES["wav2vec2-conformer"]}
    return any(
        does_without(options.form, kind, f"{name}Model", HEADS) for kind, name in names.items()
    )


class _Model(EncoderModel):
    """The encoder of one checkpoint, with its heads."""

    @property
    def known(self) -> Mapping[str, str]:
        """The stock classes that have such heads, by their model type."""
        return NAMES

    @property
    def exact(self) -> Carried | None:
        """What computes the same where stock classes do not."""
        return CONFORMER if self.beyond_stock else None

    @cached_property
    def beyond_stock(self) -> tuple[Lack, ...]:
        """What no stock class has and `exact` has, so that a folder must carry that."""
        return beyond_conformers(CONFORMER, "", self.facts, self.own, self.options)

    @cached_property
    def encoder(self) -> Wav2Vec2Block:
        """The layers that were pretrained, with what leads to them."""
        return self._encoder_of(self.kind)

    @cached_property
    def stock(self) -> str:
        """The class of a conversion."""
        return self._encoder_of("wav2vec2").stock_class

    @cached_property
    def config(self) -> ConfigTree:
        """What the checkpoint says of the configuration."""
        supplied = self.options.overrides.get("encoder", {})
        return {
            "model_type": hard_coded(self.kind, "the encoder's layers"),
            **self.encoder.config(self.kind, supplied),
            "output_hidden_size": self.facts.shaped(self.encoder.width, LAST_NORM),
            "apply_spec_augment": hard_coded(True, "fairseq masks frames in pretraining"),
            **dict(self._heads()),
        }

    def _heads(self) -> Iterator[tuple[str, Derived]]:
        facts, (model, where) = self.facts, self.own
        width, taken = facts.shape(f"{PROJECTION}.weight")
        groups, each = 1, taken
        if facts.has(VARS):
            _, rows, each = facts.shape(VARS)
            groups = taken // each
            yield "num_codevectors_per_group", facts.shaped(rows // groups, VARS)
        yield "num_codevector_groups", facts.shaped(groups, VARS)
        yield "codevector_dim", facts.shaped(taken, f"{PROJECTION}.weight")
        yield "proj_codevector_dim", facts.shaped(width, f"{PROJECTION}.weight")
        yield "contrastive_logits_temperature", argued(model, "logit_temp", where, 0.1)
        yield "num_negatives", argued(model, "num_negatives", where, 100)
        yield "feat_quantizer_dropout", argued(model, "dropout_features", where, 0.0)

    def _encoder_of(self, kind: str) -> Wav2Vec2Block:
        model, where = self.own
        return Wav2Vec2Block(
            place=PLACES.get(kind, PLACES["wav2vec2-conformer"]),
            checkpoint=self.facts,
            w2v=model,
            where=where,
            keeps_heads=True,
            carried=CONFORMER.model_type if self.beyond_stock else None,
            told=self.options.told(PART),
            tries=self.options.tries,
        )

    def refusals(self) -> Iterator[Reason]:
        """Why no exact conversion is possible."""
        yield from self.encoder.refusals()
        yield from refused_rate(self.arguments.task)
        yield from self.lacks(self.stock)
        _, where = self.own
        name = f"{NAMES[self.stock]}ForPreTraining"
        found = {REFUSED[stem] for stem in REFUSED if self.facts.has_under(f"{stem}.")}
        for argument, because in sorted(found):
            yield Reason(name=f"{where}.{argument}", because=because.format(name=name))
        if not self.facts.has_under("quantizer."):
            because = f"it predicts features as they are, {name} codes; {ALONE}"
            yield Reason(name=f"{where}.quantize_targets", because=because)


def _config(network: Network, model: _Model) -> JsonDict:
    dtypes = Counter(spec.dtype for spec in model.checkpoint.tensors.values())
    kind = model.stock if model.carried else model.kind
    return {
        "architectures": [f"{NAMES[kind]}ForPreTraining"],
        "dtype": dtypes.most_common(1)[0][0],
        **nested(network.config),
        **(model.carried.config if model.carried else {}),
    }


def _reference_settings(
    arguments: Arguments, model: _Model, network: Network, normalize: Derived
) -> JsonDict:
    """Arguments that fairseq builds the model from."""
    own, _ = model.own
    values = values_under(network.config, PART)
    known = own or model.encoder.reference_arguments(values, normalize=bool(normalize.value))
    width, _ = model.facts.shape(f"{PROJECTION}.weight")
    heads = {
        "quantize_targets": True,
        "final_dim": width,
        "latent_vars": values["num_codevectors_per_group"].value,
        "latent_groups": values["num_codevector_groups"].value,
        "latent_dim": values["codevector_dim"].value,
    }
    return {**arguments.task, **known, **heads, "normalize": bool(normalize.value)}
