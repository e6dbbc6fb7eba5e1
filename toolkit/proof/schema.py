"""The schemas of the documents that travel, and how a document is held against its own."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from toolkit.core.json import JsonDict, JsonObject

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

MAX_WORDS = 200


def schema(name: str) -> JsonDict:
    """The JSON schema of a kind of documents.

    Args:
        name: The kind: `verification`, `card`, `index`.
    """
    text = (files("toolkit.proof") / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    read: JsonDict = json.loads(text)
    return read


def maybe_breach(name: str, document: JsonObject) -> str | None:
    """Where a document does not follow its schema, worded to follow "but"; None if it does.

    Args:
        name: The kind of the document.
        document: What it says.
    """
    from jsonschema.exceptions import best_match

    error = best_match(_validator(name).iter_errors(document))
    if error is None:
        return None
    return f"`{error.json_path}` does not follow the schema: {error.message[:MAX_WORDS]}"


@lru_cache(maxsize=4)
def _validator(name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema(name))
