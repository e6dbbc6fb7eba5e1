"""Rules that rename and reshape tensors: patterns, operations, and the plan that they make."""

from toolkit.mapping.ops import (
    Copy,
    Identity,
    Ones,
    Op,
    Pick,
    Sinusoids,
    Split,
    SplitWeightNorm,
    Zeros,
)
from toolkit.mapping.plan import (
    Assignment,
    Plan,
    dropped_tensors,
    fit_plan,
    make_plan,
    unclaimed_tensors,
)
from toolkit.mapping.rules import Drop, Fill, PlacedRow, Row, Rule, Table, Tie, Transpose

__all__ = [
    "Assignment",
    "Copy",
    "Drop",
    "Fill",
    "Identity",
    "Ones",
    "Op",
    "Pick",
    "PlacedRow",
    "Plan",
    "Row",
    "Rule",
    "Sinusoids",
    "Split",
    "SplitWeightNorm",
    "Table",
    "Tie",
    "Transpose",
    "Zeros",
    "dropped_tensors",
    "fit_plan",
    "make_plan",
    "unclaimed_tensors",
]
