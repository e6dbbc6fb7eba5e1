"""Answers from a recording in place of fairseq."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.audio import Clip
from toolkit.checkpoint import Checkpoint
from toolkit.core.errors import BadInput, NotRecorded
from toolkit.oracle.search import Search
from toolkit.pipeline.recorded_index import (
    EXAMPLES,
    RecordedCall,
    RecordedClip,
    RecordedPass,
    RecordingIndex,
    read_index,
)
from toolkit.pipeline.recorded_tensors import RecordedTensors
from toolkit.trial.measuring import Record

if TYPE_CHECKING:
    from torch import Tensor

    from toolkit.oracle.asking import Pass, ScoredTokens
    from toolkit.oracle.hooks import Call, Calls

NEAR = 1e-6
"""Relative error within which an input counts as the recorded one in a search: front ends that
compute the same round differently."""


class RecordedReference:
    """A recording, asked like fairseq; see `toolkit.oracle.asking.AnyReference`."""

    def __init__(self, folder: Path, index: RecordingIndex) -> None:
        """Takes a folder and its index."""
        self.folder = folder
        self.index = index
        self.tensors = RecordedTensors(folder, index.files)

    @property
    def start_token(self) -> int | None:
        """The token that every hypothesis starts from; None where there is no decoder."""
        return self.index.start_token

    def read_clips(self, chosen: Sequence[RecordedClip] | None = None) -> tuple[Clip, ...]:
        """The clips as they were recorded; all of them by default."""
        return tuple(
            EXAMPLES[clip.medium](
                name=clip.name,
                waveform=self.tensors.vector(clip.waveform).numpy(),
                transcript=clip.transcript,
                lang=clip.lang,
                kind=clip.kind,
            )
            for clip in (self.index.clips if chosen is None else chosen)
        )

    def records(self, clips: Sequence[RecordedClip]) -> tuple[Record, ...]:
        """Fairseq's float64 passes over some of the recorded clips."""
        known_clips = {clip.name: clip for clip in self.index.clips}
        exact = {
            known.inputs: known for known in self.index.passes if known.explicit and known.double
        }
        passes = {clip.name: exact[(known_clips[clip.name].source,)] for clip in clips}
        return tuple(
            Record(
                clip=name,
                waveform=self.tensors.vector(known_clips[name].waveform),
                source=self.tensors.source(known_clips[name].source),
                prefix=known.prefixes[0],
                calls=self._calls(known, None),
            )
            for name, known in passes.items()
        )

    def front_end(self, waveform: Tensor) -> Tensor:
        """The network's input, shape (L,) or (T, F), for a recorded waveform of shape (L,)."""
        digest = hashlib.sha256(waveform.numpy().astype("<f4").tobytes()).hexdigest()
        for clip in self.index.clips:
            if clip.sha256 == digest:
                return self.tensors.source(clip.source)
        names = ", ".join(clip.name for clip in self.index.clips)
        raise self._unknown(f"audio of {waveform.numel()} samples", f"these clips: {names}")

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]],
        *,
        double: bool = False,
        explicit: bool = False,
        only: Collection[str] | None = None,
    ) -> Pass:
        """The recorded pass over the same inputs, bit by bit, and the same prefixes."""
        from toolkit.oracle.asking import Pass

        wanted = tuple(tuple(prefix) for prefix in prefixes)
        for known in self.index.passes:
            alike = (known.explicit, known.double, known.prefixes) == (explicit, double, wanted)
            if alike and self._are(known.inputs, sources):
                outputs = {name: self.tensors.get(at) for name, at in known.outputs.items()}
                return Pass(outputs=outputs, calls=self._calls(known, only))
        kind = "float64" if double else "float32"
        raise self._unknown(
            f"a teacher-forced pass in {kind} over {len(sources)} inputs of "
            f"{', '.join(str(len(source)) for source in sources)} {_unit(sources[0])}",
            f"{len(self.index.passes)} passes over its own clips",
        )

    def again(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]],
        *,
        heard: Pass,  # noqa: ARG002
        only: Collection[str],
    ) -> Calls:
        """What was recorded of some modules in float64, whose inputs are those of another pass."""
        return self.forward(sources, prefixes, double=True, explicit=True, only=only).calls

    def search(
        self,
        source: Tensor,
        search: Search,
        tag: int | None = None,
        heard: Pass | None = None,  # noqa: ARG002
    ) -> list[ScoredTokens]:
        """The hypotheses that fairseq found for this input, or for one that is nearly the same."""
        from toolkit.oracle.asking import ScoredTokens

        for known in self.index.searches:
            if (known.search, known.tag) == (search, tag) and self._is_near(known.input, source):
                return [
                    ScoredTokens(tokens=tokens, score=score) for tokens, score in known.hypotheses
                ]
        raise self._unknown(
            f"a search with beam {search.beam} and tag {tag} on an input of {len(source)} "
            f"{_unit(source)}",
            f"{len(self.index.searches)} searches on its own clips",
        )

    def text(self, tokens: Sequence[int], tag: int | None = None) -> str:
        """The recorded text of these tokens."""
        if (tuple(tokens), tag) not in self.index.texts:
            raise self._unknown(f"the text of the tokens {list(tokens)[:20]}", "other tokens")
        return self.index.texts[tuple(tokens), tag]

    def encode(self, text: str) -> tuple[int, ...]:
        """The recorded ids of this text."""
        if text not in self.index.encodings:
            raise self._unknown(
                f"the ids of {text[:80]!r}", f"{len(self.index.encodings)} other texts"
            )
        return self.index.encodings[text]

    def _unknown(self, wanted: str, held: str) -> NotRecorded:
        return NotRecorded(
            f"`{self.folder}` must hold {wanted}, but holds {held}. Record again with these clips, "
            "or run fairseq itself with `--fairseq-python`."
        )

    def _are(self, places: Sequence[str], sources: Sequence[Tensor]) -> bool:
        if len(places) != len(sources):
            return False
        known = [self.tensors.get(place) for place in places]
        return all(a.equal(b) for a, b in zip(known, sources, strict=True))

    def _is_near(self, place: str, source: Tensor) -> bool:
        known = self.tensors.get(place)
        if known.shape != source.shape:
            return False
        difference = float((known.double() - source.double()).abs().max())
        return difference <= NEAR * float(known.abs().max())

    def _calls(self, known: RecordedPass, only: Collection[str] | None) -> Calls:
        made = {
            path: [self._call(entry) for entry in entries]
            for path, entries in known.calls.items()
            if only is None or path in only
        }
        return _RecordedCalls(self.folder, made)

    def _call(self, entry: RecordedCall) -> Call:
        from toolkit.oracle.hooks import Call

        return Call(
            arguments={name: self.tensors.get(place) for name, place in entry.inputs},
            outputs={name: self.tensors.get(place) for name, place in entry.outputs},
        )


