"""An inspection as people read it."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from toolkit.core.coverage import Reason
from toolkit.core.inspection import ConfigField, Inspection
from toolkit.core.result import Artifact
from toolkit.core.spec import NotFinite
from toolkit.report.inspection import print_inspection, render_inspection

REASON = Reason(name="encoder.num_attention_heads", because="assumed 1: heads are usually 64 wide")
PLAIN = Inspection(
    source=Artifact(path="model.pt", sha256="0" * 64),
    format="zip",
    family="xm_transformer",
    generation="v0",
    architecture="xm_transformer",
    tensors=2,
    parameters=12,
    dtypes={"float32": 2},
    has_optimizer_state=False,
    fields=(ConfigField(name="encoder.hidden_size", value=48, evidence="shape of x"),),
    assumptions=(),
    unknown=(),
    refusals=(),
    shortcomings=(),
    dropped=(),
    languages=("en",),
    sidecars={"dictionary": "dict.txt"},
)


@pytest.fixture(params=["terminal", "page"])
def show(request):
    """The words of an inspection, in the terminal or on its page."""

    def terminal(inspection):
        file = io.StringIO()
        print_inspection(inspection, Console(file=file, width=200, color_system=None))
        return file.getvalue()

    return {"terminal": terminal, "page": render_inspection}[request.param]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "stock transformers classes, exact"),
        ({"shortcomings": (REASON,)}, "classes that the folder carries, exact"),
        ({"unknown": (REASON,)}, "needs values"),
        ({"refusals": (REASON,)}, "refused: "),
        ({"not_finite": (NotFinite(name="w", nan=3, inf=1),)}, "refused: tensors that it would"),
        ({"not_finite": (NotFinite(name="w", nan=3, inf=1),)}, "3 NaN, 1 infinite"),
        ({"assumptions": (REASON,)}, "stock transformers classes, exact; under 1 assumption"),
        (
            {"assumptions": (REASON,) * 2, "shortcomings": (REASON,)},
            "stock ones are not; under 2 assumptions",
        ),
    ],
)
def test_what_a_conversion_will_do_is_said_with_its_assumptions(show, changes, words):
    assert words in show(replace(PLAIN, **changes))


@pytest.mark.parametrize("group", ["assumptions", "unknown", "refusals", "shortcomings", "dropped"])
def test_every_reason_is_shown(show, group):
    shown = show(replace(PLAIN, **{group: (REASON,)}))
    assert REASON.name in shown
    assert REASON.because in shown
    assert REASON.because not in show(PLAIN)


def test_without_assumptions_none_are_mentioned(show):
    assert "assum" not in show(PLAIN)
