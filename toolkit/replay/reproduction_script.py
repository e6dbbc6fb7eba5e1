"""Runs one module on recorded input and says how far its output is from the expected one.

Stands alone: it needs torch, safetensors and transformers, and the files beside it.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSpeechSeq2Seq

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Builds the module from its configuration, loads its weights, calls it, compares."""
    said = json.loads((HERE / "module.json").read_text(encoding="utf-8"))
    config = AutoConfig.from_pretrained(HERE)
    model = AutoModelForSpeechSeq2Seq.from_config(config, attn_implementation="eager")
    module = model.double().eval().get_submodule(said["target"])
    module.load_state_dict(load_file(HERE / "target.safetensors"))
    arguments = {**said["arguments"], **load_file(HERE / "inputs.safetensors")}
    with torch.no_grad():
        output = module(**arguments)
    actual = output if isinstance(output, torch.Tensor) else next(iter(_values(output)))
    expected = load_file(HERE / "expected.safetensors")["output"]
    error = (actual - expected).abs().max() / expected.abs().max()
    print(f"{said['target']} against {said['source']}: largest error {error:.1e} of the largest")


def _values(output: object) -> list[torch.Tensor]:
    values = output.values() if isinstance(output, dict) else output
    return [value for value in values if isinstance(value, torch.Tensor)]  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
