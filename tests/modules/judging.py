"""What a comparison says of a fault."""

from __future__ import annotations

import toolkit
from tests.modules.faults import Fault
from tests.modules.ports import Port
from toolkit.core.result import Result


def judge(port: Port, fault: Fault) -> Result:
    fault.do(port.target)
    return toolkit.compare_modules(port.source, port.target, **port.asked())


def problems(result: Result, fault: Fault) -> list[str]:
    """What is wrong with what was found; nothing where it is detected and blamed first."""
    if result.verdict != "mismatch" or not result.findings:
        return [f"{fault}: not detected"]
    first = result.findings[0]
    if not _is_at(first.target_module, fault):
        return [f"{fault}: blames `{first.target_module}`: {first.summary}"]
    name = first.hypothesis and first.hypothesis.name
    if fault.hypothesis is not None and name != fault.hypothesis:
        return [f"{fault}: says {name}: {first.summary}"]
    return []


def _is_at(path: str, fault: Fault) -> bool:
    return path in fault.at or (fault.within and path.startswith(tuple(f"{a}." for a in fault.at)))
