"""What people hand over in the place of a checkpoint or a folder, and what to do with it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.bundled import PEFT
from toolkit.checkpoint.plain_files import open_plain
from toolkit.checkpoint.values import TensorRef
from toolkit.core.errors import BadInput

HEAD_BYTES = 512


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What something is, worded to follow "is", and the next step as a sentence."""

    what: str
    then: str


_READS = "The toolkit reads the `.pt` file that fairseq's trainer saved"

_STARTS = (
    (
        b"version https://git-lfs",
        Seen(
            what="a Git LFS pointer, not the file that it stands for",
            then="Fetch the file itself with `git lfs pull`.",
        ),
    ),
    (b"<", Seen(what="a web page; the download went wrong", then="Download the file again.")),
    (b"\x1f\x8b", Seen(what="a gzip archive", then="Unpack it first: `tar -xzf FILE`.")),
    (b"BZh", Seen(what="a bzip2 archive", then="Unpack it first: `tar -xjf FILE`.")),
    (b"\xfd7zXZ", Seen(what="an xz archive", then="Unpack it first: `tar -xJf FILE`.")),
    (
        b"GGUF",
        Seen(what="a GGUF file of llama.cpp, already converted", then=f"{_READS}."),
    ),
    (b"\x89HDF", Seen(what="an HDF5 file, as Keras saves", then=f"{_READS}.")),
    (b"fLaC", Seen(what="an audio file", then="Name it with `--audio`.")),
    (b"RIFF", Seen(what="an audio file", then="Name it with `--audio`.")),
)
_TAR = Seen(
    what="a tar archive, which torch wrote before 0.1.10 and NeMo writes today",
    then="Save it again with a newer torch, or unpack it if it is a download.",
)
_SAFETENSORS = Seen(
    what="a safetensors file, weights that are in the format of transformers already",
    then="Where a folder is asked for, name the one that it lies in; where a checkpoint is, the "
    "`.pt` file that fairseq's trainer saved.",
)
_LOW_RANK = r"\.lora_[AB](\.|$)"
_ADAPTED = Seen(
    what="a model with low-rank adapters beside its weights",
    then="Merge them first: add `B @ A`, times `alpha / rank`, to each weight and take them out, "
    "as peft's `merge_and_unload` does.",
)
_JSON = Seen(what="a JSON file", then=f"{_READS}.")

_ROOTS: tuple[tuple[frozenset[str], Seen], ...] = (
    (
        frozenset({"shard_metadata"}),
        Seen(
            what="one shard of a model that fairseq trained with FSDP",
            then="Join all shards first: load them with fairseq's "
            "`checkpoint_utils.load_model_ensemble_and_task` and save the whole model.",
        ),
    ),
    (
        frozenset({"model_cfg", "model_weight"}),
        Seen(
            what="a checkpoint that s3prl packed anew",
            then="Pack it as fairseq does: `torch.save({'args': None, 'cfg': {'task': "
            "x['task_cfg'], 'model': x['model_cfg']}, 'model': x['model_weight']}, 'model.pt')`, "
            "where `x` is what `torch.load` gives.",
        ),
    ),
    (
        frozenset({"dims", "model_state_dict"}),
        Seen(
            what="a checkpoint of OpenAI's Whisper",
            then="transformers converts it with `convert_openai_to_hf.py` "
            "(src/transformers/models/whisper).",
        ),
    ),
    (
        frozenset({"pytorch-lightning_version"}),
        Seen(what="a checkpoint of PyTorch Lightning", then=f"{_READS}."),
    ),
    (
        frozenset({"model_name", "model"}),
        Seen(
            what="a checkpoint of fairseq2, as SeamlessM4T's and UnitY's are",
            then="transformers converts it with `convert_fairseq2_to_hf.py` "
            "(src/transformers/models/seamless_m4t).",
        ),
    ),
)


def see_start(start: bytes, num_bytes: int) -> Seen | None:
    """What a file is that no `torch.save` wrote, None if its first bytes do not tell."""
    if num_bytes == 0:
        return Seen(what="an empty file", then="Download the file again.")
    for beginning, seen in _STARTS:
        if start.startswith(beginning):
            return seen
    if start[8:9] == b"{" and 0 < int.from_bytes(start[:8], "little") < num_bytes:
        return _SAFETENSORS
    if start[257:262] == b"ustar" or _is_old_tar(start):
        return _TAR
    if start.lstrip()[:1] in (b"{", b"["):
        return _JSON
    return None


