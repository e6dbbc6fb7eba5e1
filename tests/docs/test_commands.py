"""Everything that the documentation tells a reader to do is done here."""

from __future__ import annotations

import ast
import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import DOCS, Block, pages, read_blocks
from toolkit.audio import golden_folder
from toolkit.cli import app
from toolkit.families.sidecars import COMPANION_SUFFIXES
from toolkit.session import hub

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGES = pages()
BLOCKS = [block for page in PAGES for block in read_blocks(page)]
ACTIVE = [
    page for page in PAGES if any(b.language in ("console", "python") for b in read_blocks(page))
]
LONG = {
    *(
        "adding-a-family",
        "asr-ctc",
        "audit",
        "batch",
        "coming-from-scripts",
        "compare-modules",
        "debugging",
        "export",
        "first-conversion",
        "forks",
        "handoff",
        "only-a-recording",
        "pytest",
        "python-api",
        "reading-a-report",
        "recording",
        "speech-translation",
        "voice-conversion",
    ),
}
"""Pages that convert and prove in processes of their own; `make test-docs` runs them all."""
MATCHES = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.stem, marks=pytest.mark.slow if page.stem in LONG else ())
        for page in ACTIVE
    ],
)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    (tmp_path / "golden_audio").symlink_to(golden_folder())
    make_environment(tmp_path / "fairseq-env")
    for block in read_blocks(page):
        if block.not_run is None:
            do(block, tmp_path)


def make_environment(folder: Path) -> None:
    """An environment with fairseq, by another name: this one."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W ignore "$@"\n')
    python.chmod(0o755)


def do(block: Block, folder: Path) -> None:
    if block.title is not None:
        path = folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    elif block.language == "python":
        done = run([sys.executable, "-W", "ignore", "-c", block.text], folder)
        assert done.returncode == 0, f"{block.where}\n{done.stderr}"
    elif block.language == "console":
        for command in block.commands:
            done = run(shlex.split(command.line), folder)
            printed = done.stdout + (done.stderr if command.exit_code else "")
            said = f"{block.where}: {command.line}\n{done.stdout}\n{done.stderr}"
            assert done.returncode == command.exit_code, said
            if command.output.strip():
                checker = doctest.OutputChecker()
                assert checker.check_output(command.output, printed, MATCHES), said


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    here = Path(sys.executable).parent
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {
        "PATH": f"{here}{os.pathsep}{environment['PATH']}",
        "COLUMNS": "120",
        "OMP_NUM_THREADS": "1",
        "PYTHONUTF8": "1",
        "TOOLKIT_CACHE": str(folder / "cache"),
    }
    return subprocess.run(
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)
def test_a_block_is_at_least_well_formed(block: Block) -> None:
    if block.language == "python":
        ast.parse(block.text)
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "yaml":
        yaml.safe_load(block.text)
    elif block.language == "console":
        assert block.commands
        for command in block.commands:
            parse(shlex.split(command.line))


def parse(words: list[str]) -> None:
    """Refuses a command of ours with an argument or option that it does not have."""
    if words[0] != "toolkit":
        return
    group = app
    if words[1].startswith("-"):
        assert words[1] in {name for option in group.params for name in option.opts}
        return
    command = group.commands[words[1]]
    command.make_context(words[1], words[2:], resilient_parsing=False)


def test_an_unknown_option_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["toolkit", "verify", "model.pt", "hf", "--nonsense"])


def test_wrong_output_and_a_wrong_exit_code_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for text in ("$ echo right\nwrong\n", "$ false\n", "<!-- exit: 1 -->\n```console\n$ true\n"):
        fenced = text if text.startswith("<!--") else f"```console\n{text}"
        page.write_text(f"{fenced}```\n")
        (block,) = read_blocks(page)
        with pytest.raises(AssertionError):
            do(block, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_command_hides_outside_of_a_console_block(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert not re.search(r"^ {4,}(\$ |toolkit |python |pip )", text, flags=re.M)


def test_what_is_not_run_is_little_and_has_a_reason() -> None:
    left_out = [block for block in BLOCKS if block.not_run is not None]
    assert len(left_out) <= 4
    assert all(len(str(block.not_run)) > 10 for block in left_out)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_page_names_a_place_of_this_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|work|opt|tmp)/", text)
    assert not re.search(r"(pypi|pythonhosted|huggingface)\.(org|co)\b", text)


def test_the_tolerances_are_those_of_the_page() -> None:
    from toolkit.compare import tolerances

    text = (DOCS / "verdicts.md").read_text(encoding="utf-8")
    rows = {
        line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| `")
    }
    for level, numbers in {
        "weights": (tolerances.EFFECTIVE_WEIGHT,),
        "front_end": (tolerances.FRONT_END,),
        "modules": (tolerances.ISOLATED, tolerances.ROUNDED),
        "logits": (tolerances.ISOLATED, tolerances.LOGITS_FLOAT32),
        "beam": (tolerances.BEAM_SCORE,),
        "padding": (tolerances.PADDED_LOGITS,),
    }.items():
        for number in numbers:
            assert f"{number:.0e}".replace("e-0", "e-") in rows[f"`{level}`"], level
    assert f"{tolerances.PROPAGATED:.0f} times fairseq's own error" in text


def test_every_level_has_a_row() -> None:
    from tests.levels import LEVEL_NAMES

    text = (DOCS / "verdicts.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in LEVEL_NAMES)


LIMITS = {"mapping": ("mapping-files.md", "security.md")}
"""Pages that state how large a file may be, by what it is."""


def stated_kib(page: str) -> list[int]:
    """All sizes that a page states."""
    text = (DOCS / page).read_text(encoding="utf-8")
    factors = {"KiB": 1, "MiB": 1024, "GiB": 1024**2}
    return [int(n) * factors[unit] for n, unit in re.findall(r"(\d+) ([KMG]iB)", text)]


def test_every_page_states_the_limit_of_the_code() -> None:
    from toolkit.mapping.document import MAX_BYTES

    for page in LIMITS["mapping"]:
        assert stated_kib(page) == [MAX_BYTES // 1024], page


def test_a_limit_that_no_test_holds_is_stated_nowhere() -> None:
    stating = {page.name for page in PAGES if stated_kib(page.name)}
    assert stating == {page for pages in LIMITS.values() for page in pages}


def test_the_page_of_the_hub_states_what_is_fetched_and_what_is_not() -> None:
    text = (DOCS / "hub.md").read_text(encoding="utf-8")
    fetched, _, left = text.partition("## What is fetched")[2].partition("everything but")
    assert {*re.findall(r"`(\.\w+)`", fetched)} == {*hub._CHECKPOINTS, *COMPANION_SUFFIXES}
    assert {*re.findall(r"`(\.\w+)`", left)} == {name.lstrip("*") for name in hub._UNREAD}


WHOLE_TASKS = {"From a clone to a proven folder": 4, "From a broken folder to a mended one": 2}


@pytest.mark.parametrize(("heading", "most"), WHOLE_TASKS.items())
def test_a_whole_task_takes_few_commands(heading: str, most: int, tmp_path: Path) -> None:
    text = (DOCS / "asr-ctc.md").read_text(encoding="utf-8")
    part = tmp_path / "part.md"
    part.write_text(text.partition(f"## {heading}\n")[2].partition("\n## ")[0], encoding="utf-8")
    blocks = [block for block in read_blocks(part) if block.language == "console"]
    assert 0 < sum(len(block.commands) for block in blocks) <= most
