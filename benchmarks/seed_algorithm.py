"""How conversion scripts usually work: load with fairseq, build with transformers, copy, save.

The yardstick of `benchmarks/convert.py`, written from its description. It takes names and
configuration from a plan that was made before, so that it pays for the loading, the building, the
copying and the saving alone: `python -m benchmarks.seed_algorithm CHECKPOINT PLAN OUT`.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
import transformers

from toolkit.bundled import find_class
from toolkit.oracle.tasks.base import register_models
from toolkit.oracle.tasks.speech_seq2seq.build import make_namespace


def main(checkpoint: Path, plan: Path, out: Path) -> None:
    """Converts one checkpoint."""
    described = json.loads(plan.read_text(encoding="utf-8"))
    source = load_with_fairseq(checkpoint)
    model = build_with_transformers(described["config"])
    copy_state(source, model, described["names"])
    model.save_pretrained(out)


def load_with_fairseq(checkpoint: Path) -> torch.nn.Module:
    """Returns fairseq's model with the checkpoint's values."""
    from fairseq import tasks

    register_models()
    state = torch.load(checkpoint, weights_only=False)
    args = make_namespace(settings_of(state), str(checkpoint.parent))
    model: torch.nn.Module = tasks.setup_task(args).build_model(args)
    model.load_state_dict(state["model"])
    return model


def settings_of(state: dict[str, Any]) -> dict[str, Any]:
    """The arguments of task and model, in groups or in one namespace."""
    groups = [state["args"]] if state["args"] else [state["cfg"]["task"], state["cfg"]["model"]]
    settings = {name: value for group in map(plain, groups) for name, value in group.items()}
    inner = {name: plain(value) for name, value in plain(settings["w2v_args"]).items()}
    return {**settings, "w2v_args": inner}


def plain(value: Any) -> Any:
    """Namespaces as dicts."""
    return vars(value) if isinstance(value, Namespace) else value


def build_with_transformers(config: dict[str, Any]) -> Any:
    """Returns a model of transformers with random values."""
    if "auto_map" in config:
        carried = config["auto_map"]
        return find_class(carried["AutoModelForSpeechSeq2Seq"])(
            find_class(carried["AutoConfig"])(**config)
        )
    return transformers.SpeechEncoderDecoderModel(transformers.AutoConfig.for_model(**config))


def copy_state(source: torch.nn.Module, target: torch.nn.Module, names: dict[str, str]) -> None:
    """Copies tensor by tensor under another name."""
    values, places = source.state_dict(), target.state_dict()
    for name, taken in names.items():
        places[name].copy_(values[taken])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
