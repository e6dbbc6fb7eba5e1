"""Labels are compared class by class, whichever way a folder lost them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from toolkit.compare.labels import labels_level, wrong_labels
from toolkit.folder.contents import FolderContents

CONTENTS = FolderContents(config={"id2label": {"0": "ara", "1": "cmn"}}, preprocessor={})


def folder(labels: object) -> Any:
    return SimpleNamespace(value=lambda _: labels)


def test_numbers_and_their_texts_are_the_same_classes() -> None:
    for labels in ({"0": "ara", "1": "cmn"}, {0: "ara", 1: "cmn"}):
        assert wrong_labels(CONTENTS, folder(labels)) == ()
    level = labels_level(CONTENTS, folder(labels))
    assert (level.verdict, level.measures[0].compared) == ("pass", 2)


@pytest.mark.parametrize(
    ("labels", "wrong"),
    [
        ({"0": "cmn", "1": "ara"}, ("0: 'cmn', not 'ara'", "1: 'ara', not 'cmn'")),
        ({"0": "ara"}, ("1: None, not 'cmn'",)),
        ({"0": "ara", "1": "cmn", "2": "x"}, ("2: 'x', not None",)),
        ("<absent>", ("0: None, not 'ara'", "1: None, not 'cmn'")),
    ],
)
def test_every_class_with_another_label_is_told(labels: object, wrong: tuple[str, ...]) -> None:
    assert wrong_labels(CONTENTS, folder(labels)) == wrong
    level = labels_level(CONTENTS, folder(labels))
    assert (level.verdict, level.measures[0].error) == ("fail", len(wrong))
