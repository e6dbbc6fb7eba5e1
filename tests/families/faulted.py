"""What `toolkit faults` has to say of a conversion whose faults are all blamed rightly."""

from __future__ import annotations

from toolkit.core.outcomes import FaultsResult


def check_all_blamed(result: FaultsResult) -> None:
    """Checks that every fault is found and blamed first, and that nothing else is blamed."""
    assert len(result.singles) >= 200
    assert [o.name for o in result.singles if not (o.detected and o.blamed)] == []
    assert [o.name for o in result.doubles if not o.both] == []
    assert result.extras == {}
    assert result.noted.right == result.noted.total > 0
