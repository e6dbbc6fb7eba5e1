"""wav2vec 2.0, or data2vec, with a head for whole clips: languages, commands, speakers, emotions.

Becomes a stock `Wav2Vec2ForSequenceClassification` or `Data2VecAudioForSequenceClassification` where
nothing is done to the mean of the frames; else one that the folder carries, as stock ones have no
activation there and fairseq has GELU by default.
Source: `fairseq/models/wav2vec/wav2vec2_classification.py`; Pratap et al. 2023 (arXiv:2305.13516).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from toolkit.blocks import wav2vec2
from toolkit.blocks.activations import ACTIVATIONS, activation, refused_activation
from toolkit.blocks.arguments import model_name, read_arguments
from toolkit.blocks.evidence import Derived, Facts, hard_coded
from toolkit.blocks.forms import Lack, Part, find_misfits, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.tree import ConfigTree, nested, values_under
from toolkit.blocks.wav2vec2 import LAST_NORM, NAMES, Wav2Vec2Block
from toolkit.bundled import CLASSIFIER, FEATURES
from toolkit.checkpoint import Checkpoint
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import Breakable, joined
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.core.slips import halved, slip
from toolkit.families.base import Network, Options, Task
from toolkit.families.carried import PREPROCESSOR
from toolkit.families.encoder_model import PART
from toolkit.families.fine_tuned import (
    BYPASSED,
    SOURCE,
    FineTunedModel,
    normalization,
    reference_settings,
    refuse_unmasked,
)
from toolkit.families.hearing import Hearing
from toolkit.families.labels import find_labels, label_file, labels_of, named_classes
from toolkit.families.sidecars import Named, Sidecars
from toolkit.families.waveforms import preprocessor_config
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Row, Rule, Table
from toolkit.oracle.search import Search
from toolkit.oracle.tasks.base import CLASSES
from toolkit.replay.pairs import Layout
from toolkit.tasks import classification

HEAD = "pooling_layer."
"""Where fairseq's model has what is around its encoder."""
HIDDEN, SCORES = f"{HEAD}linear", f"{HEAD}projection"
MEAN, PLAIN = "mean", "linear"
"""The one way to pool, and the activation that does nothing."""
KEY = "classifier_activation"
CARRIED = {"wav2vec2": "fairseq_classifier", "data2vec-audio": "fairseq_data2vec_classifier"}
"""Model types of the carried classes, by that of the stock class that each changes."""
CONFIGS = {
    "wav2vec2": "FairseqClassifierConfig",
    "data2vec-audio": "FairseqData2VecClassifierConfig",
}
STOCK_OF = {carried: stock for stock, carried in CARRIED.items()}

# fmt: off
HEAD_ROWS: tuple[Row, ...] = (
    Rule(HIDDEN + ".{weight|bias}",  "projector.{weight|bias}"),
    Rule(SCORES + ".{weight|bias}",  "classifier.{weight|bias}"),
)
LAYOUTS = (
    Layout("projector",   "T B D",  "B T D"),
    Layout("classifier",  "B D",    "B D"),
)
WHOLE = Layout("", "B L -> T B D", "B L -> B T D")
"""The encoder from waveform to frames, which fairseq's model calls as one."""
BREAKABLE = Breakable(
    slips=(
        slip("intermediate_size",       "width_changed",     halved),
        slip("num_conv_pos_embeddings", "positions_changed", halved),
    ),
)
# fmt: on


def class_name(stock: str) -> str:
    """What transformers calls its classifier with the encoder of a model type."""
    return f"{NAMES[stock]}ForSequenceClassification"


