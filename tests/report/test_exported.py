"""What is said of an exported checkpoint."""

from __future__ import annotations

from pathlib import Path

from toolkit.core.coverage import Reason
from toolkit.core.result import Exported
from toolkit.report.exported import describe_exported, describe_opening

KEPT = tuple(Reason(name=f"t{n}", because="as in model.pt: training alone") for n in range(5))


def test_what_was_written_is_told_with_its_size_and_what_stands_beside() -> None:
    exported = Exported(path="o.pt", num_bytes=2_500_000, beside=("dict.txt",), kept=KEPT[:1])
    assert list(describe_exported(exported)) == [
        "written: o.pt (2.5 MB), with dict.txt beside it",
        "not in the folder: t0, as in model.pt: training alone",
    ]


def test_many_tensors_that_the_folder_does_not_hold_are_counted() -> None:
    exported = Exported(path="o.pt", num_bytes=1, beside=(), kept=KEPT)
    assert list(describe_exported(exported))[-1] == "not in the folder: 2 tensors more"


def test_how_it_is_opened_names_the_dictionarys_folder_where_there_is_one() -> None:
    assert "arg_overrides={'data': 'o'}" in describe_opening(Path("o/m.pt"), has_words=True)
    assert "arg_overrides" not in describe_opening(Path("o/m.pt"), has_words=False)


def test_one_that_fairseqs_loader_does_not_open_is_opened_in_its_own_way() -> None:
    own = "Vocoder({out}, {config})"
    usage = describe_opening(Path("o/m.pt"), has_words=True, like=Path("model.pt"), own=own)
    assert usage == "# opens as model.pt does\nVocoder('o/m.pt', 'o/config.json')"


def test_one_that_is_like_another_is_said_to_open_as_that_does() -> None:
    usage = describe_opening(Path("o/m.pt"), has_words=False, like=Path("there/model.pt"))
    assert usage.startswith("# opens as model.pt does\nfrom fairseq")
    assert not describe_opening(Path("o/m.pt"), has_words=False).startswith("#")
