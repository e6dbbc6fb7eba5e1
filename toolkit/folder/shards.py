"""Cuts a model's tensors into files of bounded size, with an index of them.

As `huggingface_hub.split_torch_state_dict_into_shards`, which `save_pretrained` calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from toolkit.core.spec import TensorSpec

FILE_NAME = "model.safetensors"
INDEX_NAME = "model.safetensors.index.json"
MAX_SHARD_BYTES = 50_000_000_000
"""What `save_pretrained` of transformers 5 cuts at."""

Shard = Sequence[TensorSpec]


def cut_shards(specs: Iterable[TensorSpec], max_shard_bytes: int) -> dict[str, Shard]:
    """The tensors of each file, by its name; one file where everything fits into one.

    Args:
        specs: In the model's order.
        max_shard_bytes: Values of one file; a tensor that is larger has a file of its own.
    """
    shards: list[list[TensorSpec]] = []
    current: list[TensorSpec] = []
    num_bytes = 0
    for spec in specs:
        if spec.num_bytes > max_shard_bytes:
            shards.append([spec])
            continue
        if num_bytes + spec.num_bytes > max_shard_bytes:
            shards.append(current)
            current, num_bytes = [], 0
        current.append(spec)
        num_bytes += spec.num_bytes
    if current or not shards:
        shards.append(current)
    if len(shards) == 1:
        return {FILE_NAME: shards[0]}
    return {
        f"model-{number:05d}-of-{len(shards):05d}.safetensors": shard
        for number, shard in enumerate(shards, start=1)
    }


def render_index(shards: Mapping[str, Shard]) -> str:
    """What the index file of several shards says."""
    index = {
        "metadata": {"total_size": sum(s.num_bytes for shard in shards.values() for s in shard)},
        "weight_map": {spec.name: name for name, shard in shards.items() for spec in shard},
    }
    return json.dumps(index, indent=2, sort_keys=True) + "\n"
