"""What `toolkit audit` is asked."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.core.errors import BadInput
from toolkit.handoff import Runner
from toolkit.handoff.loading import parse_runner
from toolkit.session.hub import FOLDER
from toolkit.session.options import Argument, Option
from toolkit.session.proving import Device, Watched


def _is_seal(typed: str, value: object) -> None:
    if not re.fullmatch("[0-9a-f]{64}", str(value)):
        raise BadInput(
            f"`{typed}` must be 64 digits of a sha256, as `toolkit audit` prints them, but is "
            f"{value!r:.80}. Copy it again."
        )


def _is_runner(_: str, value: object) -> None:
    if isinstance(value, str):
        parse_runner(value)
    elif not callable(getattr(value, "ask", None)):
        raise BadInput(
            f"`runner` must have a method `ask`, but is a {type(value).__name__}. Make one, or "
            "name its class as FILE.py:NAME."
        )


@dataclass(frozen=True, kw_only=True)
class Audit(Watched, Device):
    """What `toolkit audit` is asked."""

    command: ClassVar[str] = "audit"

    hf_dir: Annotated[
        Path,
        Argument(
            "Folder that was converted, or hf://org/name.", metavar="HF_DIR", fetched_as=FOLDER
        ),
    ] = field(kw_only=False)
    seal: Annotated[
        str | None,
        Option(
            "The seal that its author published; another is no match.",
            metavar="SHA256",
            check=_is_seal,
        ),
    ] = None
    recording: Annotated[
        Path | None,
        Option(
            "Hold what it answers against a recording, too.",
            metavar="REC_DIR",
            python="Folder that `toolkit record` wrote of its checkpoint: what the model answers "
            "is held against it, end to end, if the folder is as it was written.",
        ),
    ] = None
    runner: Annotated[
        str | Runner | None,
        Option(
            "Ask code of yours in the folder's place, with `--recording`.",
            metavar="FILE.py:NAME",
            check=_is_runner,
            python="Who answers in the folder's place: `FILE.py:NAME`, a class that is made with "
            "the folder and asked in a process of its own, or an object with a method `ask`.",
        ),
    ] = None
    runner_limit: Annotated[
        int,
        Option("Seconds that a runner may take to load, and for a clip.", metavar="S", min=1),
    ] = 300

    def check(self) -> None:
        """Makes sure that every value is one, and that a runner can be held against something.

        Raises:
            BadInput: it is not so.
        """
        super().check()
        if self.runner is not None and self.recording is None:
            raise BadInput(
                "`--runner` must be held against a recording, but none is named. Name it with "
                "`--recording`."
            )
