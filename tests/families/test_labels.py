"""Where the labels of a classifier come from, and what is said where there are none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from toolkit.checkpoint.dictionary import Dictionary
from toolkit.core.errors import BadInput
from toolkit.families.base import Form
from toolkit.families.labels import find_labels, label_file, labels_of, named_classes
from toolkit.families.sidecars import Named, Sidecars


def checkpoint(folder: Path, inside: tuple[str, ...] = ()) -> Any:
    return SimpleNamespace(path=folder / "model.pt", task_symbols=inside)


def test_a_dictionary_of_labels_has_no_symbols_of_fairseqs_before_it(tmp_path: Path) -> None:
    (tmp_path / "dict.lang.txt").write_text("<s> 1\nara 1\n")
    found = find_labels(checkpoint(tmp_path), Named(), {})
    assert found.dictionary.symbols == ("<s>", "ara")
    assert found.dict_path == tmp_path / "dict.lang.txt"


@pytest.mark.parametrize(
    ("names", "task", "chosen"),
    [
        (("dict.emotion.txt", "dict.lang.txt", "dict.txt"), {"labels": "emotion"}, "emotion"),
        (("dict.lang.txt", "dict.txt"), {"labels": "emotion"}, "lang"),
        (("dict.label.txt",), {"labels": "../../etc/x"}, "label"),
        (("dict.label.txt",), {"labels": None}, "label"),
    ],
)
def test_the_dictionary_has_the_name_that_fairseq_looks_for(
    names: tuple[str, ...], task: dict[str, object], chosen: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_text(f"{name} 1\n")
    found = find_labels(checkpoint(tmp_path), Named(), task)
    assert found.dictionary.symbols == (f"dict.{chosen}.txt",)


def test_the_tasks_own_state_comes_before_a_file_beside_and_behind_one_that_is_named(
    tmp_path: Path,
) -> None:
    for name in ("dict.lang.txt", "named.txt"):
        (tmp_path / name).write_text(f"{name} 1\n")
    inside = checkpoint(tmp_path, ("ara",))
    assert find_labels(inside, Named(), {}).dictionary.symbols == ("ara",)
    named = find_labels(inside, Named(dictionary=tmp_path / "named.txt"), {})
    assert named.dictionary.symbols == ("named.txt",)


@pytest.mark.parametrize("field", ["config_yaml", "pieces"])
def test_a_file_that_no_classifier_has_is_refused(field: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a dictionary of labels alone"):
        find_labels(checkpoint(tmp_path), Named(**{field: tmp_path / "x"}), {})


def test_another_number_of_labels_than_classes_is_refused() -> None:
    found = Sidecars(dict_path=Path("dict.txt"), dictionary=Dictionary(symbols=("a", "b")))
    with pytest.raises(BadInput, match=r"`dict.txt` must give 3 labels, .*gives 2.*--dict"):
        labels_of(found, 3, "head.weight", None)


def test_labels_that_nothing_gives_are_numbers_or_those_of_the_folder_and_assumed() -> None:
    labels, (reason,) = labels_of(Sidecars(), 2, "head.weight", None)
    assert labels == ("LABEL_0", "LABEL_1")
    assert (reason.name, "called by numbers" in reason.because) == ("labels", True)
    for held, expected in ((("a", "b"), ("a", "b")), (("a",), labels)):
        form = Form(kinds={}, carries_code=False, labels=held)
        assert labels_of(Sidecars(), 2, "head.weight", form)[0] == expected


def test_a_configuration_names_every_class_both_ways() -> None:
    assert named_classes(("a", "b")) == {
        "id2label": {"0": "a", "1": "b"},
        "label2id": {"a": 0, "b": 1},
    }
    assert label_file(("a", "b c")) == b"a 1\nb c 1\n"
