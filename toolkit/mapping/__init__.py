"""Rules that rename and reshape tensors: patterns, operations, and the plan that they make."""

from toolkit.mapping.inverse import Inverse, Recovery, invert_plan, made_by, plan_back
from toolkit.mapping.ops import Copy, Identity, Op, Pick, Sinusoids, SplitWeightNorm, Zeros
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
    "Inverse",
    "Op",
    "Pick",
    "PlacedRow",
    "Plan",
    "Recovery",
    "Row",
    "Rule",
    "Sinusoids",
    "SplitWeightNorm",
    "Table",
    "Tie",
    "Transpose",
    "Zeros",
    "dropped_tensors",
    "fit_plan",
    "invert_plan",
    "made_by",
    "make_plan",
    "plan_back",
    "unclaimed_tensors",
]
