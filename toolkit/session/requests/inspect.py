"""What `toolkit inspect` is asked."""

from dataclasses import dataclass
from typing import ClassVar

from toolkit.session.groups import Material, OfCheckpoint


@dataclass(frozen=True, kw_only=True)
class Inspect(Material, OfCheckpoint):
    """What `toolkit inspect` is asked."""

    command: ClassVar[str] = "inspect"
