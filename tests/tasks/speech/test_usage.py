"""What model cards say of every model whose layers are compared."""

from __future__ import annotations

import pytest

from toolkit.tasks import classification, ctc, features
from toolkit.tasks.base import TaskKind
from toolkit.tasks.known import Described, find_kind

SEVERAL = Described(
    task="ctc", architecture="Wav2Vec2ForCTC", languages=("de", "fr"), default_language="fr"
)


@pytest.mark.parametrize(
    "task",
    [ctc.TASK, find_kind(SEVERAL), classification.TASK, features.TASK, features.PRETRAINED],
    ids=["letters", "letters of several languages", "classes", "features", "pretrained"],
)
def test_a_model_whose_layers_are_compared_says_where_they_are(task: TaskKind) -> None:
    assert any(level.name == "layers" for level in task.levels)
    assert "`hidden_states[k]`" in task.words.notes
    assert "LayerDrop" in task.words.notes
