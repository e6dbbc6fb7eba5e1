"""The content of a `tokenizer.json` in a form in which files that do the same are equal.

Versions of `tokenizers` write the same steps in other ways, and so do people: a list of one step,
a pattern that is a text, a key with its default, a frame of another class.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from toolkit.core.json import JsonDict, JsonObject

STEPS = ("normalizer", "pre_tokenizer", "decoder")
"""Keys under which steps are listed that a text or its tokens go through."""
TEXT = "text"
"""Stands in a frame for the tokens of the text."""

Framed: TypeAlias = tuple[object, ...]
"""An id with its token and type, or `TEXT` with its type."""
_NOTHING: tuple[object, ...] = (None, False, "", 0, 0.0)
"""Values that mean the same as no key."""
_ENDS = "^ +| +$"
_LITERAL = re.compile(r"(?:[^\\^$.|?*+()\[\]{}]|\\[^\w\s]|\\x\{[0-9A-Fa-f]+\})+")
_ESCAPE = re.compile(r"\\(?:x\{([0-9A-Fa-f]+)\}|(.))", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class TokenizerForm:
    """What a tokenizer does to texts and ids."""

    steps: Mapping[str, tuple[JsonObject, ...]]
    """Steps by the key that lists them."""
    frame: tuple[Framed, ...]
    """Ids around a text, each with its token and type, and `TEXT`."""
    added: Mapping[str, JsonObject]
    """Tokens that are looked for in a text before it is cut, with the flags that are set."""
    model: JsonObject
    """Settings of what cuts a text, without its rows."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Scores of the rows that texts are cut into; empty where rows have none."""
    merges: tuple[tuple[str, ...], ...] = ()
    older_steps: Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    """What is as good as `steps` under a key: it parts from them at control characters alone."""


def read_form(described: JsonObject) -> TokenizerForm:
    """The form of a `tokenizer.json` as the installed `tokenizers` writes it."""
    model = described["model"]
    rows = model.get("vocab", [])
    return TokenizerForm(
        steps={key: tuple(_merged(list(_steps(described.get(key))), key)) for key in STEPS},
        frame=tuple(_frame(described.get("post_processor"))),
        added={token["content"]: _flags(token) for token in described.get("added_tokens", [])},
        model=_set_keys({key: model[key] for key in model.keys() - {"vocab", "merges"}}),
        scores=dict(rows) if isinstance(rows, list) else {},
        merges=tuple(_pair(merge) for merge in model.get("merges", ())),
    )


# Steps


def _steps(part: JsonObject | None) -> Iterator[JsonDict]:
    if part is None:
        return
    inner = _inner(part)
    if inner is not None:
        for step in inner:
            yield from _steps(step)
        return
    step = {key: _plain_pattern(value) for key, value in part.items()}
    if step.get("pattern") == {"Regex": _ENDS} and step.get("content") == "":
        yield from ({**step, "pattern": {"Regex": end}} for end in _ENDS.split("|"))
    elif not _does_nothing(step):
        yield step


def _inner(part: JsonObject) -> list[JsonDict] | None:
    lists = (part.get(key) for key in ("normalizers", "pretokenizers", "decoders", "processors"))
    return next((found for found in lists if isinstance(found, list)), None)


def _plain_pattern(value: object) -> object:
    """A pattern that stands for one text as that text."""
    regex = value.get("Regex") if isinstance(value, dict) else None
    if regex is None or not _LITERAL.fullmatch(regex):
        return value
    return {"String": _ESCAPE.sub(_unescaped, regex)}


def _unescaped(escape: re.Match[str]) -> str:
    code, letter = escape.groups()
    return letter if code is None else chr(int(code, 16))


def _does_nothing(step: JsonObject) -> bool:
    kind = step["type"]
    if kind == "Replace":
        return bool(step["pattern"] == {"String": step["content"]})
    if kind == "Prepend":
        return bool(step["prepend"] == "")
    if kind == "Strip":
        return not any(step.get(key) for key in ("strip_left", "strip_right", "start", "stop"))
    return False


def _merged(steps: list[JsonDict], key: str) -> list[JsonDict]:
    """Without what the step before, or the end of decoding, does anyway."""
    fuse = {"type": "Fuse"}
    kept = [s for i, s in enumerate(steps) if s != fuse or i == 0 or steps[i - 1] != fuse]
    while key == "decoder" and kept and kept[-1] == fuse:
        kept.pop()
    return kept


# Frames


def _frame(processor: JsonDict | None) -> list[Framed]:
    frame: list[Framed] = [(TEXT, 0)]
    for step in _processors(processor):
        frame = [
            item
            for outer in _single_frame(step)
            for item in (frame if outer[0] == TEXT else [outer])
        ]
    return frame


def _processors(processor: JsonDict | None) -> Iterator[JsonDict]:
    if processor is None:
        return
    inner = _inner(processor)
    if inner is not None:
        for step in inner:
            yield from _processors(step)
    elif processor["type"] != "ByteLevel":  # it moves offsets alone
        yield processor


def _single_frame(step: JsonObject) -> list[Framed]:
    kind = step["type"]
    if kind == "TemplateProcessing":
        return [item for part in step["single"] for item in _template(part, step["special_tokens"])]
    if kind in ("BertProcessing", "RobertaProcessing"):
        (end, end_id), (begin, begin_id) = step["sep"], step["cls"]
        return [(begin_id, begin, 0), (TEXT, 0), (end_id, end, 0)]
    return [(TEXT, 0), (json.dumps(step, sort_keys=True), "", 0)]


def _template(part: JsonObject, special: JsonObject) -> Iterator[Framed]:
    ((kind, said),) = part.items()
    if kind == "Sequence":
        yield TEXT, said["type_id"]
        return
    token = special[said["id"]]
    for index, text in zip(token["ids"], token["tokens"], strict=True):
        yield index, text, said["type_id"]


# Tokens and models


def _flags(token: JsonObject) -> JsonDict:
    return _set_keys({key: token[key] for key in token.keys() - {"id", "content"}})


def _set_keys(values: JsonObject) -> JsonDict:
    return {
        key: value
        for key, value in values.items()
        # An index of 0 is one.
        if value not in _NOTHING or (key == "unk_id" and value is not None)
    }


def _pair(merge: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge)
