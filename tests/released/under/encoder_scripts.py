"""Runs the conversion scripts of encoders that old wheels of transformers carry, once per job.

Runs in an environment of `tests.released.environments`; of the toolkit it has the mends alone
without which this fairseq cannot build a model that the one of the scripts' time could:
`python encoder_scripts.py JOBS.json`, jobs of `tests.released.under.running`, each with whether
torch is an `old` one, the `clips` that it hears in place of a data set, and whether its models are
`held` in place of a fork's.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

# The scripts and the fairseq of their time read files that torch has since stopped to unpickle.
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

import soundfile
import torch
import transformers  # noqa: F401 -- looks for `datasets` once, before there is a stand-in
from fairseq.models.hubert import hubert_asr
from fairseq.models.wav2vec import wav2vec2_asr
from omegaconf import open_dict

sys.path.append(str(Path(__file__).parents[3]))
from tests.released.under.forks import held_models
from tests.released.under.running import run_all
from toolkit.oracle.mends.conformer import mended_conformer

NEW_WEIGHT_NORM = torch.nn.utils.parametrizations.weight_norm
COPIED = {
    "transformers.models.data2vec.data2vec_audio": "fairseq.examples.data2vec.models.data2vec_audio"
}
"""Modules that a script imports and no wheel has: its users copied them from fairseq."""


class Clips:
    """The few rows of a data set that a script hears."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def __getitem__(self, rows: slice) -> dict[str, list[Any]]:
        paths = self._paths[rows]
        audio = [{"array": soundfile.read(path, dtype="float32")[0]} for path in paths]
        return {"audio": audio, "text": [""] * len(paths)}


def run_script(path: Path, job: dict[str, Any]) -> None:
    """Runs one script, with what stands in for its data set and for modules that no wheel has."""
    _set_weight_norm(old=job["old"])
    for name, original in COPIED.items():
        sys.modules[name] = import_module(original)
    sys.modules["datasets"] = _data_set(job["clips"])
    with mended_conformer(), held_models() if job["held"] else nullcontext():
        runpy.run_path(str(path), run_name="__main__")


def _set_weight_norm(*, old: bool) -> None:
    """Most scripts know the names of weight norm alone that torch had before parametrizations."""
    module = torch.nn.utils.parametrizations
    if old and hasattr(module, "weight_norm"):
        del module.weight_norm
    elif not old:
        module.weight_norm = NEW_WEIGHT_NORM


class MendedEncoder(hubert_asr.HubertEncoder):
    """Says what fairseq's code reads and its configuration has not (fairseq#4916)."""

    def __init__(self, cfg: Any, task: Any) -> None:
        with open_dict(cfg):
            cfg.autoregressive = False
        super().__init__(cfg, task)


class MendedDecoder(wav2vec2_asr.TransformerDecoder):
    """Its layers attend to what is as wide as themselves, as those of fairseq 0.10 did.

    Later ones ask for the width of a configuration that this model's has not: 512.
    """

    def __init__(self, cfg: Any, *others: Any, **more: Any) -> None:
        with open_dict(cfg):
            cfg.encoder_embed_dim = cfg.decoder_embed_dim
        super().__init__(cfg, *others, **more)


hubert_asr.HubertEncoder = MendedEncoder
wav2vec2_asr.TransformerDecoder = MendedDecoder


def _data_set(clips: Sequence[str]) -> ModuleType:
    module = ModuleType("datasets")
    vars(module)["load_dataset"] = lambda *_words, **_options: Clips(clips)
    return module


if __name__ == "__main__":
    run_all(Path(sys.argv[1]), run_script)
