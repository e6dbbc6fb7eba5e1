import os

import pytest

from toolkit.checkpoint.plain_files import NoFile, read_small


def test_a_file_up_to_the_bound_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert read_small(path, max_bytes=3) == b"abc"
    with pytest.raises(ValueError, match="more than 2 bytes"):
        read_small(path, max_bytes=2)


def test_a_link_to_a_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to("a")
    assert read_small(tmp_path / "b", max_bytes=3) == b"abc"


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "a")
    with pytest.raises(NoFile, match="no plain file"):
        read_small(tmp_path / "a", max_bytes=3)


def test_a_device_is_refused(tmp_path):
    (tmp_path / "a").symlink_to("/dev/zero")
    with pytest.raises(NoFile):
        read_small(tmp_path / "a", max_bytes=3)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "gone", tmp_path / ("x" * 300)):
        with pytest.raises(OSError, match=r"no plain file|No such|too long"):
            read_small(path, max_bytes=3)


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    with pytest.raises(NoFile, match="null byte"):
        read_small(tmp_path / "a\0b", max_bytes=3)
