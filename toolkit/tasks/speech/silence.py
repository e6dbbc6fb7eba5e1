"""What a task without words has in place of texts, and of a tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.core.errors import InternalError

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.core.tokens import ClipTokens
    from toolkit.folder.contents import FolderContents
    from toolkit.oracle.asking import AnyReference
    from toolkit.trial.bench import Run


def no_texts(_: object) -> tuple[str, ...]:
    """There are none."""
    return ()


def no_tokens(run: Run) -> ClipTokens:
    """Nobody asks what was said about a clip that was not searched.

    Raises:
        InternalError: somebody did.
    """
    raise InternalError(f"`{run.clip.name}` was not searched, as the model has no words")


def write_nothing(contents: FolderContents, folder: Path) -> None:
    """A folder without words has no tokenizer."""


def no_vocabulary(contents: FolderContents, reference: AnyReference, texts: object) -> None:
    """The checkpoint implies no tokenizer."""


def tell_nothing(*_: object) -> tuple[()]:
    """A stock class is exact: there is no difference to declare, and no other way to use it."""
    return ()
