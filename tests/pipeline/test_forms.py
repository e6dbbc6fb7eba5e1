"""What a folder says of its classes, read off its configuration."""

from __future__ import annotations

import pytest

from toolkit.pipeline.forms import form_of


@pytest.mark.parametrize(
    ("named", "labels"),
    [
        ({"0": "a", "1": "b"}, ("a", "b")),
        ({"1": "b", "0": "a"}, ("a", "b")),
        ({"0": "a", "2": "b"}, ()),
        ({"0": "a", "1": 3}, ()),
        (["a"], ()),
        (None, ()),
    ],
)
def test_labels_are_those_of_classes_numbered_without_a_hole(
    named: object, labels: tuple[str, ...]
) -> None:
    assert form_of({"model_type": "wav2vec2", "id2label": named}).labels == labels
