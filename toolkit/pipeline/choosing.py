"""Chooses among the values that a checkpoint leaves open, by a recording if there is one.

No such value changes a tensor: the weights are written once, and each candidate is tried by loading
them under another configuration and repeating, on fairseq's own input, what the smallest module did
that computes something else with another value.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from toolkit.checkpoint import Checkpoint
from toolkit.compare.pictures import shortest
from toolkit.core.errors import BadInput
from toolkit.families import Derived, find_family
from toolkit.families.waveforms import NORMALIZE
from toolkit.pipeline.forms import form_of
from toolkit.pipeline.likelihood import choose_by_likelihood
from toolkit.pipeline.network_input import hear_input
from toolkit.pipeline.prepare import Inputs, Prepared, maybe_read_rows, open_mapped, prepare
from toolkit.pipeline.questions import Question, open_questions
from toolkit.pipeline.recorded import open_recorded
from toolkit.pipeline.repeating import Bench, Heard
from toolkit.pipeline.resources import fitting_resources


def prepare_with(inputs: Inputs, recording: Path | None, audio: Sequence[Path]) -> Prepared:
    """The checkpoint prepared, the values that it leaves open chosen by a recording of it.

    They are tried in the classes that a conversion chooses, whatever those of a folder on trial.

    Args:
        inputs: What the user named; a value named there is not open.
        recording: Folder that `toolkit record` wrote; without one, the model itself chooses by how
            likely it finds speech, and what it cannot tell is assumed.
        audio: Clips, or folders of them; the golden ones by default.

    Raises:
        BadInput: as `prepare` says, or the recording cannot be used, or no candidate fits it.
    """
    if recording is None:
        return choose_by_likelihood(prepare(inputs), inputs, audio)
    narrowed, recorded = _narrow(replace(inputs, form=None), recording)
    prepared = prepare(replace(narrowed, tries=True))
    questions = open_questions(prepared)
    if not questions:
        open_recorded(recording, prepared.checkpoint)
        if inputs.form in (None, form_of(prepared.task.contents.config)):
            return prepared
        return prepare(replace(narrowed, form=inputs.form))
    recorded = recorded or _listen(prepared.checkpoint, recording)
    asked = [question for question in questions if question.key not in recorded.assumed]
    chosen = {
        **{q.key: _echoed(q, recording) for q in questions if q not in asked},
        **dict(_answers(prepared, recorded, asked, recording)),
    }
    return prepare(replace(narrowed, chosen={**narrowed.chosen, **chosen}, form=inputs.form))


def _listen(checkpoint: Checkpoint, recording: Path) -> Heard:
    recorded = open_recorded(recording, checkpoint)
    return Heard(
        source=recorded.index.facts,
        records=recorded.records(shortest(recorded.index.clips)),
        assumed=recorded.index.assumed,
    )


def _echoed(question: Question, recording: Path) -> Derived:
    evidence = f"{question.assumed.evidence}, and the recording `{recording}` was itself made so"
    return replace(question.assumed, evidence=evidence)


def _narrow(inputs: Inputs, recording: Path) -> tuple[Inputs, Heard | None]:
    """The inputs with candidates that fairseq's shapes leave, where those cannot be listed."""
    checkpoint = open_mapped(inputs, maybe_read_rows(inputs))
    family = find_family(checkpoint)
    network = family.network(checkpoint, inputs.options)
    if not family.possible(network, ()):
        return inputs, None
    recorded = _listen(checkpoint, recording)
    possible = family.possible(network, [record.calls for record in recorded.records])
    chosen = {
        key: _narrowed(key, network.config[key], candidates, recording)
        for key, candidates in possible.items()
        if key not in recorded.assumed
    }
    return replace(inputs, chosen={**inputs.chosen, **chosen}), recorded


def _narrowed(key: str, left: Derived, candidates: Sequence[object], recording: Path) -> Derived:
    if not candidates:
        raise BadInput(
            f"`{recording}` must show one value of `{key}`, but the lengths of what fairseq's "
            "modules took and gave fit none. Record again with `toolkit record`."
        )
    value = left.value if left.value in candidates else candidates[0]
    evidence = "it fits the lengths of what fairseq's modules took and gave"
    return replace(left, value=value, evidence=evidence, candidates=tuple(candidates))


def _answers(
    prepared: Prepared, recorded: Heard, questions: Sequence[Question], recording: Path
) -> Iterator[tuple[str, Derived]]:
    yield from (
        (question.key, hear_input(question, recorded.records, recording))
        for question in questions
        if question.key == NORMALIZE
    )
    modelled = [question for question in questions if question.assumed.shown_by is not None]
    if modelled:
        with (
            tempfile.TemporaryDirectory(prefix="toolkit-choosing-") as folder,
            fitting_resources(prepared.plan),
        ):
            yield from Bench(prepared, recorded, recording, Path(folder)).answer(modelled).items()
