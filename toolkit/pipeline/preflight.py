"""All that a command needs is looked for before any model is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import BadInput
from toolkit.families import find_family
from toolkit.folder.admission import check_folder
from toolkit.pipeline.installed import expect_recordable
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Inputs, maybe_read_rows, open_mapped
from toolkit.pipeline.provable import expect_reference, why_unverified
from toolkit.session.groups import Request
from toolkit.session.hub import maybe_hub_name
from toolkit.session.options import Role, items_of
from toolkit.session.requests.convert import Convert
from toolkit.session.requests.diff import Diff
from toolkit.session.requests.export import Export
from toolkit.session.requests.record import Record
from toolkit.session.requests.verify import Verify

Asked = Convert | Verify | Diff | Record | Export


def expect_all_at_hand(request: Request) -> None:
    """Makes sure, before anything is read or imported, that what a command needs is there.

    One companion alone that is not there is left to who reads it, and says better what it is for.
    Requests that no model answers need nothing.

    Raises:
        BadInput: something is missing; all of it at once.
    """
    if not isinstance(request, Asked):
        return
    said = [*_refusals(_at_first_glance(request))]
    lost = [*_lost(request)]
    if not said and len(lost) < 2:
        return
    # Only now, as it takes longer than all that is above.
    beside = [] if lost else [*_refusals([lambda: _expect_sidecars(request)])]
    raise BadInput("\n".join(dict.fromkeys([*said, *lost, *beside])))


def _at_first_glance(request: Asked) -> Iterator[Callable[[], object]]:
    checkpoint = _maybe_checkpoint(request)
    if checkpoint is not None and not _is_there(checkpoint):
        yield lambda: open_checkpoint(checkpoint)
    if isinstance(request, Verify | Diff | Export):
        folder = request.hf_dir
        if not (folder.is_dir() or maybe_hub_name(folder)):
            yield lambda: check_folder(folder)
    yield lambda: _expect_answers(request)


def _maybe_checkpoint(request: Asked) -> Path | None:
    """The checkpoint that is read."""
    return request.like if isinstance(request, Export) else request.checkpoint


def _expect_answers(request: Asked) -> None:
    origin = request.part(Origin)
    if isinstance(request, Convert | Export):
        why_unverified(request.verify, origin)
    elif not isinstance(request, Record):
        expect_reference(origin)
    elif origin.needs_fairseq:
        expect_recordable()


def _expect_sidecars(request: Asked) -> None:
    """Refuses a checkpoint whose dictionary or tokenizer stands neither beside it nor is named."""
    checkpoint = _maybe_checkpoint(request)
    if checkpoint is not None and checkpoint.is_file():
        inputs = request.part(Inputs, checkpoint=checkpoint)
        opened = open_mapped(inputs, maybe_read_rows(inputs))
        find_family(opened).sidecars(opened, inputs.named)


def _lost(request: Request) -> Iterator[str]:
    """A sentence for each companion that is named and is not there."""
    for item in items_of(type(request)):
        is_read = item.type in (Path, Sequence) and item.named.role in (None, Role.SHELF)
        # A Python is found by its name alone, too; the checkpoint and the folder have their own.
        if is_read and not item.named.fetched_as and item.name != "fairseq_python":
            for path in _paths(getattr(request, item.name)):
                if not os.path.exists(path):
                    yield (
                        f"`{path}`, named by `{item.typed}`, must be there, but is not. Correct "
                        "the path, or leave it out."
                    )


def _paths(value: Path | Sequence[Path] | None) -> Sequence[Path]:
    if value is None:
        return ()
    return (value,) if isinstance(value, Path) else value


def _is_there(checkpoint: Path) -> bool:
    """Whether there is something to open, here or, as far as its name tells, on the hub."""
    return checkpoint.exists() or maybe_hub_name(checkpoint) is not None


def _refusals(checks: Iterable[Callable[[], object]]) -> Iterator[str]:
    for check in checks:
        try:
            check()
        except BadInput as error:
            yield str(error)
