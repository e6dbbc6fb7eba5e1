"""Runs of the scripts for models that write texts: their inputs as users had them, and the folders.

The script for mBART takes the configuration of a model on the hub; the others make their own.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.released.environments import Released
from tests.released.jobs import Job, run_listed
from tests.variants.s2t_building import build_s2t
from tests.variants.s2t_kinds import S2TVariant
from tests.variants.states import Save
from tests.variants.text_building import build_text
from tests.variants.text_kinds import SIZES, TextVariant
from toolkit.oracle.tasks.speech_seq2seq.build import MISSING_DEFAULTS

SPEECH, MBART, M2M = "speech_to_text", "mbart", "m2m_100"
SCRIPTS = {
    SPEECH: "speech_to_text/convert_s2t_fairseq_to_tfms.py",
    MBART: "mbart/convert_mbart_original_checkpoint_to_pytorch.py",
    M2M: "m2m_100/convert_m2m100_original_checkpoint_to_pytorch.py",
}
"""Where a wheel has the script of each model type."""
FUNCTION = "convert_fairseq_m2m100_checkpoint_from_disk"
"""What users call in Python of a script whose command line has never worked."""
HUB: dict[str, Any] = {
    "model_type": "mbart",
    "activation_function": "gelu",
    "add_final_layer_norm": True,
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "dropout": 0.1,
    "eos_token_id": 2,
    "max_length": 1024,
    "normalize_before": True,
    "num_beams": 5,
    "pad_token_id": 1,
    "scale_embedding": True,
}
"""The configuration of mBART on the hub, without its sizes."""
TRAINED = {
    "encoder_layerdrop": 0.0,
    "decoder_layerdrop": 0.0,
    "input_channels": 1,
    "input_feat_per_channel": 80,
}
"""Arguments that every training has, and that no architecture gives."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A checkpoint, and what its script was called with."""

    script: str
    """The model type."""
    variant: S2TVariant | TextVariant
    lent: Mapping[str, Any] = field(default_factory=dict)
    """What the lent configuration says otherwise than the one on the hub."""
    switches: tuple[str, ...] = ()
    is_called: bool = False
    """Whether its function is called in Python, and not its command line."""

    @property
    def options(self) -> Mapping[str, Any]:
        """What the user has to say to the toolkit."""
        return self.variant.options if isinstance(self.variant, TextVariant) else {}

    @property
    def borrowed(self) -> str:
        """What the script was given."""
        if self.script == SPEECH:
            return "nothing"
        if self.script == M2M:
            return f"`{FUNCTION}` called" if self.is_called else "its command line"
        told = (f"`{name}` {value!r}" for name, value in self.lent.items())
        return ", ".join(("mBART's", *told, *(f"`{switch}`" for switch in self.switches)))

    @property
    def name(self) -> str:
        """As tests show it."""
        return f"{self.script} {self.variant.name}, {self.borrowed}"


def prepare_job(case: Case, place: Path) -> Job[Case]:
    """The checkpoint as a training leaves it, and what the script is called with.

    Args:
        case: What to convert, and how.
        place: An empty folder.
    """
    place.mkdir(parents=True)
    save = partial(_save_trained, case.variant.save)
    if isinstance(case.variant, S2TVariant):
        checkpoint = build_s2t(replace(case.variant, save=save), place)
    else:
        checkpoint = build_text(replace(case.variant, save=save), place)
    folder = place / "folder"
    paths = (str(checkpoint), str(folder))
    if case.script == SPEECH:
        paths = (f"--fairseq_path={checkpoint}", f"--pytorch_dump_folder_path={folder}")
    lent = _lend(case, place) if case.script == MBART else ()
    words = (*paths, *lent, *case.switches)
    return Job(case=case, checkpoint=checkpoint, folder=folder, words=words)


def _save_trained(inner: Save | None, args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    """With every argument of the architecture, as a training has them."""
    import fairseq.models.bart
    import fairseq.models.speech_to_text
    import fairseq.models.transformer  # noqa: F401
    from fairseq.models import ARCH_CONFIG_REGISTRY

    every = Namespace(**{**MISSING_DEFAULTS, **TRAINED, **vars(args)})
    ARCH_CONFIG_REGISTRY[args.arch](every)
    return {"args": every, "model": state} if inner is None else inner(every, state)


def _lend(case: Case, place: Path) -> tuple[str, str]:
    """The configuration of a model on the hub with the sizes of the checkpoint."""
    names = {"ffn_embed_dim": "ffn_dim", "layers": "layers", "attention_heads": "attention_heads"}
    sizes = {
        f"{side}_{own}": SIZES[f"{side}_{name}"]
        for side in ("encoder", "decoder")
        for name, own in names.items()
    }
    sizes |= {
        "d_model": SIZES["encoder_embed_dim"],
        "max_position_embeddings": SIZES["max_source_positions"],
    }
    (place / "lent").mkdir()
    written = json.dumps({**HUB, **sizes, **case.lent})
    (place / "lent" / "config.json").write_text(written, encoding="utf-8")
    return "--hf_config", str(place / "lent")


def run_scripts(environment: Released, jobs: Sequence[Job[Case]], place: Path) -> list[str]:
    """What became of each job, in order: `done`, or why the script gave up."""
    listed = [
        {
            "script": SCRIPTS[job.case.script],
            "words": list(job.words),
            "function": FUNCTION if job.case.is_called else "",
        }
        for job in jobs
    ]
    return run_listed(environment, "sequence_scripts.py", listed, place)
