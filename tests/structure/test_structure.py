"""The package keeps its shape: figures fall, and never rise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.structure.__main__ import lowered, print_table
from tests.structure.cycles import Kind, find_cycles, read_imports
from tests.structure.figures import BARS, ROOT, Figure, measure, read_bars, rooms_below
from tests.structure.mirror import find_strays
from tests.structure.sizes import count_any, files_over, function_lengths, percentile
from tests.structure.sources import Module, read_package
from tests.structure.words import count_words, outside_of

FIGURES = tuple(read_bars()["figures"])
WORDS = tuple(read_bars()["family_words"]["words"])
Write = Callable[..., tuple[Module, ...]]


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    found = measure(read_package(ROOT / "toolkit"), read_bars())
    return {figure.name: figure for figure in found}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a package `pack` of the files and reads it."""

    def write_files(**texts: str) -> tuple[Module, ...]:
        for name, text in texts.items():
            path = tmp_path / "pack" / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return read_package(tmp_path / "pack")

    return write_files


@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_is_above_its_ceiling(figures: dict[str, Figure], name: str) -> None:
    figure = figures[name]
    assert not figure.rises, (
        f"{name}: {figure.value}, at most {figure.today}; see `make structure`\n"
        + "\n".join(figure.details)
    )


def test_every_bar_and_every_figure_have_each_other() -> None:
    bars = read_bars()
    del bars["figures"]["uses of Any"]
    with pytest.raises(ValueError, match="must be those of bars.yaml"):
        measure(read_package(ROOT / "toolkit" / "core"), bars)


def test_a_figure_above_its_ceiling_has_risen(capsys: pytest.CaptureFixture[str]) -> None:
    figure = Figure(name="files", value=3, today=2, bar=0, details=("a (401)",))
    assert figure.rises
    print_table((figure, replace(figure, today=3), replace(figure, bar=3)), details=True)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in printed[1::2]] == ["risen", "yet", "risen"]
    assert printed[2] == "    a (401)"


def test_ceilings_are_lowered_and_never_raised(figures: dict[str, Figure]) -> None:
    text = BARS.read_text()
    better = replace(figures["uses of Any"], value=1)
    worse = replace(figures["files over 400 lines"], value=1000)
    after = lowered(text, (better, worse))
    assert re.search(r"uses of Any: \{today: 1, bar: 300\}", after)
    assert len(after.splitlines()) == len(text.splitlines())
    changed = [line for line in after.splitlines() if line not in text.splitlines()]
    assert len(changed) == 1


@pytest.mark.parametrize(
    ("back", "kind"),
    [
        ("import pack.a\n", Kind.MODULE),
        ("from pack import a\n", Kind.MODULE),
        ("def f():\n    from pack.a import x\n", Kind.FUNCTION),
        ("if TYPE_CHECKING:\n    from pack.a import x\n", Kind.TYPE_CHECKING),
    ],
)
def test_a_cycle_is_found_with_the_kind_that_closes_it(write: Write, back: str, kind: Kind) -> None:
    modules = write(__init__="", a="from pack.b import y\n", b=back)
    (cycle,) = find_cycles(read_imports(modules))
    assert (cycle.members, cycle.kind) == (("pack.a", "pack.b"), kind)
    assert str(cycle).startswith("pack.a <-> pack.b (")


def test_a_cycle_through_rooms_is_one_of_the_rooms(write: Write) -> None:
    modules = write(
        a__in__one="from pack.b.two import x\n",
        b__in__two="from pack.c import y\n",
        c="from pack.a.other import z\n",
        a__in__other="",
    )
    (cycle,) = find_cycles(read_imports(modules))
    assert cycle.members == ("pack.a", "pack.b", "pack.c")


def test_imports_one_way_are_no_cycle(write: Write) -> None:
    modules = write(
        __init__="from pack.a import x\n", a="from pack.b import y\n", b="import pack\nimport os\n"
    )
    assert find_cycles(read_imports(modules)) == ()


def test_a_function_is_as_long_as_its_lines_without_its_docstring(write: Write) -> None:
    body = 'def f(\n    x,\n):\n    """One.\n\n    Two.\n    """\n    y = x\n    return y\n'
    assert function_lengths(write(a=body, b="def g(): ...\n")) == [1, 5]


