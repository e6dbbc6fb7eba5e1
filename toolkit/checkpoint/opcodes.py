"""What each pickle opcode does to the machine. An opcode that is not in the table is refused."""

from __future__ import annotations

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterable
from typing import Any

from toolkit.checkpoint.machine import MAX_INT_BITS, Machine
from toolkit.checkpoint.values import Global, Opaque, TensorRef, quote, type_name

Operation = Callable[[Machine, Any], None]
"""Acts on the machine, given the argument that follows the opcode in the file."""

MAX_PROTOCOL = 5

WORK_PER_SET = 4
"""An empty set takes as much memory as some four plain values."""

WORK_PER_REFERENCE = 2
"""Looking at a persistent id takes longer than an average opcode."""

MAX_NAME_CHARS = 1000
"""Longest name of a module or class; longer ones would be copied into every mention of them."""


def find_operation(opcode: str) -> Operation | None:
    """Returns what an opcode does, or None if it has no business in a checkpoint."""
    return _OPERATIONS.get(opcode)


def _check_protocol(machine: Machine, protocol: int) -> None:
    if protocol > MAX_PROTOCOL:
        machine.refuse(f"announces protocol {protocol}, where at most {MAX_PROTOCOL} is known")


def _ignore(_machine: Machine, _argument: object) -> None:
    # A frame only helps a reader to fetch bytes ahead.
    pass


def _push(machine: Machine, argument: object) -> None:
    machine.push(argument)


def _push_int(machine: Machine, number: int) -> None:
    if number.bit_length() > MAX_INT_BITS:
        machine.refuse(f"holds an integer of more than {MAX_INT_BITS} bits")
    machine.push(number)


def _push_old_text(machine: Machine, text: str) -> None:
    # Text of Python 2: its bytes arrive as latin-1, and were most often UTF-8.
    try:
        machine.push(text.encode("latin-1").decode("utf-8"))
    except UnicodeError:
        machine.push(text)


def _make_set(machine: Machine, _argument: object) -> None:
    machine.spend(WORK_PER_SET)
    machine.push(set())


def _constant(make: Callable[[], object]) -> Operation:
    return lambda machine, _argument: machine.push(make())


def _make_tuple_of(size: int) -> Operation:
    def operation(machine: Machine, _argument: object) -> None:
        values = [machine.pop() for _ in range(size)]
        machine.push(tuple(reversed(values)))

    return operation


def _make_tuple(machine: Machine, _argument: object) -> None:
    machine.push(tuple(machine.pop_to_mark()))


def _make_list(machine: Machine, _argument: object) -> None:
    machine.push(machine.pop_to_mark())


def _make_dict(machine: Machine, _argument: object) -> None:
    group = machine.pop_to_mark()
    machine.push({})
    _set_items(machine, group)


def _make_frozenset(machine: Machine, _argument: object) -> None:
    group = machine.pop_to_mark()
    machine.spend(WORK_PER_SET)
    for number, member in enumerate(group):
        machine.check_key(member, crowd=number)
    machine.push(frozenset(group))


def _append(machine: Machine, _argument: object) -> None:
    member = machine.pop()
    _extend(machine, [member])


def _append_many(machine: Machine, _argument: object) -> None:
    _extend(machine, machine.pop_to_mark())


def _extend(machine: Machine, members: list[object]) -> None:
    target = machine.top()
    if isinstance(target, Opaque):
        target.members.extend(members)
    elif isinstance(target, list):
        target.extend(members)
    else:
        machine.refuse(f"appends to {type_name(target)}, where a list is expected")


def _add_many(machine: Machine, _argument: object) -> None:
    members = machine.pop_to_mark()
    target = machine.top()
    if isinstance(target, Opaque):
        target.members.extend(members)
    elif isinstance(target, set):
        _add_members(machine, target, members)
    else:
        machine.refuse(f"adds to {type_name(target)}, where a set is expected")


def _add_members(machine: Machine, target: set[object], members: Iterable[object]) -> None:
    for member in members:
        machine.check_key(member, crowd=len(target))
        target.add(member)


def _set_one(machine: Machine, _argument: object) -> None:
    value, key = machine.pop(), machine.pop()
    _set_items(machine, [key, value])


def _set_many(machine: Machine, _argument: object) -> None:
    _set_items(machine, machine.pop_to_mark())


def _set_items(machine: Machine, flat: list[object]) -> None:
    if len(flat) % 2:
        machine.refuse("sets a key without a value")
    target = machine.top()
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    if isinstance(target, Opaque):
        target.items.extend(pairs)
    elif isinstance(target, dict):
        _fill_dict(machine, target, pairs)
    else:
        machine.refuse(f"sets items of {type_name(target)}, where a dict is expected")


def _fill_dict(
    machine: Machine, target: dict[object, object], pairs: list[tuple[object, object]]
) -> None:
    for key, value in pairs:
        machine.check_key(key, crowd=len(target))
        target[key] = value


