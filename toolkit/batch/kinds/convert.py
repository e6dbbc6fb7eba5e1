"""A folder is made of a checkpoint, and proven before it appears."""

from __future__ import annotations

import filecmp
from dataclasses import replace
from pathlib import Path
from typing import cast

from toolkit.batch.kind import Answer, Kind
from toolkit.core.result import Result
from toolkit.session.groups import Request
from toolkit.session.keywords import given_to
from toolkit.session.requests.convert import Convert
from toolkit.session.requests.verify import Verify

SAYS = ("README.md", "verification.json")
"""Files that say how a folder was made, by which command and when."""


def _run(request: Request) -> Answer:
    from toolkit.pipeline.conversion import convert

    asked = cast(Convert, request)
    if asked.out.is_dir():
        taken = _maybe_taken(asked)
        if taken is not None:
            return taken
    return convert(**given_to(asked))


def _maybe_taken(asked: Convert) -> Result | None:
    """The result of a folder that is there, if it is the one that would be written.

    A run that was killed had written it, but not said so. One that holds anything else is none of
    ours, and left to the conversion to refuse.
    """
    from toolkit.folder.staging import staged_folder
    from toolkit.pipeline.conversion import convert
    from toolkit.pipeline.origin import Origin
    from toolkit.pipeline.provable import why_unverified
    from toolkit.pipeline.verification import verify

    with staged_folder(asked.out.with_name(f"{asked.out.name}.again")) as staged:
        again = replace(asked, out=staged.path / "folder", verify=False)
        result = convert(**given_to(again))
        if not _is_same(again.out, asked.out):
            return None
    if why_unverified(asked.verify, asked.part(Origin)) is not None:
        return replace(result, target=replace(result.target, path=str(asked.out)), reproduce="")
    return replace(verify(**given_to(asked.part(Verify, hf_dir=asked.out))), command="convert")


def _is_same(made: Path, there: Path) -> bool:
    """Whether both folders hold the same files, byte for byte, but for what says how."""
    made_names, there_names = (
        {file.relative_to(top) for file in top.rglob("*") if file.name not in SAYS}
        for top in (made, there)
    )
    return made_names == there_names and all(
        (made / name).is_dir() or filecmp.cmp(made / name, there / name, shallow=False)
        for name in made_names
    )


KIND = Kind(name="convert", request=Convert, run=_run, writes="out")
