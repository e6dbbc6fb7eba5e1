"""A runner comes out of a user's own file, or it is said why not."""

import re

import pytest

from toolkit.core.errors import BadInput
from toolkit.handoff.loading import expect_own_file, load_runner, parse_runner


@pytest.mark.parametrize("named", ["", "mine.py", "mine:Mine", "mine.py:", "mine.py:not a name"])
def test_what_names_no_class_in_a_file_is_refused(named):
    with pytest.raises(BadInput, match=r"`--runner` must be FILE.py:NAME"):
        parse_runner(named)


def test_a_path_may_hold_colons():
    assert parse_runner("C:/a/mine.py:Mine")[1] == "Mine"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"`--runner` must name a file, but `.*mine.py` is none"):
        expect_own_file(f"{tmp_path / 'mine.py'}:Mine", ())


@pytest.mark.parametrize("place", ["hf/mine.py", "hf/deep/mine.py", "leads.py", "within/mine.py"])
def test_code_that_comes_with_a_folder_is_not_run(place, tmp_path):
    (tmp_path / "hf" / "deep").mkdir(parents=True)
    for name in ("hf/mine.py", "hf/deep/mine.py"):
        (tmp_path / name).write_text("raise SystemExit('it ran')")
    (tmp_path / "leads.py").symlink_to(tmp_path / "hf" / "mine.py")
    (tmp_path / "within").symlink_to(tmp_path / "hf")
    with pytest.raises(BadInput, match="must be a file of your own, but .* whose code is not run"):
        expect_own_file(f"{tmp_path / place}:Mine", (tmp_path / "hf",))


def test_a_file_beside_the_folder_is_the_users_own(tmp_path):
    (tmp_path / "hf").mkdir()
    (tmp_path / "mine.py").touch()
    expect_own_file(f"{tmp_path / 'mine.py'}:Mine", (tmp_path / "hf",))


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("def", "importing it raises SyntaxError: "),
        (
            "import nowhere_at_all",
            "raises ModuleNotFoundError: No module named 'nowhere_at_all' (line 1",
        ),
        ("raise SystemExit(3)", "importing it raises SystemExit: 3 (line 1 of mine.py)"),
        ("Other = 1", "has no such name. Correct it."),
        ("Mine = 1", "has something else by that name"),
        ("class Mine: pass", "but raises TypeError: Mine() takes no arguments"),
        ("def Mine(folder):\n  return folder.read()", "AttributeError: .* (line 2 of mine.py)"),
        ("def Mine(folder): pass", "must make what has a method `ask`, but makes a NoneType"),
    ],
)
def test_a_file_that_makes_no_runner_is_refused_with_its_own_line(text, because, tmp_path):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(BadInput) as caught:
        load_runner(f"{tmp_path / 'mine.py'}:Mine", tmp_path)
    assert re.search(re.escape(because).replace(r"\.\*", ".*"), str(caught.value))


def test_a_runner_is_made_with_the_folder_and_imports_what_lies_beside_it(tmp_path):
    (tmp_path / "beside_it.py").write_text("WHAT = 'beside'")
    (tmp_path / "mine.py").write_text(
        "import beside_it\nclass Mine:\n  def __init__(self, folder):\n    self.folder = folder\n"
        "  def ask(self, example):\n    return {beside_it.WHAT: self.folder}\n"
    )
    runner = load_runner(f"{tmp_path / 'mine.py'}:Mine", tmp_path)
    assert runner.ask(None) == {"beside": tmp_path}
