"""The answers of a family of encoders that are asked for features alone.

Source: `fairseq/models/wav2vec/wav2vec2.py` and `fairseq/models/hubert/hubert.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.blocks import wav2vec2
from toolkit.blocks.arguments import read_arguments
from toolkit.blocks.evidence import Derived, Facts
from toolkit.blocks.forms import find_misfits, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.tree import nested, values_under
from toolkit.blocks.wav2vec2 import NAMES, possible_strides
from toolkit.checkpoint import Checkpoint
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import Breakable, joined
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.core.slips import halved, slip
from toolkit.families.bare.model import SOURCES, BareModel, Ways, encoder_name, find_place
from toolkit.families.base import Network, Options, Task
from toolkit.families.carried import PREPROCESSOR
from toolkit.families.encoder_model import PART
from toolkit.families.sidecars import Sidecars
from toolkit.families.waveforms import preprocessor_config
from toolkit.families.wordless import CONDITIONED, Wordless, normalization, refuse_options
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Drop, Table
from toolkit.mapping.patterns import match
from toolkit.oracle.search import Search
from toolkit.tasks import features

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from toolkit.oracle.hooks import Calls

BUILT = ("decoder.", "w2v_encoder.proj.")
"""What the names of others' heads begin with, beside an encoder that stands by itself."""
EXTRACTOR = "feature_extractor"
"""fairseq's convolutions."""

NAMELESS = (None, "wav2vec_ctc", "wav2vec2_ctc")
"""Names that leave open whose encoder it is."""
LOSS = {"label_rate": 50.0}
"""Arguments of a loss that nobody computes, which fairseq takes from groups that may be lost."""
BREAKABLE = Breakable(
    slips=(
        slip("intermediate_size", "width_changed", halved),
        slip("num_conv_pos_embeddings", "positions_changed", halved),
    ),
)


