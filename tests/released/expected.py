"""What a script is known to make of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.released.encoder_causes import Cause
from tests.released.encoder_scripts import Case


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a script makes of a checkpoint."""

    case: Case
    causes: tuple[Cause, ...] = ()
    """What is wrong with the folder; with nothing it is a match."""
    gives_up: str = ""
    """What the script says where it makes no folder."""


def expect(causes: tuple[Cause, ...], case: Case, gives_up: str = "", **more: Any) -> Expected:
    """A case with some of its fields given one by one, and what becomes of it."""
    return Expected(case=replace(case, **more), causes=causes, gives_up=gives_up)
