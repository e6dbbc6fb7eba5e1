"""fairseq's half of the task speech to text: an encoder and a decoder that is searched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Collection, Mapping

from toolkit.oracle.reference import Reference
from toolkit.oracle.tasks.base import Settings
from toolkit.oracle.tasks.ctc.build import DICTIONARY
from toolkit.oracle.tasks.speech_seq2seq.build import build_model
from toolkit.oracle.tasks.speech_seq2seq.filter_banks import open_filter_banks
from toolkit.oracle.tasks.speech_seq2seq.letters import open_letters

if TYPE_CHECKING:
    from torch import Tensor


def open_reference(
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,
    *,
    dropped: Collection[str],
    padding: str,
    tags: Collection[int],
) -> Reference:
    """See `toolkit.oracle.tasks.open_task`.

    A dictionary of letters tells who writes those, and that nothing was pretrained who hears no
    waveforms.
    """
    if os.path.exists(os.path.join(data_dir, DICTIONARY)):
        return open_letters(settings, state_dict, data_dir, dropped=dropped)
    if "w2v_args" not in settings:
        return open_filter_banks(settings, state_dict, data_dir, dropped=dropped, tags=tags)
    task, model = build_model(settings, state_dict, data_dir, dropped=dropped, padding=padding)
    return Reference(task, model, tags)
