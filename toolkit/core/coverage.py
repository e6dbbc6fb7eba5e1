"""How much a comparison compared, and what it left out."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from toolkit.core.json import JsonDict


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Something that was left out, and why."""

    name: str
    because: str


@dataclass(frozen=True, kw_only=True)
class ClipCoverage:
    """One clip that was compared."""

    name: str
    duration_s: float
    frames: int
    """Encoder frames before the adaptor."""
    frames_not_compared: int
    """Frames beyond the clip's end that fairseq adds to make the count even."""
    sha256: str = ""
    """Of its samples at 16 kHz, as little-endian float32."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much was compared, and what was not."""

    source_used: int
    source_dropped: tuple[Reason, ...]
    source_total: int
    target_compared: int
    target_total: int
    modules_compared: int
    modules_total: int
    parameterized_compared: int
    parameterized_total: int
    """Modules on the Hugging Face side that own a parameter themselves."""
    uncompared: tuple[Reason, ...]
    clips: tuple[ClipCoverage, ...]

    def to_dict(self) -> JsonDict:
        """The coverage as the JSON has it."""
        return {
            "source_tensors": {
                "used": self.source_used,
                "dropped": [asdict(reason) for reason in self.source_dropped],
                "total": self.source_total,
            },
            "target_tensors": {"compared": self.target_compared, "total": self.target_total},
            "modules": {
                "compared": self.modules_compared,
                "total": self.modules_total,
                "parameterized": {
                    "compared": self.parameterized_compared,
                    "total": self.parameterized_total,
                },
                "uncompared": [asdict(reason) for reason in self.uncompared],
            },
            "clips": [asdict(clip) for clip in self.clips],
        }
