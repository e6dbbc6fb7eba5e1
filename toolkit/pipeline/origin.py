"""Where fairseq's answers come from: this process, another Python, or a recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.audio import Clip
from toolkit.checkpoint import Checkpoint
from toolkit.core.progress import Progress
from toolkit.pipeline.clips import clips_for, short_ones
from toolkit.pipeline.holding import expect_held
from toolkit.pipeline.prepare import Prepared
from toolkit.session.device import exact_device
from toolkit.session.proving import Device, Fairseq, Recorded

if TYPE_CHECKING:
    from torch import nn

    from toolkit.oracle.asking import AnyReference
    from toolkit.pipeline.recorded import RecordedReference
    from toolkit.replay.source import SourceFacts


@dataclass(frozen=True, kw_only=True)
class Asked:
    """fairseq's side of a comparison, ready to be asked."""

    reference: AnyReference
    source: SourceFacts
    """What is known of its modules."""
    model: nn.Module | None
    """fairseq's model; None where a recording stands for it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Versions of what made the answers, if not this environment."""


@dataclass(frozen=True, kw_only=True)
class Origin(Device, Fairseq, Recorded):
    """Whom to ask, and where models run."""

    @property
    def needs_fairseq(self) -> bool:
        """Whether fairseq must be importable in this process."""
        return self.recording is None and self.fairseq_python is None

    def open_recording(self, checkpoint: Checkpoint) -> RecordedReference | None:
        """The recording, if one is named.

        Raises:
            BadInput: it is none, of another version or checkpoint, or damaged.
        """
        if self.recording is None:
            return None
        from toolkit.pipeline.recorded import open_recorded

        return open_recorded(self.recording, checkpoint)

    def read_clips(self, prepared: Prepared, audio: Sequence[Path]) -> tuple[Clip, ...]:
        """The clips of the recording, else those named, else the golden ones.

        Raises:
            BadInput: the recording or a clip cannot be used.
        """
        recorded = self.open_recording(prepared.checkpoint)
        if recorded is not None:
            return recorded.read_clips()
        return clips_for(prepared, audio)

    def read_few_clips(self, prepared: Prepared, audio: Sequence[Path]) -> tuple[Clip, ...]:
        """What is enough for a diff: the short ones of those named, else the shortest of all.

        Raises:
            BadInput: the recording or a clip cannot be used.
        """
        from toolkit.compare.pictures import shortest

        clips = self.read_clips(prepared, audio)
        short = short_ones(prepared, clips) or clips
        return short if audio else shortest(short)

    @contextmanager
    def ask(self, prepared: Prepared, clips: Sequence[Clip], progress: Progress) -> Iterator[Asked]:
        """Fairseq's side, for as long as the context lasts.

        Args:
            prepared: The checkpoint.
            clips: What will be asked about.
            progress: Hears of a recorder in another Python.

        Raises:
            BadInput: fairseq is not installed or cannot build the checkpoint, the recording cannot
                be used, or torch has no such device.
        """
        expect_held(prepared)
        with exact_device(self.device):
            recorded = self.open_recording(prepared.checkpoint)
            if recorded is None and self.fairseq_python is not None:
                from toolkit.pipeline.elsewhere import record_elsewhere

                recorded = record_elsewhere(
                    prepared,
                    clips,
                    self.fairseq_python,
                    user_dir=self.user_dir,
                    progress=progress,
                )
            if recorded is not None:
                yield asked_of(recorded)
                return
            from toolkit.pipeline.reference import open_reference
            from toolkit.replay.source import read_source

            with open_reference(prepared, self.device, self.user_dir) as reference:
                yield Asked(
                    reference=reference,
                    source=read_source(reference.model, prepared.network.layouts),
                    model=reference.model,
                )


def asked_of(recorded: RecordedReference) -> Asked:
    """A recording in fairseq's place."""
    made_with = {
        f"recorded with {name}": version for name, version in recorded.index.environment.items()
    }
    return Asked(reference=recorded, source=recorded.index.facts, model=None, environment=made_with)
