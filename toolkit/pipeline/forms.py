"""Reads off a folder which classes it is written in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.bundled import maybe_config_class
from toolkit.families import Form
from toolkit.folder.plain_json import read_json


def read_form(folder: Path) -> Form | None:
    """The classes that a folder's `config.json` names, or None where it cannot be read."""
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    types = {name: _maybe_type(config.get(name)) for name in ("encoder", "decoder")}
    own = (_maybe_type(config), *types.values())
    return Form(
        encoder=types["encoder"],
        decoder=types["decoder"],
        carries_code=any(kind is not None and maybe_config_class(kind) is not None for kind in own),
    )


def _maybe_type(config: Any) -> str | None:
    if not isinstance(config, Mapping):
        return None
    kind = config.get("model_type")
    return kind if isinstance(kind, str) else None
