"""Faults of checkpoints: which there are, and what a right finding says."""

from __future__ import annotations

import pickle

from toolkit.core.formats import SinceFormat
from toolkit.faults import checkpoint_faults

NORM = "decoder.layer_norm"
FORMATS = (SinceFormat(module=NORM, marker="decoder.version", first=3),)
ORIGINS = {"model.decoder.layer_norm.weight": f"{NORM}.weight", "model.shared.weight": "x.weight"}


def test_a_norm_that_depends_on_a_format_has_both_faults():
    forgotten, outdated = checkpoint_faults(ORIGINS, ("decoder.version",), FORMATS)
    assert forgotten.name == "format_forgotten:decoder.version"
    assert (outdated.name, outdated.number) == ("format_outdated:decoder.version=2", 2)
    assert forgotten.truth.modules == outdated.truth.modules == {"model.decoder.layer_norm"}
    assert pickle.loads(pickle.dumps(forgotten)) == forgotten


def test_a_checkpoint_that_tells_no_format_has_neither():
    assert list(checkpoint_faults(ORIGINS, (), FORMATS)) == []


def test_a_model_without_such_a_norm_has_neither():
    assert list(checkpoint_faults(ORIGINS, ("decoder.version",), ())) == []
