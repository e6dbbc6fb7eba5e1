"""`assert_modules_agree`: two models in one assertion, in any test framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.result import Result
from toolkit.modules.comparing import compare_modules
from toolkit.modules.planning import Rules
from toolkit.modules.running import Inputs
from toolkit.replay.pairs import Layout
from toolkit.report.failing import describe_mismatch

if TYPE_CHECKING:
    from torch import nn


def assert_modules_agree(
    source: nn.Module,
    target: nn.Module,
    *,
    inputs: Inputs,
    target_inputs: Inputs | None = None,
    rules: Rules | None = None,
    outputs: Mapping[str, str] | None = None,
    layouts: Iterable[Layout] = (),
    leave_out: Mapping[str, str] | None = None,
    report: Path | None = None,
) -> Result:
    """The result of `toolkit.compare_modules`, if the two models do the same.

    Args:
        source: See `compare_modules`, as for all but the last.
        target: See there.
        inputs: See there.
        target_inputs: See there.
        rules: See there.
        outputs: See there.
        layouts: See there.
        leave_out: See there.
        report: Where an HTML report goes if they do not.

    Raises:
        AssertionError: they do not; says where, by how much, why, and what to change.
        BadInput: a model does not answer to its inputs, rules are missing, or a layout is open.
        BrokenRule: the rules do not cover the source's tensors exactly once.
    """
    result = compare_modules(
        source,
        target,
        inputs=inputs,
        target_inputs=target_inputs,
        rules=rules,
        outputs=outputs,
        layouts=layouts,
        leave_out=leave_out,
    )
    if result.verdict != "match":
        raise AssertionError("\n".join(describe_mismatch(result, report)))
    return result
