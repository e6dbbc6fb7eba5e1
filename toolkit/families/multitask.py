"""Decoders that auxiliary tasks trained beside a model's own.

Source: `multitask_config_yaml` of `fairseq/tasks/speech_to_text.py` and `speech_to_speech.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.blocks.evidence import Facts
from toolkit.mapping import Drop, Row


def multitask_rows(facts: Facts) -> Iterator[Row]:
    """One row for each tensor of a decoder that an auxiliary task trained beside the model's own."""
    names = {name.split(".")[0] for name in facts.tensors}
    for name in sorted(names - {"encoder", "decoder"}):
        if name.endswith("_decoder"):
            for tensor in sorted(t for t in facts.tensors if t.startswith(f"{name}.")):
                yield Drop(tensor, "the decoder of an auxiliary task serves training only")
