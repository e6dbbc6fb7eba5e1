"""Ways to break tensors. First those of a whole file of weights, then those of one tensor.

Every random choice comes from a seed: the same break of the same folder gives the same bits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.faults.facts import WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

    Change = Callable[[Tensor], Tensor]

FRESH_DEVIATION = 0.02
"""`initializer_range` of both halves of the model: the spread of what was never filled."""


def edit_tensors(folder: Path, edit: Callable[[dict[str, Tensor]], None]) -> None:
    """Changes the tensors of a folder in place."""
    from safetensors.torch import load_file, save_file

    file = folder / WEIGHTS
    tensors = load_file(file)
    edit(tensors)
    dense = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    save_file(dense, file, metadata={"format": "pt"})


def change_tensors(folder: Path, changes: Mapping[str, Change]) -> None:
    """Replaces each named tensor by what its change makes of it."""

    def edit(tensors: dict[str, Tensor]) -> None:
        for name, change in changes.items():
            tensors[name] = change(tensors[name])

    edit_tensors(folder, edit)


def remove_tensors(folder: Path, names: Iterable[str]) -> None:
    """Leaves tensors out of the file."""

    def edit(tensors: dict[str, Tensor]) -> None:
        for name in names:
            del tensors[name]

    edit_tensors(folder, edit)


def add_tensor(folder: Path, name: str, model: str, change: Change) -> None:
    """Adds a tensor, made of another one of the file."""

    def edit(tensors: dict[str, Tensor]) -> None:
        tensors[name] = change(tensors[model])

    edit_tensors(folder, edit)


def move_tensors(folder: Path, sources: Mapping[str, str]) -> None:
    """Gives each named tensor the right values of another one, all at once.

    Args:
        folder: The folder to break.
        sources: Whose values a tensor gets, by the tensor's name; two that get each other's are
            swapped.
    """

    def edit(tensors: dict[str, Tensor]) -> None:
        tensors.update({name: tensors[source] for name, source in sources.items()})

    edit_tensors(folder, edit)


def nudge_element(tensor: Tensor, *, seed: int, relative: float = 1e-3) -> Tensor:
    """One element that is not zero, a little larger."""
    flat = tensor.clone().flatten()
    live = flat.nonzero().flatten().tolist()
    if live:
        flat[random.Random(seed).choice(live)] *= 1 + relative
    return flat.view_as(tensor)


def replace_element(tensor: Tensor, *, seed: int) -> Tensor:
    """One element further up by the largest magnitude of all."""
    flat = tensor.clone().flatten()
    largest = float(flat.abs().max())
    flat[random.Random(seed).randrange(flat.numel())] += largest or 1.0
    return flat.view_as(tensor)


def replace_row(tensor: Tensor, *, seed: int) -> Tensor:
    """One row with fresh values of the tensor's own spread."""
    broken = tensor.clone()
    row = random.Random(seed).randrange(tensor.shape[0])
    broken[row] = fresh_values(tensor[row], seed=seed, deviation=float(tensor.float().std()))
    return broken


def round_values(tensor: Tensor, *, dtype: str) -> Tensor:
    """The values after a way through another dtype."""
    import torch

    return tensor.to(getattr(torch, dtype)).to(tensor.dtype)


def cast_values(tensor: Tensor, *, dtype: str) -> Tensor:
    """The values in another dtype."""
    import torch

    return tensor.to(getattr(torch, dtype))


def scale_values(tensor: Tensor, *, factor: float) -> Tensor:
    """The values times a factor."""
    return tensor * factor


def flip_sign(tensor: Tensor) -> Tensor:
    """The values with the other sign."""
    return -tensor


def fill_values(tensor: Tensor, *, value: float) -> Tensor:
    """One value everywhere."""
    import torch

    return torch.full_like(tensor, value)


def transpose_axes(tensor: Tensor, *, axes: tuple[int, int]) -> Tensor:
    """The values with two axes of one length exchanged."""
    return tensor.transpose(*axes)


