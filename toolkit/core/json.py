"""Data as JSON has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

JsonObject: TypeAlias = Mapping[str, Any]
"""What a file of JSON, YAML or TOML says, or fairseq's settings: anybody may have written any value
under any key, so that who reads one asks what it is."""
JsonDict: TypeAlias = dict[str, Any]
"""A `JsonObject` that may be changed, or has just been made."""


def plain(value: object) -> Any:
    """Data that `json.dumps` takes in its strict form: infinite numbers and NaN as strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
