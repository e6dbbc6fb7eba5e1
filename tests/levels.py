"""The levels of the golden checkpoint's task, as tests of every layer name them."""

from toolkit.tasks.speech_seq2seq import TASK

LEVEL_NAMES = TASK.level_names
