import argparse
import enum
import pathlib
import pickle
import subprocess
import types
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import MISSING, OmegaConf

from toolkit.checkpoint.settings import MAX_DEPTH, MAX_NODES, to_plain
from toolkit.checkpoint.values import Global, Opaque, StorageRef, TensorRef
from toolkit.core.errors import BadInput

from .samples import read_bytes


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Words(str, enum.Enum):
    YES = "yes"


@dataclass
class Inner:
    color: Color = Color.RED
    rates: list = field(default_factory=lambda: [0.5, "x"])
    path: str = MISSING


@dataclass
class Outer:
    inner: Inner = field(default_factory=Inner)
    steps: int = 3
    same: int = "${steps}"
    maybe: Any = None
    flag: bool = True
    name: str = "n"


def plain(value, protocol=2):
    return to_plain(read_bytes(pickle.dumps(value, protocol)), subject="args")


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_namespace_becomes_its_attributes(protocol):
    args = argparse.Namespace(lr=[0.1], inner=argparse.Namespace(x=(1, None)))
    assert plain(args, protocol) == {"lr": [0.1], "inner": {"x": (1, None)}}


def test_a_simple_namespace_becomes_its_attributes():
    record = Opaque(global_=Global("types", "SimpleNamespace"), state={"a": 1})
    assert to_plain(record, subject="args") == vars(types.SimpleNamespace(a=1))


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_structured_configuration_becomes_plain(protocol):
    assert plain(OmegaConf.structured(Outer), protocol) == {
        "inner": {"color": "red", "rates": [0.5, "x"], "path": "???"},
        "steps": 3,
        "same": "${steps}",
        "maybe": None,
        "flag": True,
        "name": "n",
    }


def test_a_free_configuration_becomes_plain():
    cfg = OmegaConf.create({"a": [1, {"b": None}], "c": "${a}", "d": "???", 1: 2.5})
    assert plain(cfg) == {"a": [1, {"b": None}], "c": "${a}", "d": "???", 1: 2.5}


def test_a_configuration_that_is_itself_an_interpolation_stays_text():
    cfg = OmegaConf.create({"a": {"x": 1}, "b": "${a}"})
    cfg.b = OmegaConf.create({"y": 1})
    cfg._get_node("b")._set_value("${a}")
    assert plain(cfg)["b"] == "${a}"


def test_a_part_of_a_configuration_does_not_follow_its_parent():
    assert plain(OmegaConf.create({"a": {"b": 1}}).a) == {"b": 1}


@pytest.mark.parametrize("member", list(Color) + list(Words))
def test_an_enum_member_becomes_its_value(member):
    assert plain([member]) == [member.value]


def test_an_enum_of_numbers_becomes_its_value():
    record = Opaque(global_=Global("project.options", "Level"), args=(Level.HIGH.value,))
    assert to_plain(record, subject="args") == 3


@pytest.mark.parametrize(
    "record",
    [
        Opaque(global_=Global("subprocess", "Popen"), args=("touch x",)),
        Opaque(global_=Global("os", "system"), args=("touch x",)),
        Opaque(global_=Global("evil", "run"), args=("touch x",)),
        Opaque(global_=Global("evil", "Runner"), args=("a", "b")),
        Opaque(global_=Global("evil", "Runner"), args=("a",), state={"x": 1}),
        Opaque(global_=Global("evil", "Runner"), args=("a",), items=[(1, 2)]),
        Opaque(global_=Global("evil", "Runner"), args=(b"a",)),
    ],
)
def test_what_is_no_enum_stays_visible_by_name(record):
    assert to_plain([record], subject="args") == [f"<{record.global_}>"]


def test_a_name_stays_visible():
    assert plain([subprocess.Popen, torch.float16]) == ["<subprocess.Popen>", "<torch.float16>"]


@pytest.mark.parametrize("path", ["/a/b", "a", "", "../x.txt"])
def test_a_path_becomes_text(path):
    assert plain(pathlib.PurePosixPath(path)) == str(pathlib.PurePosixPath(path))


def test_a_windows_path_becomes_text():
    assert plain(pathlib.PureWindowsPath("C:/a/b")) == "C:\\a\\b"


