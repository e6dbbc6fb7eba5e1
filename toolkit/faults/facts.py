"""What a converted folder looks like from outside: tensor names and shapes, and its JSON files."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from toolkit.core.errors import BadInput

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
GENERATION = "generation_config.json"
PREPROCESSOR = "preprocessor_config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"

PARAMETRIZATION = ".parametrizations."
GAIN = ".parametrizations.weight.original0"
DIRECTION = ".parametrizations.weight.original1"
EMBEDDING = "decoder.model.decoder.embed_tokens.weight"
OUTPUT = "decoder.lm_head.weight"

_PARTS = (
    ("conv stack", r"encoder\.feature_extractor\..+"),
    ("projection", r"encoder\.feature_projection\..+"),
    ("positional convolution", r"encoder\.encoder\.(pos_conv_embed\..+|embed_positions)"),
    ("encoder attention", r"encoder\.encoder\.layers\.\d+\.(attention|self_attn)(\..+)?"),
    ("encoder feed-forward", r"encoder\.encoder\.layers\.\d+\.(feed_f|ffn\d|conv_m)\w*\..+"),
    ("encoder norms", r"encoder\.encoder\.(layers\.\d+\.)?\w*layer_norm"),
    ("adaptor", r"encoder\.(adapter\..+|length_adapter\..+|output_\w+)|enc_to_dec_proj"),
    ("mask embedding", r"encoder"),
    ("embeddings", r"decoder\.model\.decoder\.(embed_\w+|layernorm_embedding)"),
    ("decoder self-attention", r"decoder\.model\.decoder\.layers\.\d+\.self_attn\..+"),
    ("decoder cross-attention", r"decoder\.model\.decoder\.layers\.\d+\.encoder_attn\..+"),
    ("decoder feed-forward", r"decoder\.model\.decoder\.layers\.\d+\.fc\d"),
    ("decoder norms", r"decoder\.model\.decoder\.(layers\.\d+\.)?\w*layer_norm"),
    ("output layer", r"decoder\.(lm_head|output_projection)"),
)
PARTS = (
    *(part for part, _ in _PARTS),
    "encoder config",
    "decoder config",
    "model config",
    "generation config",
    "preprocessor config",
    "tokenizer",
)
"""Every part of a folder that faults are made in, in model order."""

_IN_STACK = re.compile(r"(.+\.(?:layers|conv_layers))\.(\d+)\.(.+)")


@dataclass(frozen=True, kw_only=True)
class Place:
    """One tensor of the folder."""

    name: str
    shape: tuple[int, ...]

    @property
    def module(self) -> str:
        """The path of the module that owns the tensor."""
        return owner(self.name)

    @property
    def part(self) -> str:
        """The part of the model that it lies in."""
        return part_of(self.module)

    @property
    def is_norm(self) -> bool:
        """Whether it is the weight or the bias of a norm."""
        return "norm" in self.module.rpartition(".")[2]

    @property
    def template(self) -> str:
        """Its name without layer numbers: tensors of one template play one role."""
        return re.sub(r"\.\d+\.", ".{i}.", self.name)

    @property
    def size(self) -> int:
        """How many values it has."""
        total = 1
        for length in self.shape:
            total *= length
        return total


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A converted folder without the values of its tensors."""

    places: tuple[Place, ...]
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    preprocessor: Mapping[str, Any]
    tokenizer: Mapping[str, Any]
    tokenizer_config: Mapping[str, Any]

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor, by name."""
        return {place.name: place.shape for place in self.places}

    @cached_property
    def stacks(self) -> dict[str, dict[int, dict[str, str]]]:
        """Tensor names by stack of layers, layer number, and name within the layer."""
        stacks: dict[str, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
        for place in self.places:
            found = _IN_STACK.fullmatch(place.name)
            if found:
                stacks[found[1]][int(found[2])][found[3]] = place.name
        return {stack: dict(sorted(layers.items())) for stack, layers in sorted(stacks.items())}

    @cached_property
    def attentions(self) -> tuple[str, ...]:
        """Paths of the attention blocks."""
        ending = ".q_proj.weight"
        names = (place.name for place in self.places)
        return tuple(name.removesuffix(ending) for name in names if name.endswith(ending))

    @property
    def tied(self) -> bool:
        """Whether the output layer is the embedding."""
        return bool(self.config.get("decoder", {}).get("tie_word_embeddings"))

    @property
    def tags(self) -> dict[str, int]:
        """The language tags among the special tokens, with their ids."""
        named = set(self.tokenizer_config.get("extra_special_tokens", ()))
        added = self.tokenizer.get("added_tokens", ())
        return {token["content"]: token["id"] for token in added if token["content"] in named}

    def heads(self, name: str) -> int:
        """How many heads the attention has that a tensor or module lies in."""
        if name.startswith("decoder."):
            return int(self.config["decoder"]["decoder_attention_heads"])
        return int(self.config["encoder"]["num_attention_heads"])

    def width(self, name: str) -> int:
        """The width of the side that a tensor or module lies in."""
        if name.startswith("decoder."):
            return int(self.config["decoder"]["d_model"])
        return int(self.config["encoder"]["hidden_size"])


def read_facts(folder: Path) -> Facts:
    """Reads a folder's JSON files and the header of its weights.

    Raises:
        BadInput: a file is missing or cannot be read.
    """
    return Facts(
        places=_places(folder / WEIGHTS),
        config=read_json(folder / CONFIG),
        generation=read_json(folder / GENERATION),
        preprocessor=read_json(folder / PREPROCESSOR),
        tokenizer=read_json(folder / TOKENIZER),
        tokenizer_config=read_json(folder / TOKENIZER_CONFIG),
    )


def read_json(file: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        BadInput: it is missing, or holds something else.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{file}` must be a JSON file of a converted folder, but {error}. Name a folder that "
            "`toolkit convert` wrote."
        ) from error
    if not isinstance(values, dict):
        raise BadInput(
            f"`{file}` must hold a JSON object, but holds {values!r:.80}. Name a folder that "
            "`toolkit convert` wrote."
        )
    return values


def owner(parameter: str) -> str:
    """The path of the module that a tensor belongs to; a parametrized one's is its module."""
    if PARAMETRIZATION in parameter:
        return parameter.partition(PARAMETRIZATION)[0]
    return parameter.rpartition(".")[0]


def owners(parameters: Iterable[str]) -> frozenset[str]:
    """The paths of the modules that some tensors belong to."""
    return frozenset(owner(name) for name in parameters)


def part_of(module: str) -> str:
    """The part of the model that a module lies in.

    Raises:
        BadInput: it lies in none, so that the folder is of another kind.
    """
    for part, pattern in _PARTS:
        if re.fullmatch(pattern, module):
            return part
    raise BadInput(
        f"`{module}` must lie in a known part of a speech encoder-decoder model, but lies in none. "
        "Name a folder that `toolkit convert` wrote."
    )


def _places(file: Path) -> tuple[Place, ...]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            return tuple(
                Place(name=name, shape=tuple(opened.get_slice(name).get_shape()))
                for name in sorted(opened.keys())
                # A batch norm counts its batches for training only.
                if not name.endswith(".num_batches_tracked")
            )
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"`{file}` must hold all weights of a converted folder, but {error}. Name a folder "
            "that `toolkit convert` wrote."
        ) from error
