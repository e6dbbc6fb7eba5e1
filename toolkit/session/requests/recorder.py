"""What `toolkit recorder` is asked."""

from dataclasses import dataclass
from typing import ClassVar

from toolkit.session.groups import Material
from toolkit.session.proving import Clips, Destination


@dataclass(frozen=True, kw_only=True)
class Recorder(Material, Clips, Destination):
    """What `toolkit recorder` is asked."""

    command: ClassVar[str] = "recorder"