def test_a_path_of_something_else_stays_visible():
    record = Opaque(global_=Global("pathlib", "PosixPath"), args=(1,))
    assert to_plain(record, subject="args") == "<pathlib.PosixPath>"
    record = Opaque(global_=Global("pathlib", "Strange"), args=("a",))
    assert to_plain(record, subject="args") == "<pathlib.Strange>"


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    "scalar",
    [
        np.float16(0.5),
        np.float32(0.0),
        np.float64(-1.5),
        np.int8(-3),
        np.int64(2**40),
        np.uint16(65535),
        np.bool_(False),
        np.array(7, dtype=">i4")[()],
    ],
)
def test_a_numpy_scalar_becomes_a_number(scalar, protocol):
    value = plain(scalar, protocol)
    assert (value, type(value)) == (scalar.item(), type(scalar.item()))


def test_a_big_endian_numpy_scalar_is_read_as_such():
    dtype = Opaque(global_=Global("numpy", "dtype"), args=("i4", 0, 1), state=(3, ">", None))
    scalar = Opaque(
        global_=Global("numpy.core.multiarray", "scalar"), args=(dtype, b"\x00\x00\x00\x07")
    )
    assert to_plain(scalar, subject="args") == 7


@pytest.mark.parametrize("content", [b"", b"\x00" * 9, "€"])
def test_a_numpy_scalar_of_the_wrong_size_is_described(content):
    dtype = Opaque(global_=Global("numpy", "dtype"), args=("i4", 0, 1))
    scalar = Opaque(global_=Global("numpy.core.multiarray", "scalar"), args=(dtype, content))
    assert to_plain(scalar, subject="args") == "<numpy scalar of dtype i4>"


@pytest.mark.parametrize("state", [(3, {}), (3, "!"), (3, None)])
def test_a_numpy_scalar_of_a_senseless_byte_order_is_described(state):
    dtype = Opaque(global_=Global("numpy", "dtype"), args=("i4", 0, 1), state=state)
    scalar = Opaque(global_=Global("numpy.core.multiarray", "scalar"), args=(dtype, b"\0" * 4))
    assert to_plain(scalar, subject="args") == "<numpy scalar of dtype i4>"


def test_other_numpy_values_are_described():
    assert plain(np.str_("abc")) == "<numpy scalar of dtype U3>"
    assert plain(np.arange(3)).startswith("<numpy.")
    record = Opaque(global_=Global("numpy.core.multiarray", "scalar"), args=())
    assert to_plain(record, subject="args") == "<numpy.core.multiarray.scalar>"


def test_values_that_are_no_settings_are_described():
    storage = StorageRef(key="0", dtype="float32", numel=6)
    tensor = TensorRef(storage=storage, dtype="float32", offset=0, shape=(6,), stride=(1,))
    assert to_plain([tensor, storage, b"ab", 1j], subject="args") == [
        "<tensor float32 (6,)>",
        "<storage float32 6>",
        "<2 bytes>",
        "<1j>",
    ]


def test_sets_become_sorted_lists():
    assert plain([{"b", "a"}, frozenset([2, 1])]) == [["a", "b"], [1, 2]]


def test_keys_stay_plain():
    assert plain({(1, 2): 1, b"k": 2, Color.RED: 3}) == {"(1, 2)": 1, "<1 bytes>": 2, "red": 3}


def test_half_a_surrogate_pair_becomes_printable():
    assert plain(["\ud800"]) == ["\\ud800"]


def test_attributes_in_slots_are_read():
    record = Opaque(global_=Global("argparse", "Namespace"), state=(None, {"a": 1}))
    assert to_plain(record, subject="args") == {"a": 1}


def test_attributes_that_are_none_are_no_settings():
    record = Opaque(global_=Global("omegaconf.nodes", "AnyNode"), state=7)
    assert to_plain(record, subject="args") == "<omegaconf.nodes.AnyNode>"


def test_settings_that_hold_themselves_are_refused():
    record = Opaque(global_=Global("argparse", "Namespace"))
    record.state = {"me": record}
    with pytest.raises(BadInput, match=r"`args` must be settings of at most 100 levels"):
        to_plain(record, subject="args")


def test_settings_up_to_the_bound_are_read_and_beyond_refused():
    nest = 0
    for _ in range(MAX_DEPTH):
        nest = [nest]
    assert to_plain(nest, subject="args") == nest
    with pytest.raises(BadInput, match="100 levels"):
        to_plain([nest], subject="args")


def test_settings_that_double_themselves_are_refused():
    bomb = [0]
    for _ in range(60):
        bomb = [bomb, bomb]
    with pytest.raises(BadInput, match=f"{MAX_NODES} values"):
        to_plain(bomb, subject="args")
