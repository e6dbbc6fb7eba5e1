import argparse
import collections
import contextlib
import pickle

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from toolkit.checkpoint.machine import MAX_MEMO, MAX_STACK
from toolkit.checkpoint.nesting import MAX_NESTING
from toolkit.checkpoint.values import Global, Opaque, StorageRef, TensorRef
from toolkit.core.errors import BadInput

from .samples import read_bytes

KEYS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.tuples(st.integers(), st.text()),
)
LEAVES = st.one_of(KEYS, st.complex_numbers(allow_nan=False), st.binary().map(bytearray))
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(KEYS, inner),
        st.dictionaries(KEYS, inner).map(collections.OrderedDict),
        st.sets(KEYS),
        st.frozensets(KEYS),
    ),
    max_leaves=20,
)


def text(value):
    raw = value.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


# Plain data


@settings(max_examples=100)
@given(PLAIN, st.integers(2, 5))
def test_any_nest_of_plain_data_reads_back_equal(value, protocol):
    assert read_bytes(pickle.dumps(value, protocol)) == value


@settings(max_examples=60)
@given(PLAIN, st.integers(0, 1))
def test_plain_data_of_the_text_protocols_is_read_or_refused(value, protocol):
    with contextlib.suppress(BadInput):
        assert read_bytes(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "value",
    [True, 2**70, -(2**500), 0.1, "é", b"\xff\x00", b"", bytearray(b"x"), 1j, {1, 2}, frozenset()],
)
def test_each_kind_of_value_keeps_its_type(value, protocol):
    read = read_bytes(pickle.dumps(value, protocol))
    assert (read, type(read)) == (value, type(value))


def test_shared_values_stay_shared():
    shared = [1]
    first, second = read_bytes(pickle.dumps([shared, shared]))
    assert first is second


@pytest.mark.parametrize(
    "value", [collections.defaultdict(list, {"k": [1]}), collections.Counter("k")]
)
def test_dicts_of_the_standard_library_become_dicts(value):
    assert type(read_bytes(pickle.dumps(value))) is dict
    assert read_bytes(pickle.dumps(value)) == dict(value)


def test_text_of_python_2_is_decoded_as_utf_8_where_it_is():
    assert read_bytes(b"\x80\x02U\x02\xc3\xa9.") == "é"
    assert read_bytes(b"\x80\x02U\x01\xe9.") == "é"
    assert read_bytes(b"S'abc'\n.") == "abc"


def test_marks_and_stack_moves_work():
    assert read_bytes(b"\x80\x02K\x01(K\x02K\x031K\x04200.") == 1
    assert read_bytes(b"\x80\x02K\x01(0.") == 1
    assert read_bytes(b"(K\x01K\x02l.") == [1, 2]
    assert read_bytes(b"(K\x01K\x02d.") == {1: 2}


def test_a_pickle_leaves_the_window_behind_its_end():
    assert read_bytes(pickle.dumps(1) + b"junk") == 1


# Names and records


def test_a_name_stays_a_name():
    assert read_bytes(name("os", "system") + b".") == Global("os", "system")


def test_a_name_of_protocol_4_stays_a_name():
    assert read_bytes(pickle.dumps(print, 4)) == Global("builtins", "print")


def test_names_of_python_2_become_those_of_today():
    assert read_bytes(name("__builtin__", "eval") + b".") == Global("builtins", "eval")
    assert read_bytes(name("commands", "Popen") + b".") == Global("subprocess", "Popen")
    assert read_bytes(name("__builtin__", "xrange") + b".") == Global("builtins", "range")


def test_a_name_must_be_text():
    with pytest.raises(BadInput, match="STACK_GLOBAL"):
        read_bytes(b"\x80\x04K\x01K\x02\x93.")


def test_an_object_keeps_its_attributes():
    record = read_bytes(pickle.dumps(argparse.Namespace(a=1), 2))
    assert isinstance(record, Opaque)
    assert (record.global_, record.state) == (Global("argparse", "Namespace"), {"a": 1})


class Words(dict):
    extra: int


class Row(list):
    extra: int


def test_what_is_put_into_an_unknown_container_is_kept_inertly():
    words, row = Words(k=1), Row([7])
    words.extra, row.extra = 2, 3
    record, members = read_bytes(pickle.dumps([words, row], 2))
    assert (record.items, record.state) == ([("k", 1)], {"extra": 2})
    assert (members.members, members.state) == ([7], {"extra": 3})


