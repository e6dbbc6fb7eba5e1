import io
import re

import pytest
from rich.console import Console

from toolkit.report.progress_bar import progress_bar

GB = 10**9
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def shown():
    """What a terminal shows last after some steps."""

    def draw(*steps, width=120):
        written = io.StringIO()
        console = Console(file=written, force_terminal=True, width=width)
        with progress_bar(console) as show:
            for step in steps:
                show(*step)
            written.truncate(0)
        return ANSI.sub("", written.getvalue())

    return draw


def test_steps_are_a_share(shown):
    text = shown(("comparing ru_2", 1, 4))
    assert "comparing ru_2" in text
    assert "25%" in text
    assert "bytes" not in text


def test_bytes_have_amount_rate_and_time_left(shown):
    steps = [("copying the weights", done * GB, 4 * GB, "bytes") for done in range(3)]
    text = shown(("reading the checkpoint", 0, 1), *steps)
    assert "copying the weights" in text
    assert "2.0/4.0 GB" in text
    assert "B/s" in text
    assert "0:0" in text
    assert "%" not in text


def test_steps_after_bytes_are_a_share_again(shown):
    text = shown(("copying the weights", GB, 4 * GB, "bytes"), ("loading both models", 1, 2))
    assert "50%" in text
    assert "GB" not in text


@pytest.mark.parametrize(
    ("step", "amount"),
    [((1, 4), " 25%"), ((GB, 4 * GB, "bytes"), "1.0/4.0 GB")],
)
def test_a_long_name_leaves_room_for_what_stands_beside_it(shown, step, amount):
    text = shown((f"swapped:{'layers.' * 20}", *step), width=80)
    assert "swapped:" in text
    assert amount in text
    assert "-:--:--" in text
