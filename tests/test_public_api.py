"""The public face of the package."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import pytest

import toolkit


def test_the_public_names_are_these() -> None:
    assert toolkit.__all__ == [
        "BadInput",
        "BrokenRule",
        "Inspection",
        "InternalError",
        "Result",
        "ToolkitError",
        "convert",
        "diff",
        "inspect",
        "verify",
    ]


@pytest.mark.parametrize("name", toolkit.__all__)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    assert getattr(toolkit, name).__doc__


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        getattr(toolkit, "nonsense")  # noqa: B009


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, toolkit\nassert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_says_that_it_is_typed() -> None:
    assert files("toolkit").joinpath("py.typed").is_file()
