"""A summary says what is open, and how much of it."""

from toolkit.core.artifact import Artifact
from toolkit.core.coverage import Reason
from toolkit.core.inferred import Inference, InferredRow, Undecided
from toolkit.report.inferred import MAX_SHOWN, summarize_inference

ROW = InferredRow(sources=("a",), targets=("b",), axes=None, order=(), evidence="its shape")


def test_what_is_open_is_counted_and_the_first_are_named() -> None:
    loose = tuple(
        Undecided(targets=(f"t{n}",), candidates=("x", "y"), because="nothing tells these apart")
        for n in range(MAX_SHOWN + 2)
    )
    said = summarize_inference(
        Inference(
            source=Artifact(path="fork.pt", sha256=None),
            like="family",
            family="family",
            written="mapping.yaml",
            held="nothing",
            because="nobody knows",
            rows=(ROW,),
            ambiguous=loose,
            dropped=(Reason(name="ema", because="nothing is like it"),),
            lacking=("mask",),
            next="toolkit convert fork.pt out --mapping mapping.yaml",
        ),
        80,
    )
    assert "ambiguous t0: nothing tells these apart; x, y" in said
    assert "and 2 ambiguities more" in said
    assert f"t{MAX_SHOWN}:" not in said
    assert "dropped   ema: nothing is like it" in said
    assert "lacking   mask" in said
