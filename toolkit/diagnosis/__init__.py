"""From numbers to findings: where a fault is, which rule wrote it, what to change."""

from toolkit.diagnosis.findings import Evidence, find_faults

__all__ = ["Evidence", "find_faults"]
