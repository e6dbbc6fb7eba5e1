"""The command line that gives a result once more, with every option that bears on it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from toolkit.core.origin import spelled
from toolkit.session.groups import Request
from toolkit.session.options import Argument, Item, typed_items


def command_line(request: Request, spell: Callable[[Path], str] = spelled) -> str:
    """Returns what a shell runs; what has its default is left out.

    Args:
        request: What is asked.
        spell: How a path is written.
    """
    items = typed_items(type(request))
    arguments = [item for item in items if isinstance(item.named, Argument)]
    words = ["toolkit", request.command]
    words += [_argument(spell(getattr(request, item.name))) for item in arguments]
    for item in items:
        if item not in arguments and request.gives(item) and not item.named.not_repeated:
            words += _option(item, getattr(request, item.name), spell)
    return shlex.join(words)


def _argument(text: str) -> str:
    """A path that is not taken for an option."""
    return f"./{text}" if text.startswith("-") else text


def _option(item: Item, value: object, spell: Callable[[Path], str]) -> Iterator[str]:
    if isinstance(value, bool):
        yield item.typed if value else item.typed.replace("--", "--no-", 1)
        return
    for part in value if isinstance(value, Sequence) and not isinstance(value, str) else (value,):
        yield item.typed
        if isinstance(part, Mapping):
            yield json.dumps(dict(part))
        else:
            yield spell(part) if isinstance(part, Path) else str(part)
