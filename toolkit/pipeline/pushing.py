"""Sends a folder that is as it was written to the hub, and holds what arrives against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from toolkit.core.artifact import FileDigest
from toolkit.core.counting import counted
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.progress import Progress, silent
from toolkit.core.pushed import Pushed
from toolkit.folder.digest import VERIFICATION, digest_file
from toolkit.proof.audited import Audited
from toolkit.proof.auditing import audit_folder
from toolkit.proof.entries import maybe_of_the_hub
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.push import Push
from toolkit.session.sending import Repository, is_known, make_repository, maybe_look, send

MAX_NAMED = 5


@keywords_of(Push)
def push(request: Push) -> Pushed:
    """Sends a folder to a repository of the hub; only says what would be sent unless told to.

    Raises:
        BadInput: the folder is not as it was written; files of the repository are others; or the
            hub refuses something, or cannot be asked.
    """
    try:
        return _push(request, request.progress or silent)
    except OSError as error:
        raise BadInput(
            f"`{request.hf_dir}` must stay as it is while it is sent, but {reason_of(error)}. Run "
            "the same command again."
        ) from error


def _push(request: Push, report: Progress) -> Pushed:
    report("reading the files", 0, 3)
    digests, audited = _audited(request.hf_dir)
    report("asking the hub", 1, 3)
    there = maybe_look(request.repository)
    plan = _plan(request, audited, digests, there)
    if plan.replaced and not request.replace:
        raise _in_the_way(plan)
    if not request.yes:
        return plan
    if not plan.is_known:
        raise BadInput(
            f"`{request.repository}` must be sent by somebody whom the hub knows, but nobody is "
            "logged in here. Run `hf auth login`, or set `HF_TOKEN`."
        )
    report("sending the files", 2, 3)
    commit = _send(request, plan, there)
    _expect_arrived(request, digests)
    report("done", 3, 3)
    return replace(plan, commit=commit)


def _audited(folder: Path) -> tuple[dict[str, FileDigest], Audited]:
    """The digest of every file that is to be sent, as the folder was written."""
    audited = audit_folder(folder, str(folder))
    proven = audited.verification
    if proven is None or audited.changes:
        names = ", ".join(f"`{change.file}`" for change in audited.changes[:MAX_NAMED])
        raise BadInput(
            f"`{folder}` must be as it was written to be sent, but {names} changed since: see "
            f"`toolkit audit {folder}`. Convert the checkpoint again, or take the change back."
        )
    return {**proven.files, VERIFICATION: digest_file(folder / VERIFICATION)}, audited


def _plan(
    request: Push,
    audited: Audited,
    digests: Mapping[str, FileDigest],
    there: Repository | None,
) -> Pushed:
    held = {} if there is None else there.files
    same = {
        name
        for name in digests.keys() & held.keys()
        if held[name].is_same(request.hf_dir / name, digests[name])
    }
    others = held.keys() - digests.keys()
    return Pushed(
        folder=str(request.hf_dir),
        repository=request.repository,
        verdict=audited.verdict,
        seal=str(audited.seal),
        is_new=there is None,
        is_private=not request.public if there is None else there.is_private,
        new={n: one.num_bytes for n, one in digests.items() if n not in held},
        replaced={n: digests[n].num_bytes for n in sorted(digests.keys() & held.keys() - same)},
        same=tuple(sorted(same)),
        beside=tuple(sorted(name for name in others if maybe_of_the_hub(name) is None)),
        is_known=is_known(),
    )


def _in_the_way(plan: Pushed) -> BadInput:
    names = ", ".join(f"`{name}`" for name in list(plan.replaced)[:MAX_NAMED])
    return BadInput(
        f"`{plan.repository}` must not hold other files of the same names, but holds "
        f"{counted(len(plan.replaced), 'files')} with other bytes: {names}. Choose another "
        "repository, or let them be replaced with `--replace`; its history keeps them."
    )


def _send(request: Push, plan: Pushed, there: Repository | None) -> str:
    """Makes the repository where it is not there, and sends what is not there; the commit."""
    names = [*plan.new, *plan.replaced]
    if there is None:
        make_repository(request.repository, private=not request.public)
        there = maybe_look(request.repository)
    if there is None:
        raise BadInput(
            f"`{request.repository}` must be there, as it was made a moment ago, but the hub does "
            "not show it. Run the same command again."
        )
    if not names:
        return there.commit
    files = {name: request.hf_dir / name for name in names}
    message = f"Converted from fairseq, {plan.verdict}, seal {plan.seal}"
    return send(request.repository, files, message, there.commit)


def _expect_arrived(request: Push, digests: Mapping[str, FileDigest]) -> None:
    """Holds what the hub has now against what was to be sent."""
    there = maybe_look(request.repository)
    held = {} if there is None else there.files
    wrong = [
        name
        for name, digest in digests.items()
        if name not in held or not held[name].is_same(request.hf_dir / name, digest)
    ]
    if wrong:
        names = ", ".join(f"`{name}`" for name in wrong[:MAX_NAMED])
        raise BadInput(
            f"`{request.repository}` must hold what was sent, but {names} is not there as it was "
            "read: the folder changed, or somebody changed the repository meanwhile. Run "
            f"`toolkit audit {request.hf_dir}`, then the same command again."
        )
