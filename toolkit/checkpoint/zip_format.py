"""Reads the zip format of torch 1.6 and later: stored entries, so offsets in the file suffice."""

from __future__ import annotations

import struct
from collections import Counter
from itertools import pairwise
from typing import BinaryIO

from toolkit.checkpoint.machine import MAX_WORK, WORK_PER_STORAGE
from toolkit.checkpoint.pickle_vm import read_pickle
from toolkit.checkpoint.storages import Region, StorageLedger, storage_bytes
from toolkit.checkpoint.values import StorageRef, quote
from toolkit.checkpoint.window import MAX_TOTAL_BYTES, Window
from toolkit.checkpoint.zip_directory import Entry, read_directory
from toolkit.core.errors import BadInput

_SIGNATURE = b"PK\x03\x04"
_EMPTY_SIGNATURE = b"PK\x05\x06"
_LOCAL_HEADER = struct.Struct("<4sHHHHHIIIHH")
_ENCRYPTED = 0x1 | 0x40
_UTF8 = 0x800
_MAX_BYTE_ORDER_CHARS = 16


def looks_zip(file: BinaryIO) -> bool:
    """Returns whether the file begins like a zip archive."""
    file.seek(0)
    return file.read(4) in (_SIGNATURE, _EMPTY_SIGNATURE)


def read_zip(file: BinaryIO, *, num_bytes: int, label: str) -> tuple[object, dict[str, Region]]:
    """Returns the content of the main pickle, and the region of each storage it refers to.

    Raises:
        BadInput: The archive is damaged, tricky, not a checkpoint, or of another byte order.
    """
    directory = read_directory(file, num_bytes=num_bytes, label=label)
    entries, end = directory.entries, directory.offset_bytes
    _check_entries(entries, label=label)
    regions = {entry.name: _locate(file, entry, end=end, label=label) for entry in entries}
    _check_no_overlap(entries, regions, label=label)
    top = _find_top(list(regions), label=label)
    _check_byte_order(file, regions.get(f"{top}/byteorder"), label=label)
    pickle_name = f"{top}/data.pkl"
    window = _open_window(file, regions[pickle_name], label=f"{label}: {pickle_name}")
    _check_crc(window, next(e for e in entries if e.name == pickle_name), label=label)
    ledger = StorageLedger()
    root = read_pickle(
        window,
        label=f"{label}: {pickle_name}",
        find_persistent=ledger.find,
        # An entry takes a hundred bytes of the file, so that nobody asks for much with little.
        max_work=MAX_WORK + WORK_PER_STORAGE * len(entries),
    )
    return root, _find_storages(ledger.refs, regions, top=top, label=label)


def _check_entries(entries: tuple[Entry, ...], *, label: str) -> None:
    # torch's own reader looks names up without regard to case.
    counts = Counter(entry.name.lower() for entry in entries)
    problems = {
        "must name each entry once, but these occur twice": [n for n, c in counts.items() if c > 1],
        "must hold entries with plain relative names, but holds": [
            e.name for e in entries if not _is_plain(e.name)
        ],
        "must hold entries that are not encrypted, but these are": [
            e.name for e in entries if e.flags & _ENCRYPTED
        ],
        "must hold uncompressed entries as `torch.save` writes them, but these are compressed": [
            e.name for e in entries if e.method or e.packed_bytes != e.num_bytes
        ],
    }
    for expectation, offenders in problems.items():
        if offenders:
            raise BadInput(
                f"`{label}` {expectation}: {_list_names(offenders)}. Use the file as it was "
                f"saved, not one that was packed again."
            )


def _is_plain(name: str) -> bool:
    parts = name.removesuffix("/").split("/")
    return name.isprintable() and not set(parts) & {"", ".", ".."} and not set(name) & {"\\", ":"}


def _locate(file: BinaryIO, entry: Entry, *, end: int, label: str) -> Region:
    file.seek(min(entry.header_offset, end))
    header = file.read(_LOCAL_HEADER.size)
    if len(header) == _LOCAL_HEADER.size:
        signature, _, flags, method, *_, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        name = file.read(name_bytes).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        start = entry.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
        agrees = (signature, method, flags & _ENCRYPTED, name) == (_SIGNATURE, 0, 0, entry.name)
        if agrees and start + entry.num_bytes <= end:
            return Region(offset_bytes=start, num_bytes=entry.num_bytes)
    raise BadInput(
        f"`{label}` must hold entry `{quote(entry.name)}` where its list of entries says, but "
        f"the bytes there do not fit. The file is cut off or damaged; download it again."
    )


