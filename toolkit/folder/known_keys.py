"""Whether the classes of a folder read the keys that a user names."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from toolkit.core.errors import BadInput
from toolkit.core.json import JsonObject
from toolkit.folder.view import class_aliases, class_defaults, parts_of

_LIKE = 0.4
"""How alike a key must be to be meant: `heads` is `num_attention_heads`."""


def expect_known_keys(config: JsonObject, named: Mapping[str, JsonObject]) -> None:
    """Refuses a key that no class reads: transformers keeps it, and it changes nothing.

    Args:
        config: What `config.json` is to hold.
        named: Values by part and key, as a user gives them.

    Raises:
        BadInput: a key is none of its part.
    """
    for part, values in named.items():
        group = config.get(part, {}) if parts_of(config) else config
        known = [*class_defaults(group), *class_aliases(group)]
        for key in values:
            if key not in known:
                raise BadInput(
                    f"`--{part}-config` must give values of keys that the model's class reads, but "
                    f"`{key}` is none.{_meant(key, known)} `toolkit inspect CHECKPOINT --all` "
                    "lists those that were found."
                )


def _meant(key: str, known: list[str]) -> str:
    near = [name for name in known if key in name] or get_close_matches(key, known, cutoff=_LIKE)
    return f" Did you mean {' or '.join(f'`{name}`' for name in near[:3])}?" if near else ""
