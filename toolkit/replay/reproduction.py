"""The smallest thing that shows a fault: one module, its input, what fairseq makes of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.oracle.hooks import Call
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import first, paired_outputs, replay_arguments

if TYPE_CHECKING:
    from torch import Tensor, nn

SCRIPT = Path(__file__).with_name("reproduction_script.py")


def write_reproduction(
    folder: Path, pair: Pair, target: nn.Module, source: nn.Module, made: Call, received: Call
) -> None:
    """Writes a folder with a runnable script that shows the fault of one module pair.

    Args:
        folder: Where to write; created.
        pair: The two modules.
        target: The whole Hugging Face model, in float64.
        source: The whole fairseq model.
        made: The target module's call.
        received: The source module's call.
    """
    folder.mkdir(parents=True)
    arguments = replay_arguments(pair.layout, made, received)
    expected = paired_outputs(
        pair.layout, source, first(made.outputs), first(received.outputs)
    ).expected
    _save(folder / "inputs.safetensors", _tensors(arguments))
    _save(folder / "expected.safetensors", {"output": expected})
    _save(folder / "target.safetensors", target.get_submodule(pair.target).state_dict())
    _save(folder / "source.safetensors", source.get_submodule(pair.source).state_dict())
    said = {"target": pair.target, "source": pair.source, "arguments": _plain(arguments)}
    (folder / "module.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    target.config.save_pretrained(folder)  # type: ignore[operator, union-attr]
    shutil.copyfile(SCRIPT, folder / "run.py")


def _save(path: Path, tensors: dict[str, Tensor]) -> None:
    from safetensors.torch import save_file

    copies = {name: t.to("cpu", copy=True).contiguous() for name, t in tensors.items()}
    save_file(copies, path)


def _tensors(arguments: dict[str, Any]) -> dict[str, Tensor]:
    import torch

    return {k: value for k, value in arguments.items() if isinstance(value, torch.Tensor)}


def _plain(arguments: dict[str, Any]) -> dict[str, object]:
    """What JSON can hold of the rest; a cache or an object has no place in a replayed call."""
    kept = (str, int, float, bool, type(None))
    return {key: value for key, value in arguments.items() if isinstance(value, kept)}
