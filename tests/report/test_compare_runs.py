import io
import json
import re

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.browser.results import FAULT, SECOND_FAULT, make_result
from toolkit.cli import app
from toolkit.core.errors import BadInput
from toolkit.report import write_json
from toolkit.report.compare_runs import compare_runs, print_comparison, render_comparison


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, faults in {"two": (FAULT, SECOND_FAULT), "one": (SECOND_FAULT,), "none": ()}.items():
        write_json(make_result(4, 2, 2, faults), folder / f"{name}.json")
    return folder


def compared(runs, first, second):
    return compare_runs(runs / f"{first}.json", runs / f"{second}.json")


def test_a_correction_shows_as_a_finding_gone_and_modules_better(runs):
    comparison = compared(runs, "two", "one")
    assert comparison.verdict.change == "same"
    changes = {row.name: row.change for row in comparison.findings}
    assert changes == {f"weights at {FAULT}": "better", f"weights at {SECOND_FAULT}": "same"}
    assert {row.change for row in comparison.modules} == {"better"}
    assert FAULT in {row.name for row in comparison.modules}
    assert not comparison.matches


def test_from_broken_to_right_everything_is_better(runs):
    comparison = compared(runs, "two", "none")
    assert (comparison.verdict.before, comparison.verdict.after) == ("mismatch", "match")
    rows = (*comparison.levels, *comparison.findings, *comparison.modules, *comparison.tokens)
    assert {row.change for row in rows} == {"better"}
    assert comparison.matches


def test_and_back_everything_is_worse(runs):
    comparison = compared(runs, "none", "two")
    rows = (*comparison.levels, *comparison.findings, *comparison.modules, *comparison.tokens)
    assert {row.change for row in rows} == {"worse"}


def test_a_run_against_itself_changes_nothing(runs):
    comparison = compared(runs, "two", "two")
    assert not (*comparison.levels, *comparison.modules, *comparison.tokens, *comparison.files)
    assert {row.change for row in comparison.findings} == {"same"}


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_the_terminal_says_it_in_words(runs, encoding):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_comparison(compared(runs, "two", "none"), Console(file=file, width=200))
    file.flush()
    said = file.buffer.getvalue().decode(encoding)
    assert "better       verdict: mismatch -> match" in said
    assert "Files, versions and commands: nothing changed" in said


def shown(comparison, width):
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(file=file, width=width, force_terminal=True, no_color=True)
    print_comparison(comparison, console)
    file.flush()
    return re.sub(r"\x1b\[[0-9;]*m", "", file.buffer.getvalue().decode()).splitlines()


def test_a_terminal_breaks_no_line_within_a_word_and_sets_in_what_goes_on(runs):
    wide, narrow = (shown(compared(runs, "two", "none"), width) for width in (500, 60))
    assert " ".join(" ".join(narrow).split()) == " ".join(" ".join(wide).split())
    continued = [line for line in narrow if line.startswith("   ")]
    assert continued
    assert all(line.startswith(" " * 17) for line in continued)


def test_errors_of_levels_stand_beside_what_they_may_be_where_the_run_says_it(runs, tmp_path):
    said = json.loads((runs / "two.json").read_text())
    for measure in said["levels"]["modules"]["measures"]:
        del measure["unit"]
    (tmp_path / "odd.json").write_text(json.dumps(said))
    odd = compare_runs(tmp_path / "odd.json", runs / "none.json")
    told = [
        row.before
        for comparison in (compared(runs, "two", "none"), odd)
        for row in comparison.levels
        if row.name == "modules"
    ]
    assert told == ["fail (4.0e-01 of 1.0e-09)", "fail (4.0e-01)"]


def test_a_hash_is_shown_short_and_an_empty_text_as_nothing(runs, tmp_path):
    said = json.loads((runs / "two.json").read_text())
    said["target"]["sha256"] = "ab" * 32
    for token in said["tokens"].values():
        token["converted_text"] = ""
    (tmp_path / "odd.json").write_text(json.dumps(said))
    lines = "\n".join(shown(compare_runs(runs / "none.json", tmp_path / "odd.json"), 200))
    assert f"-> {'ab' * 6}…" in lines
    assert "-> (nothing)" in lines


def test_the_page_says_it_too_and_runs_nothing(runs):
    page = render_comparison(compared(runs, "two", "none"))
    assert "<h1>mismatch → match</h1>" in page
    assert "<script" not in page
    assert "2 findings gone, 0 new, 0 still there" in page


