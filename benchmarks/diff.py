"""How long a diff from a recording takes, against merely loading and running both models.

Prints times and their ratio, measured in one process after all imports: `make bench-diff`.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from toolkit.audio import golden_folder
from toolkit.compare.pictures import shortest
from toolkit.pipeline.conversion import convert
from toolkit.pipeline.difference import diff
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.recorded import open_recorded
from toolkit.pipeline.recording import record
from toolkit.pipeline.reference import open_reference
from toolkit.pipeline.resources import fitting_resources
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget
from toolkit.trial.measuring import Record

CHECKPOINT = golden_folder() / "checkpoint" / "model.pt"
ROUNDS = 5
BAR = 1.5


def main() -> None:
    """Times both, interleaved, and prints the medians."""
    with tempfile.TemporaryDirectory() as name:
        folder, recording = Path(name) / "hf", Path(name) / "recording"
        convert(CHECKPOINT, folder, verify=False)
        record(CHECKPOINT, recording)
        prepared = prepare(Inputs(checkpoint=CHECKPOINT))
        recorded = open_recorded(recording, prepared.checkpoint)
        spoken = recorded.records(shortest(recorded.index.clips))[0]
        bare, difference = [], []
        for _ in range(ROUNDS):
            bare.append(seconds(lambda: load_and_run(prepared, folder, spoken)))
            difference.append(seconds(lambda: diff(CHECKPOINT, folder, recording=recording)))
    ratio = statistics.median(difference) / statistics.median(bare)
    print(f"bare load of both models and one forward pass each: {statistics.median(bare):.2f} s")
    print(f"toolkit diff with a stored recording: {statistics.median(difference):.2f} s")
    print(f"ratio: {ratio:.2f} (bar: at most {BAR})")


def load_and_run(prepared: Prepared, folder: Path, spoken: Record) -> None:
    """What any comparison needs at the very least."""
    with fitting_resources(prepared.plan), open_reference(prepared) as reference:
        target = Seq2SeqTarget(folder)
        source = spoken.source
        with torch.no_grad():
            reference.model(
                source.unsqueeze(0),
                torch.tensor([source.numel()]),
                torch.tensor([spoken.prefix]),
            )
            target.model(
                input_values=source.unsqueeze(0), decoder_input_ids=torch.tensor([spoken.prefix])
            )


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
