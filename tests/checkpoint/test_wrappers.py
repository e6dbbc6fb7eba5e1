"""Parts of names that wrappers of a model or of its modules put there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.families.exactness import CLIPS
from toolkit import convert, inspect
from toolkit.audio import golden_folder
from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.wrappers import ANYWHERE, AROUND_ALL, unwrap
from toolkit.core.errors import BadInput
from toolkit.mapping.file import read_mapping
from toolkit.pipeline.prepare import Inputs, open_mapped

NAMES = ("proj.weight", "encoder.layers.0.fc1.weight", "encoder.model.module.bias")


def save(path: Path, names: tuple[str, ...]) -> Path:
    model = {name: torch.full((2,), float(i)) for i, name in enumerate(names)}
    torch.save({"model": model, "args": None, "cfg": {"model": {"_name": "x"}}}, path)
    return path


def renamed(folder: Path, rename: Callable[[str], str]) -> Path:
    """The golden CTC checkpoint under other names, with its dictionary."""
    golden = golden_folder() / "ctc"
    saved = torch.load(golden / "model.pt", weights_only=False)
    saved["model"] = {rename(name): tensor for name, tensor in saved["model"].items()}
    torch.save(saved, folder / "model.pt")
    (folder / "dict.ltr.txt").write_bytes((golden / "dict.ltr.txt").read_bytes())
    return folder / "model.pt"


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "model.module._orig_mod."])
def test_a_wrapper_of_the_whole_model_is_no_part_of_names(prefix: str, tmp_path: Path) -> None:
    path = save(tmp_path / "model.pt", tuple(prefix + name for name in NAMES))
    opened = unwrap(open_checkpoint(path))
    assert tuple(opened.tensors) == NAMES
    assert [float(opened.load(name)[0]) for name in NAMES] == [0.0, 1.0, 2.0]
    assert {reason.name for reason in opened.wrappers} == set(prefix.split(".")) - {""}


@pytest.mark.parametrize("part", ANYWHERE)
def test_a_wrapper_of_one_module_is_no_part_of_names(part: str, tmp_path: Path) -> None:
    names = ("proj.weight", f"encoder.layers.0.{part}.fc1.weight", "encoder.model.module.bias")
    opened = unwrap(open_checkpoint(save(tmp_path / "model.pt", names)))
    assert tuple(opened.tensors) == NAMES
    assert [reason.name for reason in opened.wrappers] == [part]


@pytest.mark.parametrize("names", [NAMES, ("module.a", "b"), ("module", "model"), ("model.x", "y")])
def test_what_not_all_names_share_stays(names: tuple[str, ...], tmp_path: Path) -> None:
    opened = unwrap(open_checkpoint(save(tmp_path / "model.pt", names)))
    assert (tuple(opened.tensors), opened.wrappers) == (names, ())


def test_names_that_become_one_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "model.pt", ("a._orig_mod.weight", "a.weight"))
    with pytest.raises(BadInput, match="must be the name of one tensor"):
        unwrap(open_checkpoint(path))


@given(st.lists(st.sampled_from([*AROUND_ALL, *ANYWHERE]), max_size=4))
def test_any_wrappers_around_all_are_left_out(tmp_path_factory, parts: list[str]) -> None:
    path = tmp_path_factory.mktemp("wrapped") / "model.pt"
    opened = unwrap(open_checkpoint(save(path, tuple(".".join((*parts, n)) for n in NAMES))))
    assert tuple(opened.tensors) == NAMES


def test_a_mapping_file_may_speak_of_the_wrapper_itself(tmp_path: Path) -> None:
    path = save(tmp_path / "model.pt", tuple(f"module.{name}" for name in NAMES))
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("rename: [{from: module., to: trunk.}]\n")
    opened = open_mapped(Inputs(checkpoint=path), read_mapping(mapping))
    assert tuple(opened.tensors) == tuple(f"trunk.{name}" for name in NAMES)


def test_a_wrapped_checkpoint_is_proven_and_its_inspection_says_what_was_left_out(
    tmp_path: Path,
) -> None:
    path = renamed(tmp_path, lambda name: "module." + name.replace(".fc1.", "._orig_mod.fc1."))
    dropped = {reason.name: reason.because for reason in inspect(path).dropped}
    assert "DistributedDataParallel puts it into names" in dropped["module"]
    assert "torch.compile puts it into names" in dropped["_orig_mod"]
    result = convert(path, tmp_path / "hf", verify=True, audio=CLIPS[:1])
    assert result.verdict == "match"
    assert result.coverage is not None
    assert result.coverage.source_total == inspect(path).tensors


@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_layers_that_were_pruned_are_refused_in_one_sentence(command: str, tmp_path: Path) -> None:
    path = renamed(tmp_path, lambda name: name.replace("encoder.layers.2.", "encoder.layers.4."))
    if command == "inspect":
        (reason,) = inspect(path).refusals
        said = f"`{reason.name}`: {reason.because}"
    else:
        with pytest.raises(BadInput) as refusal:
            convert(path, tmp_path / "hf", verify=False)
        said = str(refusal.value)
    assert "3 layers are there, numbered up to 4, without 2, 3: they were pruned" in said
    assert "\n" not in said
    assert not (tmp_path / "hf").exists()
