"""The state of the pickle machine: stack, marks, memo, and the bounds that keep them small."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from toolkit.checkpoint.constructors import find_constructor
from toolkit.checkpoint.keys import check_key
from toolkit.checkpoint.values import Global, Opaque, quote, type_name
from toolkit.core.errors import BadInput

MAX_WORK = 3_000_000
"""Opcodes plus copied values. A 1000-tensor checkpoint with optimizer state takes some 200,000, and
one that carries a dictionary of 250,000 symbols 1.5 million; three million end within seconds."""

MAX_STACK = 1_000_000
"""Values on the stack, marks included. Writers flush containers every 1000 values."""

WORK_PER_STORAGE = 64
"""What a file may cost beside that for each storage in it: a tensor takes some 40 opcodes."""

MAX_MEMO = 10_000_000
"""Remembered values. Writers remember about every third one, so the work is reached first."""

MAX_MEMO_INDEX = (1 << 32) - 1
"""What the binary opcodes can say. In text an index may have any length, and indices can be chosen
so that all of them collide in a dict."""

MAX_INT_BITS = 1024
"""Python refuses to print integers of more than some 14,000 bits; real ones have 64, and the magic
number of torch 80."""

WORK_PER_RECORD = 4
"""An `Opaque` takes as much memory as some four plain values."""

FindPersistent = Callable[[object], object]
"""Turns a persistent id into the value it stands for; raises ValueError if it cannot."""


class Machine:
    """Interprets nothing by itself: the operations in `opcodes.py` act on it."""

    def __init__(self, *, label: str, find_persistent: FindPersistent, max_work: int) -> None:
        self.opcode = "PROTO"
        self.position = 0
        self.find_persistent = find_persistent
        self._label = label
        self._work_left = max_work
        self._stack: list[object] = []
        self._marked: list[list[object]] = []
        self._memo: dict[int, object] = {}
        self._stack_size = 0

    def refuse(self, found: str) -> NoReturn:
        """Ends the run, naming the opcode and its place.

        Raises:
            BadInput: Always.
        """
        raise BadInput(
            f"`{self._label}` must be a pickle of plain data and tensors, but opcode {self.opcode} "
            f"at byte {self.position} {found}. Get the file again from its origin; if it is the "
            f"same there, do not open it with a tool that runs pickles."
        )

    def spend(self, work: int) -> None:
        """Charges work, so that a small file cannot ask for a large computation."""
        self._work_left -= work
        if self._work_left < 0:
            self.refuse("goes beyond the amount of work that any checkpoint needs")

    def push(self, value: object) -> None:
        """Puts a value on the stack."""
        self._grow()
        self._stack.append(value)

    def pop(self) -> object:
        """Takes the top value; never one below the last mark."""
        if not self._stack:
            self.refuse("takes a value from an empty stack")
        self._stack_size -= 1
        return self._stack.pop()

    def top(self) -> object:
        """Returns the top value and leaves it there."""
        if not self._stack:
            self.refuse("looks at a value on an empty stack")
        return self._stack[-1]

    def discard(self) -> None:
        """Drops the top value, or the last mark if nothing lies above it."""
        if self._stack or not self._marked:
            self.pop()
        else:
            self.pop_to_mark()

    def mark(self) -> None:
        """Starts a new group of values."""
        self._grow()
        self._marked.append(self._stack)
        self._stack = []

    def pop_to_mark(self) -> list[object]:
        """Takes all values above the last mark, and the mark."""
        if not self._marked:
            self.refuse("looks for a mark that was never set")
        group, self._stack = self._stack, self._marked.pop()
        self._stack_size -= len(group) + 1
        return group

    def remember(self, index: int | None = None) -> None:
        """Writes the top value into the memo."""
        if len(self._memo) >= MAX_MEMO:
            self.refuse(f"remembers more than {MAX_MEMO} values")
        if index is not None and not 0 <= index <= MAX_MEMO_INDEX:
            self.refuse(f"remembers a value under {quote(str(index))}, which is no index")
        self._memo[len(self._memo) if index is None else index] = self.top()

    def recall(self, index: int) -> None:
        """Pushes a remembered value."""
        if index not in self._memo:
            self.refuse(f"recalls memo entry {quote(str(index))}, which was never written")
        self.push(self._memo[index])

    def check_key(self, key: object, *, crowd: int) -> None:
        """Refuses a key that cannot be hashed, or not quickly."""
        try:
            check_key(key, crowd=crowd, spend=self.spend)
        except ValueError as error:
            self.refuse(str(error))

    def build(self, callee: object, args: object, kwargs: dict[object, object]) -> object:
        """Returns what a call in the file stands for. Nothing of the file is called."""
        if not isinstance(callee, Global):
            self.refuse(f"calls {type_name(callee)}, where the name of a class is expected")
        if not isinstance(args, tuple):
            self.refuse(f"gives `{callee}` {type_name(args)} as arguments, which must be a tuple")
        construct = None if kwargs else find_constructor(callee)
        if construct is None:
            self.spend(WORK_PER_RECORD)
            return Opaque(global_=callee, args=args, kwargs=kwargs)
        try:
            return construct(args, self.spend)
        except ValueError as error:
            self.refuse(f"gives `{callee}` arguments that it does not take: {quote(str(error))}")

    def _grow(self) -> None:
        self._stack_size += 1
        if self._stack_size > MAX_STACK:
            self.refuse(f"puts more than {MAX_STACK} values on the stack")
