"""fairseq's models that hear filter banks, with the task of texts or the one of units."""

from __future__ import annotations

import os
from argparse import Namespace
from functools import cached_property
from typing import TYPE_CHECKING, Callable, Collection, Dict, Mapping, Optional, cast

import numpy as np
import torch
from torch import Tensor

from toolkit.oracle.loading import load_weights, unfilled
from toolkit.oracle.mends.kaldi import find_torchaudio, kaldi_alone
from toolkit.oracle.reference import Reference
from toolkit.oracle.tasks.base import Settings, register_models, register_units
from toolkit.oracle.tasks.speech_seq2seq.build import LEFT_BEHIND, MISSING_DEFAULTS

if TYPE_CHECKING:
    from torch import nn

FULL_SCALE = 2**15
"""fairseq reads audio as 16-bit integers for filter banks."""
RATE_HZ = 16000
SPLIT = "test"
"""What fairseq calls the data that a model is run on after training."""
STATISTICS = "gcmvn.npz"
"""Where the statistics of a corpus stand beside the configuration."""
UNITS = "target_is_code"
"""The argument of a model that says units of speech."""
_GLOBAL = "global_cmvn"


class FilterBankReference(Reference):
    """A fairseq model that hears filter banks with its task, ready to be asked."""

    def front_end(self, waveform: Tensor) -> Tensor:
        """The network's input for a waveform of shape (L,), as fairseq's data set makes it.

        `S2THubInterface` neither scales a waveform that it is given nor normalizes what it makes of
        it. pyKaldi, which fairseq prefers where it is installed, adds noise: it is not asked.

        Returns:
            Shape (T, F), normalized as `config.yaml` says.
        """
        from fairseq.data.audio.audio_utils import _get_torchaudio_fbank

        samples = waveform.unsqueeze(0).numpy() * FULL_SCALE  # (L,) -> (C, L)
        with kaldi_alone():
            banks = _get_torchaudio_fbank(samples, RATE_HZ)
        normalized = banks if self._transforms is None else self._transforms(banks)
        return torch.from_numpy(np.asarray(normalized)).float()

    @cached_property
    def _transforms(self) -> Optional[Callable[[np.ndarray], np.ndarray]]:
        from fairseq.data.audio.feature_transforms import CompositeAudioFeatureTransform

        said = self.task.data_cfg.get_feature_transforms(SPLIT, False)
        if said.get(_GLOBAL):
            # fairseq looks for it where the process runs, not beside the configuration.
            place = os.path.join(self.task.args.data, STATISTICS)
            said[_GLOBAL] = {**said[_GLOBAL], "stats_npz_path": place}
        composite = CompositeAudioFeatureTransform.from_config_dict(said)
        return cast("Optional[Callable[[np.ndarray], np.ndarray]]", composite)


def open_filter_banks(
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,
    *,
    dropped: Collection[str] = (),
    tags: Collection[int] = (),
) -> FilterBankReference:
    """Fairseq's model with the given weights, in evaluation mode, ready to be asked.

    Args:
        settings: The checkpoint's model and task arguments in one flat mapping.
        state_dict: Weights by name; all must fit.
        data_dir: Folder with `config.yaml`, the dictionary and the sentencepiece model.
        dropped: Names that the model may lack: what training alone needed.
        tags: Ids of language tags that fairseq does not know as such, which no text shows.

    Raises:
        ImportError: fairseq is not installed.
        Refusal: there is no torchaudio.
        RuntimeError: the state dict does not fit the model that the settings describe.
    """
    find_torchaudio()
    register_models()
    if settings.get(UNITS):
        register_units()
    from fairseq import tasks

    args = _namespace(settings, data_dir)
    task = tasks.setup_task(args)
    with unfilled():
        model: nn.Module = task.build_model(args)
    load_weights(model, state_dict, dropped)
    return FilterBankReference(task, model.eval(), tags)


def _namespace(settings: Settings, data_dir: str) -> Namespace:
    """The arguments as fairseq's task and model want them on this machine."""
    values: Dict[str, object] = {**MISSING_DEFAULTS, **settings}
    values.update({name: None for name in LEFT_BEHIND if name in values})
    task = "speech_to_speech" if settings.get(UNITS) else "speech_to_text"
    values.update(task=task, data=data_dir, config_yaml="config.yaml")
    return Namespace(**values)
