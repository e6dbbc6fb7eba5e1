"""The table of defaults knows what the installed release has, and what releases 4 spelled out."""

from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.released.tabulate import SOURCES, tabulate
from toolkit.folder import released_defaults

TRANSFORMERS = distribution("transformers")


@pytest.fixture(scope="module")
def installed():
    files = {file: Path(str(TRANSFORMERS.locate_file(file))) for file, _ in SOURCES.values()}
    return tabulate([{name: path.read_text(encoding="utf-8") for name, path in files.items()}])


@pytest.mark.parametrize("table", SOURCES)
def test_every_default_of_the_installed_release_is_in_the_table(table, installed):
    known = getattr(released_defaults, table)
    assert len(installed[table]) > 10
    for key, values in installed[table].items():
        assert {*map(repr, values)} <= {*map(repr, known.get(key, ()))}, key


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("GENERATION", "max_length", 20),
        ("GENERATION", "num_assistant_tokens_schedule", "heuristic"),
        ("GENERATION", "return_legacy_cache", True),
        ("MODEL", "torchscript", False),
        ("MODEL", "pruned_heads", {}),
        ("MODEL", "tf_legacy_loss", False),
        ("MODEL", "do_sample", False),
    ],
)
def test_what_only_old_releases_have_is_in_the_table(table, key, value):
    assert value in getattr(released_defaults, table)[key]


def test_a_default_that_releases_disagree_on_is_there_in_every_version():
    path, _ = SOURCES["GENERATION"]
    first, second = (
        {path: f"class GenerationConfig:\n    def __init__(self, **kwargs):\n        {body}"}
        for body in ('kwargs.pop("a", 5)', 'kwargs.pop("a", 20)')
    )
    assert tabulate([first, second, first])["GENERATION"] == {"a": (5, 20)}
