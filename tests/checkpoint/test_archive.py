import contextlib
import io
import pickle
import struct
import tarfile
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.checkpoint import zip_format
from toolkit.checkpoint.archive import read_archive
from toolkit.checkpoint.zip_directory import MAX_DIRECTORY_BYTES
from toolkit.core.errors import BadInput

from .samples import pickle_of, read_entries, replace_entry, save, write_zip


def read(path):
    with path.open("rb") as file:
        return read_archive(file, label=str(path))


def read_data(data):
    return read_archive(io.BytesIO(data), label="sample")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pt"


@pytest.fixture
def zip_path(path):
    return save(path)


@pytest.fixture
def legacy_path(path):
    return save(path, legacy=True)


# The two formats


@pytest.mark.parametrize("legacy", [False, True])
def test_a_region_holds_the_bytes_of_its_storage(path, legacy):
    values = torch.arange(5, dtype=torch.int16)
    archive = read(save(path, {"x": values}, legacy=legacy))
    (region,) = archive.storages.values()
    end = region.offset_bytes + region.num_bytes
    assert path.read_bytes()[region.offset_bytes : end] == values.numpy().tobytes()
    assert archive.format == ("legacy" if legacy else "zip")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol_of_torch_save_is_read(path, legacy, protocol):
    archive = read(save(path, legacy=legacy, protocol=protocol))
    assert list(archive.root) == ["model"]


def test_a_zip_file_that_says_nothing_of_its_byte_order_is_read(zip_path):
    assert read(replace_entry(zip_path, "/byteorder", None)).format == "zip"


def test_a_zip_saved_without_checksums_is_read(path):
    torch.serialization.set_crc32_options(False)
    try:
        save(path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert read(path).format == "zip"


# Not a checkpoint


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"hello world", "11 bytes that begin with"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"<!DOCTYPE html>", "web page"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\x80", "1 bytes"),
        (pickle.dumps({"model": {}}), "bytes that begin with"),
        (pickle.dumps(0x1950A86A20F9469CFC6D), "bytes that begin with"),
    ],
)
def test_other_files_are_refused_as_what_they_are(content, reason):
    with pytest.raises(BadInput, match=f"not a checkpoint.*{reason}"):
        read_data(content)


@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_an_old_tar_is_refused(path, style):
    with tarfile.open(path, "w", format=style) as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    with pytest.raises(BadInput, match="tar archive"):
        read(path)


def test_a_tar_without_its_usual_mark_is_refused():
    header = bytearray(tarfile.TarInfo("storages").tobuf(tarfile.USTAR_FORMAT))
    header[148:156] = b" " * 8
    header[257:265] = bytes(8)
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    with pytest.raises(BadInput, match="tar archive"):
        read_data(bytes(header) + bytes(1024))


def test_a_zip_of_something_else_is_refused(path):
    with pytest.raises(BadInput, match=r"one entry `\*/data.pkl`.*`document.xml`"):
        read(write_zip(path, [("document.xml", b"")]))


def test_an_empty_zip_is_refused(path):
    with pytest.raises(BadInput, match=r"one entry `\*/data.pkl`"):
        read(write_zip(path, []))


def test_a_zip_with_two_pickles_is_refused(path):
    with pytest.raises(BadInput, match="found 2"):
        read(write_zip(path, [("a/data.pkl", b"N."), ("b/data.pkl", b"N.")]))


@pytest.mark.parametrize("name", ["m/constants.pkl", "m/code/__torch__.py"])
def test_a_torchscript_program_is_refused(path, name):
    with pytest.raises(BadInput, match="TorchScript"):
        read(write_zip(path, [("m/data.pkl", b"N."), (name, b"")]))


# Damaged or tricky zip files


