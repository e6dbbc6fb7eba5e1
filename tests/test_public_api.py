"""The public face of the package."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import click
import pytest

import toolkit


def test_the_public_names_are_these() -> None:
    assert toolkit.__all__ == [
        "Audited",
        "BadInput",
        "BrokenRule",
        "Example",
        "Inference",
        "Inspection",
        "InternalError",
        "NotRecorded",
        "PlannedConversion",
        "PlannedExport",
        "Recording",
        "Result",
        "Runner",
        "ToolkitError",
        "assert_modules_agree",
        "assert_parity",
        "audit",
        "carry_weights",
        "compare_modules",
        "convert",
        "diff",
        "export",
        "extract_features",
        "infer",
        "inspect",
        "plan_conversion",
        "plan_export",
        "record",
        "verify",
    ]


@pytest.mark.parametrize("name", toolkit.__all__)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    assert getattr(toolkit, name).__doc__


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        getattr(toolkit, "nonsense")  # noqa: B009


def test_what_there_is_is_listed_before_it_is_imported() -> None:
    assert set(toolkit.__all__) <= set(dir(toolkit))
    assert "__version__" in dir(toolkit)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, toolkit\nassert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_says_that_it_is_typed() -> None:
    assert files("toolkit").joinpath("py.typed").is_file()


FUNCTIONS = (
    "assert_parity",
    "audit",
    "convert",
    "diff",
    "export",
    "extract_features",
    "infer",
    "inspect",
    "plan_conversion",
    "plan_export",
    "record",
    "verify",
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_typed_and_documented(name: str) -> None:
    function = getattr(toolkit, name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter
        assert f"{parameter.name}: " in function.__doc__, parameter
    assert "Raises:" in function.__doc__


@pytest.mark.parametrize(
    "name", ["audit", "convert", "diff", "export", "infer", "inspect", "record", "verify"]
)
def test_the_options_of_the_command_are_the_arguments_of_the_function(name: str) -> None:
    from toolkit.cli import app

    command = app.commands[name]
    taken = command.get_params(click.Context(command, help_option_names=[]))
    options = {option.name for option in taken}
    own = set(inspect.signature(getattr(toolkit, name)).parameters) - {"progress", "pictures"}
    shown = {"html", "json_path", "quiet", "everything", "dry_run"}
    assert options - shown - {"force", "debug"} == own


def test_the_examples_of_the_package_are_true(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, golden_checkpoint: Path
) -> None:
    (tmp_path / "golden_audio").symlink_to(golden_checkpoint.parents[1])
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testmod(toolkit, optionflags=doctest.ELLIPSIS)
    assert outcome.attempted >= 7
    assert outcome.failed == 0
