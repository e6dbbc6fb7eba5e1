"""The files that belong to a checkpoint: `config.yaml`, the dictionary, the sentencepiece model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.checkpoint.dictionary import Dictionary, read_dictionary
from toolkit.core.errors import BadInput

MAX_YAML_BYTES = 1 << 20
"""fairseq's own are a few hundred bytes."""


@dataclass(frozen=True, kw_only=True)
class Sidecars:
    """What stands beside a checkpoint and takes part in a conversion."""

    config_yaml: Path
    config: Mapping[str, Any]
    dict_path: Path
    dictionary: Dictionary
    spm_path: Path


def find_sidecars(
    checkpoint: Path,
    *,
    config_yaml: Path | None = None,
    dict_path: Path | None = None,
    spm_path: Path | None = None,
) -> Sidecars:
    """The checkpoint's companions: those named, else those that stand beside it.

    `config.yaml` names the dictionary (`vocab_filename`) and the sentencepiece model
    (`bpe_tokenizer.sentencepiece_model`); names that lead nowhere are looked up beside the
    checkpoint, because released checkpoints carry paths of the machine they were trained on.

    Raises:
        BadInput: one of them cannot be found or read.
    """
    folder = checkpoint.parent
    yaml_path = config_yaml or folder / "config.yaml"
    config = _read_yaml(yaml_path)
    dictionary_path = dict_path or _beside(
        folder, yaml_path, str(config.get("vocab_filename", "dict.txt")), "dictionary", "--dict"
    )
    return Sidecars(
        config_yaml=yaml_path,
        config=config,
        dict_path=dictionary_path,
        dictionary=read_dictionary(dictionary_path),
        spm_path=spm_path or _find_spm(folder, yaml_path, config),
    )


def _find_spm(folder: Path, yaml_path: Path, config: Mapping[str, Any]) -> Path:
    bpe = config.get("bpe_tokenizer") or {}
    if isinstance(bpe, Mapping) and bpe.get("sentencepiece_model"):
        name = str(bpe["sentencepiece_model"])
        return _beside(folder, yaml_path, name, "sentencepiece model", "--spm")
    found = sorted(folder.glob("*.model"))
    if len(found) == 1:
        return found[0]
    raise BadInput(
        f"`{yaml_path}` must name the sentencepiece model as `bpe_tokenizer.sentencepiece_model`, "
        f"but names none, and {len(found)} files `*.model` stand beside the checkpoint. "
        "Name it with `--spm`."
    )


def _beside(folder: Path, yaml_path: Path, name: str, what: str, option: str) -> Path:
    # An absolute name stays itself under `/`; one relative to the working folder never counts.
    candidates = [yaml_path.parent / name, folder / name, folder / Path(name).name]
    for candidate in candidates:
        if _is_file(candidate):
            return candidate
    raise BadInput(
        f"`{name}`, the {what} that `{yaml_path}` names, must stand beside the checkpoint in "
        f"`{folder}`, but does not. Name it with `{option}`."
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False


def _read_yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise BadInput(
                f"`{path}` must be a fairseq data configuration of at most {MAX_YAML_BYTES} bytes, "
                f"but has {path.stat().st_size}. Name the right file with `--config-yaml`."
            )
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise BadInput(
            f"`{path}` must be the checkpoint's data configuration in YAML, but {_first(error)}. "
            "Name it with `--config-yaml`."
        ) from error
    if not isinstance(config, Mapping):
        raise BadInput(
            f"`{path}` must hold a mapping of settings, but holds {type(config).__name__}. "
            "Name the right file with `--config-yaml`."
        )
    return config


def _first(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return " ".join(str(error).split()) or type(error).__name__
