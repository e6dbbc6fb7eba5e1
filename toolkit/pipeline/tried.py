"""The converted weights, written once, under configurations that change from trial to trial."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from toolkit.folder.weights import write_weights
from toolkit.pipeline.prepare import Prepared
from toolkit.replay.target import Target


class TriedWeights:
    """A folder whose model is loaded again with other values of its configuration."""

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        """Writes weights and code.

        Args:
            prepared: The checkpoint.
            folder: An empty folder.
        """
        self._task, self._folder = prepared.task, folder
        for name, source in prepared.task.contents.code.items():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, folder / name)
        write_weights(prepared.plan, prepared.checkpoint, folder)

    def load(self, values: Mapping[str, object]) -> Target:
        """The model with these values of its configuration, by key such as `encoder.hidden_act`.

        Raises:
            BadInput: transformers does not build the model with such a value.
        """
        config = json.loads(json.dumps(self._task.contents.config))
        for key, value in values.items():
            part, _, name = key.rpartition(".")
            (config[part] if part else config)[name] = value
        (self._folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return self._task.kind.target(self._folder, lenient=True)