def test_a_compressed_entry_is_refused(zip_path):
    write_zip(zip_path, read_entries(zip_path), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(BadInput, match="uncompressed"):
        read(zip_path)


def test_an_encrypted_entry_is_refused(zip_path):
    data = bytearray(zip_path.read_bytes())
    flags = data.index(b"PK\x01\x02") + 8
    data[flags] |= 1
    with pytest.raises(BadInput, match="not encrypted"):
        read_data(bytes(data))


def test_a_name_that_occurs_twice_is_refused(path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        write_zip(path, [("m/data.pkl", b"N."), ("m/data.pkl", b"N.")])
    with pytest.raises(BadInput, match=r"once.*`m/data.pkl`"):
        read(path)


@pytest.mark.parametrize(
    "name", ["../m/data.pkl", "/m/data.pkl", "m/../data.pkl", "m//x", "m\\x", "c:/x", "m/./x"]
)
def test_a_name_with_path_tricks_is_refused(path, name):
    with pytest.raises(BadInput, match="plain relative names"):
        read(write_zip(path, [("m/data.pkl", b"N."), (name, b"")]))


def test_a_name_with_a_null_byte_is_refused(path):
    write_zip(path, [("m/data.pkl", b"N."), ("m/data.pkl_x", b"")])
    data = path.read_bytes().replace(b"data.pkl_x", b"data.pkl\0x")
    with pytest.raises(BadInput, match=r"m/data.pkl|plain relative"):
        read_data(data)


def test_a_folder_entry_is_harmless(path):
    assert read(write_zip(path, [("m/", b""), ("m/data.pkl", b"N.")])).root is None


def test_overlapping_entries_are_refused(path):
    write_zip(path, [("m/data.pkl", b"N." * 50), ("m/x", b"")])
    data = bytearray(path.read_bytes())
    inner = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 3, 0) + b"m/x"
    data[50 : 50 + len(inner)] = inner
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 42 : entry + 46] = struct.pack("<I", 50)
    with pytest.raises(BadInput, match="overlap"):
        read_data(bytes(data))


def test_an_entry_that_is_not_where_the_list_says_is_refused(zip_path):
    data = bytearray(zip_path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 42 : entry + 46] = struct.pack("<I", 7)
    with pytest.raises(BadInput, match="the bytes there do not fit"):
        read_data(bytes(data))


def test_an_entry_that_reaches_beyond_the_file_is_refused(zip_path):
    data = bytearray(zip_path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 20 : entry + 28] = struct.pack("<II", 1 << 30, 1 << 30)
    with pytest.raises(BadInput, match="the bytes there do not fit"):
        read_data(bytes(data))


def test_a_damaged_pickle_fails_its_checksum(zip_path):
    data = bytearray(zip_path.read_bytes())
    data[data.index(b"weight")] ^= 1
    with pytest.raises(BadInput, match="checksum"):
        read_data(bytes(data))


@pytest.mark.parametrize("order", [b"big", b"", b"little" * 100])
def test_a_zip_of_another_byte_order_is_refused(zip_path, order):
    with pytest.raises(BadInput, match="little-endian"):
        read(replace_entry(zip_path, "/byteorder", order))


def test_a_zip_without_a_storage_is_refused(zip_path):
    with pytest.raises(BadInput, match="missing: `0`"):
        read(replace_entry(zip_path, "/data/0", None))


def test_a_zip_storage_of_another_size_is_refused(zip_path):
    with pytest.raises(BadInput, match="must have 24 bytes and has 20"):
        read(replace_entry(zip_path, "/data/0", bytes(20)))


def test_a_huge_claim_is_refused_without_reading(zip_path):
    data = pickle_of(zip_path)
    claim = data.replace(b"K\x06tq", b"\x8a\x08" + b"\xff" * 7 + b"\x7ftq", 1)
    assert claim != data
    with pytest.raises(BadInput, match="has 24"):
        read(replace_entry(zip_path, "/data.pkl", claim))


# Persistent ids


@pytest.mark.parametrize(
    ("persistent_id", "reason"),
    [
        (("storage", 1, "0", "cpu", 6), "not a storage class"),
        (("storage", torch.FloatTensor, "0", "cpu", 6), "not a known storage class"),
        (("storage", print, "0", "cpu", 6), "not a storage class"),
        (("storage", torch.FloatStorage, "0", "cpu", -1), "-4"),
        (("storage", torch.FloatStorage, "0", "cpu", None), "has no size"),
        (("storage", torch.FloatStorage, "0", "cpu", 6, ("v", 0, 1)), "is a view"),
        (("storage", torch.FloatStorage, 0, "cpu", 6), "not a storage"),
        (("tensor",), "not a storage"),
        ("storage", "not a storage"),
    ],
)
def test_a_reference_that_is_no_storage_is_refused(path, persistent_id, reason):
    data = _pickle_with_id(persistent_id)
    with pytest.raises(BadInput, match=f"BINPERSID.*{reason}"):
        read(write_zip(path, [("m/data.pkl", data), ("m/data/0", bytes(24))]))


def test_a_storage_claimed_with_two_sizes_is_refused(path):
    first = _pickle_with_id(("storage", torch.FloatStorage, "0", "cpu", 6))[:-1]
    second = _pickle_with_id(("storage", torch.FloatStorage, "0", "cpu", 7))[2:]
    with pytest.raises(BadInput, match="24 and with 28 bytes"):
        read(write_zip(path, [("m/data.pkl", first + second), ("m/data/0", bytes(24))]))


def test_a_saved_class_with_its_source_is_only_a_name(path):
    data = _pickle_with_id(("module", print, "file.py", "import os"))
    assert str(read(write_zip(path, [("m/data.pkl", data)])).root) == "builtins.print"


