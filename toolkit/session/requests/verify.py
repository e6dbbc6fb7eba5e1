"""What `toolkit verify`, `toolkit.assert_parity` and the pytest plugin are asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.groups import Material, OfFolder
from toolkit.session.options import Named
from toolkit.session.proving import (
    Clips,
    Device,
    Fairseq,
    Pictured,
    Recorded,
    Searches,
    Watched,
)


@dataclass(frozen=True, kw_only=True)
class Verify(Watched, Pictured, Material, Device, Searches, Fairseq, Recorded, Clips, OfFolder):
    """What `toolkit verify` is asked."""

    command: ClassVar[str] = "verify"


@dataclass(frozen=True, kw_only=True)
class Assertion(Verify):
    """What `toolkit.assert_parity` is asked."""

    report: Annotated[Path | None, Named("HTML file to write if the folder does not match.")] = None


@dataclass(frozen=True, kw_only=True)
class Pair(Material, Device, Fairseq, Recorded, Clips, OfFolder):
    """What the pytest plugin compares: every level is a test of its own, searches among them."""
