"""`diff --fix`: a folder with every finding undone, proven before it appears."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.breaking import Break, change, edit_tensors, remove, set_key, swap, swap_rows
from toolkit.audio import golden_folder
from toolkit.core.breakable import Breakable
from toolkit.core.errors import BadInput
from toolkit.core.result import Result
from toolkit.faults import Fault, single_faults
from toolkit.folder.digest import VERIFICATION
from toolkit.pipeline import diff
from toolkit.proof.sealing import read_sealed

CHECKPOINT = golden_folder() / "checkpoint" / "model.pt"
CLIP = golden_folder() / "ru_2.flac"
LAYERS = "encoder.encoder.layers."
FC1 = "decoder.model.decoder.layers.0.fc1.weight"


def digest(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def fix(broken: Path, *breaks: Break) -> tuple[Result, Path]:
    """The result of a diff with `--fix`; what is under test keeps every byte."""
    for spoil in breaks:
        spoil(broken)
    before, mended = digest(broken), broken.parent / "mended"
    result = diff(CHECKPOINT, broken, audio=[CLIP], fix=mended)
    assert digest(broken) == before
    assert not list(broken.parent.glob(".*partial"))
    return result, mended


def says_so(folder: Path) -> bool:
    """Whether the folder's own file speaks of it, as it is."""
    said = read_sealed((folder / VERIFICATION).read_bytes())
    files = {name: file["sha256"] for name, file in said["folder"]["files"].items()}
    held = {name: sha for name, sha in digest(folder).items() if name != VERIFICATION}
    return said["verdict"] == "match" and files == held


def is_match(folder: Path) -> bool:
    return diff(CHECKPOINT, folder, audio=[CLIP]).verdict == "match"


@pytest.mark.wide
def test_several_findings_are_undone_in_a_folder_that_matches(broken: Path) -> None:
    result, mended = fix(
        broken,
        swap(f"{LAYERS}1.attention.q_proj.weight", f"{LAYERS}1.attention.k_proj.weight"),
        remove(f"{LAYERS}0.final_layer_norm.weight"),
        set_key("config.json", "decoder.scale_embedding", False),
        set_key("generation_config.json", "length_penalty", 0.0),
        set_key("generation_config.json", "repetition_penalty", 1.5),
        set_key("preprocessor_config.json", "do_normalize", False),
        swap_rows(20, 21),
    )
    assert result.verdict == "mismatch"
    assert result.fixed is not None
    assert (result.fixed.path, result.fixed.how) == (str(mended), "undone")
    assert result.to_dict()["fixed"]["findings"] == len(result.findings) == 6


@pytest.mark.slow
def test_what_no_finding_names_stays_as_it_was(broken: Path) -> None:
    (broken / "notes.md").write_text("mine")
    _, mended = fix(broken, change(FC1, torch.neg))
    assert (mended / "notes.md").read_text() == "mine"
    assert (mended / "config.json").read_bytes() == (broken / "config.json").read_bytes()
    assert says_so(mended)


@pytest.mark.wide
@pytest.mark.parametrize(("card", "kept"), [("# Mine", True), ("by fairseq-hf-toolkit", False)])
def test_a_card_of_somebody_else_stays_and_has_its_hash(
    card: str, kept: bool, broken: Path
) -> None:
    (broken / "README.md").write_text(card)
    (broken / VERIFICATION).write_text("{}")
    _, mended = fix(broken, change(FC1, torch.neg))
    assert ((mended / "README.md").read_text() == card) is kept
    assert says_so(mended)


@pytest.mark.slow
def test_a_folder_saved_in_half_is_written_again_in_float32(broken: Path) -> None:
    half = lambda tensors: tensors.update({n: t.half() for n, t in tensors.items()})  # noqa: E731
    result, mended = fix(
        broken,
        lambda folder: edit_tensors(folder, half),
        set_key("config.json", "dtype", "float16"),
    )
    assert result.fixed is not None
    assert is_match(mended)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["config.json", "generation_config.json", "tokenizer.json"])
def test_a_file_that_is_gone_is_there_again(file: str, broken: Path) -> None:
    result, mended = fix(broken, lambda folder: (folder / file).unlink())
    assert result.fixed is not None
    assert (mended / file).is_file()


def test_a_match_is_not_written_again(broken: Path) -> None:
    result, mended = fix(broken)
    assert (result.verdict, result.fixed) == ("match", None)
    assert not mended.exists()


@pytest.mark.slow
def test_what_undoing_does_not_mend_is_converted(
    broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.pipeline.mending.undo_keys", lambda *_: None)
    result, mended = fix(broken, set_key("config.json", "decoder.activation_function", "relu"))
    assert result.fixed is not None
    assert result.fixed.how == "converted"
    assert is_match(mended)


def test_where_nothing_makes_a_match_nothing_is_written(
    broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disprove(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(verdict="mismatch", levels=())

    monkeypatch.setattr("toolkit.pipeline.mending.prove", disprove)
    with pytest.raises(BadInput, match="a conversion of `.*model.pt` does not either"):
        fix(broken, change(FC1, torch.neg))
    assert [path.name for path in broken.parent.iterdir()] == [broken.name]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_a_destination_that_exists_is_refused_before_any_work(kind: str, broken: Path) -> None:
    mended = broken.parent / "mended"
    makers = {
        "folder": mended.mkdir,
        "file": mended.touch,
        "link": lambda: mended.symlink_to(broken.parent / "nowhere"),
    }
    makers[kind]()
    with pytest.raises(BadInput, match="`.*mended` must not exist yet"):
        diff(Path("no checkpoint"), broken, fix=mended)


def test_a_destination_in_the_folder_under_test_is_refused(broken: Path) -> None:
    with pytest.raises(BadInput, match="must lie outside the folder under test"):
        diff(CHECKPOINT, broken, fix=broken / "mended")


@pytest.mark.slow
def test_a_fault_of_every_kind_is_undone(
    converted: Path, breakable: Breakable, tmp_path: Path
) -> None:
    kinds: dict[str, Fault] = {f.kind: f for f in single_faults(converted, breakable)}
    left = {}
    for number, fault in enumerate(kinds.values()):
        place = tmp_path / str(number)
        broken = Path(shutil.copytree(converted, place / "broken"))
        fault.break_folder(broken)
        result, mended = fix(broken)
        if result.verdict == "mismatch" and not (result.fixed and is_match(mended)):
            left[fault.name] = [finding.summary for finding in result.findings]
        shutil.rmtree(place)
    assert left == {}