def shift_rows(tensor: Tensor, *, by: int, axis: int = 0) -> Tensor:
    """The rows further down by a number of places, the last ones at the top."""
    return tensor.roll(by, axis)


def shift_rows_out(tensor: Tensor, *, by: int) -> Tensor:
    """The rows further down by a number of places, zeros at the top, the last ones lost."""
    broken = tensor.roll(by, 0)
    broken[:by] = 0
    return broken


def swap_rows(tensor: Tensor, *, rows: tuple[int, int]) -> Tensor:
    """Two rows in each other's place."""
    broken = tensor.clone()
    broken[list(rows)] = tensor[list(reversed(rows))]
    return broken


def shuffle_rows(tensor: Tensor, *, seed: int, axis: int = 0) -> Tensor:
    """The rows in a random order that is no rotation; along another axis the columns."""
    import torch

    order = _random_order(tensor.shape[axis], seed)
    return tensor.index_select(axis, torch.tensor(order))


def reverse_axis(tensor: Tensor, *, axis: int) -> Tensor:
    """The values in reverse order along an axis."""
    return tensor.flip(axis)


def permute_blocks(tensor: Tensor, *, order: tuple[int, ...], axis: int) -> Tensor:
    """The values in as many equal blocks along an axis as `order` has, in that order."""
    import torch

    blocks = tensor.chunk(len(order), axis)
    return torch.cat([blocks[block] for block in order], axis)


def deal_rows(tensor: Tensor, *, rows: int, heads: int = 1) -> Tensor:
    """The rows of each head laid out in a table of so many rows, and read column by column."""
    table = tensor.reshape(heads, rows, -1, *tensor.shape[1:])
    return table.transpose(1, 2).reshape(tensor.shape)


def cut_fused(folder: Path, *, names: tuple[str, ...], width: int) -> None:
    """Cuts tensors that lie one after the other as if they took turns in blocks of a width."""
    import torch

    def edit(tensors: dict[str, Tensor]) -> None:
        fused = torch.cat([tensors[name] for name in names])
        turns = fused.reshape(-1, len(names), width, *fused.shape[1:])
        for index, name in enumerate(names):
            tensors[name] = turns[:, index].reshape(tensors[name].shape)

    edit_tensors(folder, edit)


def clear_part(tensor: Tensor, *, first: float, last: float) -> Tensor:
    """Zeros from one share of the values to another, in the order of memory."""
    flat = tensor.clone().flatten()
    flat[_span(flat, first, last)] = 0
    return flat.view_as(tensor)


def refill_part(tensor: Tensor, *, first: float, last: float, seed: int) -> Tensor:
    """Fresh values from one share of the values to another, in the order of memory."""
    flat = tensor.clone().flatten()
    span = _span(flat, first, last)
    flat[span] = fresh_values(flat[span], seed=seed)
    return flat.view_as(tensor)


def fresh_values(tensor: Tensor, *, seed: int, deviation: float = FRESH_DEVIATION) -> Tensor:
    """Values as of a new model, normally distributed around zero."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(tensor.shape, generator=generator, dtype=torch.float32)
    return (values * deviation).to(tensor.dtype)


def single_value(tensor: Tensor, *, value: float) -> Tensor:
    """A tensor of one element, of the same dtype."""
    import torch

    return torch.full((1,), value, dtype=tensor.dtype)


def keep_values(tensor: Tensor) -> Tensor:
    """The values as they are."""
    return tensor


def _random_order(count: int, seed: int) -> list[int]:
    """An order that is no rotation, which two or fewer rows do not have."""
    chance = random.Random(seed)
    order = list(range(count))
    while count > 2 and _is_rotation(order):
        chance.shuffle(order)
    return order


def _is_rotation(order: list[int]) -> bool:
    return all((left + 1) % len(order) == right for left, right in pairwise(order))


def _span(flat: Tensor, first: float, last: float) -> slice:
    return slice(int(first * flat.numel()), int(last * flat.numel()))
