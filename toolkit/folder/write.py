"""Writes every file of a Hugging Face folder but the model card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.checkpoint import Checkpoint
from toolkit.folder.contents import FolderContents
from toolkit.folder.tokenizer import build_tokenizer
from toolkit.folder.weights import write_weights
from toolkit.mapping import Plan


def write_folder(
    folder: Path, contents: FolderContents, plan: Plan, checkpoint: Checkpoint
) -> None:
    """Writes configurations, tokenizer and weights into an existing folder.

    Raises:
        BadInput: the sentencepiece model or the weights cannot be used.
    """
    _write_json(folder / "config.json", contents.config)
    _write_json(folder / "generation_config.json", contents.generation)
    _write_json(folder / "preprocessor_config.json", contents.preprocessor)
    build_tokenizer(contents).save_pretrained(folder)
    _write_json(folder / "processor_config.json", {"processor_class": "Wav2Vec2Processor"})
    for name, source in contents.code.items():
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source, folder / name)
    write_weights(plan, checkpoint, folder)


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
