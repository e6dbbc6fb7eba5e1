"""Carries out a plan: source tensors become the tensors of safetensors files.

What no operation changes is copied from file to file by the kernel; the rest passes through memory,
one tensor at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.checkpoint import Checkpoint, TensorLocation
from toolkit.checkpoint.sets import without_language
from toolkit.core.artifact import FileDigest
from toolkit.core.errors import BadInput
from toolkit.core.positional import read_into, write_at
from toolkit.core.spec import TensorSpec
from toolkit.folder.copying import CHUNK_BYTES, copy_bytes
from toolkit.folder.following import Following
from toolkit.folder.languages import by_file
from toolkit.folder.safetensors_file import lay_out
from toolkit.folder.shards import (
    FILE_NAME,
    INDEX_NAME,
    MAX_SHARD_BYTES,
    Shard,
    cut_shards,
    render_index,
)
from toolkit.mapping import Assignment, Copy, Pick, Plan
from toolkit.mapping.ops import FILLINGS, Zeros

if TYPE_CHECKING:
    from torch import Tensor

_BUFFER_BYTES = 8 << 20
"""Read into memory at a time."""

Copied = Callable[[int], None]
"""Called with the number of bytes that were just written."""


def target_tensor(assignment: Assignment, plan: Plan, load: Callable[[str], Tensor]) -> Tensor:
    """The values that the plan gives to one target tensor, in the source's dtype.

    Args:
        assignment: Where they come from.
        plan: What else is planned.
        load: Gives a source tensor; `Checkpoint.load` reads it, `Checkpoint.mapped` maps it.
    """
    import torch

    if isinstance(assignment.op, FILLINGS):
        dtype = getattr(torch, _filled_dtype(plan))
        return assignment.op.make(plan.targets[assignment.target].shape).to(dtype)
    assert assignment.source is not None
    outputs = assignment.op.apply(load(assignment.source))
    return outputs[assignment.output].contiguous()


def write_weights(
    plan: Plan,
    checkpoint: Checkpoint,
    folder: Path,
    *,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    copied: Copied | None = None,
    digests: dict[str, FileDigest] | None = None,
) -> None:
    """Writes `model.safetensors`, or shards and their index; tied twins are left to the model.

    Args:
        plan: What becomes of every tensor.
        checkpoint: Where the tensors come from.
        folder: Where the files go.
        max_shard_bytes: Values of one file; what is more is written in several.
        copied: Hears of every chunk; what it raises ends the writing.
        digests: Takes the digest of every file of weights, which is made while it is written.

    Raises:
        BadInput: the source's tied tensors differ, a value is beyond the target's dtype, the
            checkpoint changes meanwhile, or the disk refuses.
    """
    check_ties(plan, checkpoint)
    shards, languages = _cut(plan, checkpoint, max_shard_bytes)
    with checkpoint.opened() as source:
        for name, shard in (*shards.items(), *languages.items()):
            with _refusals(folder / name):
                job = _Job(plan=plan, checkpoint=checkpoint, source=source)
                if digests is None:
                    job.write(folder / name, shard, copied or _ignore)
                else:
                    digests[name] = job.write_hashed(folder / name, shard, copied or _ignore)
        if len(shards) > 1:
            with _refusals(folder / INDEX_NAME):
                (folder / INDEX_NAME).write_text(render_index(shards), encoding="utf-8")


def weight_files(
    plan: Plan, checkpoint: Checkpoint, max_shard_bytes: int = MAX_SHARD_BYTES
) -> dict[str, int]:
    """The files that `write_weights` writes, each with the size of its values in bytes."""
    shards, languages = _cut(plan, checkpoint, max_shard_bytes)
    return {
        name: sum(spec.num_bytes for spec in shard)
        for name, shard in (*shards.items(), *languages.items())
    }


def _cut(
    plan: Plan, checkpoint: Checkpoint, max_shard_bytes: int
) -> tuple[dict[str, Shard], dict[str, Shard]]:
    """The tensors of each file of the model, and of each language's."""
    specs = {spec.name: spec for spec in _specs(plan, checkpoint)}
    model, *languages = by_file(specs, FILE_NAME).items()
    shards = cut_shards(model[1].values(), max_shard_bytes)
    return shards, {name: tuple(own.values()) for name, own in languages}


