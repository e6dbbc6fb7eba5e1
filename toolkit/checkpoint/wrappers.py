"""Names of tensors as the model has them, where what ran it in training wrapped its modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from toolkit.checkpoint.reader import Checkpoint
from toolkit.checkpoint.renamed import Rename, rename_tensors
from toolkit.core.coverage import Reason

AROUND_ALL = {
    "module": "torch's DistributedDataParallel",
    "model": "an object that holds the model",
}
"""First parts that wrappers of a whole model give to all names."""
ANYWHERE = {
    "_orig_mod": "torch.compile",
    "_fsdp_wrapped_module": "torch's FullyShardedDataParallel",
    "_fpw_module": "fairscale's FullyShardedDataParallel",
    "_checkpoint_wrapped_module": "torch's activation checkpointing",
}
"""Parts that wrappers of any module give to the names below it."""
FACTORS = {"original0": "weight_g", "original1": "weight_v"}
"""What torch's parametrization of weight norm calls its factors, and how they were called."""
PARAMETRIZED = ("parametrizations", "weight")
PARAMETRIZATION = "torch's parametrization of weight norm"
KNOWN = {**AROUND_ALL, **ANYWHERE, PARAMETRIZED[0]: PARAMETRIZATION}


def unwrap(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint under the names that the model itself gives.

    Raises:
        BadInput: two tensors would get one name.
    """
    parts = {name: tuple(name.split(".")) for name in checkpoint.tensors}
    around = tuple(_around_all(parts.values()))
    renames = [
        Rename(source=name, target=".".join(kept), origin=f"`{name}` without its wrappers")
        for name, own in parts.items()
        if (kept := _kept(own, len(around))) != own
    ]
    if not renames:
        return checkpoint
    found = {part for own in parts.values() for part in own if part in ANYWHERE}
    found |= {PARAMETRIZED[0] for own in parts.values() if _is_factor(own)}
    wrappers = (*(part for part in around if part in AROUND_ALL), *sorted(found))
    reasons = tuple(_reason(part) for part in wrappers)
    return replace(rename_tensors(checkpoint, renames), wrappers=reasons)


def _reason(part: str) -> Reason:
    because = f"{KNOWN[part]} puts it into names; tensors are called as they are without it"
    return Reason(name=part, because=because)


def _around_all(names: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """The first parts that all names share and that wrappers give."""
    for level in zip(*(own[:-1] for own in names), strict=False):
        if len(set(level)) > 1 or level[0] not in KNOWN:
            return
        yield level[0]


def _kept(parts: tuple[str, ...], around: int) -> tuple[str, ...]:
    if _is_factor(parts):
        parts = (*parts[:-3], FACTORS[parts[-1]])
    *path, last = parts[around:]
    return (*(part for part in path if part not in ANYWHERE), last)


def _is_factor(parts: tuple[str, ...]) -> bool:
    return parts[-3:-1] == PARAMETRIZED and parts[-1] in FACTORS
