"""A clip is heard as often as there is something new to hear, and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from toolkit.audio import Clip, read_clips
from toolkit.core.progress import silent
from toolkit.oracle.encoder_reference import EncoderReference
from toolkit.pipeline.case import make_bench
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Prepared
from toolkit.tasks.ctc.clip import run_clip
from toolkit.tasks.ctc.target import CtcTarget
from toolkit.tasks.speech.hearing import SpeechBench
from toolkit.trial.effort import NOTHING, Effort

from .conftest import SHORT

SEARCHED = Effort(replayed=False, searched=True, beamed=False, piped=False)


@pytest.fixture(scope="module")
def spoken() -> Clip:
    return read_clips(SHORT[2:])[0]


@pytest.fixture(scope="module")
def bench(ctc_prepared: Prepared, ctc_folder: Path, spoken: Clip) -> Iterator[SpeechBench]:
    with Origin().ask(ctc_prepared, (spoken,), silent) as asked:
        yield make_bench(ctc_prepared, asked, CtcTarget(ctc_folder))


def count_passes(
    bench: SpeechBench, clip: Clip, effort: Effort, tag: int | None = None
) -> Counter[str]:
    """How often both models hear a clip, by the side."""
    assert isinstance(bench.reference, EncoderReference)
    models: dict[str, nn.Module] = {"ours": bench.target.model, "fairseq": bench.reference.model}
    heard: Counter[str] = Counter()
    with ExitStack() as hooks:
        for side, model in models.items():
            hook = model.register_forward_hook(lambda *_, side=side: heard.update([side]))
            hooks.callback(hook.remove)
        run_clip(bench, clip, tag=tag, effort=effort)
    return heard


def test_what_is_said_is_read_from_the_pass_that_is_compared(
    bench: SpeechBench, spoken: Clip
) -> None:
    assert count_passes(bench, spoken, NOTHING) == {"fairseq": 1, "ours": 1}
    assert count_passes(bench, spoken, SEARCHED) == {"fairseq": 1, "ours": 1}
    # Once more through the pipeline, whose input is the folder's own.
    piped = replace(SEARCHED, piped=True)
    assert count_passes(bench, spoken, piped) == {"fairseq": 1, "ours": 2}


def test_what_is_read_from_a_pass_is_what_a_search_finds_by_itself(
    bench: SpeechBench, spoken: Clip
) -> None:
    run = run_clip(bench, spoken, tag=None, effort=SEARCHED)
    for side, tokens in ((bench.reference, run.said.reference), (bench.target, run.said.converted)):
        assert side.search(run.source, bench.search, None)[0].tokens == tokens


def test_a_pass_that_says_something_else_is_believed(bench: SpeechBench, spoken: Clip) -> None:
    source = bench.reference.front_end(torch.from_numpy(spoken.waveform))
    for side in (bench.reference, bench.target):
        other = side.forward([source.flip(0)], [()], only=())
        assert side.search(source, bench.search, None, other) != side.search(
            source, bench.search, None
        )
