"""Plans and shards are read back as they were written, and nothing else is read."""

from __future__ import annotations

import math
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from toolkit.batch.kept import keep, kept
from toolkit.core.errors import InternalError
from toolkit.trial.effort import Effort


def test_what_is_kept_is_read_back_in_every_bit(tmp_path: Path) -> None:
    silence = torch.full((1,), math.nan).expand(1000)
    made = {
        "effort": Effort(beamed=False),
        "numbers": (0.1, b"", b"\0\xff"),
        "sound": torch.rand(7),
    }
    keep({**made, "at": tmp_path, "silence": silence}, tmp_path / "0.pt")
    again = kept(tmp_path / "0.pt")
    assert isinstance(again, dict)
    assert {name: again[name] for name in ("effort", "numbers")} == {
        name: made[name] for name in ("effort", "numbers")
    }
    assert torch.equal(again["sound"], made["sound"])
    assert again["at"] == tmp_path
    assert again["silence"].stride() == (0,)
    assert os.listdir(tmp_path) == ["0.pt"]


class Hostile:
    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("call", [(os.system, "touch {}"), (torch.hub.load, "{}"), (eval, "{}")])
def test_a_file_that_says_what_to_run_runs_nothing(tmp_path: Path, call) -> None:
    function, text = call
    torch.save(Hostile(function, text.format(tmp_path / "ran")), tmp_path / "0.pt")
    with pytest.raises(InternalError, match="must be what a batch wrote"):
        kept(tmp_path / "0.pt")
    assert not (tmp_path / "ran").exists()


def test_a_file_cannot_name_what_runs_by_being_imported(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "0.pt")
    with zipfile.ZipFile(tmp_path / "0.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    hostile = pickle.PROTO + b"\x02" + b"ctoolkit.__main__\nmain\n" + b")R."
    with zipfile.ZipFile(tmp_path / "1.pt", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, hostile if name.endswith("data.pkl") else content)
    with pytest.raises(InternalError, match=r"names `toolkit\.__main__\.main`"):
        kept(tmp_path / "1.pt")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive"])
def test_a_damaged_file_is_no_plan(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0.pt").write_bytes(content)
    with pytest.raises(InternalError, match="must be what a batch wrote"):
        kept(tmp_path / "0.pt")


def test_a_cut_off_file_is_no_plan(tmp_path: Path) -> None:
    keep({"sound": torch.rand(1000)}, tmp_path / "0.pt")
    whole = (tmp_path / "0.pt").read_bytes()
    (tmp_path / "0.pt").write_bytes(whole[:-100])
    with pytest.raises(InternalError, match="must be what a batch wrote"):
        kept(tmp_path / "0.pt")


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="pickle"):
        keep(lambda: None, tmp_path / "0.pt")
    assert os.listdir(tmp_path) == []