def test_hostile_words_stay_text(runs, tmp_path):
    said = json.loads((runs / "two.json").read_text())
    said["reproduce"] = said["environment"]["python"] = "<script>alert(1)</script>"
    said["findings"][0]["summary"] = "<img src=x>"
    (tmp_path / "odd.json").write_text(json.dumps(said))
    page = render_comparison(compare_runs(runs / "two.json", tmp_path / "odd.json"))
    assert "<script>" not in page
    assert "<img" not in page


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"schema_version": 2}',
        '{"schema_version": 1, "verdict": "match"}',
        '{"schema_version": 1, "verdict": "match", "source": {}, "target": {}, "levels": {},'
        ' "findings": [1], "tokens": {}, "modules": [], "environment": {}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_result_is_refused(content, runs, tmp_path):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(BadInput, match="must be the JSON of a run"):
        compare_runs(runs / "two.json", tmp_path / "bad.json")


def test_the_command_writes_all_and_exits_by_the_second_run(runs, tmp_path):
    two, none = str(runs / "two.json"), str(runs / "none.json")
    arguments = ["--html", str(tmp_path / "c.html"), "--json", str(tmp_path / "c.json")]
    done = CliRunner().invoke(app, ["report", two, none, *arguments])
    assert done.exit_code == 0
    assert "better" in done.output
    assert json.loads((tmp_path / "c.json").read_text())["verdict"]["change"] == "better"
    assert "<h1>mismatch → match</h1>" in (tmp_path / "c.html").read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["report", none, two, "--quiet"]).exit_code == 1
    assert CliRunner().invoke(app, ["report", none, str(tmp_path / "no.json")]).exit_code == 2


def test_more_runs_stand_in_the_order_in_which_they_were_named(runs, tmp_path):
    paths = [str(runs / f"{name}.json") for name in ("two", "one", "none")]
    files = ["--html", str(tmp_path / "c.html"), "--json", str(tmp_path / "c.json")]
    assert CliRunner().invoke(app, ["report", *paths, *files]).exit_code == 0
    said = json.loads((tmp_path / "c.json").read_text())
    assert said["runs"] == paths
    first, second = (row for row in said["findings"] if row["change"] == "better")
    assert [first["before"], *first["between"], first["after"]][1:] == ["still there", "gone"]
    assert [*second["between"], second["after"]] == ["gone", "not there"]
    page = (tmp_path / "c.html").read_text()
    assert page.count('<polyline class="run-3"') == 2
    assert f"first wrong at <code><bdi>{FAULT.split('.')[0]}" in page
    assert "no module wrong by itself" in page


def test_what_a_run_did_not_compare_is_neither_better_nor_worse(runs, tmp_path):
    said = json.loads((runs / "two.json").read_text())
    part = {name: level for name, level in said["levels"].items() if name in ("config", "modules")}
    less = {**said, "levels": part, "findings": [], "modules": [], "tokens": {}}
    (tmp_path / "less.json").write_text(json.dumps(less))
    for pair in (
        (runs / "two.json", tmp_path / "less.json"),
        (tmp_path / "less.json", runs / "two.json"),
    ):
        comparison = compare_runs(*pair)
        rows = (*comparison.levels, *comparison.findings, *comparison.modules, *comparison.tokens)
        assert {row.change for row in rows} == {"not compared"}
        assert comparison.overlay is not None
        assert "not compared" in render_comparison(comparison)


def as_verified(run, folder, *, levels, findings):
    said = json.loads(run.read_text())
    said["finding_kinds"] = {"weights": "weights", "modules": "wiring", "greedy": "generation"}
    said["levels"] = {name: level for name, level in said["levels"].items() if name in levels}
    kinds = dict(zip(findings, said["findings"], strict=False))
    said["findings"] = [{**finding, "kind": kind} for kind, finding in kinds.items()]
    path = folder / f"{'-'.join(levels)}.json"
    path.write_text(json.dumps(said))
    return path


def test_a_finding_of_a_kind_that_is_no_level_is_not_better_where_nobody_looked(runs, tmp_path):
    made = runs / "two.json"
    levels = ("weights", "modules", "greedy")
    verified = as_verified(made, tmp_path, levels=levels, findings=["wiring", "generation"])
    diffed = as_verified(made, tmp_path, levels=("weights", "modules"), findings=[])
    for pair, changes in (
        ((verified, diffed), ["better", "not compared"]),
        ((diffed, verified), ["worse", "not compared"]),
    ):
        assert [row.change for row in compare_runs(*pair).findings] == changes
