"""What many tests share: the golden checkpoint, converted and loaded once per session."""

from __future__ import annotations

import gc

if gc.isenabled():  # until all is collected: nothing that is imported is garbage
    gc.disable()

import atexit
import copy
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

from tests.sampling import mark_repeats
from toolkit.audio import Clip, golden_folder, read_clips
from toolkit.core.breakable import Breakable
from toolkit.core.json import JsonObject
from toolkit.oracle.mends.imports import import_fairseq
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.reference import Reference
from toolkit.pipeline import case
from toolkit.pipeline.faulting import breakable_of
from toolkit.pipeline.origin import Asked
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.reference import open_reference
from toolkit.pipeline.writing import write_converted
from toolkit.proof.schema import maybe_breach
from toolkit.proof.sealing import read_sealed, write_sealed
from toolkit.replay.source import read_source
from toolkit.replay.target import Target
from toolkit.tasks.speech_seq2seq.clip import ClipRun, run_clip
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget
from toolkit.trial.bench import Bench

with quiet_fairseq():  # first, so that no test's own import of it brings scikit-learn
    import_fairseq()
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")  # a busy machine is no fault of the code


def pytest_configure(config: pytest.Config) -> None:
    """Each worker keeps the code of folders in a place of its own, outside the user's home."""
    worker = getattr(config, "workerinput", {}).get("workerid", "main")
    modules = Path(tempfile.mkdtemp(prefix=f"toolkit-modules-{worker}-"))
    atexit.register(shutil.rmtree, modules, ignore_errors=True)
    os.environ["HF_MODULES_CACHE"] = str(modules)
    # A shell's background job ignores it, and so would every process that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _compose_once()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is there by now stays: no collection of garbage need look through it again."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)  # before marks are asked for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What `make test` takes of tests that repeat themselves."""
    mark_repeats(items)


def _compose_once() -> None:
    """Hydra composes the same for every model of fairseq, and takes longer than the model."""
    try:
        from hydra import experimental
    except ImportError:
        return
    composed: dict[str, Any] = {}
    compose = experimental.compose

    def remembered(*arguments: Any, **options: Any) -> Any:
        asked = repr((arguments, options))
        if asked not in composed:
            composed[asked] = compose(*arguments, **options)
        return copy.deepcopy(composed[asked])

    experimental.compose = remembered


torch.set_num_threads(1)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
"""The models here are tiny: more threads only wait for each other, the more so under xdist. What
a test starts is told by the environment."""


@pytest.fixture(scope="session", autouse=True)
def _papers_follow_their_schema() -> Iterator[None]:
    """Whatever any test of this process converts carries a file that follows its schema."""

    def checked(document: JsonObject) -> bytes:
        content = write_sealed(document)
        assert maybe_breach("verification", read_sealed(content)) is None
        return content

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("toolkit.pipeline.papers.write_sealed", checked)
        yield


@pytest.fixture(scope="session")
def golden_checkpoint() -> Path:
    return golden_folder() / "checkpoint" / "model.pt"


@pytest.fixture(scope="session")
def prepared(golden_checkpoint: Path) -> Prepared:
    return prepare(Inputs(checkpoint=golden_checkpoint))


@pytest.fixture(scope="session")
def converted(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A right conversion of the golden checkpoint; read it, never write to it."""
    folder = tmp_path_factory.mktemp("converted") / "hf"
    folder.mkdir()
    write_converted(prepared, folder)
    return folder


@pytest.fixture(scope="session")
def breakable(prepared: Prepared) -> Breakable:
    """What of the golden conversion can be broken."""
    return breakable_of(prepared)


@pytest.fixture
def broken(converted: Path, tmp_path: Path) -> Path:
    """A copy of the right conversion, to be broken by the test."""
    return Path(shutil.copytree(converted, tmp_path / "broken"))


@pytest.fixture(scope="session")
def reference(prepared: Prepared) -> Iterator[Reference]:
    with open_reference(prepared) as opened:
        yield opened


@pytest.fixture(scope="session")
def target(converted: Path) -> Target:
    return Seq2SeqTarget(converted)


@pytest.fixture(scope="session")
def clips() -> tuple[Clip, ...]:
    return read_clips([])


@pytest.fixture(scope="session")
def clip(clips: tuple[Clip, ...]) -> Callable[[str], Clip]:
    by_name = {clip.name: clip for clip in clips}
    return by_name.__getitem__


@pytest.fixture(scope="session")
def asked(prepared: Prepared, reference: Reference) -> Asked:
    facts = read_source(reference.model, prepared.network.layouts)
    return Asked(reference=reference, source=facts, model=reference.model)


@pytest.fixture(scope="session")
def make_bench(prepared: Prepared, asked: Asked) -> Callable[[Target], Bench]:
    return partial(case.make_bench, prepared, asked)


@pytest.fixture(scope="session")
def bench(make_bench: Callable[[Target], Bench], target: Target) -> Bench:
    return make_bench(target)


@pytest.fixture(scope="session")
def run(bench: Bench, clip: Callable[[str], Clip]) -> ClipRun:
    """Both models on one short clip with an odd number of frames."""
    return run_clip(bench, clip("ru_2"), tag=188)
