from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from toolkit.oracle.mapped import Place, expect_file, read_places
from toolkit.oracle.refusal import Refusal

VALUES = torch.arange(12, dtype=torch.float32)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"head" + VALUES.numpy().tobytes() + b"\x00\x07\x01")
    return str(tmp_path / "model.pt")


def place(**changes):
    plain = {"stored": "float32", "dtype": "float32", "shape": (3, 4), "stride": (4, 1)}
    return Place(**{**plain, "offset_bytes": 4, **changes})


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (place(), VALUES.view(3, 4)),
        (place(shape=(4, 3), stride=(1, 4)), VALUES.view(3, 4).T),
        (place(dtype="float16"), VALUES.view(3, 4).half()),
        (place(shape=(3,), stride=(4,), offset_bytes=8), VALUES[1::4]),
        (place(shape=(0, 4)), torch.empty(0, 4)),
        (place(shape=(), stride=(), offset_bytes=8), torch.tensor(1.0)),
        (
            place(stored="bool", dtype="bool", shape=(3,), stride=(1,), offset_bytes=52),
            torch.tensor([False, True, True]),
        ),
        (
            place(stored="bfloat16", dtype="float32", shape=(2,), stride=(2,), offset_bytes=10),
            VALUES[1:3],
        ),
    ],
    ids=["plain", "strided", "cast", "column", "empty", "scalar", "bool", "bfloat16"],
)
def test_a_tensor_is_read_from_its_place(path, at, expected):
    found = read_places(path, {"one": at})["one"]
    assert found.dtype == expected.dtype
    assert found.equal(expected)


def test_an_unaligned_tensor_is_read(tmp_path):
    (tmp_path / "odd").write_bytes(b"xyz" + VALUES.numpy().tobytes())
    found = read_places(str(tmp_path / "odd"), {"one": place(offset_bytes=3)})["one"]
    assert found.equal(VALUES.view(3, 4))


def test_writing_to_a_tensor_leaves_the_file_alone(path):
    read_places(path, {"one": place()})["one"].zero_()
    assert read_places(path, {"one": place()})["one"].equal(VALUES.view(3, 4))


def test_a_tensor_beyond_the_end_is_refused_by_name(path):
    with pytest.raises(Refusal, match=r"ends before 1 of them: `late`"):
        read_places(path, {"fine": place(), "late": place(offset_bytes=12)})


def test_the_meant_file_is_known_by_its_digest(path):
    content = Path(path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    expect_file(path, len(content), digest, lambda _: None)
    with pytest.raises(Refusal, match=r"with the sha256 0000.*make a recorder for this one"):
        expect_file(path, len(content), "0" * 64, lambda _: None)
    with pytest.raises(Refusal, match=r"of 7 bytes .* but has 55 bytes"):
        expect_file(path, 7, digest, lambda _: None)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(Refusal, match="cannot be read: No such file"):
        expect_file(str(tmp_path / "none.pt"), 7, "", lambda _: None)


def test_a_checkpoint_is_read_as_the_toolkit_reads_it(prepared):
    from toolkit.pipeline.job import make_job

    found = read_places(str(prepared.checkpoint.path), make_job(prepared, ()).places)
    expected = prepared.checkpoint.state_dict()
    assert found.keys() == expected.keys()
    assert all(found[name].equal(tensor) for name, tensor in expected.items())