def _check_no_overlap(
    entries: tuple[Entry, ...], regions: dict[str, Region], *, label: str
) -> None:
    in_order = sorted(entries, key=lambda entry: entry.header_offset)
    for entry, following in pairwise(in_order):
        region = regions[entry.name]
        if region.offset_bytes + region.num_bytes > following.header_offset:
            raise BadInput(
                f"`{label}` must keep its entries apart, but `{quote(entry.name)}` and "
                f"`{quote(following.name)}` overlap. Download the file again."
            )


def _find_top(names: list[str], *, label: str) -> str:
    tops = [name.removesuffix("/data.pkl") for name in names if name.endswith("/data.pkl")]
    tops = [top for top in tops if "/" not in top]
    if len(tops) != 1:
        raise BadInput(
            f"`{label}` is not a checkpoint: expected a zip archive with one entry `*/data.pkl`, "
            f"found {len(tops)} of them among {_list_names(names)}. Check the path."
        )
    code = [n for n in names if n == f"{tops[0]}/constants.pkl" or n.startswith(f"{tops[0]}/code/")]
    if code:
        raise BadInput(
            f"`{label}` must be a checkpoint of `torch.save`, but is a TorchScript program, as "
            f"{_list_names(code)} shows. Use the checkpoint that it was exported from."
        )
    return tops[0]


def _check_byte_order(file: BinaryIO, region: Region | None, *, label: str) -> None:
    if region is None:
        return  # torch before 2.1 wrote little endian and did not say so
    file.seek(region.offset_bytes)
    order = file.read(min(region.num_bytes, _MAX_BYTE_ORDER_CHARS))
    if order != b"little":
        raise BadInput(
            f"`{label}` must hold little-endian numbers, but says {quote(repr(order))}. Load and "
            f"save it again on a little-endian machine."
        )


def _check_crc(window: Window, entry: Entry, *, label: str) -> None:
    if window.num_bytes > MAX_TOTAL_BYTES:
        raise BadInput(
            f"`{label}` must hold `{quote(entry.name)}` of at most {MAX_TOTAL_BYTES} bytes, as "
            f"tensors lie outside of it, but holds {window.num_bytes}. Download the file again."
        )
    # Zero is what `torch.serialization.set_crc32_options(False)` leaves behind.
    if entry.crc32 not in (0, window.crc32()):
        raise BadInput(
            f"`{label}` must hold `{quote(entry.name)}` with the checksum in its list of "
            f"entries, but the bytes differ. The file is damaged; download it again."
        )


def _open_window(file: BinaryIO, region: Region, *, label: str) -> Window:
    end = region.offset_bytes + region.num_bytes
    return Window(file, start=region.offset_bytes, end=end, label=label)


def _find_storages(
    refs: dict[str, StorageRef], regions: dict[str, Region], *, top: str, label: str
) -> dict[str, Region]:
    missing = [key for key in refs if f"{top}/data/{key}" not in regions]
    if missing:
        raise BadInput(
            f"`{label}` must hold the bytes of every storage its pickle names, but these are "
            f"missing: {_list_names(missing)}. Download the file again."
        )
    found = {key: regions[f"{top}/data/{key}"] for key in refs}
    wrong = [key for key, ref in refs.items() if storage_bytes(ref) != found[key].num_bytes]
    if wrong:
        key = wrong[0]
        raise BadInput(
            f"`{label}` must hold as many bytes per storage as its pickle claims, but differs for "
            f"{_list_names(wrong)}: `{quote(key)}` must have "
            f"{quote(str(storage_bytes(refs[key])))} bytes and has {found[key].num_bytes}. "
            f"Download the file again."
        )
    return found


def _list_names(names: list[str]) -> str:
    shown = ", ".join(f"`{quote(name)}`" for name in names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")
