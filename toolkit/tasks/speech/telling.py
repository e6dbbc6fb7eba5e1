"""What a result tells of a comparison of speech beside its levels: words and deviations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolkit.core.measures import Level
from toolkit.core.result import Deviation
from toolkit.core.tokens import ClipTokens, TokenComparison
from toolkit.tasks.speech.run import HeardRun


def known_texts(runs: Sequence[HeardRun]) -> tuple[str, ...]:
    """The texts that a tokenizer is tried on: transcripts, and what fairseq says."""
    transcripts = [run.clip.transcript for run in runs if run.clip.transcript]
    return (*transcripts, *(run.said.reference_text for run in runs if run.effort.searched))


def tell_tokens(run: HeardRun, beam: Sequence[TokenComparison] = ()) -> ClipTokens:
    """What both models said about a clip that was searched."""
    return ClipTokens(
        clip=run.clip.name,
        transcript=run.clip.transcript,
        greedy=run.said,
        beam=tuple(beam),
        pipeline_text=run.pipeline_text,
    )


def tell_front_end(level: Level) -> Iterator[Deviation]:
    """The declared difference of the network's input, as its level measured it."""
    front_end = level.measures[0]
    if front_end.verdict == "deviation":
        yield Deviation(
            name="normalization_epsilon",
            summary=(
                "transformers' feature extractor adds 1e-7 to a clip's variance, fairseq 1e-5, and "
                "nothing else differs: quiet clips reach the network louder, by 0.05 % at -20 dB "
                "and 5 % at -40 dB. Who feeds near silence would notice"
            ),
            where=front_end.where,
            max_error=front_end.error,
        )
