import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.folder.digest import combine, folder_digests

FILES = {"config.json": b"{}", "model.safetensors": bytes(range(64)), "empty": b""}


def folder_sha256(folder):
    return combine(folder_digests(folder))


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


@settings(max_examples=40)
@given(position=st.integers(0, 63), flip=st.integers(1, 255))
def test_any_changed_byte_changes_the_digest(shared, position, flip):
    file, before = shared / "model.safetensors", folder_sha256(shared)
    content = bytearray(FILES[file.name])
    content[position] ^= flip
    file.write_bytes(content)
    changed = folder_sha256(shared)
    file.write_bytes(FILES[file.name])
    assert changed != before == folder_sha256(shared)


@pytest.mark.parametrize("name", FILES)
def test_any_changed_name_changes_the_digest(folder, name):
    before = folder_sha256(folder)
    (folder / name).rename(folder / f"{name}2")
    assert folder_sha256(folder) != before


@pytest.mark.parametrize("name", FILES)
def test_any_missing_file_changes_the_digest(folder, name):
    before = folder_sha256(folder)
    (folder / name).unlink()
    assert folder_sha256(folder) != before


def test_an_added_empty_file_changes_the_digest(folder):
    before = folder_sha256(folder)
    (folder / "new").touch()
    assert folder_sha256(folder) != before


def test_exchanged_contents_change_the_digest(folder):
    before = folder_sha256(folder)
    (folder / "empty").write_bytes(FILES["config.json"])
    (folder / "config.json").write_bytes(FILES["empty"])
    assert folder_sha256(folder) != before


def test_what_ends_a_name_and_begins_a_content_cannot_be_moved(tmp_path):
    for name, content in (("a", b"bc"), ("ab", b"c")):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(content)
    assert folder_sha256(tmp_path / "a") != folder_sha256(tmp_path / "ab")


def test_the_model_card_takes_no_part(folder):
    before = folder_sha256(folder)
    (folder / "README.md").write_text("match")
    assert folder_sha256(folder) == before


def test_the_order_and_the_time_of_writing_take_no_part(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for name, content in reversed(FILES.items()):
        (other / name).write_bytes(content)
    assert folder_sha256(other) == folder_sha256(folder)


def test_a_file_larger_than_one_read_counts_to_its_end(folder):
    (folder / "big").write_bytes(bytes((1 << 20) + 1))
    before = folder_sha256(folder)
    (folder / "big").write_bytes(bytes(1 << 20) + b"\1")
    assert folder_sha256(folder) != before


def test_a_file_whose_digest_is_known_is_not_read_again(folder):
    whole = folder_digests(folder)
    known = {"model.safetensors": whole["model.safetensors"]}
    read = []
    assert folder_digests(folder, read.append, known) == whole
    assert sum(read) == len(FILES["config.json"])
    assert list(whole) == sorted(FILES)
