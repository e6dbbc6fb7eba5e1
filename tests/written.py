"""Folders of stock classes for any checkpoint, as scripts write them: whatever fits is copied."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from toolkit.blocks.tree import nested
from toolkit.folder.weights import target_tensor
from toolkit.mapping.ops import Sinusoids
from toolkit.pipeline.prepare import Prepared
from toolkit.pipeline.writing import write_converted

RENAMES = (
    (r"encoder\.length_adapter\.layers\.", "encoder.adapter.layers."),
    (r"encoder\.output_projection\.", "encoder.adapter.proj."),
    (r"encoder\.output_layer_norm\.", "encoder.adapter.proj_layer_norm."),
)
"""Where tensors of the carried classes are in stock ones."""
DECODERS = {
    "mbart": ("MBartConfig", "MBartForCausalLM"),
    "bart": ("BartConfig", "BartForCausalLM"),
    "trocr": ("TrOCRConfig", "TrOCRForCausalLM"),
    "blenderbot": ("BlenderbotConfig", "BlenderbotForCausalLM"),
}
ENCODERS = {
    "wav2vec2": ("Wav2Vec2Config", "Wav2Vec2Model"),
    "wav2vec2-conformer": ("Wav2Vec2ConformerConfig", "Wav2Vec2ConformerModel"),
    "hubert": ("HubertConfig", "HubertModel"),
}
"""Names of transformers' classes, by model type."""


def write_stock(
    prepared: Prepared,
    folder: Path,
    *,
    encoder: str = "wav2vec2",
    decoder: str = "mbart",
    sinusoids: bool = True,
    change: Callable[[dict[str, Tensor]], None] | None = None,
    **decoder_values: Any,
) -> Path:
    """Writes a checkpoint as a `SpeechEncoderDecoderModel` of two stock classes.

    Args:
        prepared: The checkpoint, in the form that a conversion writes.
        folder: A new folder.
        encoder: Model type of the encoder.
        decoder: Model type of the decoder.
        sinusoids: Whether positions that fairseq computes become a table, or stay random.
        change: What happens to the tensors before they are saved.
        decoder_values: Keys of the decoder's configuration that differ.
    """
    torch.manual_seed(7)
    model = _build(prepared, encoder, decoder, decoder_values)
    tensors = dict(_fitting(prepared, model.state_dict(), decoder, sinusoids=sinusoids))
    if change is not None:
        change(tensors)
    model.load_state_dict(tensors, strict=False)
    whole = folder.with_name(f"{folder.name}-whole")
    whole.mkdir()
    write_converted(prepared, whole)
    shutil.copytree(
        whole, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json", "modeling*")
    )
    shutil.rmtree(whole)
    generation = (folder / "generation_config.json").read_bytes()
    model.save_pretrained(folder)
    (folder / "generation_config.json").write_bytes(generation)
    _plain_front_end(folder / "preprocessor_config.json")
    return folder


def _plain_front_end(file: Path) -> None:
    values = json.loads(file.read_text(encoding="utf-8"))
    values.pop("auto_map", None)
    file.write_text(json.dumps(values), encoding="utf-8")


def _build(
    prepared: Prepared, encoder: str, decoder: str, decoder_values: Mapping[str, Any]
) -> Any:
    import transformers

    network = prepared.network
    wanted = dict(nested(network.config)["encoder"])
    wanted |= {"add_adapter": bool(wanted["num_adapter_layers"])}
    config_class, model_class = (getattr(transformers, name) for name in ENCODERS[encoder])
    speech = model_class(config_class(**_shared(wanted, config_class)))
    wanted = dict(nested(network.config)["decoder"])
    config_class, model_class = (getattr(transformers, name) for name in DECODERS[decoder])
    text = model_class(config_class(**{**_shared(wanted, config_class), **decoder_values}))
    model = transformers.SpeechEncoderDecoderModel(encoder=speech, decoder=text)
    contents = prepared.task.contents.config
    for key in ("bos_token_id", "pad_token_id", "eos_token_id", "decoder_start_token_id"):
        setattr(model.config, key, contents[key])
    model.config.tie_word_embeddings = False
    return model


def _shared(values: Mapping[str, Any], config_class: Any) -> dict[str, Any]:
    known = {*config_class().to_dict(), "is_decoder", "add_cross_attention"} - {"model_type"}
    return {key: value for key, value in values.items() if key in known}


def _fitting(
    prepared: Prepared, state: Mapping[str, Tensor], decoder: str, *, sinusoids: bool
) -> Any:
    for name, assignment in prepared.plan.assignments.items():
        place = name
        for old, new in RENAMES:
            place = re.sub(old, new, place)
        if decoder == "trocr":
            place = place.replace("decoder.lm_head.", "decoder.output_projection.")
        tensor = target_tensor(assignment, prepared.plan, prepared.checkpoint.mapped)
        if place in state and state[place].shape == tensor.shape:
            yield place, tensor
    positions = "decoder.model.decoder.embed_positions.weight"
    if sinusoids and positions in state and positions not in prepared.plan.assignments:
        yield positions, Sinusoids().make(tuple(state[positions].shape))
