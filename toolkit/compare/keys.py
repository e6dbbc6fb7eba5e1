"""Configuration keys: what the checkpoint determines against what a folder says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from toolkit.folder.contents import FolderContents
from toolkit.folder.view import FolderView

IRRELEVANT_KEYS = frozenset(
    {"architectures", "dtype", "torch_dtype", "transformers_version", "_name_or_path"}
    | {"id2label", "label2id", "processor_class", "feature_extractor_type", "model_type"}
    | {"is_encoder_decoder", "tie_encoder_decoder", "vocab_size", "num_feat_extract_layers"}
    | {"chunk_size_feed_forward", "output_attentions", "output_hidden_states", "return_dict"}
    | {"bos_token_id", "eos_token_id", "pad_token_id", "_from_model_config", "use_cache"}
)
"""Keys that may differ from a class default without any effect on what the model computes."""


@dataclass(frozen=True, kw_only=True)
class KeyDifference:
    """A configuration key whose value is not what the checkpoint says."""

    key: str
    expected: Any
    actual: Any


def expected_keys(contents: FolderContents) -> Iterator[tuple[str, Any]]:
    """Every configuration key that the checkpoint determines, with its value."""
    for key, value in contents.config.items():
        if key in ("encoder", "decoder"):
            yield from ((f"{key}.{inner}", item) for inner, item in value.items())
        elif key not in ("dtype", "architectures"):
            yield key, value
    for group, values in (
        ("generation_config", contents.generation),
        ("preprocessor_config", contents.preprocessor),
    ):
        for key, value in values.items():
            if key != "processor_class":
                yield f"{group}.{key}", value


def config_differences(contents: FolderContents, view: FolderView) -> tuple[KeyDifference, ...]:
    """The keys that are not what the checkpoint says.

    A key that the checkpoint does not determine must have its class's default, unless it has no
    effect: `temperature` or `repetition_penalty` set by somebody changes what the folder says.
    """
    expected = dict(expected_keys(contents))
    misfits = [
        KeyDifference(key=misfit.key, expected=misfit.expected, actual=misfit.actual)
        for misfit in contents.misfits
    ]
    determined = [
        KeyDifference(key=key, expected=value, actual=view.value(key))
        for key, value in expected.items()
        if _plain(view.value(key)) != _plain(value) and contents.maybe_misfit(key) is None
    ]
    added = [
        KeyDifference(key=key, expected=default, actual=found)
        for key, (default, found) in view.unusual_keys()
        if key not in expected
        and key.rpartition(".")[2] not in IRRELEVANT_KEYS
        and contents.maybe_misfit(key) is None
    ]
    return (*misfits, *determined, *added)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
