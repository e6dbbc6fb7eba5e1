"""What a model and its conversion said about clips, beside each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from toolkit.core.json import JsonDict


@dataclass(frozen=True, kw_only=True)
class TokenComparison:
    """One hypothesis on both sides."""

    reference: tuple[int, ...]
    converted: tuple[int, ...]
    reference_text: str
    converted_text: str
    reference_score: float
    converted_score: float
    margin: float | None
    """Smallest top-1 minus top-2 log-probability of the reference over the steps."""

    @property
    def equal(self) -> bool:
        """Whether every token is the same."""
        return self.reference == self.converted

    @property
    def first_difference(self) -> int | None:
        """Index of the first differing token, None when all are equal."""
        if self.equal:
            return None
        pairs = zip(self.reference, self.converted, strict=False)
        shorter = min(len(self.reference), len(self.converted))
        return next((i for i, (left, right) in enumerate(pairs) if left != right), shorter)

    def to_dict(self) -> JsonDict:
        """The comparison with its outcome."""
        return {
            **asdict(self),
            "equal": self.equal,
            "first_difference": self.first_difference,
        }


@dataclass(frozen=True, kw_only=True)
class ClipTokens:
    """What both models said about one clip."""

    clip: str
    transcript: str | None
    greedy: TokenComparison
    beam: tuple[TokenComparison, ...]
    """Ranked hypotheses, best first, as each side ranks its own."""
    pipeline_text: str | None
    """What the folder's own front end, model and tokenizer say through the ASR pipeline; None where
    it was not asked."""

    @property
    def heard(self) -> str:
        """What a user hears: through the pipeline where it was asked."""
        return self.greedy.converted_text if self.pipeline_text is None else self.pipeline_text

    def to_dict(self) -> JsonDict:
        """The clip's tokens as the JSON has them; the greedy comparison stands at the top."""
        return {
            "transcript": self.transcript,
            **self.greedy.to_dict(),
            "pipeline_text": self.pipeline_text,
            "beam": [hypothesis.to_dict() for hypothesis in self.beam],
        }