def num_bytes_written(plan: Plan, checkpoint: Checkpoint) -> int:
    """Size of all values that `write_weights` writes."""
    return sum(spec.num_bytes for spec in _specs(plan, checkpoint))


def check_ties(plan: Plan, checkpoint: Checkpoint) -> None:
    """Makes sure that names declared as one tensor hold one tensor.

    Raises:
        BadInput: they differ; all such pairs at once.
    """
    differing = list(_differing_ties(plan, checkpoint))
    if differing:
        raise BadInput(
            f"{', '.join(differing)} must hold equal values, as the checkpoint's arguments tie "
            "them, but differ. Untie them with `--decoder-config "
            "'{\"tie_word_embeddings\": false}'`."
        )


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What one file of weights is made from."""

    plan: Plan
    checkpoint: Checkpoint
    source: int
    """Descriptor of the checkpoint."""

    def write(self, path: Path, shard: Shard, copied: Copied) -> None:
        """Writes one file."""
        with _created(path) as target:
            self._fill(target, shard, copied)

    def write_hashed(self, path: Path, shard: Shard, copied: Copied) -> FileDigest:
        """Writes one file, and hashes it meanwhile."""
        with _created(path) as target, Following(path) as following:

            def heard(num_bytes: int) -> None:
                following.advance(num_bytes)
                copied(num_bytes)

            self._fill(target, shard, heard)
            return following.finish()

    def _fill(self, target: int, shard: Shard, copied: Copied) -> None:
        layout = lay_out([replace(spec, name=without_language(spec.name)) for spec in shard])
        out = _Output(target, copied)
        out.write(layout.header)
        whole = {without_language(spec.name): spec for spec in shard}
        for spec in layout.specs:
            self._write_tensor(out, whole[spec.name])
        assert out.position == layout.num_bytes

    def _write_tensor(self, out: _Output, spec: TensorSpec) -> None:
        assignment = self.plan.assignments[spec.name]
        if isinstance(assignment.op, Zeros):
            out.write(bytes(spec.num_bytes))  # without torch, which takes a second to import
            return
        name = assignment.source
        place = None if name is None else self.checkpoint.location(name)
        row = _maybe_row(assignment)
        # Any byte but zero counts as true in a checkpoint; a file of the format has 0 and 1.
        copied = spec.dtype != "bool" and place is not None and place.contiguous
        if name is None or place is None or row is None or not copied:
            out.write(_bytes_of(target_tensor(assignment, self.plan, self.checkpoint.load)))
            return
        stored = replace(spec, dtype=self.checkpoint.stored_dtype(name))
        offset = place.offset_bytes + row * stored.num_bytes
        if stored.dtype == spec.dtype:
            out.copy(self.source, offset, stored.num_bytes)
        else:
            for chunk in _cast(self.source, offset, stored, spec.dtype):
                out.write(_bytes_of(chunk))


class _Output:
    """A file under construction, written from its beginning to its end."""

    def __init__(self, file: int, copied: Copied) -> None:
        self.position = 0
        self._file = file
        self._copied = copied

    def copy(self, source: int, offset: int, num_bytes: int) -> None:
        """Appends a stretch of another file."""
        for begin in range(0, num_bytes, CHUNK_BYTES):
            count = min(CHUNK_BYTES, num_bytes - begin)
            copy_bytes(
                source,
                self._file,
                source_offset=offset + begin,
                target_offset=self.position,
                num_bytes=count,
            )
            self._advance(count)

    def write(self, values: bytes | memoryview) -> None:
        """Appends bytes in memory."""
        rest = memoryview(values)
        while rest:
            count = write_at(self._file, rest[:CHUNK_BYTES], self.position)
            rest = rest[count:]
            self._advance(count)

    def _advance(self, num_bytes: int) -> None:
        self.position += num_bytes
        self._copied(num_bytes)


@contextmanager
def _created(path: Path) -> Iterator[int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags, 0o666)
    try:
        yield file
    except BaseException:
        os.close(file)
        path.unlink(missing_ok=True)
        raise
    # Some file systems say only now that the disk is full.
    os.close(file)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"`{path}` must be written whole, but {error.strerror or error}. "
            "Make room, or choose another OUT."
        ) from error


def _specs(plan: Plan, checkpoint: Checkpoint) -> Iterator[TensorSpec]:
    """The tensors that are written, in the model's order."""
    for name, assignment in plan.assignments.items():
        source = assignment.source
        dtype = _filled_dtype(plan) if source is None else checkpoint.tensors[source].dtype
        yield replace(plan.targets[name], dtype=dtype)