def _pickle_with_id(persistent_id):
    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return persistent_id if value == "here" else None

    # The pickler must write the id itself, without asking for the parts of it.
    buffer = io.BytesIO()
    Pickler(buffer, 2).dump("here")
    return buffer.getvalue()


# Damaged legacy files


def _legacy(*, magic=0x1950A86A20F9469CFC6C, version=1001, system=None, tail=b""):
    system = {"little_endian": True} if system is None else system
    parts = [pickle.dumps(part, 2) for part in (magic, version, system)]
    return b"".join(parts) + tail


def test_a_legacy_file_of_another_version_is_refused():
    with pytest.raises(BadInput, match=r"file version 1001, but gives 1002"):
        read_data(_legacy(version=1002))


def test_a_legacy_file_with_a_senseless_version_is_refused():
    with pytest.raises(BadInput, match=r"gives a value of type list"):
        read_data(_legacy(version=[1001]))


@pytest.mark.parametrize("system", [{"little_endian": False}, {}, 3])
def test_a_legacy_file_of_another_byte_order_is_refused(system):
    with pytest.raises(BadInput, match="little-endian"):
        read_data(_legacy(system=system))


@pytest.mark.parametrize("keys", [3, [1], ["0", "0"]])
def test_a_legacy_list_of_storages_that_is_none_is_refused(keys):
    with pytest.raises(BadInput, match="list each storage once"):
        read_data(_legacy(tail=b"N." + pickle.dumps(keys, 2)))


def test_a_legacy_list_with_a_storage_that_nobody_uses_is_refused():
    with pytest.raises(BadInput, match="on one side only: `0`"):
        read_data(_legacy(tail=b"N." + pickle.dumps(["0"], 2) + bytes(8)))


def test_a_legacy_list_that_lacks_a_storage_is_refused():
    body = _pickle_with_id(("storage", torch.FloatStorage, "0", "cpu", 6))
    with pytest.raises(BadInput, match="on one side only: `0`"):
        read_data(_legacy(tail=body + pickle.dumps([], 2)))


@pytest.mark.parametrize("count", [5, -1, 2**62])
def test_a_legacy_storage_of_another_count_is_refused(legacy_path, count):
    data = legacy_path.read_bytes()
    changed = data[:-32] + struct.pack("<q", count) + data[-24:]
    with pytest.raises(BadInput, match=f"6 elements in storage .* the file holds {count}"):
        read_data(changed)


def test_a_legacy_file_that_ends_in_a_storage_is_refused(legacy_path):
    with pytest.raises(BadInput, match="must hold 24 bytes of storage"):
        read_data(legacy_path.read_bytes()[:-1])


def test_a_legacy_file_that_ends_before_a_storage_is_refused(legacy_path):
    with pytest.raises(BadInput, match="but the file ends"):
        read_data(legacy_path.read_bytes()[:-25])


# Any damage at all


@pytest.fixture(scope="module", params=[False, True], ids=["zip", "legacy"])
def sample(request, tmp_path_factory):
    model = {"w": torch.ones(2, 3), "b": torch.zeros(3)}
    path = tmp_path_factory.mktemp("sample") / "model.pt"
    return save(path, model, legacy=request.param, args={"lr": [0.1]}).read_bytes()


@settings(max_examples=100)
@given(data=st.data())
def test_any_truncation_is_refused(sample, data):
    length = data.draw(st.integers(0, len(sample) - 1))
    with pytest.raises(BadInput):
        read_data(sample[:length])


@settings(max_examples=100)
@given(data=st.data())
def test_any_changed_byte_is_read_or_refused(sample, data):
    place = data.draw(st.integers(0, len(sample) - 1))
    change = data.draw(st.integers(1, 255))
    damaged = bytearray(sample)
    damaged[place] ^= change
    with contextlib.suppress(BadInput):
        read_data(bytes(damaged))


# Files of a thousand languages


def test_each_storage_of_a_file_may_cost_a_tensors_work(path, monkeypatch):
    """A fixed amount would refuse what has as many tensors as a model of a thousand languages."""
    save(path, {f"tensor {number}": torch.ones(1) * number for number in range(300)})
    monkeypatch.setattr(zip_format, "MAX_WORK", 100)
    assert len(read(path).storages) == 300
    monkeypatch.setattr(zip_format, "WORK_PER_STORAGE", 8)
    with pytest.raises(BadInput, match="amount of work"):
        read(path)


def test_the_list_of_entries_has_room_for_a_thousand_languages():
    languages, tensors, entry = 1200, 48 * 6 + 2, 46 + len("model/data/350000") + 4
    assert languages * tensors * entry < MAX_DIRECTORY_BYTES < 100 * languages * tensors
