"""HuBERT as it was pretrained: features, with the projection that voice conversion takes as well.

Members are mHuBERT's and ContentVec's encoders too. Becomes a `HubertModel` that the folder carries:
with fairseq's frames of padded batches and its `final_proj`, which no stock class has.
Source: `fairseq/models/hubert/hubert.py`; Hsu et al. 2021 (arXiv:2106.07447).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from toolkit.blocks import wav2vec2
from toolkit.blocks.arguments import Arguments, model_name, read_arguments
from toolkit.blocks.evidence import Derived, Facts, hard_coded
from toolkit.blocks.forms import Lack, Part, find_misfits, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.tree import ConfigTree, nested, values_under
from toolkit.blocks.wav2vec2 import Wav2Vec2Block
from toolkit.bundled import FEATURES, HUBERT
from toolkit.checkpoint import Checkpoint
from toolkit.compare.probes import PaddingProbes
from toolkit.core import breakable as breaking
from toolkit.core.breakable import Breakable, joined
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.core.slips import halved, slip
from toolkit.families import hubert_encoder
from toolkit.families.base import Network, Options, Task
from toolkit.families.carried import PREPROCESSOR
from toolkit.families.encoder_model import PART, EncoderModel
from toolkit.families.sidecars import Sidecars
from toolkit.families.waveforms import preprocessor_config, refused_rate
from toolkit.families.wordless import (
    CONDITIONED,
    SPEAKERS,
    Wordless,
    does_without,
    normalization,
    refuse_options,
)
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Drop, Row, Rule, Table
from toolkit.oracle.search import Search
from toolkit.replay.pairs import Layout
from toolkit.tasks import features

if TYPE_CHECKING:
    pass

STOCK, CARRIED = "hubert", "fairseq_hubert_with_final_proj"
CLASS = "HubertModelWithFinalProj"
NAMES = {STOCK: wav2vec2.NAMES[STOCK]}
WITHOUT = (STOCK, hubert_encoder.EXACT.model_type)
"""Model types of the classes that have no projection."""
CODE = {
    "auto_map": {
        "AutoConfig": f"{HUBERT.stem}.FairseqHubertWithFinalProjConfig",
        "AutoModel": f"{HUBERT.stem}.{CLASS}",
    },
}
"""What `config.json` says of the carried class."""
PROJECTION, TARGETS, GATE = "final_proj", "label_embs_concat", "target_glu."

# fmt: off
PROJECTION_ROWS: tuple[Row, ...] = (
    Rule(PROJECTION + ".{weight|bias}",  PROJECTION + ".{weight|bias}"),
)
TRAINING_ROWS: tuple[tuple[str, Drop], ...] = (
    (TARGETS, Drop(TARGETS,                      "the embeddings of pretraining's classes serve its loss only")),
    (GATE,    Drop(GATE + "0.{weight|bias}",     "the gate before pretraining's classes serves its loss only")),
)
LAYOUTS = (Layout(PROJECTION, "B T D", "B T D"),)
BREAKABLE = Breakable(
    parts=(breaking.Part(name="projection of features", modules=PROJECTION),),
    slips=(
        slip("intermediate_size",       "width_changed",     halved),
        slip("num_conv_pos_embeddings", "positions_changed", halved),
        slip("classifier_proj_size",    "width_changed",     halved),
    ),
)
# fmt: on
BECAUSE = (
    "it projects its features (`final_proj`) and counts frames of padded batches in its own way, "
    "HubertModel does neither"
)

WANTING = Reason(
    name=PROJECTION,
    because="HubertModel has no place for the projection of features that voice conversion takes; "
    "its features are compared. Convert the checkpoint to have it",
)
"""What a folder of the encoder alone does without."""


@dataclass(frozen=True)
class HubertPretraining(Wordless):
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str = "hubert_pretraining"
    architectures: tuple[str | None, ...] = (None, "hubert", "contentvec")
    """What such checkpoints call themselves; others have the same tensors and mean something else."""

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of a HuBERT encoder with its projection.

        One that does not say so must hold the embeddings of its classes.
        """
        facts = Facts(checkpoint.tensors)
        named = model_name(read_arguments(checkpoint).model)
        return (
            Wav2Vec2Block(place=Place(), checkpoint=facts).is_present
            and facts.has(f"{PROJECTION}.weight")
            and not facts.has_under("quantizer.")
            and named in self.architectures
            and not facts.has(SPEAKERS)
            and not facts.has_under(CONDITIONED)
            and (named is not None or facts.has(TARGETS))
        )

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        if _is_alone(options):
            return hubert_encoder.FAMILY.network(checkpoint, options)
        arguments = read_arguments(checkpoint, options.w2v)
        model = _Model(checkpoint=checkpoint, arguments=arguments, options=options)
        model.encoder.check_pretrained(arguments.w2v_path)
        config = options.settle(model.config)
        values = values_under(config, PART)
        return Network(
            generation=f"{model.encoder.extractor_norm} norm",
            config=config,
            table=Table(name=self.name, rows=(*model.encoder.rows(values), *model.rows)),
            layouts=(*model.encoder.layouts, *LAYOUTS),
            head_widths=model.encoder.head_widths(values),
            bypassed=(),
            whole="encoder",
            frames_of=model.encoder.frames_of,
            unpaired=model.encoder.unpaired,
            refusals=tuple(model.refusals()),
            shortcomings=(model.shortcoming,),
            carries_code=model.kind == CARRIED,
            misfits=tuple(find_misfits(model.parts)),
            lost=lost_prefixes(model.parts),
            breakable=joined((wav2vec2.BREAKABLE, BREAKABLE)),
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
            task = hubert_encoder.FAMILY.task(checkpoint, sidecars, network, options)
            return replace(task, contents=replace(task.contents, wanting=(WANTING,)))
        refuse_options(options)
        arguments = read_arguments(checkpoint, options.w2v)
        model = _Model(checkpoint=checkpoint, arguments=arguments, options=options)
        normalize, contradictions = normalization(arguments, network, options)
        carries = network.carries_code
        return Task(
            kind=features.TASK,
            contents=FolderContents(
                config=_config(network, checkpoint),
                preprocessor={
                    **preprocessor_config(normalize, {}),
                    **(PREPROCESSOR if carries else {}),
                },
                code={file.name: file for file in (HUBERT, FEATURES)} if carries else {},
                misfits=network.misfits,
            ),
            padding=PaddingProbes(masked=network.whole, counts_otherwise=not carries),
            search=Search(beam=1),
            default_lang=None,
            reference_settings=_reference_settings(arguments, model, network, normalize),
            reference_files={},
            assumptions=(*network.assumptions, *contradictions),
            preprocessor={"do_normalize": normalize},
        )


FAMILY = HubertPretraining()


def _is_alone(options: Options) -> bool:
    """Whether the folder on trial is of a class that can have no projection, stock or carried."""
    name = f"{NAMES[STOCK]}Model"
    return any(does_without(options.form, kind, name, (PROJECTION,)) for kind in WITHOUT)


class _Model(EncoderModel):
    """The encoder of one checkpoint, with its projection."""

    @property
    def stock(self) -> str:
        """The class that the folder carries: no other has the projection."""
        return CARRIED

    @property
    def known(self) -> Mapping[str, str]:
        """The stock class that others convert to, by its model type."""
        return NAMES

    @cached_property
    def encoder(self) -> Wav2Vec2Block:
        """The layers that were pretrained, with what leads to them."""
        model, where = self.own
        return Wav2Vec2Block(
            place=Place(),
            checkpoint=self.facts,
            w2v=model,
            where=where,
            stock=(STOCK,),
            carried=CARRIED,
            keeps_heads=True,
        )

    @cached_property
    def shortcoming(self) -> Lack:
        """Why no stock class will do."""
        return Lack(name=PROJECTION, because=BECAUSE, module="encoder")

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The one part of a folder on trial that is written in a stock class."""
        form = self.options.form
        if form is None or self.kind == CARRIED:
            return ()
        part = Part(
            name=PART,
            found=form.kinds.get(PART),
            nearest=CARRIED,
            names=NAMES,
            lacks=(*self.encoder.lacks(self.kind), self.shortcoming),
        )
        return (part,)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rules of what stands around the encoder."""
        left = (row for prefix, row in TRAINING_ROWS if self.facts.has_under(prefix))
        return (*PROJECTION_ROWS, *left)

    @cached_property
    def config(self) -> ConfigTree:
        """What the checkpoint says of the configuration."""
        supplied = self.options.overrides.get("encoder", {})
        weight = f"{PROJECTION}.weight"
        return {
            "model_type": hard_coded(self.kind, "the encoder's layers"),
            **self.encoder.config(self.kind, supplied),
            "apply_spec_augment": hard_coded(True, "fairseq masks frames in pretraining"),
            "classifier_proj_size": self.facts.shaped(self.facts.shape(weight)[0], weight),
        }

    def refusals(self) -> Iterator[Reason]:
        """Why no exact conversion is possible."""
        yield from self.encoder.refusals()
        yield from refused_rate(self.arguments.task)
        for lack in self.encoder.lacks(STOCK):
            yield Reason(name=lack.name, because=lack.because)


def _config(network: Network, checkpoint: Checkpoint) -> JsonDict:
    dtypes = Counter(spec.dtype for spec in checkpoint.tensors.values())
    return {
        "architectures": [CLASS if network.carries_code else f"{NAMES[STOCK]}Model"],
        "dtype": dtypes.most_common(1)[0][0],
        **nested(network.config),
        **(CODE if network.carries_code else {}),
    }


def _reference_settings(
    arguments: Arguments, model: _Model, network: Network, normalize: Derived
) -> JsonDict:
    """Arguments that fairseq builds the model from."""
    own, _ = model.own
    values = values_under(network.config, PART)
    known = own or {
        **model.encoder.reference_arguments(values, normalize=bool(normalize.value)),
        "_name": "hubert",
        "arch": "hubert",
        "conv_pos_batch_norm": values["conv_pos_batch_norm"].value,
    }
    heads = {
        "final_dim": values["classifier_proj_size"].value,
        # One projection as wide as those of several sets of classes together.
        "untie_final_proj": False,
        "target_glu": False,
        "label_rate": 50.0,
    }
    return {**arguments.task, **known, **heads, "normalize": bool(normalize.value)}