def _maybe_row(assignment: Assignment) -> int | None:
    """Which row of its source a target is, where nothing else is done to it: all of it is row 0."""
    op = assignment.op
    if isinstance(op, Pick):
        return op.index
    return 0 if isinstance(op, Copy) else None


def _bytes_of(tensor: Tensor) -> memoryview:
    import torch

    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data


def _cast(source: int, offset: int, stored: TensorSpec, dtype: str) -> Iterator[Tensor]:
    """The values of a contiguous tensor in another dtype, chunk by chunk."""
    import torch

    for begin in range(0, stored.num_bytes, _BUFFER_BYTES):
        count = min(_BUFFER_BYTES, stored.num_bytes - begin)
        values = _as_tensor(_read(source, offset + begin, count), stored.dtype)
        cast = values.to(getattr(torch, dtype))
        _check_range(stored.name, values, cast)
        yield cast


def _check_range(name: str, values: Tensor, cast: Tensor) -> None:
    if not values.isinf().equal(cast.isinf()):
        largest = values[values.isfinite()].abs().max().item()
        dtype = str(cast.dtype).removeprefix("torch.")
        raise BadInput(
            f"`{name}` must hold values that {dtype} can express, but holds {largest:g}. Choose "
            "another `--dtype`, such as bfloat16."
        )


def _differing_ties(plan: Plan, checkpoint: Checkpoint) -> Iterator[str]:
    with checkpoint.opened() as source:
        for tie in plan.ties:
            names = (tie.source, tie.source_twin)
            if tie.source in plan.sources and not _are_equal(checkpoint, source, names):
                yield f"`{tie.source}` and `{tie.source_twin}`"


def _are_equal(checkpoint: Checkpoint, source: int, names: tuple[str, str]) -> bool:
    shapes = {checkpoint.tensors[name].shape for name in names}
    dtypes = {checkpoint.stored_dtype(name) for name in names}
    if len(shapes) > 1 or len(dtypes) > 1:
        return False
    first, second = (checkpoint.location(name) for name in names)
    if first.contiguous and second.contiguous:
        return first == second or _hold_equal(source, first, second, dtypes.pop())
    return checkpoint.load(names[0]).equal(checkpoint.load(names[1]))


def _hold_equal(source: int, first: TensorLocation, second: TensorLocation, dtype: str) -> bool:
    for begin in range(0, first.num_bytes, _BUFFER_BYTES):
        count = min(_BUFFER_BYTES, first.num_bytes - begin)
        one, other = (_read(source, p.offset_bytes + begin, count) for p in (first, second))
        # Equal values need not be equal bytes: zero has two signs.
        if one != other and not _as_tensor(one, dtype).equal(_as_tensor(other, dtype)):
            return False
    return True


def _read(source: int, offset: int, num_bytes: int) -> bytearray:
    values = bytearray(num_bytes)
    if read_into(source, values, offset) != num_bytes:
        raise BadInput(
            f"The checkpoint must hold {num_bytes} bytes at byte {offset}, but ends before. It "
            "changed while it was read; convert it again."
        )
    return values


def _as_tensor(values: bytearray, dtype: str) -> Tensor:
    import torch

    return torch.frombuffer(values, dtype=getattr(torch, dtype))


def _filled_dtype(plan: Plan) -> str:
    sources = (a.source for a in plan.assignments.values() if a.source is not None)
    return plan.sources[next(sources)].dtype


def _ignore(_: int) -> None:
    return