def open_recorded(folder: Path, checkpoint: Checkpoint) -> RecordedReference:
    """The recording of a checkpoint that a folder holds.

    Raises:
        BadInput: it is no recording, of another version, of another checkpoint or of weights in
            another dtype, or damaged.
    """
    index = read_index(folder)
    expect_checkpoint(folder, index, str(checkpoint.path), checkpoint.sha256())
    dtypes = {spec.dtype for spec in checkpoint.tensors.values()}
    if index.dtypes != dtypes:
        raise BadInput(
            f"`{folder}` must be a recording of weights in {_listed(dtypes)}, but is of weights in "
            f"{_listed(index.dtypes):.200}. Give both commands the same `--dtype`, or record again."
        )
    return RecordedReference(folder, index)


def expect_checkpoint(folder: Path, index: RecordingIndex, name: str, sha256: str) -> None:
    """Holds that a recording is one of a checkpoint.

    Args:
        folder: The recording.
        index: What it says.
        name: What the checkpoint is called.
        sha256: Its own.

    Raises:
        BadInput: it is of another.
    """
    if index.checkpoint_sha256 != sha256:
        raise BadInput(
            f"`{folder}` must be a recording of `{name}`, but is of a file with the sha256 "
            f"{index.checkpoint_sha256:.64}. Record this checkpoint."
        )


def _unit(source: Tensor) -> str:
    """What the length of a network's input counts."""
    if not source.is_floating_point():
        return "ids"
    return "samples" if source.dim() == 1 else "frames"


def _listed(dtypes: Collection[str]) -> str:
    return ", ".join(sorted(dtypes)) or "none"


class _RecordedCalls(dict[str, "list[Call]"]):
    """The recorded calls; to ask for a module that was not recorded is an error."""

    def __init__(self, folder: Path, calls: Mapping[str, list[Call]]) -> None:
        super().__init__(calls)
        self.folder = folder

    def __missing__(self, path: str) -> list[Call]:
        raise NotRecorded(
            f"`{self.folder}` must hold the calls of `{path}`, but holds those of {len(self)} "
            "others. Record again with this version of the toolkit."
        )
