"""What `toolkit push` is asked."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.core.errors import BadInput
from toolkit.session.options import Argument, Option
from toolkit.session.proving import Watched

_PART = r"[A-Za-z0-9](?:[\w-]|\.(?!\.))*"
_MOST = 96
"""Characters that the hub lets a name have."""


def _is_repository(typed: str, value: object) -> None:
    name = str(value)
    if not re.fullmatch(rf"{_PART}/{_PART}", name) or len(name) > _MOST or name.endswith(".git"):
        raise BadInput(
            f"`{typed}` must be the name of a repository of the hub, `org/name`, but is "
            f"{name!r:.120}. Write it so, without an address."
        )


@dataclass(frozen=True, kw_only=True)
class Push(Watched):
    """What `toolkit push` is asked."""

    command: ClassVar[str] = "push"

    hf_dir: Annotated[Path, Argument("Folder that was converted.", metavar="HF_DIR")] = field(
        kw_only=False
    )
    repository: Annotated[
        str,
        Argument("Where it goes: org/name.", metavar="REPO_ID", check=_is_repository),
    ] = field(kw_only=False)
    yes: Annotated[bool, Option("Send it; otherwise only say what would be sent.")] = False
    public: Annotated[
        bool, Option("Let everybody see a repository that is made; it is private otherwise.")
    ] = False
    replace: Annotated[
        bool, Option("Send files in place of others of their names; nothing is ever deleted.")
    ] = False
