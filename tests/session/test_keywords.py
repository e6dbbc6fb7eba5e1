"""A function of a request is one of the request's fields, for people and for type checkers."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.core.errors import BadInput
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.verify import Verify


@keywords_of(Verify)
def ask(request: Verify) -> Verify:
    """Returns what was asked.

    Returns:
        The request.

    Raises:
        BadInput: a value is none.
    """
    return request


def test_the_function_takes_the_fields() -> None:
    asked = ask(Path("m.pt"), Path("hf"), beam=False, audio=[Path("a.flac")])
    assert asked == Verify(Path("m.pt"), Path("hf"), beam=False, audio=(Path("a.flac"),))


def test_values_are_checked_first() -> None:
    with pytest.raises(BadInput, match="`--dtype` must be one of"):
        ask(Path("m.pt"), Path("hf"), dtype="int8")


def test_what_is_no_field_is_no_argument() -> None:
    with pytest.raises(TypeError, match="nonsense"):
        ask(Path("m.pt"), Path("hf"), nonsense=1)  # type: ignore[call-arg]


def test_the_signature_says_types_and_defaults() -> None:
    parameters = inspect.signature(ask).parameters
    assert list(parameters)[:2] == ["checkpoint", "hf_dir"]
    assert parameters["hf_dir"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert parameters["beam"].kind is inspect.Parameter.KEYWORD_ONLY
    assert (parameters["beam"].annotation, parameters["beam"].default) == (bool, True)
    assert parameters["spm"].annotation == Path | None


def test_the_documentation_has_its_arguments_in_their_place() -> None:
    text = inspect.getdoc(ask) or ""
    assert text.startswith("Returns what was asked.\n\nArgs:\n    checkpoint: ")
    assert text.index("Args:") < text.index("\n\nReturns:\n") < text.index("\n\nRaises:\n")
    assert max(map(len, text.splitlines())) <= 92


WRONG = """\
from pathlib import Path
import toolkit
toolkit.verify(Path("m.pt"), Path("hf"), beam=False, audio=[Path("a")], dict=None)
toolkit.verify(Path("m.pt"))
toolkit.verify(Path("m.pt"), Path("hf"), beem=False)
toolkit.inspect(Path("m.pt"), beam=False)
toolkit.convert(Path("m.pt"), Path("out"), max_shard_bytes="7")
toolkit.diff(Path("m.pt"), Path("hf")).verdikt
"""


@pytest.mark.slow
def test_a_type_checker_sees_the_arguments(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("wrong.py:")]
    errors = {int(line.split(":")[1]): line.rpartition("[")[2] for line in lines if "error" in line}
    assert errors == {
        4: "call-arg]",
        5: "call-arg]",
        6: "call-arg]",
        7: "arg-type]",
        8: "attr-defined]",
    }, done.stdout