def test_members_of_an_unknown_set_are_kept_inertly():
    record = read_bytes(b"\x80\x04" + name("m", "S") + b")R(K\x01\x90.")
    assert record.members == [1]


def test_named_arguments_are_kept():
    record = read_bytes(b"\x80\x04" + name("m", "C") + b")}" + text("k") + b"K\x01s\x92.")
    assert record.kwargs == {"k": 1}


def test_a_record_is_shown_by_its_name_alone():
    assert repr(read_bytes(name("os", "system") + b")R.")) == "<os.system>"


def test_a_tensor_becomes_a_reference():
    storage = StorageRef(key="0", dtype="float32", numel=6)
    args = b"K\x00QK\x00K\x02K\x03\x86K\x03K\x01\x86\x89}t"
    ref = read_bytes(
        b"\x80\x02" + name("torch._utils", "_rebuild_tensor_v2") + b"(" + args + b"R.",
        find_persistent=lambda _: storage,
    )
    assert ref == TensorRef(storage=storage, dtype="float32", offset=0, shape=(2, 3), stride=(3, 1))


# Attacks: each test also asserts that nothing ran


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / "ran"
    yield path
    assert not path.exists()


def test_a_call_of_os_system_becomes_a_record(marker):
    record = read_bytes(name("os", "system") + b"(" + text(f"touch {marker}") + b"tR.")
    assert (record.global_, record.args) == (Global("os", "system"), (f"touch {marker}",))


def test_a_real_reduce_attack_becomes_a_record(marker):
    class Attack:
        def __reduce__(self):
            return exec, (f"open({str(marker)!r}, 'w')",)

    assert read_bytes(pickle.dumps(Attack())).global_ == Global("builtins", "exec")


def test_an_object_of_popen_becomes_a_record(marker):
    args = b"(" + text("touch") + text(str(marker)) + b"l\x85"
    record = read_bytes(b"\x80\x02" + name("subprocess", "Popen") + args + b"\x81.")
    assert record.global_ == Global("subprocess", "Popen")


def test_calling_the_result_of_getattr_is_refused(marker):
    getattr_ = name("builtins", "getattr") + name("os", "path") + text("system") + b"\x86R"
    with pytest.raises(
        BadInput, match=r"REDUCE at byte \d+ calls an object of `builtins\.getattr`"
    ):
        read_bytes(b"\x80\x02" + getattr_ + text(f"touch {marker}") + b"\x85R.")


def test_calling_the_result_of_import_is_refused(marker):
    import_ = name("builtins", "__import__") + text("os") + b"\x85R"
    with pytest.raises(BadInput, match=r"builtins\.__import__"):
        read_bytes(b"\x80\x02" + import_ + text(f"touch {marker}") + b"\x85\x81.")


def test_a_dotted_name_is_not_followed(marker):
    record = read_bytes(
        b"\x80\x04"
        + text("os")
        + text("path.os.system")
        + b"\x93"
        + text(f"touch {marker}")
        + b"\x85R."
    )
    assert record.global_ == Global("os", "path.os.system")


def test_inst_is_refused_with_the_name_it_calls(marker):
    with pytest.raises(BadInput, match=r"INST at byte \d+ calls `os\.system`"):
        read_bytes(b"(" + text(f"touch {marker}") + b"ios\nsystem\n.")


def test_obj_is_refused(marker):
    with pytest.raises(BadInput, match="opcode OBJ at byte"):
        read_bytes(b"(" + name("os", "system") + text(f"touch {marker}") + b"o.")


@pytest.mark.parametrize(
    ("opcode", "stream"),
    [
        ("EXT1", b"\x82\x01."),
        ("EXT2", b"\x83\x01\x00."),
        ("EXT4", b"\x84\x01\x00\x00\x00."),
        ("PERSID", b"P0\n."),
        ("NEXT_BUFFER", b"\x80\x05\x97."),
        ("READONLY_BUFFER", b"\x80\x05K\x01\x98."),
    ],
)
def test_opcodes_without_business_here_are_refused_by_name(opcode, stream):
    with pytest.raises(BadInput, match=f"opcode {opcode} at byte"):
        read_bytes(stream)


def test_build_on_a_name_is_refused_with_the_name():
    with pytest.raises(BadInput, match=r"BUILD at byte \d+ .*`os\.environ`"):
        read_bytes(name("os", "environ") + b"}b.")


