"""From numbers to findings: where a fault is, which rule wrote it, what to change."""

from toolkit.diagnosis.findings import Evidence, find_faults
from toolkit.diagnosis.inventory import take_inventory, take_notes
from toolkit.diagnosis.truth import Known, Truth

__all__ = ["Evidence", "Known", "Truth", "find_faults", "take_inventory", "take_notes"]
