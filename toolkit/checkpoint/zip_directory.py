"""Reads the list of entries at the end of a zip archive, in the one form that torch writes.

Python's `zipfile` is made for every archive there is: it searches for the list, shifts offsets,
cuts names at null bytes and reads a list of any size. What it finds may then differ from what
another reader finds in the same file. Here one reading is possible, or none.

Source: PKWARE's APPNOTE.TXT 6.3, sections 4.3.12 to 4.3.16 and 4.5.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from toolkit.checkpoint.values import quote
from toolkit.core.errors import BadInput

MAX_DIRECTORY_BYTES = 1 << 25
"""Longest list of entries: some 500,000 storages. Real checkpoints have up to 5000, and those of a
thousand languages some 300 for each."""

_END = struct.Struct("<4sHHHHIIH")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR64 = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4sHHHHHHIIIHHHHHII")
_EXTRA = struct.Struct("<HH")
_UTF8 = 0x800
_ZIP64_TAG = 1
_ASK_ZIP64 = 0xFFFFFFFF
_ASK_ZIP64_SHORT = 0xFFFF


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What the list says of one entry."""

    name: str
    header_offset: int
    """Bytes from the start of the file to the entry's own header."""
    num_bytes: int
    """Size of the content."""
    packed_bytes: int
    """Size of the content as it lies in the file."""
    method: int
    """How it is packed; 0 is not at all."""
    flags: int
    crc32: int


@dataclass(frozen=True, kw_only=True)
class Directory:
    """The list of entries, and where it lies."""

    entries: tuple[Entry, ...]
    offset_bytes: int
    """From the start of the file; every entry lies before."""


def read_directory(file: BinaryIO, *, num_bytes: int, label: str) -> Directory:
    """Returns the entries of an archive in the order of their list.

    Raises:
        BadInput: There is no such list, or not one that can be read in one way only.
    """
    try:
        start, end, count = _find_list(file, num_bytes)
        file.seek(start)
        entries = tuple(_parse_entries(file.read(end - start), count))
    except (ValueError, struct.error) as error:
        raise BadInput(
            f"`{label}` begins like a zip archive, but the list of entries at its end cannot be "
            f"read: {quote(str(error))}. The file is cut off or damaged; download it again."
        ) from error
    return Directory(entries=entries, offset_bytes=start)


def _find_list(file: BinaryIO, num_bytes: int) -> tuple[int, int, int]:
    """Returns where the list begins and ends, and how many entries it has."""
    end = num_bytes - _END.size
    record = _read_record(file, _END, end, b"PK\x05\x06", "the file must end with its end record")
    _, disk, first_disk, here, count, size, start, comment_bytes = record
    if comment_bytes or disk or first_disk or here != count:
        raise ValueError("the end record speaks of a comment or of several disks")
    locator = _maybe_locator(file, end - _LOCATOR64.size)
    if locator is not None:
        end, count, size, start = _read_end64(file, locator, claimed=(count, size, start))
    if start + size != end:
        raise ValueError("it does not end where the end record begins")
    if size > MAX_DIRECTORY_BYTES or count * _ENTRY.size > size:
        raise ValueError(
            f"it must have at most {MAX_DIRECTORY_BYTES} bytes, at least {_ENTRY.size} for each "
            f"entry, but has {size} for {count}"
        )
    return start, end, count


def _maybe_locator(file: BinaryIO, place: int) -> int | None:
    """Returns where the large end record lies, or None where there is none."""
    if place < 0:
        return None
    file.seek(place)
    signature, disk, offset, disks = _LOCATOR64.unpack(file.read(_LOCATOR64.size))
    if signature != b"PK\x06\x07":
        return None
    if disk or disks > 1 or offset + _END64.size != place:
        raise ValueError("the zip64 locator does not lead to the record before it")
    return int(offset)


def _read_end64(
    file: BinaryIO, place: int, *, claimed: tuple[int, int, int]
) -> tuple[int, int, int, int]:
    record = _read_record(file, _END64, place, b"PK\x06\x06", "there is no zip64 end record")
    _, record_bytes, _, _, disk, first_disk, here, count, size, start = record
    if record_bytes != _END64.size - 12 or disk or first_disk or here != count:
        raise ValueError("the zip64 end record has extensions or speaks of several disks")
    limits = (_ASK_ZIP64_SHORT, _ASK_ZIP64, _ASK_ZIP64)
    for small, large, limit in zip(claimed, (count, size, start), limits, strict=True):
        if small not in (large, limit):
            raise ValueError("the two end records contradict each other")
    return place, count, size, start


def _read_record(
    file: BinaryIO, record: struct.Struct, place: int, signature: bytes, problem: str
) -> tuple[int, ...]:
    if place < 0:
        raise ValueError(problem)
    file.seek(place)
    fields = record.unpack(file.read(record.size))
    if fields[0] != signature:
        raise ValueError(problem)
    return fields


def _parse_entries(content: bytes, count: int) -> Iterator[Entry]:
    place = 0
    for _ in range(count):
        fields = _ENTRY.unpack_from(content, place)
        name_start = place + _ENTRY.size
        extra_start = name_start + fields[10]
        extra_end = extra_start + fields[11]
        place = extra_end + fields[12]
        if fields[0] != b"PK\x01\x02" or fields[13] or place > len(content):
            raise ValueError("an entry of it is damaged or lies on another disk")
        large = _find_large(content[extra_start:extra_end])
        sizes = [fields[9], fields[8], fields[16]]
        num_bytes, packed_bytes, offset = _replace_large(sizes, large)
        yield Entry(
            name=_decode_name(content[name_start:extra_start], fields[3]),
            header_offset=offset,
            num_bytes=num_bytes,
            packed_bytes=packed_bytes,
            method=fields[4],
            flags=fields[3],
            crc32=fields[7],
        )
    if place != len(content):
        raise ValueError("it has more bytes than its entries take")


def _decode_name(raw: bytes, flags: int) -> str:
    return raw.decode("utf-8" if flags & _UTF8 else "cp437")


def _find_large(extra: bytes) -> bytes:
    """Returns the field with the sizes that need more than 32 bits, or nothing."""
    place, found = 0, []
    while place + _EXTRA.size <= len(extra):
        tag, size = _EXTRA.unpack_from(extra, place)
        place += _EXTRA.size + size
        if place > len(extra):
            raise ValueError("an extra field of it is cut off")
        if tag == _ZIP64_TAG:
            found.append(extra[place - size : place])
    if len(found) > 1:
        raise ValueError("an entry of it gives its size twice")
    return found[0] if found else b""


def _replace_large(values: list[int], large: bytes) -> Iterator[int]:
    place = 0
    for value in values:
        if value == _ASK_ZIP64:
            yield struct.unpack_from("<Q", large, place)[0]
            place += 8
        else:
            yield value
