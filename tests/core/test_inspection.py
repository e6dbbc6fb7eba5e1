import json
from dataclasses import replace

import pytest

from toolkit.core.artifact import Artifact
from toolkit.core.coverage import Reason
from toolkit.core.inspection import ConfigField, Inspection

REASON = Reason(name="x", because="y")
INSPECTION = Inspection(
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


@pytest.mark.parametrize(
    ("unknown", "refusals", "shortcomings", "outcome"),
    [
        ((), (), (), "native"),
        ((), (), (REASON,), "bundled"),
        ((REASON,), (), (), "incomplete"),
        ((REASON,), (), (REASON,), "incomplete"),
        ((), (REASON,), (), "refused"),
        ((REASON,), (REASON,), (REASON,), "refused"),
    ],
)
def test_a_refusal_outweighs_an_unknown_value_and_that_a_shortcoming(
    unknown, refusals, shortcomings, outcome
):
    inspection = replace(INSPECTION, unknown=unknown, refusals=refusals, shortcomings=shortcomings)
    assert inspection.conversion == inspection.to_dict()["conversion"] == outcome


def test_an_inspection_becomes_strict_json():
    values = json.loads(json.dumps(INSPECTION.to_dict(), allow_nan=False))
    assert values["command"] == "inspect"
    assert values["fields"] == [
        {"name": "encoder.hidden_size", "value": 48, "evidence": "shape of x"}
    ]


def test_an_inspection_is_one_line_and_a_notebook_shows_what_decides_it():
    inspection = replace(INSPECTION, unknown=(REASON,), architectures=("A", "B"))
    assert repr(inspection) == "<Inspection: model.pt: xm_transformer, v0; incomplete>"
    page = inspection._repr_html_()
    assert "A + B" in page
    assert page.index("unknown") < page.index("encoder.hidden_size") < page.index("shape of x")