def _discard(machine: Machine, _argument: object) -> None:
    machine.discard()


def _discard_to_mark(machine: Machine, _argument: object) -> None:
    machine.pop_to_mark()


def _duplicate(machine: Machine, _argument: object) -> None:
    machine.push(machine.top())


def _mark(machine: Machine, _argument: object) -> None:
    machine.mark()


def _remember(machine: Machine, index: int | None) -> None:
    machine.remember(index)


def _recall(machine: Machine, index: int) -> None:
    machine.recall(index)


def _name_from_argument(machine: Machine, pair: str) -> None:
    module, _, name = pair.partition(" ")
    machine.push(_make_global(machine, module, name))


def _name_from_stack(machine: Machine, _argument: object) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(module, str) or not isinstance(name, str):
        machine.refuse(f"names a class by {type_name(module)} and {type_name(name)}, not by texts")
    machine.push(_make_global(machine, module, name))


def _make_global(machine: Machine, module: str, name: str) -> Global:
    if len(module) > MAX_NAME_CHARS or len(name) > MAX_NAME_CHARS:
        machine.refuse(f"names a class by a text of more than {MAX_NAME_CHARS} characters")
    # Up to protocol 2, pickles name things as Python 2 did: `commands.Popen` is `subprocess.Popen`.
    module, name = NAME_MAPPING.get((module, name), (module, name))
    return Global(IMPORT_MAPPING.get(module, module), name)


def _call(machine: Machine, _argument: object) -> None:
    args, callee = machine.pop(), machine.pop()
    machine.push(machine.build(callee, args, {}))


def _call_with_names(machine: Machine, _argument: object) -> None:
    kwargs, args, callee = machine.pop(), machine.pop(), machine.pop()
    if not isinstance(kwargs, dict):
        machine.refuse(f"gives {type_name(kwargs)} as named arguments, which must be a dict")
    machine.push(machine.build(callee, args, kwargs))


def _set_state(machine: Machine, _argument: object) -> None:
    state, target = machine.pop(), machine.top()
    if isinstance(target, dict | TensorRef):
        return  # attributes beside the content, such as the `_metadata` of a state dict
    if not isinstance(target, Opaque):
        machine.refuse(f"sets attributes of {type_name(target)}, where an object is expected")
    if target.state is not None:
        machine.refuse(f"sets the attributes of {type_name(target)} a second time")
    target.state = state


def _find_persistent(machine: Machine, _argument: object) -> None:
    machine.spend(WORK_PER_REFERENCE)
    persistent_id = machine.pop()
    try:
        machine.push(machine.find_persistent(persistent_id))
    except ValueError as error:
        machine.refuse(f"refers to a value outside of the pickle that is not usable: {error}")


def _refuse_instance(machine: Machine, pair: str) -> None:
    machine.refuse(f"calls `{quote(pair.replace(' ', '.'))}` in a form that torch never writes")


_OPERATIONS: dict[str, Operation] = {
    "PROTO": _check_protocol,
    "FRAME": _ignore,
    **dict.fromkeys(["NONE", "FLOAT", "BINFLOAT"], _push),
    **dict.fromkeys(["INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"], _push_int),
    **dict.fromkeys(["STRING", "BINSTRING", "SHORT_BINSTRING"], _push_old_text),
    **dict.fromkeys(["UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"], _push),
    **dict.fromkeys(["SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"], _push),
    "NEWTRUE": _constant(lambda: True),
    "NEWFALSE": _constant(lambda: False),
    "EMPTY_LIST": _constant(list),
    "EMPTY_TUPLE": _constant(tuple),
    "EMPTY_DICT": _constant(dict),
    "EMPTY_SET": _make_set,
    "LIST": _make_list,
    "TUPLE": _make_tuple,
    "TUPLE1": _make_tuple_of(1),
    "TUPLE2": _make_tuple_of(2),
    "TUPLE3": _make_tuple_of(3),
    "DICT": _make_dict,
    "FROZENSET": _make_frozenset,
    "APPEND": _append,
    "APPENDS": _append_many,
    "ADDITEMS": _add_many,
    "SETITEM": _set_one,
    "SETITEMS": _set_many,
    "POP": _discard,
    "POP_MARK": _discard_to_mark,
    "DUP": _duplicate,
    "MARK": _mark,
    **dict.fromkeys(["PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"], _remember),
    **dict.fromkeys(["GET", "BINGET", "LONG_BINGET"], _recall),
    "GLOBAL": _name_from_argument,
    "STACK_GLOBAL": _name_from_stack,
    "REDUCE": _call,
    "NEWOBJ": _call,
    "NEWOBJ_EX": _call_with_names,
    "BUILD": _set_state,
    "BINPERSID": _find_persistent,
    "INST": _refuse_instance,
}
