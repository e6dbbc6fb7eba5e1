"""Configuration keys: what the checkpoint determines against what a folder says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from toolkit.compare import dtypes
from toolkit.compare.consequences import Change, is_fault, judge, same_value
from toolkit.compare.dtypes import loaded_dtype
from toolkit.core.findings import Consequence, NoteConsequence
from toolkit.core.json import JsonObject
from toolkit.folder import released_defaults
from toolkit.folder.contents import FolderContents
from toolkit.folder.view import ABSENT, FolderView, class_aliases, class_defaults, parts_of

ENDS = "generation_config.eos_token_id"
"""Releases 5.0 and later write a list where a model was trained."""
UNTIED = {"tie_word_embeddings": False}
"""What the model of several parts sets by itself."""


@dataclass(frozen=True, kw_only=True)
class KeyDifference:
    """A configuration key whose value is not what the checkpoint says."""

    key: str
    expected: object
    actual: object
    consequence: Consequence | NoteConsequence
    because: str
    """Why it has that consequence."""
    determined: bool = True
    """Whether the checkpoint says what is right; otherwise it is a default of transformers."""
    meant: str = ""
    """What transformers takes it for, in words, where it is another name of a key."""


def expected_keys(contents: FolderContents) -> Iterator[tuple[str, object]]:
    """Every configuration key that the checkpoint determines, with its value."""
    for key, value in contents.config.items():
        if key in parts_of(contents.config):
            yield from ((f"{key}.{inner}", item) for inner, item in value.items())
        elif key not in ("dtype", "architectures"):
            yield key, value
    for group, values in (
        ("generation_config", contents.generation),
        ("preprocessor_config", contents.preprocessor),
    ):
        for key, value in values.items():
            if key != "processor_class":
                yield f"{group}.{key}", value
    yield from ((f"processor_config.{key}", value) for key, value in contents.processor.items())


def config_differences(contents: FolderContents, view: FolderView) -> tuple[KeyDifference, ...]:
    """The keys that are not what the checkpoint says, each with what follows from it.

    What the classes of a folder cannot express comes first, and stands for the keys that differ for
    it. A key that the checkpoint does not determine must have its class's default: `temperature` or
    `repetition_penalty` set by somebody changes what the folder says.
    """
    explained = [
        KeyDifference(
            key=misfit.key,
            expected=misfit.expected,
            actual=misfit.actual,
            consequence="output",
            because=misfit.because,
        )
        for misfit in contents.misfits
    ]
    others = [d for d in _differences(contents, view) if contents.maybe_misfit(d.key) is None]
    return (*explained, *others)


def key_faults(contents: FolderContents, view: FolderView) -> tuple[KeyDifference, ...]:
    """The differences that show to somebody who uses the folder."""
    return tuple(d for d in config_differences(contents, view) if is_fault(d.consequence))


def _differences(contents: FolderContents, view: FolderView) -> Iterator[KeyDifference]:
    expected = dict(expected_keys(contents))
    for key, value in expected.items():
        if not _is_in_force(view, key, value) and _maybe_alias(view, key) is None:
            yield _difference(contents, view, key, value, view.value(key), determined=True)
    written = {
        "": contents.config,
        "generation_config": contents.generation,
        "preprocessor_config": contents.preprocessor,
    }
    key, dtype = loaded_dtype(view)
    if not same_value(contents.config.get("dtype", dtype), dtype):
        yield _difference(contents, view, key, contents.config["dtype"], dtype, determined=True)
    known = {*expected, *dtypes.KEYS, *parts_of(contents.config)}
    for group, values, defaults in view.groups():
        if group == "generation_config" and not contents.generation:
            continue  # a model without a search reads none of it
        if group == "preprocessor_config" and not contents.preprocessor:
            continue  # nor one that reads texts
        usual = {**defaults, **written.get(group, {})}
        for name, found in values.items():
            key = f"{group}.{name}" if group else name
            changed = key not in known and not same_value(usual.get(name), found)
            if changed and _maybe_alias(view, key) is None:
                yield from _added(contents, view, expected, key, usual)
    yield from _ignored(view, expected)


def _maybe_alias(view: FolderView, key: str) -> str | None:
    """Another name of a key under which the folder says it, which is judged in its place."""
    group, _, name = key.rpartition(".")
    values = view.values(group)
    named = (alias for alias, meant in class_aliases(values).items() if meant == name)
    return next((alias for alias in named if alias in values), None)


def _ignored(view: FolderView, expected: JsonObject) -> Iterator[KeyDifference]:
    """Keys that say something else than another name of theirs, which is right and is taken."""
    for key, ignored in view.overruled.items():
        if key in expected and same_value(expected[key], view.value(key)):
            because = f"transformers takes `{_maybe_alias(view, key)}` for it"
            yield KeyDifference(
                key=key,
                expected=expected[key],
                actual=ignored,
                consequence="none",
                because=because,
            )


def _is_in_force(view: FolderView, key: str, value: object) -> bool:
    """Whether transformers ends with that value, which it may also take for a key left out."""
    found = view.value(key)
    group, _, name = key.rpartition(".")
    if found in (None, ABSENT) and group == "generation_config":
        return any(same_value(value, d) for d in released_defaults.GENERATION.get(name, (None,)))
    if found == ABSENT and group == "processor_config":
        return True  # users name the class themselves
    if found == ABSENT and not group:
        defaults = {**class_defaults(view.config), **(UNTIED if view.parts else {})}
        return same_value(value, defaults.get(name, ABSENT))
    return same_value(value, _as_searched(key, found))


def _as_searched(key: str, found: Any) -> Any:
    """The value as every search takes it: a list of one end is that end."""
    is_list_of_one = key == ENDS and isinstance(found, list) and len(found) == 1
    return found[0] if is_list_of_one else found


def _added(
    contents: FolderContents,
    view: FolderView,
    expected: JsonObject,
    key: str,
    usual: JsonObject,
) -> Iterator[KeyDifference]:
    """A key that the checkpoint does not determine; it may be another name of one that it does.

    Args:
        contents: What a conversion writes.
        view: The folder.
        expected: What the checkpoint determines.
        key: The key.
        usual: What a conversion writes in the key's group, or its class takes by default.
    """
    group, _, name = key.rpartition(".")
    found = view.value(key)
    meant = class_aliases(view.values(group)).get(name)
    if meant is None:
        yield _difference(contents, view, key, usual.get(name), found, determined=False)
        return
    value = expected.get(f"{group}.{meant}" if group else meant, usual.get(meant))
    if not same_value(value, found):
        yield _difference(contents, view, key, value, found, determined=True, meant=meant)


def _difference(
    contents: FolderContents,
    view: FolderView,
    key: str,
    expected: object,
    actual: object,
    *,
    determined: bool,
    meant: str = "",
) -> KeyDifference:
    group, _, name = key.rpartition(".")
    taken = f"{group}.{meant}" if group else meant
    judgement = judge(
        Change(
            group=group,
            name=meant or name,
            expected=expected,
            actual=actual,
            determined=determined,
            siblings=view.values(group),
            architecture=_maybe_architecture(contents, view),
            searches=bool(contents.generation),
        )
    )
    return KeyDifference(
        key=key,
        expected=expected,
        actual=actual,
        consequence=judgement.consequence,
        because=judgement.because,
        determined=determined,
        meant=_meaning(view, taken) if meant else "",
    )


def _meaning(view: FolderView, key: str) -> str:
    """What another name of a key stands for, and over what, in words."""
    over = f", over the {view.overruled[key]!r} there" if key in view.overruled else ""
    return f"`{key}`{over}"


def _maybe_architecture(contents: FolderContents, view: FolderView) -> str | None:
    """The class of a model without parts."""
    if parts_of(contents.config) or view.parts:
        return None
    return str(contents.config["architectures"][0])