@pytest.mark.parametrize(("percent", "expected"), [(50, 2), (95, 4), (25, 1), (1, 1)])
def test_percentiles_are_values_that_occur(percent: int, expected: int) -> None:
    assert percentile([1, 2, 3, 4], percent) == expected


def test_a_long_file_is_named_with_its_length(write: Write) -> None:
    assert files_over(write(a="x = 1\n" * 3, b="x = 1\n" * 2), 2) == ["pack.a (3)"]


def test_every_use_of_any_counts_but_its_import(write: Write) -> None:
    text = "from typing import Any\nX = dict[str, Any]\ndef f(x: Any) -> list[Any]: ...\n"
    assert count_any(write(a=text)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "x = 'encoder.adaptor.layers'\n",
        "import sentencepiece\n",
        "from x.wav2vec import y\n",
        "def f(spm_path): ...\n",
        "f(spm=1)\n",
        "class XMTransformer: ...\n",
        "x = f'{a} decoder.lm_head'\n",
        "run(\n    model.decoder.model\n    .layers\n)\n",
        "def f(): return 'mBART'  # as said\n",
    ],
)
def test_a_word_of_a_family_in_code_counts(write: Write, text: str) -> None:
    assert count_words(write(a=text), WORDS) == {"pack.a": 1}


@pytest.mark.parametrize(
    "text",
    [
        '"""As for mBART."""\n',
        "x = 1  # adaptor\n",
        'x = 1\n"""spm"""\n',
        "adapt = transpmute\n",
        "rebart = 1\n",
        "x = {'.spm'}\n",
    ],
)
def test_prose_and_other_words_do_not_count(write: Write, text: str) -> None:
    assert count_words(write(a=text), WORDS) == {}


def test_words_are_at_home_in_families(write: Write) -> None:
    modules = write(__init__="", families__in__a="spm = 1\n", families_too="spm = 1\n")
    outside = outside_of(modules, ["pack.families"])
    assert [module.name for module in outside] == ["pack", "pack.families_too"]


def test_rooms_below_families_are_those_of_the_contract_of_layers() -> None:
    below = rooms_below("families")
    assert {"report", "folder", "core"} <= below
    assert below.isdisjoint({"families", "pipeline", "cli"})


def test_no_template_says_a_word_of_a_family() -> None:
    templates = [path for path in (ROOT / "toolkit/report/templates").iterdir() if path.is_file()]
    assert templates
    for template in templates:
        found: Any = re.search("|".join(WORDS), template.read_text(), re.IGNORECASE)
        assert found is None, f"{template.name}: {found}"


def test_tests_bear_the_name_of_the_file_that_they_are_about() -> None:
    assert (
        list(find_strays(ROOT / "tests", ROOT / "toolkit")) == read_bars()["about_no_single_file"]
    )


@pytest.mark.parametrize(
    ("file", "strays"),
    [
        ("room/test_module.py", ()),
        ("room/test_inner.py", ()),
        ("room/inner/test_module.py", ()),
        ("test_anything.py", ()),
        ("elsewhere/test_anything.py", ()),
        ("room/helper.py", ()),
        ("room/test_other.py", ("room/test_other.py",)),
        ("room/inner/test_other.py", ("room/inner/test_other.py",)),
    ],
)
def test_a_test_without_its_file_is_a_stray(
    tmp_path: Path, file: str, strays: tuple[str, ...]
) -> None:
    package, tests = tmp_path / "package", tmp_path / "tests"
    for path in (
        package / "room" / "module.py",
        package / "room" / "inner" / "__init__.py",
        package / "room" / "inner" / "module.py",
        tests / file,
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert find_strays(tests, package) == strays


def test_what_marks_parameters_decorates_no_test_as_it_would_not_be_collected() -> None:
    lost = re.compile(r"^@(slow|wide)\b", re.MULTILINE)
    assert lost.search("@slow\ndef test_nothing() -> None:\n")
    files = sorted((ROOT / "tests").rglob("*.py"))
    assert [str(file) for file in files if lost.search(file.read_text(encoding="utf-8"))] == []


def test_no_property_is_judged_by_the_clock() -> None:
    assert settings().deadline is None
