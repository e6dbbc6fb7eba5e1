"""fairseq's activation functions under their names in transformers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from toolkit.blocks.evidence import Derived, argued
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonObject

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_accurate": "gelu_new",
    "gelu_fast": "gelu_new",
    "relu": "relu",
    "relu_squared": "relu2",
    "tanh": "tanh",
    "linear": "linear",
}
"""`gelu_fast` is `gelu_accurate` under its older name. `swish` is not among them: fairseq hands its
layers a class there, which fails."""


def activation(group: JsonObject, where: str, default: str = "gelu") -> Derived:
    """The activation function under its name in transformers."""
    found = argued(group, "activation_fn", where, default)
    return replace(found, value=ACTIVATIONS.get(found.value, found.value))


def refused_activation(group: JsonObject, where: str) -> Iterator[Reason]:
    """An activation function that transformers does not have."""
    if group.get("activation_fn", "gelu") not in ACTIVATIONS:
        yield Reason(name=f"{where}.activation_fn", because="no function of transformers equals it")
