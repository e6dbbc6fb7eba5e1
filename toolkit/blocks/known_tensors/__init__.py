"""The tensors of the usual classes as data, so that a conversion imports neither torch nor transformers.

Names and shapes follow from the configuration. They are those of the versions of transformers in
`COMPARED_WITH`, which tests hold this package against; for any other version, class or value there
is no answer here, and the model itself must be asked: `toolkit.folder.skeleton.target_specs`.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from toolkit.blocks.known_tensors import encoders, filter_banks, seq2seq, texts
from toolkit.core.json import JsonObject
from toolkit.core.spec import TensorSpec

CONVERTED = (
    *("model.encoder.", "model.decoder.", "model.layers.", "model.embed", "model.shared."),
    *("wav2vec2.", "hubert.", "lm_head.", "encoder.encoder.", "bert."),
)
"""What names begin with in files of transformers that are taken for checkpoints."""
COMPARED_WITH = frozenset({"5.23.0"})
"""Versions of transformers for which tests have found this package right."""


def maybe_known_specs(config: JsonObject) -> dict[str, TensorSpec] | None:
    """What `target_specs` returns, or None where only the model itself can tell.

    Args:
        config: What `config.json` will hold.
    """
    if _transformers_version() not in COMPARED_WITH:
        return None
    kinds = (seq2seq, encoders, filter_banks, texts)
    known = next((kind for kind in kinds if kind.is_known(config)), None)
    if known is None:
        return None
    return {
        name: TensorSpec(name=name, dtype="float32", shape=shape)
        for name, shape in known.tensors(config)
    }


def _transformers_version() -> str | None:
    """As its first file states it; None where there is none, or it states it otherwise.

    `importlib.metadata` would take longer to import than all that is here.
    """
    spec = find_spec("transformers")
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).read_text(encoding="utf-8")
    stated = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return None if stated is None else stated[1]
