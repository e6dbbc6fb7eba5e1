"""Whether a conversion can be proven, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from toolkit.core.artifact import Artifact, FileDigest
from toolkit.core.errors import BadInput
from toolkit.core.result import Result
from toolkit.folder.digest import combine
from toolkit.pipeline.basics import environment
from toolkit.pipeline.holding import why_unheld
from toolkit.pipeline.installed import INSTALL_HINT, fairseq_is_installed
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Prepared
from toolkit.pipeline.sources import told_of_source


def why_unverified(verify: bool | None, origin: Origin) -> str | None:
    """The reason for not verifying, or None to verify.

    Args:
        verify: What the user says; None proves where fairseq is at hand.
        origin: Whom to ask.

    Raises:
        BadInput: a proof is asked for, and nobody is there to ask.
    """
    if verify is False:
        return "`--no-verify` was given"
    if not origin.needs_fairseq:
        return None
    if verify is None and not fairseq_is_installed():
        return f"fairseq is not installed (`{INSTALL_HINT}`)"
    if verify and not fairseq_is_installed():
        raise BadInput(
            "`fairseq` must be installed to prove a conversion, but is not. Install it with "
            f"`{INSTALL_HINT}`, name another Python with `--fairseq-python`, or convert with "
            "`--no-verify`."
        )
    return None


def why_unprovable(prepared: Prepared, verify: bool | None, origin: Origin) -> str | None:
    """The reason for not verifying where fairseq alone cannot build the model; None to try."""
    unheld = why_unheld(prepared)
    if unheld is not None and verify is not True:
        return unheld
    told = verify is not None or not origin.needs_fairseq or origin.user_dir is not None
    return None if told else prepared.task.unbuildable


def expect_reference(origin: Origin) -> None:
    """Makes sure that somebody answers in a proof.

    Raises:
        BadInput: nobody does.
    """
    if origin.needs_fairseq and not fairseq_is_installed():
        raise BadInput(
            "`fairseq` must be installed to prove a folder, but is not. Install it with "
            f"`{INSTALL_HINT}`, name the Python of an environment that has it with "
            "`--fairseq-python`, or a recording made elsewhere (`toolkit recorder`) with "
            "`--recording`. `toolkit doctor` says what is here."
        )


def unproven(
    command: Literal["convert", "export"],
    prepared: Prepared,
    folder: str,
    files: Mapping[str, FileDigest],
    because: str,
) -> Result:
    """What comes of a command that proves nothing.

    Args:
        command: What was asked for.
        prepared: The checkpoint.
        folder: The Hugging Face folder, as results name it.
        files: All that lies in the folder.
        because: Why nothing is proven.
    """
    return Result(
        command=command,
        **prepared.task.kind.told,
        **told_of_source(prepared),
        target=Artifact(path=folder, sha256=combine(files)),
        target_files=files,
        assumptions=prepared.assumptions,
        unverified_because=because,
        environment=environment(),
    )
