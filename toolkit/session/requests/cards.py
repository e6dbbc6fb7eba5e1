"""What `toolkit cards` is asked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.options import Argument, Role
from toolkit.session.requests.batch import OfResults


@dataclass(frozen=True, kw_only=True)
class Cards(OfResults):
    """What `toolkit cards` is asked."""

    command: ClassVar[str] = "cards"

    catalogue: Annotated[
        Path,
        Argument(
            "Folder of the cards; one that is there is brought up to date.",
            metavar="DIR",
            role=Role.SHELF,
        ),
    ] = field(kw_only=False)
