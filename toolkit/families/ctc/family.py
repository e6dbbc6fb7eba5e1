"""The answers of a family of CTC models, whose members differ in their encoder.

Source: `fairseq/models/wav2vec/wav2vec2_asr.py` and `fairseq/models/hubert/hubert_asr.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.blocks import wav2vec2
from toolkit.blocks.arguments import model_name, read_arguments
from toolkit.blocks.evidence import Facts
from toolkit.blocks.forms import find_misfits, lost_prefixes
from toolkit.blocks.place import Place
from toolkit.blocks.tree import ConfigTree, values_under
from toolkit.blocks.wav2vec2 import Wav2Vec2Block
from toolkit.checkpoint import Checkpoint
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import Breakable, joined
from toolkit.core.slips import CONFIG, Invention, halved, slip, toggled
from toolkit.families.adapters import assumed_names
from toolkit.families.base import Network, Options, Task
from toolkit.families.ctc.files import (
    OWNER,
    config_of,
    find_symbols,
    preprocessor_of,
    reference_files,
    spoken_of,
)
from toolkit.families.ctc.model import CtcModel, Ways
from toolkit.families.encoder_model import PART
from toolkit.families.fine_tuned import BYPASSED, SOURCE, normalization, reference_settings
from toolkit.families.hearing import Hearing
from toolkit.families.letters import refuse_options
from toolkit.families.sidecars import Named, Sidecars, check_dictionary_size
from toolkit.families.waveforms import PROCESSOR
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Table
from toolkit.oracle.search import Search
from toolkit.replay.pairs import Layout
from toolkit.tasks import ctc

HEAD_LAYOUTS = (Layout("lm_head", "T B D", "B T D"),)
BREAKABLE = Breakable(
    slips=(
        slip("intermediate_size", "width_changed", halved),
        slip("num_conv_pos_embeddings", "positions_changed", halved),
        slip("add_adapter", "adapter_changed", toggled),
    ),
)
ADAPTED = Breakable(inventions=(Invention(file=CONFIG, path="adapter_attn_dim", value=16),))
"""A key that only classes read whose layers normalize before each block."""


@dataclass(frozen=True, kw_only=True)
class EncoderCtc(Ways, Hearing):
    """The family's answers; see `toolkit.families.base.Family`."""

    hears_at = Place(source=SOURCE)
    name: str

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of such an encoder with one linear layer."""
        facts = Facts(checkpoint.tensors)
        encoder = Wav2Vec2Block(place=Place(source=SOURCE), checkpoint=facts)
        return (
            encoder.is_present
            and facts.has(f"{self.head}.weight")
            and not facts.has_under("decoder.")
            and self.are_called(model_name(read_arguments(checkpoint).model), facts)
        )

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        model = self._model(checkpoint, options)
        model.encoder.check_pretrained(model.arguments.w2v_path)
        config = options.settle(model.config)
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
            shortcomings=model.shortcomings,
            carries_code=model.carried is not None,
            misfits=tuple(find_misfits(model.parts)),
            lost=lost_prefixes(model.parts),
            breakable=_breakable(place, config, speaks=checkpoint.spoken is not None),
        )

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """The dictionary of letters."""
        return find_symbols(checkpoint, named)

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        if not checkpoint.symbols:
            size = network.config["vocab_size"].value
            check_dictionary_size(sidecars, size, f"{self.head}.weight")
        refuse_options(options, OWNER, has_languages=checkpoint.spoken is not None)
        model = self._model(checkpoint, options)
        spoken = spoken_of(model, sidecars.dictionary)
        normalize, contradictions = normalization(model)
        return Task(
            kind=ctc.TASK
            if spoken is None
            else ctc.task_of_languages(model.languages, spoken.first),
            contents=FolderContents(
                config=config_of(network, checkpoint, model),
                preprocessor=preprocessor_of(normalize, model),
                processor=PROCESSOR,
                dictionary=sidecars.dictionary,
                language_tags={name: number for number, name in enumerate(model.languages)},
                spoken=spoken,
                code=model.carried.files if model.carried else {},
                misfits=network.misfits,
            ),
            padding=PaddingProbes(
                masked=network.whole,
                counts_otherwise=self.exact is not None and not network.carries_code,
            ),
            search=Search(beam=1),
            default_lang=checkpoint.spoken,
            reference_settings=reference_settings(model, network, normalize),
            reference_files=reference_files(sidecars.dictionary, spoken),
            assumptions=(*network.assumptions, *contradictions, *assumed_names(checkpoint)),
            preprocessor={"do_normalize": normalize},
        )

    def _model(self, checkpoint: Checkpoint, options: Options) -> CtcModel:
        arguments = read_arguments(checkpoint, options.w2v)
        return CtcModel(checkpoint=checkpoint, arguments=arguments, options=options, ways=self)


def _breakable(place: Place, config: ConfigTree, *, speaks: bool) -> Breakable:
    """What of the encoder and of its configuration can be broken."""
    order = config.get("do_stable_layer_norm")
    adapted = (ADAPTED,) if order is not None and order.value is True and not speaks else ()
    return joined((place.breakable(wav2vec2.BREAKABLE), BREAKABLE, *adapted))
