"""What published forms of a family are known to be converted wrong in: each a class of faults."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pytest

from tests.sampling import wide
from tests.variants.s2t_building import build_s2t
from tests.variants.s2t_kinds import S2TVariant
from toolkit.checkpoint.formats import tell_format
from toolkit.compare.pictures import shortest
from toolkit.core.result import Result
from toolkit.faults import CheckpointFault, Fault, single_faults
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.difference import diff_folder, open_session
from toolkit.pipeline.faulting import breakable_of, faults_of_checkpoint, names
from toolkit.pipeline.golden import golden_of
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.writing import write_converted

OF_TEXTS = {
    "another activation": "activation_changed:activation_function=",
    "no scale of embeddings": "embedding_scale_changed:scale_embedding=false",
    "padding on the left": 'key_invented:tokenizer_config.padding_side="left"',
}
OF_SPEECH = {
    **OF_TEXTS,
    "padding on the left": 'padding_changed:preprocessor_config.padding_side="left"',
}
LEARNED = {
    "no encoder positions": "positions_dropped:model.encoder.embed_positions",
    "no decoder positions": "positions_dropped:model.decoder.embed_positions",
    "encoder positions off by their offset": "positions_shifted:model.encoder.embed_positions",
    "decoder positions off by their offset": "positions_shifted:model.decoder.embed_positions",
}
_NORM = "layernorm_embedding"
NORMED = {
    "no norm of the encoder's embeddings": f"embedding_norm_dropped:model.encoder.{_NORM}",
    "no norm of the decoder's embeddings": f"embedding_norm_dropped:model.decoder.{_NORM}",
}
PRE_NORM = {
    "no last norm of the encoder": "last_norm_dropped:model.encoder.layer_norm",
    "no last norm of the decoder": "last_norm_dropped:model.decoder.layer_norm",
}
DECODER_VERSION = {
    "no `decoder.version`": "format_forgotten:decoder.version",
    "an old `decoder.version`": "format_outdated:decoder.version=2",
}
VERSIONS = {
    **DECODER_VERSION,
    "no `encoder.version`": "format_forgotten:encoder.version",
    "an old `encoder.version`": "format_outdated:encoder.version=1",
}
SHORTER = {"fewer positions": "positions_changed:max_"}
"""Positions that are computed are no tensors: how many there are is all that can be lost."""
ALL_OF = "s2t_transformer with learned positions and norms of embeddings"
CARRIED = {
    "another activation": "activation_changed:decoder.activation_function=",
    "no scale of embeddings": "embedding_scale_changed:decoder.scale_embedding=false",
    "no decoder positions": "positions_dropped:decoder.model.decoder.embed_positions",
    "decoder positions off by their offset": (
        "positions_shifted:decoder.model.decoder.embed_positions"
    ),
    "no norm of the decoder's embeddings": (
        f"embedding_norm_dropped:decoder.model.decoder.{_NORM}"
    ),
}
TRAPS: Mapping[str, Mapping[str, str]] = {
    "s2t_transformer": {**OF_SPEECH, **PRE_NORM, **DECODER_VERSION, **SHORTER},
    "s2ut_transformer": {**OF_SPEECH, **PRE_NORM, **SHORTER},
    ALL_OF: {**CARRIED, **DECODER_VERSION},
    "mbart": {**OF_TEXTS, **LEARNED, **NORMED, **PRE_NORM, **VERSIONS},
    "bart": {**OF_TEXTS, **LEARNED, **NORMED},
    "m2m_100": {**OF_TEXTS, **PRE_NORM, **VERSIONS, **SHORTER},
}
"""How the name of a fault begins that stands for a trap, by model and trap. What norms behind each
block stand for has no last norm, and fairseq's units are read whatever `version` says."""
UNSCALED = ("bart",)
"""Models that scale no embedding: the trap is a scale."""


@dataclass(frozen=True, kw_only=True)
class Right:
    """A right conversion, with what breaks it or its checkpoint."""

    checkpoint: Path
    folder: Path
    prepared: Prepared

    def fault(self, begins: str) -> Fault | CheckpointFault:
        """The first fault whose name begins so."""
        every: tuple[Fault | CheckpointFault, ...] = (
            *single_faults(self.folder, breakable_of(self.prepared)),
            *faults_of_checkpoint(self.prepared),
        )
        found = [fault for fault in every if fault.name.startswith(begins)]
        assert found, f"no fault is called {begins}"
        return found[0]


def begins(model: str, trap: str) -> str:
    found = TRAPS[model][trap]
    return found.replace("=false", "=true") if model in UNSCALED else found


@pytest.fixture(scope="module")
def rights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Right]:
    @cache
    def make(model: str) -> Right:
        place = tmp_path_factory.mktemp("right")
        checkpoint = _built(place) if model == ALL_OF else golden_of(model)
        prepared = prepare(Inputs(checkpoint=checkpoint))
        (place / "hf").mkdir()
        write_converted(prepared, place / "hf")
        return Right(checkpoint=checkpoint, folder=place / "hf", prepared=prepared)

    return make


def _built(place: Path) -> Path:
    said = {"layernorm_embedding": True, "decoder_learned_pos": True}
    with quiet_fairseq():
        return build_s2t(S2TVariant(name=ALL_OF, model=said), place)


@pytest.mark.parametrize("model", TRAPS)
def test_every_trap_has_a_fault_that_stands_for_it(model, rights):
    right = rights(model)
    assert all(right.fault(begins(model, trap)) for trap in TRAPS[model])


def test_no_fault_stands_for_a_trap_that_a_model_has_not(rights):
    with pytest.raises(AssertionError, match="no fault is called positions_dropped"):
        rights("m2m_100").fault(LEARNED["no encoder positions"])
    with pytest.raises(AssertionError, match="no fault is called format_forgotten"):
        rights("s2ut_transformer").fault(DECODER_VERSION["no `decoder.version`"])


FAST = {
    "mbart": ("no `decoder.version`", "no encoder positions"),
    ALL_OF: ("no decoder positions",),
}
CASES = [
    (model, trap) if trap in FAST.get(model, ()) else wide(model, trap)
    for model, traps in TRAPS.items()
    for trap in traps
]


@pytest.mark.parametrize(("model", "trap"), CASES)
def test_the_one_finding_names_the_trap(model, trap, rights, tmp_path):
    right = rights(model)
    fault = right.fault(begins(model, trap))
    result = said_of(right, fault, tmp_path / "broken")
    (finding,) = result.findings
    assert result.verdict == "mismatch"
    assert names(finding, fault.truth), finding.summary
    assert finding.hypothesis is not None
    assert finding.hypothesis.confirmed
    assert finding.hypothesis.name in fault.truth.hypotheses


def said_of(right: Right, fault: Fault | CheckpointFault, broken: Path) -> Result:
    shutil.copytree(right.folder, broken)
    spoil = None
    if isinstance(fault, CheckpointFault):
        spoil = partial(tell_format, marker=fault.marker, number=fault.number)
    else:
        fault.break_folder(broken)
    prepared = prepare(Inputs(checkpoint=right.checkpoint), spoil=spoil)
    with open_session(prepared, shortest(prepared.task.kind.medium.read([]))) as session:
        return diff_folder(session, broken)
