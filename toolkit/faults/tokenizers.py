"""Faults of the tokenizer's files: rows, scores, special tokens, and what frames a text.

Where the rows lie decides what can go wrong with them: pieces with scores in `tokenizer.json`, or
ids by token in `vocab.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from toolkit.core.slips import TOKENIZER_CONFIG
from toolkit.faults import rows
from toolkit.faults.configs import write_json
from toolkit.faults.facts import Facts, read_json
from toolkit.faults.fault import Fault
from toolkit.faults.rows import row_fault
from toolkit.faults.vocabularies import VOCAB, vocabulary_faults

TOKENIZER = "tokenizer.json"
UNUSABLE = -100.0
"""Added to a score so that no text is ever cut into that piece."""
TAGS = "extra_special_tokens"
"""The key of `tokenizer_config.json` under which language tags are special tokens."""


def tokenizer_faults(facts: Facts) -> Iterator[Fault]:
    """Faults of the file of the rows, of `tokenizer_config.json`, and of both."""
    if TOKENIZER in facts.breakable.vocabularies:
        yield from _row_faults(facts)
        yield from _pipeline_faults(facts)
        yield from _tag_faults(facts)
    if VOCAB in facts.breakable.vocabularies:
        yield from vocabulary_faults(facts)
    if facts.breakable.vocabularies:
        yield from _name_faults(facts)


def edit_rows(folder: Path, *, edit: Callable[[list[Any]], list[Any]]) -> None:
    """Changes the rows of the vocabulary."""
    values = read_json(folder / TOKENIZER)
    values["model"]["vocab"] = edit(values["model"]["vocab"])
    write_json(folder / TOKENIZER, values)


def set_value(folder: Path, *, file: str, key: str, value: object) -> None:
    """Gives a key at the top of a file a value."""
    write_json(folder / file, {**read_json(folder / file), key: value})


def unmark_tag(folder: Path, *, tag: str, files: tuple[str, ...]) -> None:
    """Makes a language tag an ordinary token, which decoding prints."""
    if TOKENIZER in files:
        values = read_json(folder / TOKENIZER)
        kept = [token for token in values["added_tokens"] if token["content"] != tag]
        write_json(folder / TOKENIZER, {**values, "added_tokens": kept})
    values = read_json(folder / TOKENIZER_CONFIG)
    write_json(folder / TOKENIZER_CONFIG, {**values, TAGS: [t for t in values[TAGS] if t != tag]})


def swap_tags(folder: Path, *, tags: Mapping[str, int]) -> None:
    """Gives two language tags each other's ids."""
    (first, first_id), (second, second_id) = tags.items()
    ids = {first: second_id, second: first_id}
    values = read_json(folder / TOKENIZER)
    added = values["added_tokens"]
    rows.swap(values["model"]["vocab"], first=first_id, second=second_id)
    for token in added:
        token["id"] = ids.get(token["content"], token["id"])
    added.sort(key=lambda token: token["id"])
    write_json(folder / TOKENIZER, values)


def reframe(folder: Path, *, alias: str, replacement: tuple[str, int] | None) -> None:
    """Puts another token where the frame of every text has `alias`, or none."""
    values = read_json(folder / TOKENIZER)
    frame = values["post_processor"]
    if replacement is None:
        kept = [p for p in frame["single"] if p.get("SpecialToken", {}).get("id") != alias]
        frame["single"] = kept
    else:
        token, index = replacement
        frame["special_tokens"][alias].update(ids=[index], tokens=[token])
    write_json(folder / TOKENIZER, values)


def _rename(pieces: list[Any], *, row: int) -> list[Any]:
    piece, score = pieces[row]
    return [*pieces[:row], [f"{piece}\u2047", score], *pieces[row + 1 :]]


def _append(pieces: list[Any]) -> list[Any]:
    return [*pieces, ["<extra>", pieces[-1][1]]]


def _spoil_scores(pieces: list[Any], *, special: frozenset[int]) -> list[Any]:
    return [
        [piece, score + UNUSABLE] if len(piece) > 1 and row not in special else [piece, score]
        for row, (piece, score) in enumerate(pieces)
    ]


