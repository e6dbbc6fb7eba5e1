"""fairseq's `dict.txt`: one row per symbol, after four symbols that every dictionary begins with.

Source: `fairseq/data/dictionary.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from toolkit.checkpoint.plain_files import read_small
from toolkit.core.counting import listed
from toolkit.core.errors import BadInput, reason_of

BOS, PAD, EOS, UNK = 0, 1, 2, 3
SPECIAL_SYMBOLS = ("<s>", "<pad>", "</s>", "<unk>")
OVERWRITE = "#fairseq:overwrite"
MAX_DICTIONARY_BYTES = 1 << 26
"""One of 250,000 rows has 3 MB."""

_COUNT = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Dictionary:
    """The symbols of a fairseq dictionary; a symbol's id is its index."""

    symbols: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.symbols)

    def index(self, symbol: str) -> int:
        """The id of `symbol`, or that of `<unk>`; a symbol that stands twice has its last id."""
        return self._ids.get(symbol, UNK)

    @property
    def shadowed(self) -> tuple[int, ...]:
        """Rows that another row of the same symbol has overwritten: they are never encoded."""
        return tuple(i for i, symbol in enumerate(self.symbols) if self._ids[symbol] != i)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: index for index, symbol in enumerate(self.symbols)}


WORDLESS = Dictionary(symbols=())
"""That of a model that says nothing."""


def read_dictionary(path: Path, begins: tuple[str, ...] = SPECIAL_SYMBOLS) -> Dictionary:
    """The dictionary in a `dict.txt`.

    Args:
        path: The file.
        begins: Symbols that stand before those of the file; one of labels has none.

    Raises:
        BadInput: the file cannot be read, is not UTF-8, or has rows that are not
            `symbol count [#fairseq:overwrite]`, or a symbol twice without that flag.
    """
    try:
        content = read_small(path, max_bytes=MAX_DICTIONARY_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be a readable fairseq dictionary in UTF-8, but {reason_of(error)}. "
            "Name the right file with `--dict`."
        ) from error
    text = content.replace("\r\n", "\n").replace("\r", "\n")
    # Only line feeds end a row; `splitlines` would also split at symbols such as U+2028.
    rows = text.removesuffix("\n").split("\n") if text else ()
    return Dictionary(symbols=_parse(path, rows, begins))


def _parse(path: Path, rows: Iterable[str], begins: Iterable[str]) -> tuple[str, ...]:
    symbols = list(begins)
    seen = set(symbols)
    problems = []
    for number, row in enumerate(rows, start=1):
        symbol, overwrite = _split_row(row)
        if symbol is None:
            problems.append(f"line {number} is {row!r}")
        elif symbol in seen and not overwrite:
            problems.append(f"line {number} repeats {symbol!r}")
        else:
            seen.add(symbol)
            symbols.append(symbol)
    if problems:
        raise BadInput(
            f"`{path}` must have rows of `symbol count`, each symbol once, but "
            f"{listed(problems)}. Name the checkpoint's own dictionary with `--dict`."
        )
    return tuple(symbols)


def dictionary_file(dictionary: Dictionary) -> bytes:
    """A `dict.txt` of the same rows, behind those that every dictionary begins with."""
    seen: set[str] = set()
    rows = []
    for symbol in dictionary.symbols[len(SPECIAL_SYMBOLS) :]:
        rows.append(f"{symbol} 1 {OVERWRITE}\n" if symbol in seen else f"{symbol} 1\n")
        seen.add(symbol)
    return "".join(rows).encode()


def _split_row(row: str) -> tuple[str | None, bool]:
    fields = row.rstrip().rsplit(" ", 1)
    overwrite = fields[-1] == OVERWRITE
    if overwrite:
        fields = fields[0].rsplit(" ", 1)
    if len(fields) != 2 or not _COUNT.fullmatch(fields[1]):
        return None, overwrite
    return fields[0], overwrite
