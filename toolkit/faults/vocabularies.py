"""Faults of `vocab.json`, which gives every token an id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from toolkit.core.json import JsonObject
from toolkit.core.slips import CONFIG, TOKENIZER_CONFIG
from toolkit.faults import rows
from toolkit.faults.configs import set_key, write_json
from toolkit.faults.facts import Facts, read_json
from toolkit.faults.fault import Fault, in_turn
from toolkit.faults.rows import row_fault

VOCAB = "vocab.json"
LANGUAGE = "target_lang"
"""The setting that names the section of it that is read, where there is one for each language."""
NAMES = ("bos_token", "eos_token", "unk_token", "pad_token", "word_delimiter_token")
"""Tokens that have a name in `tokenizer_config.json`."""

Ids: TypeAlias = dict[str, int]
Edit: TypeAlias = Callable[[Ids], Ids]


def vocabulary_faults(facts: Facts) -> Iterator[Fault]:
    """Tokens under other ids, with other names, too few and too many."""
    settings = facts.files[TOKENIZER_CONFIG]
    named = {name: str(settings[name]) for name in NAMES if isinstance(settings.get(name), str)}
    ids = section_of(facts.files[VOCAB], settings)
    ordinary = [token for token in _by_id(ids) if token not in named.values()]
    for kind, label, edit in (*_row_edits(ids, ordinary), *_named_edits(named)):
        change = partial(edit_ids, edit=edit)
        yield row_fault(kind, f"{VOCAB}-{label}", change, VOCAB)
    yield from _misplaced_ids(facts, named)


def edit_ids(folder: Path, *, edit: Edit) -> None:
    """Changes the ids of the tokens, those of the first language where there are several."""
    values, settings = read_json(folder / VOCAB), read_json(folder / TOKENIZER_CONFIG)
    edited = edit(section_of(values, settings))
    language = settings.get(LANGUAGE)
    write_json(folder / VOCAB, edited if language is None else {**values, language: edited})


def section_of(values: JsonObject, settings: JsonObject) -> Ids:
    """The ids that a tokenizer reads: all, or those of the language that its settings name."""
    language = settings.get(LANGUAGE)
    return dict(values if language is None else values[language])


def _misplaced_ids(facts: Facts, named: Mapping[str, str]) -> Iterator[Fault]:
    """Two tokens in each other's place, of which `config.json` says the same."""
    left, right = "pad_token", "bos_token"
    keys = (f"{left}_id", f"{right}_id")
    if {left, right} <= named.keys() and set(keys) <= facts.config.keys():
        swap = partial(_exchange, left=named[left], right=named[right])
        ids = zip(keys, (facts.config[keys[1]], facts.config[keys[0]]), strict=True)
        breaks = (
            partial(edit_ids, edit=swap),
            *(partial(set_key, file=CONFIG, path=key, value=value) for key, value in ids),
        )
        where = f"{VOCAB}-{left}-{right}"
        fault = row_fault("special_ids_swapped", where, partial(in_turn, breaks=breaks), VOCAB)
        yield replace(fault, truth=replace(fault.truth, files=frozenset({VOCAB, CONFIG})))


def _by_id(ids: Mapping[str, int]) -> list[str]:
    return sorted(ids, key=lambda token: ids[token])


def _row_edits(ids: Ids, ordinary: list[str]) -> Iterator[tuple[str, str, Edit]]:
    """What happens to tokens that stand for text."""
    first, second, middle, last = (
        ids[ordinary[at]] for at in (0, 1, len(ordinary) // 2, len(ordinary) - 1)
    )
    lines = partial(partial, _edit_lines)
    yield "rows_swapped", "first", lines(edit=partial(rows.swap, first=first, second=second))
    yield "rows_swapped", "far", lines(edit=partial(rows.swap, first=middle, second=last))
    yield "vocabulary_shifted", "all", lines(edit=partial(rows.rotate, first=first, last=last))
    yield "vocabulary_shifted", "half", lines(edit=partial(rows.rotate, first=middle, last=last))
    yield "row_missing", "middle", lines(edit=partial(rows.drop, row=middle))
    yield "row_missing", "first", lines(edit=partial(rows.drop, row=first))
    yield "row_renamed", "middle", partial(_rename, old=ordinary[len(ordinary) // 2])
    yield "row_appended", "end", _append
    yield "id_missing", "middle", partial(_leave_out, token=ordinary[len(ordinary) // 2])
    yield "id_missing", "last", partial(_leave_out, token=ordinary[-1])
    yield "id_repeated", "middle", partial(_repeat, token=ordinary[0], of=ordinary[1])
    yield "ids_counted_from_one", "all", _count_from_one


def _named_edits(named: dict[str, str]) -> Iterator[tuple[str, str, Edit]]:
    """What happens to tokens that have a name."""
    for name, other in (("pad_token", "bos_token"), ("eos_token", "unk_token")):
        if {name, other} <= named.keys():
            swap = partial(_exchange, left=named[name], right=named[other])
            yield "special_rows_swapped", f"{name}-{other}", swap
    for name, token in named.items():
        yield "special_row_renamed", name, partial(_rename, old=token)


def _edit_lines(ids: Ids, *, edit: Callable[[list[str]], list[str]]) -> Ids:
    """Ids that are counted through after an edit of the list of tokens."""
    return {token: row for row, token in enumerate(edit(_by_id(ids)))}


def _rename(ids: Ids, *, old: str) -> Ids:
    return {f"{token}\u2047" if token == old else token: row for token, row in ids.items()}


def _append(ids: Ids) -> Ids:
    return {**ids, "<extra>": len(ids)}


def _leave_out(ids: Ids, *, token: str) -> Ids:
    return {other: row for other, row in ids.items() if other != token}


def _repeat(ids: Ids, *, token: str, of: str) -> Ids:
    return {**ids, token: ids[of]}


def _exchange(ids: Ids, *, left: str, right: str) -> Ids:
    return {**ids, left: ids[right], right: ids[left]}


def _count_from_one(ids: Ids) -> Ids:
    return {token: row + 1 for token, row in ids.items()}
