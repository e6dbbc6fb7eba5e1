"""The bytes of a document that carries its own digest.

The digest is that of the document's canonical JSON without the digest: keys sorted, no spaces,
UTF-8. It shows that the document is as it was written, and nothing about who wrote it: whoever
changes it can seal it again.
"""

from __future__ import annotations

import hashlib
import json
from typing import cast

from toolkit.core.json import JsonDict, JsonObject
from toolkit.folder.plain_json import parse_json

SEAL = "seal"


class NotAsWrittenError(ValueError):
    """Bytes that are no sealed document as it was written; worded to follow "but"."""


def seal_of(document: JsonObject) -> str:
    """The sha256 of a document's canonical JSON, its own seal left out."""
    rest = {key: value for key, value in document.items() if key != SEAL}
    text = json.dumps(
        rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode("utf-8", errors="backslashreplace")).hexdigest()


def write_sealed(document: JsonObject) -> bytes:
    """The document as a file holds it, with its seal at the end."""
    return _render({**document, SEAL: seal_of(document)})


def read_sealed(content: bytes) -> JsonDict:
    """The document that a file holds, seal included.

    Raises:
        NotAsWrittenError: it is no JSON object, its seal is another's, or it is spelled otherwise
            than `write_sealed` spells it.
    """
    try:
        values = parse_json(content)
    except ValueError as error:
        raise NotAsWrittenError(f"it is no JSON: {' '.join(str(error).split())[:150]}") from error
    if not isinstance(values, dict) or not isinstance(values.get(SEAL), str):
        raise NotAsWrittenError("it has no seal")
    document = cast(JsonDict, values)
    if document[SEAL] != seal_of(document):
        raise NotAsWrittenError(
            "its seal is that of another text: it was changed after it was sealed"
        )
    if _render(document) != content:
        raise NotAsWrittenError("it was written anew after it was sealed")
    return document


def _render(document: JsonObject) -> bytes:
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return text.encode("utf-8", errors="backslashreplace")
