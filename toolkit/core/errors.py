"""The exception tree.

    ToolkitError
    ├── BadInput       the user's file, folder, option or environment is not what it must be
    │   └── NotRecorded    a recording of fairseq does not hold the answer
    ├── BrokenRule     a family's or a mapping file's rules do not fit the checkpoint
    └── InternalError  the toolkit broke its own promise; please report it

A parity mismatch is none of these: it is a result.
"""

from __future__ import annotations


class ToolkitError(Exception):
    """Base of every error that the toolkit raises on purpose.

    The message follows one order: the subject in backticks, what was expected, what was found,
    the next step.
    """


class BadInput(ToolkitError):
    """Something the user handed over cannot be used."""


class NotRecorded(BadInput):
    """A question that the recorder of a recording did not ask."""


class BrokenRule(ToolkitError):
    """Mapping rules do not cover a checkpoint exactly once on both sides."""


class InternalError(ToolkitError):
    """The toolkit broke one of its own invariants."""


def reason_of(error: BaseException) -> str:
    """What an error says, worded to follow "but": in one line, without numbers of the system."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, OSError) and error.strerror:
        return f"the system says: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
