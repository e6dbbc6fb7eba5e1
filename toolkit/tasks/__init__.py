"""What models are asked: a task is its levels as data, and the classes that answer for it."""

from toolkit.tasks.base import LevelKind, Measurements, TaskKind, Words

__all__ = ["LevelKind", "Measurements", "TaskKind", "Words"]