def see_root(root: Mapping[object, object], converted: tuple[str, ...] = ()) -> Seen | None:
    """What a file of `torch.save` is whose dict is no checkpoint of fairseq, None if unknown.

    Args:
        root: The dict.
        converted: What the names of tensors begin with in models of transformers.
    """
    keys = {key for key in root if isinstance(key, str)}
    for wanted, seen in _ROOTS:
        if wanted <= keys:
            return seen
    own = _tensors(root.get("model"))
    if any(re.search(_LOW_RANK, name) for name in own):
        return _ADAPTED
    if own:
        return None
    tensors = _tensors(root) or _tensors(root.get("state_dict"))
    if not tensors:
        return None
    if all(name.startswith(converted) for name in tensors):
        return Seen(
            what="weights of a transformers model, as in `pytorch_model.bin`",
            then="They are converted already: name their folder as HF_DIR.",
        )
    return Seen(
        what="a bare state dict, tensors without the training arguments that say what they are",
        then=f"{_READS}, with `args` or `cfg` beside `model`. Where they are lost, pack what is "
        "left: `torch.save({'args': None, 'cfg': None, 'model': tensors}, 'model.pt')`; what they "
        "said is then read off the tensors, or asked for.",
    )


def _tensors(values: object) -> list[str]:
    if not isinstance(values, Mapping):
        return []
    return [k for k, v in values.items() if isinstance(k, str) and isinstance(v, TensorRef)]


def see_folder(folder: Path) -> Seen:
    """What a folder is."""
    names = _names(folder)
    if "config.json" in names:
        return Seen(
            what="a Hugging Face folder" + _model_type(folder / "config.json"),
            then="It belongs where HF_DIR is asked for.",
        )
    if PEFT in names:
        return Seen(
            what="a folder with an adapter, not a whole model",
            then="Merge the adapter into its model first.",
        )
    checkpoints = [name for name in names if name.endswith(".pt")]
    if len(checkpoints) == 1:
        return Seen(
            what=f"a folder with one checkpoint, `{checkpoints[0]}`",
            then=f"Name the file: `{folder / checkpoints[0]}`.",
        )
    if checkpoints:
        listed = ", ".join(f"`{name}`" for name in checkpoints[:5])
        return Seen(
            what=f"a folder with {len(checkpoints)} checkpoints",
            then=f"Name one of {listed}.",
        )
    weights = [n for n in names if n.endswith((".safetensors", ".bin"))]
    if weights:
        return Seen(
            what=f"a folder with weights, `{weights[0]}`, but without `config.json`",
            then="Get the whole folder from its origin.",
        )
    return Seen(
        what="a folder" if names else "an empty folder",
        then="Name the file or folder that holds the model.",
    )


def see_nothing(path: Path) -> Seen:
    """What a path to nothing was meant to be."""
    text = str(path)
    if re.match(r"[a-z][a-z0-9+.-]+:/", text):
        return Seen(
            what="an address, not a file",
            then="Download it first, or name a model of the hub as `hf://org/name`.",
        )
    is_short = re.fullmatch(r"[\w.-]+/[\w.-]+", text) is not None
    if is_short and path.suffix not in (".pt", ".bin") and not path.parent.exists():
        return Seen(
            what="nothing here; it may be the name of a model on the Hugging Face hub",
            then=f"Name it as `hf://{text}`, or download it with `hf download {text}`.",
        )
    return Seen(what="nothing: there is no such file or folder", then="Check the path.")


def expect_order(checkpoint: Path, folder: Path, name: str) -> None:
    """Refuses a file in the place of a folder, and says what both paths are.

    Args:
        checkpoint: What was given as CHECKPOINT.
        folder: What was given after it.
        name: How that is called: `OUT`, `HF_DIR`.

    Raises:
        BadInput: the second is a file.
    """
    if not folder.is_file():
        return
    first, second = see_path(checkpoint), see_path(folder)
    unclear = Seen(what="a file that may be a checkpoint", then="")
    swapped = second is None and first is not None
    then = "The checkpoint comes first: exchange the two." if swapped else (second or unclear).then
    raise BadInput(
        f"`{name}` must be a folder, but `{folder}` is {(second or unclear).what}; CHECKPOINT is "
        f"`{checkpoint}`, which is {(first or unclear).what}. "
        f"{then or f'Name a folder as {name}.'} Nothing was changed."
    )


def see_path(path: Path) -> Seen | None:
    """What a path leads to, as far as that can be told without reading a checkpoint."""
    try:
        if path.is_dir():
            return see_folder(path)
        if not path.exists():
            return see_nothing(path)
        with open_plain(path) as file:
            num_bytes = file.seek(0, io.SEEK_END)
            file.seek(0)
            return see_start(file.read(HEAD_BYTES), num_bytes)
    except (OSError, ValueError):
        return None


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []


def _model_type(config: Path) -> str:
    try:
        with open_plain(config) as file:
            said = json.loads(file.read(1 << 20))
    except (OSError, ValueError, RecursionError):
        return ""
    kind = said.get("model_type") if isinstance(said, dict) else None
    known = isinstance(kind, str) and re.fullmatch(r"[a-z0-9_-]+", kind)
    return f" with a model of type `{kind}`" if known else ""


def _is_old_tar(header: bytes) -> bool:
    import tarfile

    try:
        tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True
