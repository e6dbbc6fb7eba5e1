"""A pickle machine of our own: it reads protocols 0 to 5 as data and calls nothing of the file.

Python's own unpickler imports and calls whatever the file names. Here a name stays a name
(`Global`), a call becomes a record (`Opaque`) unless it is one of the few harmless ones in
`constructors.py`, and every malformed or outsized stream ends in `BadInput`.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from toolkit.checkpoint.machine import MAX_WORK, FindPersistent, Machine
from toolkit.checkpoint.nesting import check_nesting
from toolkit.checkpoint.opcodes import Operation, find_operation
from toolkit.checkpoint.values import quote
from toolkit.checkpoint.window import Window
from toolkit.core.errors import BadInput


def refuse_persistent(_persistent_id: object) -> NoReturn:
    """Stands in where a pickle must not refer to anything outside of it.

    Raises:
        ValueError: Always.
    """
    raise ValueError("no storage is expected here")


def read_pickle(
    window: Window,
    *,
    label: str,
    find_persistent: FindPersistent = refuse_persistent,
    max_work: int = MAX_WORK,
) -> object:
    """Returns the value of the pickle that starts where the window stands.

    The window stands behind the pickle afterwards.

    Args:
        window: Where to read.
        label: What the messages call the pickle.
        find_persistent: Turns a persistent id into a value; raises ValueError if it cannot.
        max_work: Most opcodes and copied values.

    Raises:
        BadInput: The stream is malformed, outsized, or asks for more than data.
    """
    machine = Machine(label=label, find_persistent=find_persistent, max_work=max_work)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes in the text of old protocols
        value = _run(machine, window, label=label)
    check_nesting(value, label=label)
    return value


def _run(machine: Machine, window: Window, *, label: str) -> object:
    try:
        while _step(machine, window):
            pass
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"`{label}` must be a whole pickle, but cannot be decoded after byte "
            f"{machine.position}: {quote(str(error))}. The file is cut off or damaged; get it "
            f"again."
        ) from error
    return machine.pop()


def _step(machine: Machine, window: Window) -> bool:
    """Does what the next opcode says; returns whether more may follow."""
    position = window.tell()
    code = window.read(1)
    known = _OPCODES.get(code)
    if known is None:
        raise ValueError(
            f"opcode {code!r} is unknown" if code else "it is exhausted before its end"
        )
    name, read_argument, operation = known
    argument = read_argument(window) if read_argument else None
    machine.opcode, machine.position = name, position
    machine.spend(1)
    if name == "STOP":
        return False
    if operation is None:
        machine.refuse("has no business in a checkpoint")
    operation(machine, argument)
    return True


_OPCODES: dict[bytes, tuple[str, Callable[[Any], Any] | None, Operation | None]] = {
    opcode.code.encode("latin-1"): (
        opcode.name,
        opcode.arg.reader if opcode.arg else None,
        find_operation(opcode.name),
    )
    for opcode in pickletools.opcodes
}
"""By the byte in the file: the name, what reads the argument that follows, and what it does."""