def _spoil_one_score(pieces: list[Any], *, row: int) -> list[Any]:
    pieces[row][1] += UNUSABLE
    return pieces


def _row_faults(facts: Facts) -> Iterator[Fault]:
    pieces = facts.files[TOKENIZER].get("model", {}).get("vocab")
    if not isinstance(pieces, list):
        return
    special = frozenset(token["id"] for token in facts.files[TOKENIZER]["added_tokens"])
    ordinary = [row for row in range(len(pieces)) if row not in special]
    long = [row for row in ordinary if len(pieces[row][0]) > 1]
    first, middle, last = ordinary[0], ordinary[len(ordinary) // 2], ordinary[-1]
    edits: tuple[tuple[str, str, Callable[[list[Any]], list[Any]]], ...] = (
        ("rows_swapped", "first", partial(rows.swap, first=first, second=first + 1)),
        ("rows_swapped", "far", partial(rows.swap, first=middle, second=last)),
        ("vocabulary_shifted", "all", partial(rows.rotate, first=first, last=last)),
        ("vocabulary_shifted", "half", partial(rows.rotate, first=middle, last=last)),
        ("row_renamed", "middle", partial(_rename, row=middle)),
        ("row_missing", "middle", partial(rows.drop, row=middle)),
        ("row_appended", "end", _append),
        ("scores_changed", "all", partial(_spoil_scores, special=special)),
        ("scores_changed", "one", partial(_spoil_one_score, row=long[0] if long else middle)),
    )
    for kind, label, edit in edits:
        break_folder = partial(edit_rows, edit=edit)
        yield row_fault(kind, f"{TOKENIZER}-{label}", break_folder, TOKENIZER)


def _pipeline_faults(facts: Facts) -> Iterator[Fault]:
    for key in ("normalizer", "decoder", "post_processor"):
        if facts.files[TOKENIZER].get(key) is not None:
            lose = partial(set_value, file=TOKENIZER, key=key, value=None)
            yield row_fault("step_missing", f"{TOKENIZER}-{key}", lose, TOKENIZER)
    frame = facts.files[TOKENIZER].get("post_processor") or {}
    for alias, token in sorted(frame.get("special_tokens", {}).items()):
        lose = partial(reframe, alias=alias, replacement=None)
        yield row_fault("frame_changed", f"{TOKENIZER}-no-{alias}", lose, TOKENIZER)
        other = next(((t, i) for t, i in facts.tags.items() if i not in token["ids"]), None)
        if other is not None:
            change = partial(reframe, alias=alias, replacement=other)
            yield row_fault("frame_changed", f"{TOKENIZER}-other-{alias}", change, TOKENIZER)


def _tag_faults(facts: Facts) -> Iterator[Fault]:
    tags = list(facts.tags)
    for tag in dict.fromkeys((*tags[:1], *tags[-1:])):
        both = (TOKENIZER, TOKENIZER_CONFIG)
        unmark = partial(unmark_tag, tag=tag, files=both)
        yield row_fault("tag_unmarked", f"{TOKENIZER}-{tag}", unmark, *both, key=TAGS)
        unlist = partial(unmark_tag, tag=tag, files=both[1:])
        yield row_fault("tag_unmarked", f"{TOKENIZER_CONFIG}-{tag}", unlist, *both[1:], key=TAGS)
    if len(tags) > 1:
        pair = {tag: facts.tags[tag] for tag in tags[:2]}
        swap = partial(swap_tags, tags=pair)
        yield row_fault("tags_swapped", f"{TOKENIZER}-{tags[0]}-{tags[1]}", swap, TOKENIZER)


def _name_faults(facts: Facts) -> Iterator[Fault]:
    """Special tokens under each other's names."""
    names = ("bos_token", "eos_token", "unk_token", "pad_token")
    for name, other in zip(names, (*names[1:], names[0]), strict=True):
        value = facts.files[TOKENIZER_CONFIG].get(other)
        if name in facts.files[TOKENIZER_CONFIG] and value is not None:
            rename = partial(set_value, file=TOKENIZER_CONFIG, key=name, value=value)
            where = f"{TOKENIZER_CONFIG}-{name}"
            yield row_fault("special_token_changed", where, rename, TOKENIZER_CONFIG, key=name)