@pytest.mark.parametrize("target", [b"]", b"K\x01", b"\x8f"])
def test_build_on_plain_data_is_refused(target):
    with pytest.raises(BadInput, match="BUILD"):
        read_bytes(b"\x80\x04" + target + b"}b.")


def test_a_second_build_is_refused():
    with pytest.raises(BadInput, match="second time"):
        read_bytes(name("m", "C") + b")R}" + text("k") + b"K\x01sb}b.")


def test_build_on_a_dict_changes_nothing():
    assert read_bytes(b"}}" + text("k") + b"K\x01sb.") == {}


def test_a_class_named_like_a_harmless_one_is_not_harmless():
    assert isinstance(read_bytes(name("evil", "OrderedDict") + b")R."), Opaque)


@pytest.mark.parametrize(
    ("module", "attribute", "args"),
    [
        ("builtins", "bytes", b"J\xff\xff\xff\x7f\x85"),
        ("builtins", "bytearray", b"J\xff\xff\xff\x7f\x85"),
        ("builtins", "list", b"X\x01\x00\x00\x00a\x85"),
        ("builtins", "dict", b"]K\x01a\x85"),
        ("builtins", "set", b"]]a\x85"),
        ("builtins", "complex", b"NN\x86"),
        ("builtins", "tuple", b"]]\x86"),
        ("_codecs", "encode", b"X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86"),
        ("_codecs", "encode", b"X\x03\x00\x00\x00\xe2\x82\xacX\x06\x00\x00\x00latin1\x86"),
        ("torch", "device", b")"),
        ("torch", "Size", b"]Na\x85"),
        ("torch._utils", "_rebuild_tensor", b"(K\x00K\x00))t"),
        ("torch._utils", "_rebuild_tensor_v2", b")"),
        ("torch._utils", "_rebuild_tensor_v3", b"(K\x00K\x00))\x89}Nt"),
        ("torch._utils", "_rebuild_parameter", b"N\x88}\x87"),
        ("torch._tensor", "_rebuild_from_type_v2", b"(NNNNt"),
    ],
)
def test_a_harmless_name_with_wrong_arguments_is_refused(module, attribute, args):
    with pytest.raises(BadInput, match=f"`{module}.{attribute}` arguments"):
        read_bytes(b"\x80\x02" + name(module, attribute) + args + b"R.")


def test_arguments_must_be_a_tuple():
    with pytest.raises(BadInput, match="must be a tuple"):
        read_bytes(name("m", "C") + b"]R.")


def test_named_arguments_must_be_a_dict():
    with pytest.raises(BadInput, match="must be a dict"):
        read_bytes(b"\x80\x04" + name("m", "C") + b")]\x92.")


def test_a_persistent_id_is_refused_where_none_is_expected():
    with pytest.raises(BadInput, match="BINPERSID"):
        read_bytes(b"NQ.")


# Malformed streams


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"", "exhausted"),
        (b"\x80\x02", "exhausted"),
        (b"\x80\x02\xff.", "unknown"),
        (b"\x80\x06N.", "protocol 6"),
        (b".", "empty stack"),
        (b"0.", "empty stack"),
        (b"2.", "empty stack"),
        (b"(.", "empty stack"),
        (b"t.", "mark that was never set"),
        (b"(K\x011e.", "mark that was never set"),
        (b"h\x05.", "memo entry 5"),
        (b"g5\n.", "memo entry 5"),
        (b"}]K\x01s.", "cannot be hashed"),
        (b"}(]\x85K\x01u.", "cannot be hashed"),
        (b"(]K\x01d.", "cannot be hashed"),
        (b"(K\x01d.", "without a value"),
        (b"}(K\x01u.", "without a value"),
        (b"K\x01K\x02a.", "where a list is expected"),
        (b"]K\x01K\x02s.", "where a dict is expected"),
        (b"](K\x01\x90.", "where a set is expected"),
        (b"\x8f(]\x90.", "cannot be hashed"),
        (b"(]\x91.", "cannot be hashed"),
        (b"Inonsense\n.", "cannot be decoded"),
        (b"X\x01\x00\x00\x00\xff.", "cannot be decoded"),
        (b"X\xff\xff\xff\xff.", "cannot be decoded"),
        (b"\x8d" + b"\xff" * 8 + b".", "cannot be decoded"),
        (b"\x8e" + b"\xff" * 7 + b"\x7f.", "cannot be decoded"),
        (b"\x8b\xff\xff\xff\xff.", "cannot be decoded"),
        (b"\x8a\xff" + b"\x7f" * 255 + b".", "more than 1024 bits"),
        (b"I" + b"9" * 4000 + b"\n.", "more than 1024 bits"),
        (b"I" + b"9" * 5000 + b"\n.", "cannot be decoded"),
    ],
)
def test_a_malformed_stream_is_refused_with_its_reason(stream, reason):
    with pytest.raises(BadInput, match=reason):
        read_bytes(stream)


