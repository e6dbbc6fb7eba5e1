"""What `toolkit diff` is asked."""

from dataclasses import dataclass
from typing import ClassVar

from toolkit.session.groups import Material, OfFolder
from toolkit.session.proving import Cases, Clips, Device, Fairseq, Pictured, Recorded, Watched


@dataclass(frozen=True, kw_only=True)
class Diff(Watched, Pictured, Material, Device, Cases, Fairseq, Recorded, Clips, OfFolder):
    """What `toolkit diff` is asked."""

    command: ClassVar[str] = "diff"
