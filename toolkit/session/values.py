"""Values that are written as text."""

from __future__ import annotations

from pathlib import Path

from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonDict


def read_json_object(option: str, text: str) -> JsonDict:
    """The object that a text of JSON is, or that the file of such a name holds.

    Args:
        option: Who asks, as it is typed.
        text: JSON itself, or the path of a file of it.

    Raises:
        BadInput: it is none.
    """
    from toolkit.folder.plain_json import parse_json, read_json

    try:
        inline = text.lstrip().startswith("{")
        values = parse_json(text.encode()) if inline else read_json(Path(text))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{option}` must be a JSON object or a file of one, but {reason_of(error)}. "
            "Write it as '{\"key\": value}'."
        ) from error
    if not isinstance(values, dict):
        raise BadInput(
            f"`{option}` must be a JSON object, but is {type(values).__name__}. "
            "Write it as '{\"key\": value}'."
        )
    return values
