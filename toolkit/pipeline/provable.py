"""Whether a conversion can be proven, and if not, why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import BadInput
from toolkit.folder.admission import check_folder
from toolkit.pipeline.installed import INSTALL_HINT, fairseq_is_installed
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Prepared
from toolkit.session.hub import maybe_hub_name


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
    told = verify is not None or not origin.needs_fairseq or origin.user_dir is not None
    return None if told else prepared.task.unbuildable


def expect_all_at_hand(checkpoint: Path, folder: Path, origin: Origin) -> None:
    """Makes sure, before anything is read or imported, that what a proof needs is there.

    Args:
        checkpoint: What is asked about.
        folder: What is on trial.
        origin: Whom to ask.

    Raises:
        BadInput: something is missing; all of it at once.
    """
    checks = (
        lambda: None if _is_there(checkpoint) else open_checkpoint(checkpoint),
        lambda: None if folder.is_dir() or maybe_hub_name(folder) else check_folder(folder),
        lambda: _expect_reference(origin),
    )
    said = [found for check in checks if (found := _maybe_refusal(check)) is not None]
    if said:
        raise BadInput("\n".join(said))


def _is_there(checkpoint: Path) -> bool:
    """Whether there is something to open, here or, as far as its name tells, on the hub."""
    return checkpoint.exists() or maybe_hub_name(checkpoint) is not None


def _maybe_refusal(check: Callable[[], object]) -> str | None:
    try:
        check()
    except BadInput as error:
        return str(error)
    return None


def _expect_reference(origin: Origin) -> None:
    if origin.needs_fairseq and not fairseq_is_installed():
        raise BadInput(
            "`fairseq` must be installed to prove a folder, but is not. Install it with "
            f"`{INSTALL_HINT}`, name the Python of an environment that has it with "
            "`--fairseq-python`, or a recording made elsewhere (`toolkit recorder`) with "
            "`--recording`. `toolkit doctor` says what is here."
        )