@dataclass(frozen=True, kw_only=True)
class BareEncoder(Ways, Wordless):
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str
    recognizes: Callable[[Facts], bool]
    """Whether tensors of a checkpoint that names no model are those of a member."""
    alike: str = ""
    """Which other models have such tensors, and what they do otherwise; empty where none has."""
    heads: tuple[str, ...] = ()
    """Tensors with which another family knows it, if all are there."""
    fine_tuned: tuple[str, ...] = ()
    """What fairseq calls models that are fine-tuned with such an encoder."""
    unbuildable: str | None = None
    """Why fairseq itself builds no member, though a fork does; None where it does."""
    leftovers: tuple[Drop, ...] = ()
    """What its pretraining leaves beside what that of all does, by whole names."""

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of such an encoder without what was built on it."""
        facts = Facts(checkpoint.tensors)
        source = find_place(facts)
        if source is None or self._has_head(facts, source):
            return False
        if facts.has_under(source + CONDITIONED):
            return False
        named = encoder_name(read_arguments(checkpoint))
        if named in NAMELESS:
            return self.recognizes(facts.under(source))
        return named in (*self.pretrained, *self.fine_tuned)

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        model = self._model(checkpoint, options)
        model.encoder.check_pretrained(model.arguments.w2v_path)
        config = options.settle(model.config)
        values = values_under(config, PART)
        return Network(
            generation=f"{model.encoder.extractor_norm} norm",
            config=config,
            table=Table(
                name=self.name, rows=(*model.encoder.rows(values), *self._left(model.facts))
            ),
            layouts=model.encoder.layouts,
            head_widths=model.encoder.head_widths(values),
            bypassed=(),
            whole="encoder",
            frames_of=model.encoder.frames_of,
            unpaired=model.encoder.unpaired,
            refusals=tuple(model.refusals()),
            shortcomings=model.shortcomings,
            carries_code=model.carried is not None,
            misfits=tuple(find_misfits(model.parts)),
            lost=lost_prefixes(model.parts),
            breakable=joined((wav2vec2.BREAKABLE, BREAKABLE)),
        )

    def task(
        self,
        checkpoint: Checkpoint,
        sidecars: Sidecars,  # noqa: ARG002
        network: Network,
        options: Options,
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        refuse_options(options)
        model = self._model(checkpoint, options)
        normalize, contradictions = normalization(model.arguments, network, options)
        code = PREPROCESSOR if model.carried else {}
        return Task(
            kind=features.TASK,
            contents=FolderContents(
                config=_config(network, model),
                preprocessor={**preprocessor_config(normalize, {}), **code},
                code=model.carried.files if model.carried else {},
                misfits=network.misfits,
            ),
            padding=PaddingProbes(
                masked=network.whole,
                counts_otherwise=self.counts_otherwise
                or (self.exact is not None and not network.carries_code),
                is_remedied=self.exact is not None,
            ),
            search=Search(beam=1),
            default_lang=None,
            reference_settings=_reference_settings(model, network, normalize),
            reference_files={},
            assumptions=(*network.assumptions, *contradictions, *self._doubts(checkpoint)),
            unbuildable=self.unbuildable,
            preprocessor={"do_normalize": normalize},
        )

    def possible(
        self, network: Network, calls: Sequence[Calls]
    ) -> Mapping[str, tuple[object, ...]]:
        """The strides that the lengths in fairseq's extractor leave, wherever that stands."""
        paths = {path for heard in calls for path in heard}
        places = (Place(source=source) for source in SOURCES)
        place = next((p for p in places if f"{p.source}{EXTRACTOR}" in paths), Place())
        return dict(possible_strides(place, values_under(network.config, PART), calls))

    def _doubts(self, checkpoint: Checkpoint) -> Iterator[Reason]:
        """That the checkpoint is of this family, where it says of no model that it is."""
        if self.alike and encoder_name(read_arguments(checkpoint)) is None:
            because = f"assumed {self.stock[0]}, as the checkpoint names no model: {self.alike}"
            yield Reason(name="model_type", because=because)

    def _model(self, checkpoint: Checkpoint, options: Options) -> BareModel:
        arguments = read_arguments(checkpoint, options.w2v)
        return BareModel(checkpoint=checkpoint, arguments=arguments, options=options, ways=self)

    def _has_head(self, facts: Facts, source: str) -> bool:
        """Whether something is built on an encoder: its own heads, or whatever stands around it."""
        if source == SOURCES[0]:
            own = bool(self.heads) and all(map(facts.has, self.heads))
            built = (name for name in facts.names if name.startswith(BUILT))
            return own or any(not _claims(self.leftovers, name) for name in built)
        around = (name for name in facts.names if not name.startswith(source))
        return any(not _claims(self.leftovers, name) for name in around)

    def _left(self, facts: Facts) -> tuple[Drop, ...]:
        """The rows of what its pretraining left."""
        return tuple(row for row in self.leftovers if any(_claims((row,), n) for n in facts.names))


def _claims(rows: Iterable[Drop], name: str) -> bool:
    return any(match(row.source, name) is not None for row in rows)


def _config(network: Network, model: BareModel) -> JsonDict:
    dtypes = Counter(spec.dtype for spec in model.checkpoint.tensors.values())
    stock = model.stock if model.carried else model.kind
    return {
        "architectures": [f"{NAMES[stock]}Model"],
        "dtype": dtypes.most_common(1)[0][0],
        **nested(network.config),
        **(model.carried.config if model.carried else {}),
    }


def _reference_settings(model: BareModel, network: Network, normalize: Derived) -> JsonDict:
    """Arguments that fairseq builds the model from."""
    own, _ = model.own
    values, name = values_under(network.config, PART), model.ways.pretrained[0]
    made = model.encoder.reference_arguments(values, normalize=bool(normalize.value))
    named = {"_name": name, "arch": name}
    known = {**named, **own} if own else {**made, **named, **_batch_norm(values)}
    return {**model.arguments.task, **known, **LOSS, "normalize": bool(normalize.value)}


def _batch_norm(values: dict[str, Derived]) -> JsonDict:
    key = "conv_pos_batch_norm"
    return {key: values[key].value} if key in values else {}