@pytest.mark.parametrize(
    "stream",
    [
        b"]q\x00h\x00a.",
        b"}q\x00K\x01h\x00s.",
        b"]q\x00h\x00\x85a.",
        b"]q\x00}K\x01h\x00sa.",
        name("m", "C") + b")R]q\x00h\x00ab.",
    ],
)
def test_a_container_that_holds_itself_is_refused(stream):
    with pytest.raises(BadInput, match="contains itself"):
        read_bytes(stream)


def test_an_object_may_point_back_to_its_parent():
    record = read_bytes(name("m", "Node") + b")Rq\x00}" + text("_parent") + b"h\x00sb.")
    assert record.state["_parent"] is record


@pytest.mark.parametrize("opening", [b"]", b"}K\x01"])
def test_nesting_up_to_the_bound_is_read_and_beyond_refused(opening):
    closing = b"a" if opening == b"]" else b"s"
    read_bytes(opening * (MAX_NESTING - 1) + b"]" + closing * (MAX_NESTING - 1) + b".")
    with pytest.raises(BadInput, match="nest"):
        read_bytes(opening * 50_000 + b"]" + closing * 50_000 + b".")


def test_a_shared_value_counts_with_its_whole_depth():
    with pytest.raises(BadInput, match="nest"):
        read_bytes(b"]" + b"q\x00]h\x00h\x00\x86a" * (MAX_NESTING + 1) + b".")


def test_a_long_chain_of_records_is_read():
    depth = 50_000
    record = read_bytes(b"\x80\x02" + name("m", "C") * depth + b")" + b"R\x85" * depth + b".")
    assert record[0].global_ == Global("m", "C")


def test_a_tuple_that_doubles_itself_is_no_key():
    with pytest.raises(BadInput, match="more than 8 parts"):
        read_bytes(b"}" + b"K\x01" + b"2\x86" * 80 + b"Ns.")


def test_colliding_keys_are_charged():
    keys = b"".join(
        b"\x8a\x1e" + (k * (2**61 - 1) * 2**64).to_bytes(30, "little") + b"N"
        for k in range(1, 30_000)
    )
    with pytest.raises(BadInput, match="amount of work"):
        read_bytes(b"}(" + keys + b"u.", max_work=1_000_000)


def test_endless_opcodes_are_refused():
    with pytest.raises(BadInput, match="amount of work"):
        read_bytes(b"N0" * 10_000 + b"N.", max_work=1000)


def test_copying_a_large_list_again_and_again_is_refused():
    large = b"](" + b"N" * 1000 + b"eq\x000"
    copy = name("builtins", "list") + b"h\x00\x85R0"
    with pytest.raises(BadInput, match="amount of work"):
        read_bytes(b"\x80\x02" + large + copy * 1000 + b"N.", max_work=100_000)


def test_a_stack_beyond_its_bound_is_refused(monkeypatch):
    assert MAX_STACK >= 1_000_000
    monkeypatch.setattr("toolkit.checkpoint.machine.MAX_STACK", 100)
    with pytest.raises(BadInput, match="more than 100 values"):
        read_bytes(b"(" * 102)


def test_a_memo_beyond_its_bound_is_refused(monkeypatch):
    assert MAX_MEMO >= 1_000_000
    monkeypatch.setattr("toolkit.checkpoint.machine.MAX_MEMO", 100)
    with pytest.raises(BadInput, match="remembers more than 100"):
        read_bytes(b"N" + b"\x94" * 200 + b".")


def test_an_outsized_argument_is_refused(monkeypatch):
    monkeypatch.setattr("toolkit.checkpoint.window.MAX_READ_BYTES", 100)
    with pytest.raises(BadInput, match="at most 100 bytes"):
        read_bytes(b"\x80\x02" + text("x" * 200) + b".")


def test_control_characters_of_the_file_do_not_reach_the_message():
    with pytest.raises(BadInput) as caught:
        read_bytes(b"\x80\x04" + text("m\x1b[31m") + text("C") + b"\x93}b.")
    assert "\x1b" not in str(caught.value)


@settings(max_examples=100)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(BadInput):
        read_bytes(data)
