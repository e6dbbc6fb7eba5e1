"""Links and leftovers where OUT shall appear: nothing is written or removed but OUT itself."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from toolkit.cli import app
from toolkit.folder.staging import MARKER

PLACE = ".out.abcdefgh.partial"


@pytest.fixture
def parent(tmp_path):
    """Where OUT shall be, beside a folder of somebody else's."""
    folder = tmp_path / "parent"
    folder.mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "file").write_bytes(MARKER)
    return folder


@pytest.fixture
def theirs(parent):
    yield parent.with_name("theirs")
    assert os.listdir(parent.with_name("theirs")) == ["file"]
    assert (parent.with_name("theirs") / "file").read_bytes() == MARKER


def convert(golden_checkpoint, out):
    arguments = ["convert", str(golden_checkpoint), str(out), "--no-verify", "--quiet"]
    return CliRunner().invoke(app, arguments)


def check_refusal(outcome, fragment):
    assert outcome.exit_code == 2, repr(outcome.exception)
    line = outcome.stderr.removesuffix("\n")
    assert line.startswith("error: `")
    assert line.isprintable()
    assert fragment in line


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("../theirs", "must not exist yet, but is a link"),
        ("../theirs/file", "`OUT` must be a folder, but"),
        ("gone", "must not exist yet, but is a link"),
        ("../theirs/gone", "must not exist yet, but is a link"),
        ("out", "must not exist yet, but is a link"),
        ("/dev/null", "must not exist yet, but is a link"),
    ],
)
def test_a_link_as_out_is_refused_and_not_followed(target, said, parent, theirs, golden_checkpoint):
    out = parent / "out"
    out.symlink_to(target)
    check_refusal(convert(golden_checkpoint, out), said)
    assert os.readlink(out) == target
    assert os.listdir(parent) == ["out"]
    assert theirs.is_dir()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("gone", "must lie in an existing folder"),
        ("parent", "Too many levels of symbolic links"),
        ("theirs/file", "must lie in an existing folder"),
        ("/dev/null", "must lie in an existing folder"),
    ],
)
def test_a_parent_that_leads_to_no_folder_is_refused(
    target, said, parent, theirs, golden_checkpoint
):
    parent.rmdir()
    parent.symlink_to(target)
    check_refusal(convert(golden_checkpoint, parent / "out"), said)
    assert theirs.is_dir()


def test_a_parent_may_be_a_link_to_a_folder(parent, golden_checkpoint):
    link = parent.with_name("link")
    link.symlink_to("parent")
    assert convert(golden_checkpoint, link / "out").exit_code == 0
    assert os.listdir(parent) == ["out"]
    assert not (parent / "out").is_symlink()
    assert not [file for file in (parent / "out").rglob("*") if file.is_symlink()]


def plant_place(parent, theirs):
    (parent / PLACE).symlink_to(theirs)


def plant_lock(parent, theirs):
    (parent / PLACE / "folder").mkdir(parents=True)
    (parent / PLACE / "lock").symlink_to(theirs / "file")


def plant_folder(parent, theirs):
    (parent / PLACE).mkdir()
    (parent / PLACE / "lock").write_bytes(MARKER)
    (parent / PLACE / "folder").symlink_to(theirs)


def plant_loop(parent, _theirs):
    (parent / PLACE).symlink_to(PLACE)


@pytest.mark.parametrize("plant", [plant_place, plant_lock, plant_folder, plant_loop])
def test_a_planted_leftover_leads_nowhere(plant, parent, theirs, golden_checkpoint):
    plant(parent, theirs)
    assert convert(golden_checkpoint, parent / "out").exit_code == 0
    left = {"out"} if plant is plant_folder else {"out", PLACE}
    assert set(os.listdir(parent)) == left


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_leftover_of_another_user_stays(parent, golden_checkpoint):
    place = parent / PLACE
    (place / "folder").mkdir(parents=True)
    (place / "lock").write_bytes(MARKER)
    for path in (place, place / "folder", place / "lock"):
        os.chown(path, 12345, 12345)
    assert convert(golden_checkpoint, parent / "out").exit_code == 0
    assert set(os.listdir(parent)) == {"out", PLACE}
    assert (place / "folder").is_dir()


@pytest.mark.parametrize("name", ["model.pt", "dict.txt", "config.yaml", "spm.model"])
def test_what_is_read_may_be_a_link_and_stays_one(name, parent, tmp_path, golden_checkpoint):
    folder = tmp_path / "material"
    folder.mkdir()
    for file in golden_checkpoint.parent.iterdir():
        (folder / file.name).symlink_to(file)
    assert convert(folder / "model.pt", parent / "out").exit_code == 0
    assert (folder / name).is_symlink()
    assert Path(os.readlink(folder / name)) == golden_checkpoint.parent / name
