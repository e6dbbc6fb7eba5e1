"""A model of fairseq's that writes letters: its decoder says one after the other.

The model is fairseq's `Wav2Vec2Seq2SeqModel`, built from settings and weights that somebody else
has read, and its task `audio_finetuning`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Collection, Dict, Mapping, Sequence, Tuple

import torch
from torch import Tensor

from toolkit.oracle.loading import load_weights, unfilled
from toolkit.oracle.reference import Reference, standardized
from toolkit.oracle.tasks.base import Settings, maybe_model, register_models
from toolkit.oracle.tasks.ctc.build import LABELS, make_arguments
from toolkit.oracle.tasks.ctc.reference import POST_PROCESS

if TYPE_CHECKING:
    from argparse import Namespace

    from fairseq.tasks.audio_finetuning import AudioFinetuningTask

DECODER = "decoder."
BOUNDARY = "|"
"""What fairseq's labels have behind every word."""
_FFN, _POSITIONS = DECODER + "layers.0.fc1.weight", DECODER + "embed_positions.weight"


class LettersReference(Reference):
    """A fairseq model that writes letters with its task, ready to be asked."""

    def front_end(self, waveform: Tensor) -> Tensor:
        """See `toolkit.oracle.reference.Reference`; standardized where the task says so."""
        return standardized(waveform) if self.task.cfg.normalize else waveform

    def net_input(self, batch: Tensor, lengths: Tensor) -> Dict[str, Tensor]:
        """See `toolkit.oracle.reference.Reference`."""
        beyond = torch.arange(batch.shape[1], device=batch.device) >= lengths.unsqueeze(1)
        return {"source": batch, "padding_mask": beyond}

    def text(self, tokens: Sequence[int], tag: object = None) -> str:  # noqa: ARG002
        """The letters as text, as the task reads them to count errors, without unknowns."""
        from fairseq.data.data_utils import post_process

        return str(post_process(self._spelled(tokens), POST_PROCESS))

    def encode(self, text: str) -> Tuple[int, ...]:
        """The ids of a text letter by letter, with `|` behind every word, as labels have it.

        A dictionary without that symbol knows no words.
        """
        boundary = BOUNDARY if BOUNDARY in self.dictionary else ""
        letters = " ".join(boundary.join(text.split()) + boundary)
        line = self.dictionary.encode_line(letters, add_if_not_exist=False, append_eos=False)
        return tuple(line.tolist())

    @property
    def _prefix_size(self) -> int:
        return 0


def open_letters(
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,
    *,
    dropped: Collection[str] = (),
) -> LettersReference:
    """Fairseq's model with the given weights, in evaluation mode, ready to be asked.

    Args:
        settings: The checkpoint's model and task arguments in one flat mapping, with `w2v_args` as
            a mapping; `task_normalize` is what the task says of `normalize`. What the tensors tell
            of the decoder counts more.
        state_dict: Weights by name; all must fit.
        data_dir: Folder with the dictionary.
        dropped: Names that the model may lack: what training alone needed.

    Raises:
        ImportError: fairseq is not installed.
        ValueError: the settings have no `w2v_args`.
        AssertionError: `normalize` says one thing for the model, another for its encoder.
        RuntimeError: the state dict does not fit the model that the settings describe.
    """
    from fairseq.models.wav2vec.wav2vec2_asr import Wav2Vec2Seq2SeqConfig, Wav2Vec2Seq2SeqModel
    from omegaconf import OmegaConf

    from toolkit.oracle.mends.conformer import mended_conformer

    register_models()
    args = make_arguments(settings, state_dict, Wav2Vec2Seq2SeqConfig)
    task = _make_task(args, data_dir)
    widths = {"encoder_embed_dim": args.decoder_embed_dim, **read_decoder(state_dict)}
    said = OmegaConf.create({**vars(args), **widths, "autoregressive": True})
    found = maybe_model(args, (Wav2Vec2Seq2SeqModel,)) or Wav2Vec2Seq2SeqModel
    with mended_conformer(), unfilled():
        model = found.build_model(said, task)
    load_weights(model, state_dict, dropped)
    return LettersReference(task, model.eval())


def read_decoder(state_dict: Mapping[str, Tensor]) -> Dict[str, object]:
    """Arguments of the decoder that its tensors tell.

    None where they are not called as fairseq calls them. Its layers ask for `encoder_embed_dim`,
    which the model's configuration has not: the width of what they attend to. fairseq's encoder
    gives the decoder's own.
    """
    if _FFN not in state_dict:
        return {}
    width = state_dict[DECODER + "embed_tokens.weight"].shape[1]
    layers = {name.split(".")[2] for name in state_dict if name.startswith(DECODER + "layers.")}
    positions = state_dict.get(_POSITIONS)
    learned = {} if positions is None else {"max_target_positions": positions.shape[0] - 2}
    return {
        "decoder_embed_dim": width,
        "encoder_embed_dim": width,
        "decoder_ffn_embed_dim": state_dict[_FFN].shape[0],
        "decoder_layers": len(layers),
        "decoder_learned_pos": positions is not None,
        "decoder_normalize_before": DECODER + "layer_norm.weight" in state_dict,
        "share_decoder_input_output_embed": DECODER + "embed_out" not in state_dict,
        **learned,
    }


def _make_task(args: Namespace, data_dir: str) -> AudioFinetuningTask:
    """Fairseq's task, which reads the dictionary."""
    from fairseq.tasks.audio_finetuning import AudioFinetuningConfig, AudioFinetuningTask

    normalize = bool(getattr(args, "task_normalize", args.normalize))
    said = {"data": data_dir, "labels": LABELS, "normalize": normalize, "autoregressive": True}
    return AudioFinetuningTask.setup_task(AudioFinetuningConfig(**said))
