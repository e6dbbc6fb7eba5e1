"""The tensors of a Hugging Face model, from its configuration alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.core.errors import BadInput
from toolkit.core.spec import TensorSpec


def target_specs(config: Mapping[str, Any]) -> dict[str, TensorSpec]:
    """Name, dtype and shape of every entry of the model's state dict, tied twins included.

    The model is built without storage, so that this costs no memory.

    Args:
        config: What `config.json` will hold.

    Raises:
        BadInput: transformers cannot build a model from the configuration.
    """
    import torch
    import transformers

    try:
        model_config = transformers.AutoConfig.for_model(**config)
        model_class = getattr(transformers, config["architectures"][0])
        with torch.device("meta"):
            model = model_class(model_config)
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
