"""Rules that rename and reshape tensors: patterns, operations, and the plan that they make."""

from toolkit.mapping.ops import Copy, Identity, Op, SplitWeightNorm, Zeros
from toolkit.mapping.plan import Assignment, Plan, make_plan
from toolkit.mapping.rules import Drop, Fill, Row, Rule, Table, Tie

__all__ = [
    "Assignment",
    "Copy",
    "Drop",
    "Fill",
    "Identity",
    "Op",
    "Plan",
    "Row",
    "Rule",
    "SplitWeightNorm",
    "Table",
    "Tie",
    "Zeros",
    "make_plan",
]
