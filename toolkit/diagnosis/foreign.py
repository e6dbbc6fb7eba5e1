"""Code in a folder that is not the toolkit's, as one finding."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.core.findings import Finding, Hypothesis
from toolkit.folder.view import FolderView

SHOWN = 5
"""How many a sentence names; the others are in `config_keys`."""


def foreign_findings(view: FolderView) -> Iterator[Finding]:
    """One finding that names every file of code, and every key that refers to code, of others."""
    if not view.foreign:
        return
    named = ", ".join(map(str, view.foreign[:SHOWN]))
    more = len(view.foreign) - SHOWN
    named += f" and {more} more" if more > 0 else ""
    yield Finding(
        kind="config",
        consequence="output",
        target_module="",
        config_keys=tuple(item.config_key for item in view.foreign),
        summary=f"the folder carries code, or refers to some, that is not the toolkit's and was "
        f"not run here, but may run for who trusts the folder: {named}",
        hypothesis=Hypothesis(
            name="foreign_code",
            confirmed=True,
            detail={"files": sorted({item.file for item in view.foreign})},
        ),
        fix=f"remove {named}, or convert the checkpoint again",
    )
