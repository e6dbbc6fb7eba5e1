"""Faults that change nothing, told by proof and never by a small error."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.faults.facts import DIRECTION, GAIN
from toolkit.faults.fault import Fault

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """A fault that is none in this folder."""

    fault: Fault
    proof: str


def maybe_harmless(before: Path, after: Path) -> str | None:
    """The proof that two folders are one model, or None if they may differ.

    They are one if every file is there in both, every JSON file has the same values, every tensor
    the same dtype, shape and bits, and every other file the same bytes. A weight norm may be split
    into other factors as long as the weight that they give has the same bits.
    """
    names = _file_names(before)
    if names != _file_names(after):
        return None
    if not all(
        _same_file(before / name, after / name) for name in names if not _holds_tensors(name)
    ):
        return None
    resplit: list[str] = []
    for name in filter(_holds_tensors, names):
        found = _resplit_norms(before / name, after / name)
        if found is None:
            return None
        resplit.extend(found)
    return _word_proof(resplit)


def split_harmless(
    folder: Path, faults: Iterable[Fault]
) -> tuple[tuple[Fault, ...], tuple[Excluded, ...]]:
    """The faults that change a folder, and those that provably do not.

    Each is tried on a copy in the system's temporary folder.
    """
    real: list[Fault] = []
    excluded: list[Excluded] = []
    for fault in faults:
        with tempfile.TemporaryDirectory() as scratch:
            broken = Path(shutil.copytree(folder, Path(scratch) / "broken"))
            fault.break_folder(broken)
            proof = maybe_harmless(folder, broken)
        if proof is None:
            real.append(fault)
        else:
            excluded.append(Excluded(fault=fault, proof=proof))
    return tuple(real), tuple(excluded)


def _word_proof(resplit: Iterable[str]) -> str:
    norms = ", ".join(f"`{name}`" for name in sorted(resplit))
    if not norms:
        return (
            "Every tensor has the same dtype, shape and bits, and every JSON file the same values."
        )
    return (
        f"The factors of {norms} differ, but the weight that they give, gain * direction / "
        "|direction|, has the same bits; every other tensor has the same bits too, and every JSON "
        "file the same values."
    )


def _file_names(folder: Path) -> list[str]:
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())


def _holds_tensors(name: str) -> bool:
    return name.endswith(".safetensors")


def _same_file(before: Path, after: Path) -> bool:
    if before.suffix != ".json":
        return before.read_bytes() == after.read_bytes()
    return _canonical(before) == _canonical(after)


def _canonical(file: Path) -> str:
    # Texts and not objects, which take 1, 1.0 and true for one value.
    return json.dumps(json.loads(file.read_text(encoding="utf-8")), sort_keys=True)


def _resplit_norms(before: Path, after: Path) -> list[str] | None:
    """The weight norms with other factors; None if anything else differs."""
    from safetensors.torch import load_file

    expected, actual = load_file(before), load_file(after)
    if expected.keys() != actual.keys():
        return None
    differing = [name for name in expected if not _same_bits(expected[name], actual[name])]
    stems = {name.removesuffix(GAIN).removesuffix(DIRECTION) for name in differing}
    same = all(_same_weight(stem, expected, actual) for stem in stems)
    return sorted(stems) if same else None


def _same_weight(stem: str, before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> bool:
    expected, actual = _effective(stem, before), _effective(stem, after)
    return expected is not None and actual is not None and _same_bits(expected, actual)


def _effective(stem: str, tensors: Mapping[str, Tensor]) -> Tensor | None:
    """The weight that a weight norm gives, as torch computes it."""
    import torch

    gain, direction = tensors.get(stem + GAIN), tensors.get(stem + DIRECTION)
    if gain is None or direction is None or gain.dim() != direction.dim():
        return None
    axes = [axis for axis in range(gain.dim()) if gain.shape[axis] > 1]
    if len(axes) != 1 or gain.shape[axes[0]] != direction.shape[axes[0]]:
        return None
    weight = torch._weight_norm(direction, gain, axes[0])
    # Two weights that are no numbers prove nothing.
    return weight if bool(torch.isfinite(weight).all()) else None


def _same_bits(expected: Tensor, actual: Tensor) -> bool:
    import torch

    if expected.dtype != actual.dtype or expected.shape != actual.shape:
        return False
    left, right = (t.contiguous().flatten().view(torch.uint8) for t in (expected, actual))
    return bool(left.equal(right))
