"""A folder on trial, and who is asked about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from toolkit.audio import Clip
from toolkit.core.artifact import Artifact, FileDigest
from toolkit.core.origin import spelled
from toolkit.core.progress import Progress
from toolkit.folder.background import Background
from toolkit.folder.digest import combine, folder_digests
from toolkit.pipeline.basics import environment
from toolkit.pipeline.origin import Asked, Origin
from toolkit.pipeline.pairing import pair_with
from toolkit.pipeline.prepare import Prepared
from toolkit.pipeline.resources import fitting_resources
from toolkit.pipeline.sources import Told, told_of_source
from toolkit.replay.target import Target
from toolkit.session.device import gpu_facts
from toolkit.trial.bench import AnyBench, Bench


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is on trial."""

    prepared: Prepared
    folder: Path
    hashing: Background[dict[str, FileDigest]]
    """The digests of the folder's files, while the models load."""
    asked: Asked
    """Who answers for fairseq."""
    beam: bool
    """Whether searches with a beam are compared."""
    thorough: bool
    """Whether nothing is spared that only costs time."""
    device: str
    """Where both models run."""

    def load(self) -> AnyBench:
        """Both models, side by side.

        Raises:
            DoesNotLoad: transformers cannot load the folder.
        """
        target = self.prepared.task.kind.target(self.folder, vetted=True, device=self.device)
        return make_bench(self.prepared, self.asked, target)

    @property
    def artifacts(self) -> Told:
        """What a result says of the checkpoint and the folder."""
        files = self.hashing.result()
        return {
            **told_of_source(self.prepared),
            "target": Artifact(path=spelled(self.folder), sha256=combine(files)),
            "target_files": files,
        }

    @property
    def environment(self) -> dict[str, str]:
        """Versions of what runs here, and of what answered for fairseq elsewhere."""
        return {**environment(), **gpu_facts(self.device), **self.asked.environment}


@contextmanager
def on_trial(
    prepared: Prepared,
    folder: Path,
    clips: Sequence[Clip],
    origin: Origin,
    *,
    beam: bool,
    thorough: bool,
    progress: Progress,
) -> Iterator[Case]:
    """A folder and whom to ask about it, for as long as the context lasts.

    Args:
        prepared: The checkpoint.
        folder: The folder.
        clips: What will be asked about.
        origin: Whom to ask for fairseq's side.
        beam: Whether searches with a beam are compared.
        thorough: Whether nothing is spared that only costs time.
        progress: Hears of a recorder in another Python.

    Raises:
        BadInput: fairseq cannot build the checkpoint, or torch has no such device.
    """
    with (
        Background(prepared.checkpoint.sha256),
        Background(partial(folder_digests, folder)) as hashing,
        fitting_resources(prepared.plan),
        origin.ask(prepared, clips, progress) as asked,
    ):
        yield Case(
            prepared=prepared,
            folder=folder,
            hashing=hashing,
            asked=asked,
            beam=beam,
            thorough=thorough,
            device=origin.device,
        )


def make_bench(prepared: Prepared, asked: Asked, target: Target) -> AnyBench:
    """Both models with the module pairs that the mapping implies.

    Raises:
        BrokenRule: a pair has no layout or several.
    """
    return Bench(
        reference=asked.reference,
        source=asked.source,
        target=target,
        pairing=pair_with(prepared, asked.source.paths, target),
        search=prepared.task.search,
    )
