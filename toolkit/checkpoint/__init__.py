"""Reads a fairseq checkpoint file as data: no code of the file ever runs."""

from toolkit.checkpoint.reader import Checkpoint, open_checkpoint, open_state_dict
from toolkit.checkpoint.tensors import TensorLocation

__all__ = ["Checkpoint", "TensorLocation", "open_checkpoint", "open_state_dict"]
