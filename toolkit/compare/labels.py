"""The labels of a folder's classes against those of the checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from toolkit.compare import tolerances
from toolkit.compare.keys import KeyDifference
from toolkit.core.json import JsonObject
from toolkit.core.measures import Level, Measure
from toolkit.folder.contents import FolderContents
from toolkit.folder.view import FolderView

LABELS = "labels"
"""What the level is called."""
KEY = "id2label"
"""The key of `config.json` that names the classes, by their number as text."""


def wrong_labels(contents: FolderContents, view: FolderView) -> tuple[str, ...]:
    """What is wrong with the labels of a folder, class by class."""
    return tuple(_wrong(contents.config[KEY], view.value(KEY)))


def apart_from_labels(
    contents: FolderContents, differences: Sequence[KeyDifference]
) -> tuple[KeyDifference, ...]:
    """Those that the level of labels does not judge, where there is one."""
    return tuple(d for d in differences if d.key != KEY or KEY not in contents.config)


def labels_level(contents: FolderContents, view: FolderView) -> Level:
    """Whether every class has its label."""
    wrong = wrong_labels(contents, view)
    number = len(contents.config[KEY])
    return Level(
        name=LABELS,
        measures=(
            Measure(
                name="labels",
                where="; ".join(wrong[:3]),
                error=float(len(wrong)),
                tolerance=tolerances.EXACT,
                unit="classes",
                compared=number,
            ),
        ),
        summary=f"{len(wrong)} of {number} classes have another label: {'; '.join(wrong[:3])}"
        if wrong
        else f"all {number} classes have the labels of fairseq's dictionary, row by row",
    )


def _wrong(expected: JsonObject, found: object) -> Iterator[str]:
    held = {str(key): label for key, label in found.items()} if isinstance(found, Mapping) else {}
    for number in (*expected, *(key for key in held if key not in expected)):
        if held.get(number) != expected.get(number):
            yield f"{number}: {held.get(number)!r}, not {expected.get(number)!r}"
