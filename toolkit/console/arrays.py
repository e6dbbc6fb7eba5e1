"""Features as the content of a file."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.errors import BadInput
from toolkit.core.outputs import STDOUT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


SUFFIXES = (".safetensors", ".npy")


def expect_array_file(path: Path) -> None:
    """Lets through what `as_bytes` can fill, standard output among it.

    Raises:
        BadInput: the name says another kind of file.
    """
    if path != STDOUT and path.suffix not in SUFFIXES:
        raise BadInput(
            f"`{path}` must end in `.safetensors` or `.npy`, as features are written so, but ends "
            f"in `{path.suffix}`. Choose another name for `--out`."
        )


def as_bytes(arrays: Mapping[str, NDArray[np.float32]], path: Path) -> bytes:
    """The content of a file of that name: safetensors, or `.npy` for a single array.

    Raises:
        BadInput: several arrays cannot stand in the file.
    """
    if path.suffix != ".npy":
        from safetensors.numpy import save

        return save(dict(arrays))
    if len(arrays) > 1:
        raise BadInput(
            f"`{path}` must be a file for {len(arrays)} clips, but `.npy` holds a single array. "
            "Name a file that ends in `.safetensors`."
        )
    import numpy as np

    content = BytesIO()
    np.save(content, next(iter(arrays.values())), allow_pickle=False)
    return content.getvalue()
