"""Faults of the tokenizer's files: rows, scores, special tokens, and what frames a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from toolkit.faults.configs import write_json
from toolkit.faults.facts import TOKENIZER, TOKENIZER_CONFIG, Facts, read_json
from toolkit.faults.fault import Break, Fault, Truth

UNUSABLE = -100.0
"""Added to a score so that no text is ever cut into that piece."""
TAGS = "extra_special_tokens"
"""The key of `tokenizer_config.json` under which language tags are special tokens."""


def tokenizer_faults(facts: Facts) -> Iterator[Fault]:
    """Faults of `tokenizer.json`, of `tokenizer_config.json`, and of both."""
    yield from _row_faults(facts)
    yield from _pipeline_faults(facts)
    yield from _tag_faults(facts)
    yield from _name_faults(facts)


def edit_rows(folder: Path, *, edit: Callable[[list[Any]], list[Any]]) -> None:
    """Changes the rows of the vocabulary."""
    values = read_json(folder / TOKENIZER)
    values["model"]["vocab"] = edit(values["model"]["vocab"])
    write_json(folder / TOKENIZER, values)


def set_value(folder: Path, *, file: str, key: str, value: Any) -> None:
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
    rows, added = values["model"]["vocab"], values["added_tokens"]
    rows[first_id], rows[second_id] = rows[second_id], rows[first_id]
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


def _swap(rows: list[Any], *, first: int, second: int) -> list[Any]:
    rows[first], rows[second] = rows[second], rows[first]
    return rows


def _rotate(rows: list[Any], *, first: int, last: int) -> list[Any]:
    return [*rows[:first], rows[last], *rows[first:last], *rows[last + 1 :]]


def _rename(rows: list[Any], *, row: int) -> list[Any]:
    piece, score = rows[row]
    return [*rows[:row], [f"{piece}\u2047", score], *rows[row + 1 :]]


def _drop(rows: list[Any], *, row: int) -> list[Any]:
    return rows[:row] + rows[row + 1 :]


def _append(rows: list[Any]) -> list[Any]:
    return [*rows, ["<extra>", rows[-1][1]]]


def _spoil_scores(rows: list[Any], *, special: frozenset[int]) -> list[Any]:
    return [
        [piece, score + UNUSABLE] if len(piece) > 1 and row not in special else [piece, score]
        for row, (piece, score) in enumerate(rows)
    ]


def _spoil_one_score(rows: list[Any], *, row: int) -> list[Any]:
    rows[row][1] += UNUSABLE
    return rows


def _row_faults(facts: Facts) -> Iterator[Fault]:
    rows = facts.tokenizer.get("model", {}).get("vocab")
    if not isinstance(rows, list):
        return
    special = frozenset(token["id"] for token in facts.tokenizer["added_tokens"])
    ordinary = [row for row in range(len(rows)) if row not in special]
    long = [row for row in ordinary if len(rows[row][0]) > 1]
    first, middle, last = ordinary[0], ordinary[len(ordinary) // 2], ordinary[-1]
    edits: tuple[tuple[str, str, Callable[[list[Any]], list[Any]]], ...] = (
        ("rows_swapped", "first", partial(_swap, first=first, second=first + 1)),
        ("rows_swapped", "far", partial(_swap, first=middle, second=last)),
        ("vocabulary_shifted", "all", partial(_rotate, first=first, last=last)),
        ("vocabulary_shifted", "half", partial(_rotate, first=middle, last=last)),
        ("row_renamed", "middle", partial(_rename, row=middle)),
        ("row_missing", "middle", partial(_drop, row=middle)),
        ("row_appended", "end", _append),
        ("scores_changed", "all", partial(_spoil_scores, special=special)),
        ("scores_changed", "one", partial(_spoil_one_score, row=long[0] if long else middle)),
    )
    for kind, label, edit in edits:
        break_folder = partial(edit_rows, edit=edit)
        yield _fault(kind, f"{TOKENIZER}-{label}", break_folder, TOKENIZER)


def _pipeline_faults(facts: Facts) -> Iterator[Fault]:
    for key in ("normalizer", "decoder", "post_processor"):
        if facts.tokenizer.get(key) is not None:
            lose = partial(set_value, file=TOKENIZER, key=key, value=None)
            yield _fault("step_missing", f"{TOKENIZER}-{key}", lose, TOKENIZER)
    frame = facts.tokenizer.get("post_processor") or {}
    for alias, token in sorted(frame.get("special_tokens", {}).items()):
        lose = partial(reframe, alias=alias, replacement=None)
        yield _fault("frame_changed", f"{TOKENIZER}-no-{alias}", lose, TOKENIZER)
        other = next(((t, i) for t, i in facts.tags.items() if i not in token["ids"]), None)
        if other is not None:
            change = partial(reframe, alias=alias, replacement=other)
            yield _fault("frame_changed", f"{TOKENIZER}-other-{alias}", change, TOKENIZER)


def _tag_faults(facts: Facts) -> Iterator[Fault]:
    tags = list(facts.tags)
    for tag in dict.fromkeys((*tags[:1], *tags[-1:])):
        both = (TOKENIZER, TOKENIZER_CONFIG)
        unmark = partial(unmark_tag, tag=tag, files=both)
        yield _fault("tag_unmarked", f"{TOKENIZER}-{tag}", unmark, *both, key=TAGS)
        unlist = partial(unmark_tag, tag=tag, files=both[1:])
        yield _fault("tag_unmarked", f"{TOKENIZER_CONFIG}-{tag}", unlist, *both[1:], key=TAGS)
    if len(tags) > 1:
        pair = {tag: facts.tags[tag] for tag in tags[:2]}
        swap = partial(swap_tags, tags=pair)
        yield _fault("tags_swapped", f"{TOKENIZER}-{tags[0]}-{tags[1]}", swap, TOKENIZER)


def _name_faults(facts: Facts) -> Iterator[Fault]:
    """Special tokens under each other's names."""
    names = ("bos_token", "eos_token", "unk_token", "pad_token")
    for name, other in zip(names, (*names[1:], names[0]), strict=True):
        value = facts.tokenizer_config.get(other)
        if name in facts.tokenizer_config and value is not None:
            rename = partial(set_value, file=TOKENIZER_CONFIG, key=name, value=value)
            where = f"{TOKENIZER_CONFIG}-{name}"
            yield _fault("special_token_changed", where, rename, TOKENIZER_CONFIG, key=name)


def _fault(
    kind: str, where: str, break_folder: Break, *files: str, key: str | None = None
) -> Fault:
    """A fault of the tokenizer; one of `tokenizer_config.json` may be named by file or key."""
    keys = {f"{TOKENIZER_CONFIG.removesuffix('.json')}.{key}"} if key is not None else set()
    return Fault(
        name=f"{kind}:{where}",
        kind=kind,
        part="tokenizer",
        truth=Truth(
            config_keys=frozenset({*files, *keys}),
            hypotheses=frozenset({"wrong_vocabulary"}),
            files=frozenset(files),
        ),
        break_folder=break_folder,
    )
