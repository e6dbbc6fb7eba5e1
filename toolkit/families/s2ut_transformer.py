"""S2UT-Transformer: the S2T-Transformer's encoder, and a decoder that says units of speech.

Source: `fairseq/models/speech_to_speech/s2s_transformer.py`, `fairseq/tasks/speech_to_speech.py`;
Lee et al. 2021 (arXiv:2107.05604).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from toolkit.blocks.arguments import Arguments, model_name, read_arguments
from toolkit.blocks.evidence import Facts
from toolkit.blocks.transformer_decoder.tables import OUTPUT_LAYOUT
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, Dictionary
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.families.base import Network, Options, Task
from toolkit.families.filter_banks import read_filter_banks
from toolkit.families.multitask import multitask_rows
from toolkit.families.s2t_transformer import S2TTransformer
from toolkit.families.sidecars import Named, Sidecars, find_configuration
from toolkit.replay.pairs import Layout
from toolkit.tasks import speech_seq2seq

EMBEDDING = "decoder.embed_tokens.weight"
MAX_UNITS = 1 << 20
"""Clusters of speech are some hundreds to thousands."""
AS_FIRST = "prepend_tgt_lang_tag_as_bos"
OF_TEXTS = ("prepend_tgt_lang_tag", "prepend_bos_and_append_tgt_lang_tag", "eos_token")
"""Keys of a configuration that fairseq's task of units never reads."""


@dataclass(frozen=True)
class S2UTTransformer(S2TTransformer):
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str = "s2ut_transformer"

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether it is called so: its tensors are those of an S2T-Transformer."""
        named = model_name(read_arguments(checkpoint).model)
        return named is not None and super().matches(checkpoint)

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        network = super().network(checkpoint, options)
        beside = multitask_rows(Facts(checkpoint.tensors))
        return replace(
            network,
            layouts=tuple(map(_of_steps, network.layouts)),
            table=replace(network.table, rows=(*network.table.rows, *beside)),
            refusals=(*network.refusals, *_refusals(Facts(checkpoint.tensors))),
            formats=(),  # its decoder of units upgrades no checkpoint of an earlier format
        )

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """`config.yaml` and the statistics of a corpus; fairseq's task makes the dictionary."""
        found = find_configuration(checkpoint.path, named.config_yaml)
        _refuse_files(found, named)
        said = {key: value for key, value in found.config.items() if key not in OF_TEXTS}
        symbols = (*SPECIAL_SYMBOLS, *map(str, range(_count_units(checkpoint))))
        return replace(
            found,
            config=said,
            dictionary=Dictionary(symbols=symbols),
            statistics=read_filter_banks(found, checkpoint.path.parent).path,
        )

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        task = super().task(checkpoint, sidecars, network, options)
        units = len(sidecars.dictionary) - len(SPECIAL_SYMBOLS)
        return replace(
            task,
            kind=speech_seq2seq.UNITS,
            reference_settings={**task.reference_settings, **unit_settings(units)},
        )


FAMILY = S2UTTransformer()


def _count_units(checkpoint: Checkpoint) -> int:
    """How many there are; as the arguments say where no tensor has a name that tells."""
    if EMBEDDING in checkpoint.tensors:
        return checkpoint.tensors[EMBEDDING].shape[0] - len(SPECIAL_SYMBOLS)
    said = maybe_told_units(read_arguments(checkpoint))
    if said is None:
        raise BadInput(
            f"`{checkpoint.path}` must say how many units there are, by `{EMBEDDING}` or by its "
            f"argument `target_code_size` (1 to {MAX_UNITS}), but neither says it. Take a checkpoint "
            "that does."
        )
    return said


def maybe_told_units(arguments: Arguments) -> int | None:
    """How many units there are, if the arguments say a number that can be one."""
    said = {**arguments.task, **arguments.model}.get("target_code_size")
    return said if isinstance(said, int) and 0 < said <= MAX_UNITS else None


def unit_settings(units: int) -> JsonDict:
    """Arguments that fairseq's task of units is made of."""
    return {
        "arch": "s2ut_transformer",
        "target_is_code": True,
        "target_code_size": units,
        "n_frames_per_step": 1,
        "infer_target_lang": "",
        "eval_inference": False,
        # Their files stand where it was trained, and search has no use for them.
        "multitask_config_yaml": None,
    }


def _of_steps(layout: Layout) -> Layout:
    """How the output lies: fairseq gives it the units of a step along an axis of their own."""
    if layout.source_axes != OUTPUT_LAYOUT.source_axes:
        return layout
    return replace(layout, source_axes="B S 1 D -> B S 1 V")


def _refusals(facts: Facts) -> Iterator[Reason]:
    """What a model of units may have, and Speech2Text has not."""
    if facts.has_under("decoder.out_proj_n_frames."):
        yield Reason(
            name="decoder.out_proj_n_frames",
            because="it says several units at a step (`n_frames_per_step`), and generate one. Write "
            "its units with fairseq, or train it with `--n-frames-per-step 1`",
        )
    if facts.has_under("encoder.spk_emb_proj."):
        yield Reason(
            name="encoder.spk_emb_proj",
            because="it is told who shall speak (`target_speaker_embed`), and Speech2Text takes what "
            "it hears alone. Write its units with fairseq, or train it without",
        )


def _refuse_files(found: Sidecars, named: Named) -> None:
    """Refuses what fairseq's task of units reads nothing of, and a dictionary that it reads.

    Raises:
        BadInput: a file is named and of no use, or units come with the tags of languages.
    """
    because = "fairseq makes the dictionary of units itself"
    named.refuse("dictionary", "pieces", because=because)
    if found.config.get(AS_FIRST):
        raise BadInput(
            f"`{found.config_yaml}` must leave the dictionary of units to fairseq, but sets "
            f"`{AS_FIRST}`, which this version does not convert."
        )
