"""Reads the format of torch before 1.6: pickles one after another, then the storages' bytes."""

from __future__ import annotations

import struct
from typing import BinaryIO

from toolkit.checkpoint.pickle_vm import read_pickle
from toolkit.checkpoint.storages import Region, StorageLedger, item_bytes
from toolkit.checkpoint.values import StorageRef, quote, type_name
from toolkit.checkpoint.window import Window
from toolkit.core.errors import BadInput

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001

MAX_HEADER_WORK = 1000
"""The three pickles in front hold two numbers and a dict of five."""

WORK_PER_KEY = 4
"""The list of storages takes some two opcodes for each."""

_PICKLE_START = b"\x80"


def looks_legacy(file: BinaryIO, *, num_bytes: int) -> bool:
    """Returns whether the file begins with a pickle of torch's magic number."""
    file.seek(0)
    if file.read(1) != _PICKLE_START:
        return False
    window = Window(file, start=0, end=num_bytes, label="header")
    try:
        magic = read_pickle(window, label="header", max_work=MAX_HEADER_WORK)
    except BadInput:
        return False
    return magic == MAGIC_NUMBER


def read_legacy(file: BinaryIO, *, num_bytes: int, label: str) -> tuple[object, dict[str, Region]]:
    """Returns the content of the main pickle, and the region of each storage it refers to.

    Raises:
        BadInput: The file is damaged, of another byte order, or of an unknown version.
    """
    window = Window(file, start=0, end=num_bytes, label=label)
    _check_header(window, label=label)
    ledger = StorageLedger()
    root = read_pickle(window, label=label, find_persistent=ledger.find)
    max_work = MAX_HEADER_WORK + WORK_PER_KEY * len(ledger.refs)
    keys = read_pickle(window, label=label, max_work=max_work)
    keys = _check_keys(keys, ledger.refs, label=label)
    return root, {key: _locate(window, ledger.refs[key], label=label) for key in keys}


def _check_header(window: Window, *, label: str) -> None:
    read_pickle(window, label=label, max_work=MAX_HEADER_WORK)  # the magic number
    version = read_pickle(window, label=label, max_work=MAX_HEADER_WORK)
    if type(version) is not int or version != PROTOCOL_VERSION:
        raise BadInput(
            f"`{label}` must be of torch's file version {PROTOCOL_VERSION}, but gives "
            f"{quote(version) if isinstance(version, int) else type_name(version)} instead. Load "
            f"and save it again with a newer torch."
        )
    system = read_pickle(window, label=label, max_work=MAX_HEADER_WORK)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise BadInput(
            f"`{label}` must hold little-endian numbers and say so, but does not. Load and save "
            f"it again on a little-endian machine."
        )


def _check_keys(keys: object, refs: dict[str, StorageRef], *, label: str) -> list[str]:
    names = [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
    if not isinstance(keys, list) or len(names) != len(keys) or len(set(names)) != len(names):
        raise BadInput(
            f"`{label}` must list each storage once by its key, but lists something else. "
            f"The file is damaged; download it again."
        )
    if set(names) != set(refs):
        odd = ", ".join(f"`{quote(key)}`" for key in sorted(set(names) ^ set(refs))[:10])
        raise BadInput(
            f"`{label}` must list exactly the storages that its tensors use, but these are on one "
            f"side only: {odd}. The file is damaged; download it again."
        )
    return names


def _locate(window: Window, ref: StorageRef, *, label: str) -> Region:
    count = window.read(8)
    numel = struct.unpack("<q", count)[0] if len(count) == 8 else None
    if numel != ref.numel:
        found = "the file ends" if numel is None else f"the file holds {numel}"
        raise BadInput(
            f"`{label}` must hold {quote(ref.numel)} elements in storage `{quote(ref.key)}`, but "
            f"{found}. The file is cut off or damaged; download it again."
        )
    region = Region(offset_bytes=window.tell(), num_bytes=ref.numel * item_bytes(ref))
    if region.offset_bytes + region.num_bytes > window.num_bytes:
        raise BadInput(
            f"`{label}` must hold {region.num_bytes} bytes of storage `{quote(ref.key)}` at byte "
            f"{region.offset_bytes}, but ends at {window.num_bytes}. The file is cut off; download "
            f"it again."
        )
    window.skip(region.num_bytes)
    return region
