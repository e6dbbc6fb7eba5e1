"""What a result tells of a speech-to-text comparison beside its levels: words and deviations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolkit.compare.probes import PaddingProbes
from toolkit.core.result import ClipTokens, Deviation, Level
from toolkit.tasks.speech_seq2seq.clip import ClipRun
from toolkit.tasks.speech_seq2seq.padding import padding_deviation


def known_texts(runs: Sequence[ClipRun]) -> tuple[str, ...]:
    """The texts that a tokenizer is tried on: transcripts, and what fairseq says."""
    transcripts = [run.clip.transcript for run in runs if run.clip.transcript]
    return (*transcripts, *(run.greedy.reference_text for run in runs))


def tell_tokens(run: ClipRun) -> ClipTokens:
    """What both models said about a clip."""
    return ClipTokens(
        clip=run.clip.name,
        transcript=run.clip.transcript,
        greedy=run.greedy,
        beam=run.beam,
        pipeline_text=run.pipeline_text,
    )


def tell_deviations(levels: Sequence[Level], padding: PaddingProbes) -> Iterator[Deviation]:
    """The declared differences, as the levels measured them."""
    by_name = {level.name: level for level in levels}
    front_end = by_name["front_end"].measures[0]
    if front_end.verdict == "deviation":
        yield Deviation(
            name="normalization_epsilon",
            summary=(
                "transformers' feature extractor adds 1e-7 to the variance, fairseq 1e-5: visible "
                "on quiet audio"
            ),
            where=front_end.where,
            max_error=front_end.error,
        )
    deviation = padding_deviation(by_name["padding"], padding)
    if deviation is not None:
        yield deviation
