"""The tensors of a Hugging Face model, from its configuration alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.bundled import find_class
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonObject
from toolkit.core.spec import TensorSpec

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def target_specs(config: JsonObject) -> dict[str, TensorSpec]:
    """Name, dtype and shape of every entry of the model's state dict, tied twins included.

    The model is built without storage, so that this costs no memory.

    Args:
        config: What `config.json` will hold.

    Raises:
        BadInput: transformers cannot build a model from the configuration.
    """
    import torch

    try:
        with torch.device("meta"):
            model = _build(config)
    except Exception as error:  # whatever transformers finds wrong with the values
        raise BadInput(
            f"`config.json` must describe a model that transformers can build, but {error}. "
            "Check `--encoder-config` and `--decoder-config`."
        ) from error
    return {
        name: TensorSpec(
            name=name, dtype=str(tensor.dtype).removeprefix("torch."), shape=tuple(tensor.shape)
        )
        for name, tensor in model.state_dict().items()
    }


def _build(config: JsonObject) -> PreTrainedModel:
    import transformers

    if "auto_map" in config:
        carried = dict(config["auto_map"])
        model_config = find_class(carried.pop("AutoConfig"))(**config)
        (model,) = {
            name for name in carried.values() if name.endswith(f".{config['architectures'][0]}")
        }
        return find_class(model)(model_config)
    model_config = transformers.AutoConfig.for_model(**config)
    return getattr(transformers, config["architectures"][0])(model_config)