@dataclass(frozen=True, kw_only=True)
class Wav2Vec2Classification(Hearing):
    """The family's answers; see `toolkit.families.base.Family`."""

    hears_at = Place(source=SOURCE)
    name: str = "wav2vec2_classification"
    architectures: tuple[str | None, ...] = (None, "wav2vec_classification")
    """What such checkpoints call themselves; others have the same tensors and mean something else."""
    pretrained: tuple[str | None, ...] = ("wav2vec2", "data2vec_audio", None)
    stock: tuple[str, ...] = tuple(CARRIED)

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of such an encoder, with a head for a whole clip."""
        facts = Facts(checkpoint.tensors)
        return (
            Wav2Vec2Block(place=Place(source=SOURCE), checkpoint=facts).is_present
            and facts.has(f"{SCORES}.weight")
            and model_name(read_arguments(checkpoint).model) in self.architectures
        )

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        model = self._model(checkpoint, options)
        model.encoder.check_pretrained(model.arguments.w2v_path)
        config = options.settle(model.config)
        values, place = values_under(config, PART), model.place
        return Network(
            generation=f"{model.encoder.extractor_norm} norm",
            config=config,
            table=Table(name=self.name, rows=(*model.encoder_rows(values), *HEAD_ROWS)),
            layouts=(*model.encoder.layouts, *LAYOUTS, *place.layouts((WHOLE,))),
            head_widths=model.encoder.head_widths(values),
            bypassed=BYPASSED,
            whole=place.module("encoder"),
            frames_of=model.encoder.frames_of,
            unpaired=model.encoder.unpaired,
            refusals=tuple(model.refusals()),
            shortcomings=model.shortcomings,
            carries_code=model.kind in STOCK_OF,
            misfits=tuple(find_misfits(model.parts)),
            lost=lost_prefixes(model.parts),
            breakable=joined((place.breakable(wav2vec2.BREAKABLE), BREAKABLE)),
        )

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """The dictionary of labels, if there is one."""
        return find_labels(checkpoint, named, read_arguments(checkpoint).task)

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        _refuse_options(options)
        model = self._model(checkpoint, options)
        labels, unnamed = labels_of(sidecars, model.classes, f"{SCORES}.weight", options.form)
        normalize, contradictions = normalization(model)
        carries = network.carries_code
        return Task(
            kind=classification.TASK,
            contents=FolderContents(
                config={**_config(network, model), **named_classes(labels)},
                preprocessor={
                    **preprocessor_config(normalize, {}),
                    **(PREPROCESSOR if carries else {}),
                },
                code={file.name: file for file in (CLASSIFIER, FEATURES)} if carries else {},
                misfits=network.misfits,
            ),
            padding=PaddingProbes(masked=network.whole),
            search=Search(beam=1),
            default_lang=None,
            reference_settings={
                **_head_settings(network),
                **reference_settings(model, network, normalize),
            },
            reference_files={CLASSES: label_file(labels)},
            assumptions=(*network.assumptions, *contradictions, *unnamed),
            preprocessor={"do_normalize": normalize},
        )

    def _model(self, checkpoint: Checkpoint, options: Options) -> ClassModel:
        arguments = read_arguments(checkpoint, options.w2v)
        return ClassModel(checkpoint=checkpoint, arguments=arguments, options=options, ways=self)


FAMILY = Wav2Vec2Classification()


@dataclass(frozen=True, kw_only=True)
class ClassModel(FineTunedModel[Wav2Vec2Classification]):
    """An encoder and its head for whole clips."""

    @property
    def stock(self) -> str:
        """The class of a conversion: the stock one if nothing is done to the mean of the frames."""
        nearest = self.nearest_stock
        return nearest if self.activation.value == PLAIN else CARRIED.get(nearest, nearest)

    @property
    def known(self) -> Mapping[str, str]:
        """The classes that have such a head, stock and carried, by their model type."""
        stock = {kind: class_name(kind) for kind in CARRIED}
        return {**stock, **{carried: stock[kind] for kind, carried in CARRIED.items()}}

    @property
    def encoder_kind(self) -> str:
        """Model type of the stock class that the folder's is, or changes."""
        return STOCK_OF.get(self.kind, self.kind)

    @cached_property
    def activation(self) -> Derived:
        """What is done to the mean of the projected frames, by its name in transformers."""
        if self.arguments.model:
            return activation(self.arguments.model, "args")
        candidates = tuple(dict.fromkeys(ACTIVATIONS.values()))
        return Derived(value="gelu", evidence="fairseq's default", candidates=candidates)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return self.facts.shape(f"{SCORES}.weight")[0]

    def encoder_rows(self, values: Mapping[str, Derived]) -> tuple[Row, ...]:
        """The rules of the encoder, with the configuration at hand."""
        kind = hard_coded(self.encoder_kind, "the encoder's layers")
        return self.encoder.rows({**values, "model_type": kind})

    @cached_property
    def config(self) -> ConfigTree:
        """What the checkpoint says of the configuration, but for labels."""
        supplied = self.options.overrides.get("encoder", {})
        hidden = f"{HIDDEN}.weight"
        inner = self.facts.shape(f"{SCORES}.weight")[-1]
        return {
            "model_type": hard_coded(self.kind, "the encoder's layers and the head"),
            **self.encoder.config(self.encoder_kind, supplied),
            "output_hidden_size": self.facts.shaped(self.encoder.width, SOURCE + LAST_NORM),
            "classifier_proj_size": self.facts.shaped(inner, hidden),
            **({KEY: self.activation} if self.kind in STOCK_OF else {}),
        }

    def refusals(self) -> Iterator[Reason]:
        """Why no exact conversion is possible."""
        yield from self.refused_encoder(self.nearest_stock)
        yield from refused_activation(self.arguments.model, "args")
        said = self.arguments.model.get("pooling", MEAN)
        wanted = [f"{name}.{part}" for name in (HIDDEN, SCORES) for part in ("weight", "bias")]
        held = [HEAD + name for name in self.facts.under(HEAD).names]
        if said != MEAN:
            because = (
                f"it pools by `{said}`, of which fairseq itself builds no model (it asserts "
                f"`{MEAN}`), so that nothing can be proven. Convert one that pools by `{MEAN}`"
            )
            yield Reason(name="args.pooling", because=because)
        elif sorted(held) != sorted(wanted):
            because = f"a head that pools by `{MEAN}` has {', '.join(wanted)}, but this one has {', '.join(held)}"
            yield Reason(name=HEAD.rstrip("."), because=because)

    @cached_property
    def shortcomings(self) -> tuple[Lack, ...]:
        """Why no stock class will do."""
        if self.activation.value == PLAIN:
            return ()
        because = (
            f"it applies `{self.activation.value}` to the mean of the projected frames, which "
            f"{class_name(self.encoder_kind)} leaves out"
        )
        return (
            Lack(
                name="args.activation_fn", because=because, module="", hypothesis="wrong_activation"
            ),
        )

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The one part of a folder on trial that is written in a stock class."""
        form = self.options.form
        if form is None or form.kinds.get(PART) in STOCK_OF:
            return ()
        part = Part(
            name=PART,
            found=form.kinds.get(PART),
            nearest=self.stock,
            names={kind: class_name(kind) for kind in CARRIED},
            lacks=(*self.encoder.lacks(self.encoder_kind), *self.shortcomings),
        )
        return (part,)


def _refuse_options(options: Options) -> None:
    """Refuses what says something of a part that a classifier has not."""
    if options.target_lang is not None:
        raise BadInput(
            f"`--target-lang {options.target_lang}` must choose among several target languages, "
            "but a classifier writes nothing. Leave the option out."
        )
    refuse_unmasked(options, "a classifier")


def _config(network: Network, model: ClassModel) -> JsonDict:
    dtypes = Counter(spec.dtype for spec in model.checkpoint.tensors.values())
    name = class_name(model.encoder_kind)
    return {
        "architectures": [name],
        "dtype": dtypes.most_common(1)[0][0],
        **nested(network.config),
        **(_code(model.encoder_kind, name) if network.carries_code else {}),
    }


def _code(stock: str, name: str) -> JsonObject:
    """What `config.json` says of the carried class."""
    module = CLASSIFIER.stem
    auto = {
        "AutoConfig": f"{module}.{CONFIGS[stock]}",
        "AutoModelForAudioClassification": f"{module}.{name}",
    }
    return {"auto_map": auto}


def _head_settings(network: Network) -> JsonObject:
    """Fairseq's arguments of the head, where they were lost."""
    found = network.config.get(KEY)
    value = PLAIN if found is None else found.value
    name = next((name for name, other in ACTIVATIONS.items() if other == value), value)
    return {"pooling": MEAN, "activation_fn": name}
