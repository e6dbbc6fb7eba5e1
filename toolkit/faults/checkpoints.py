"""Faults of a checkpoint beside a right folder: what whoever writes fairseq's files forgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from toolkit.core.formats import SinceFormat
from toolkit.faults.facts import owner
from toolkit.faults.fault import Truth


@dataclass(frozen=True, kw_only=True)
class CheckpointFault:
    """A number of a checkpoint's format that is wrong or missing, while the folder is right."""

    name: str
    """The kind, a colon, and the tensor."""
    kind: str
    """`format_forgotten` or `format_outdated`."""
    truth: Truth
    marker: str
    """The tensor that holds the number."""
    number: int | None
    """What it holds; None where it is missing."""
    part: str = "checkpoint"


def checkpoint_faults(
    origins: Mapping[str, str], sources: Sequence[str], formats: Sequence[SinceFormat]
) -> Iterator[CheckpointFault]:
    """For each module that fairseq has in later formats alone, a format that is not, or another.

    Args:
        origins: The tensor of the checkpoint that each tensor of the folder holds.
        sources: The tensors of the checkpoint.
        formats: The modules.
    """
    for since in formats:
        if since.marker in sources:
            yield _fault("format_forgotten", since, origins, None)
            yield _fault("format_outdated", since, origins, since.first - 1)


def _fault(
    kind: str, since: SinceFormat, origins: Mapping[str, str], number: int | None
) -> CheckpointFault:
    where = since.marker if number is None else f"{since.marker}={number}"
    left_out = {owner(name) for name, origin in origins.items() if owner(origin) == since.module}
    return CheckpointFault(
        name=f"{kind}:{where}",
        kind=kind,
        truth=Truth(
            modules=frozenset(left_out), hypotheses=frozenset({"left_out"}), files=frozenset()
        ),
        marker=since.marker,
        number=number,
    )
