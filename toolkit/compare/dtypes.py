"""The dtype that users get a model in, against the checkpoint's."""

from __future__ import annotations

from toolkit.folder.view import FolderView

KEYS = ("dtype", "torch_dtype")
"""The names of the key, the one that wins first."""


def loaded_dtype(view: FolderView) -> tuple[str, object]:
    """The key that decides in which dtype transformers loads a folder, and what it says.

    Without the key the first of the weights that are fractions decides, as in transformers.
    """
    for key in KEYS:
        if view.config.get(key) is not None:
            return key, view.config[key]
    stored = (view.tensors[name].dtype for name in view.tensors)
    first = next((dtype for dtype in stored if dtype.is_floating_point), None)
    return KEYS[0], str(first).removeprefix("torch.")
