"""What a folder's encoder gives for clips: the features of one of its layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from toolkit.audio import SAMPLE_RATE_HZ, Clip, read_clips
from toolkit.checkpoint.lookalikes import see_path
from toolkit.core.errors import BadInput
from toolkit.core.progress import silent
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.features import Heard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from toolkit.tasks.features.target import FeatureTarget

PIECE_SAMPLES = 1_600_000
"""fairseq's script that dumps features hears longer clips in pieces of that, 100 s."""
BATCH_SAMPLES = 480_000
"""Heard at once, of clips of one length: nothing is padded, so that every clip is heard alone."""
UNHEARD = {"masked_spec_embed"}
"""Weights that training alone reads."""
LONGEST_FRAME = 1 << 14
"""No encoder needs so many samples for a frame."""


@keywords_of(Heard)
def extract_features(request: Heard) -> dict[str, NDArray[np.float32]]:
    """The features of one layer for every clip, as fairseq's script that dumps them.

    Code that the folder carries runs only if it is the toolkit's own.

    Returns:
        For the name of each clip an array of shape (frames, width), float32.

    Raises:
        BadInput: the folder holds no encoder of waveforms, lacks the layer or the projection, or a
            clip cannot be heard.
    """
    from toolkit.replay.target import DoesNotLoad
    from toolkit.tasks.features.target import FeatureTarget

    try:
        target = FeatureTarget(request.hf_dir, device=request.device)
    except DoesNotLoad as error:
        raise _no_encoder(request) from error
    _expect_waveforms(request, target)
    _expect_whole(request, target)
    _expect_layer(request, target)
    clips = read_clips(request.audio, min_samples=_shortest(target))
    report = request.progress or silent
    made: dict[str, NDArray[np.float32]] = {}
    for batch in _batches(clips):
        report("features", len(made), len(clips))
        made |= zip((clip.name for clip in batch), _hear(request, target, batch), strict=True)
    report("features", len(clips), len(clips))
    return {clip.name: made[clip.name] for clip in clips}


def _no_encoder(request: Heard) -> BadInput:
    seen = see_path(request.hf_dir)
    return BadInput(
        f"`{request.hf_dir}` must hold an encoder of waveforms that `AutoModel` loads, but is "
        f"{'a folder that it does not load' if seen is None else seen.what}. Name the folder of an "
        "encoder; `toolkit diff` says what is wrong with one that does not load."
    )


def _expect_waveforms(request: Heard, target: FeatureTarget) -> None:
    heard = getattr(target.feature_extractor, "model_input_names", [])
    if "input_values" not in heard or not hasattr(target.model, "_get_feat_extract_output_lengths"):
        raise BadInput(
            f"`{request.hf_dir}` must hold an encoder of waveforms, but holds a "
            f"{type(target.model).__name__}. Name another folder."
        )


def _expect_whole(request: Heard, target: FeatureTarget) -> None:
    """Refuses weights that transformers made up, and clips at another rate than the model's."""
    missing = {*target.loading.missing, *target.loading.mismatched} - UNHEARD
    if missing:
        raise BadInput(
            f"`{request.hf_dir}` must hold every weight of its encoder, but lacks {len(missing)}, "
            f"`{min(missing)}` among them: transformers fills them with random values. Find out "
            "why with `toolkit diff`."
        )
    rate = target.feature_extractor.sampling_rate
    if rate != SAMPLE_RATE_HZ:
        raise BadInput(
            f"`{request.hf_dir}` must hear {SAMPLE_RATE_HZ} samples a second, as fairseq does, but "
            f"its feature extractor says {rate}. Find out why with `toolkit diff`."
        )


def _expect_layer(request: Heard, target: FeatureTarget) -> None:
    layers = target.model.config.num_hidden_layers
    if request.layer is not None and request.layer > layers:
        raise BadInput(
            f"`--layer` must be 1 to {layers}, as the model has so many layers, but is "
            f"{request.layer}. Leave it out for what the model gives at its end."
        )
    if request.final_proj and not hasattr(target.model, "final_proj"):
        raise BadInput(
            f"`{request.hf_dir}` must have a `final_proj` for `--final-proj`, but its "
            f"{type(target.model).__name__} has none. Leave the option out, or convert the "
            "pretrained model."
        )


def _shortest(target: FeatureTarget) -> int:
    """Fewest samples that give a frame."""
    frames = target.frames(range(1, LONGEST_FRAME))
    return next(
        (length for length, count in enumerate(frames, start=1) if count > 0), LONGEST_FRAME
    )


def _batches(clips: Sequence[Clip]) -> Iterator[list[Clip]]:
    """Clips of one length together, as many as are heard at once."""
    by_length: dict[int, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_length[len(clip.waveform)].append(clip)
    for length, alike in sorted(by_length.items()):
        most = max(1, BATCH_SAMPLES // length)
        for start in range(0, len(alike), most):
            yield alike[start : start + most]


def _hear(
    request: Heard, target: FeatureTarget, batch: Sequence[Clip]
) -> Iterator[NDArray[np.float32]]:
    """The features of clips of one length, one after the other."""
    import torch

    sources = [target.front_end(torch.from_numpy(clip.waveform)) for clip in batch]
    pieces = zip(*(_pieces(source, _shortest(target)) for source in sources), strict=True)
    features = torch.cat([_features(request, target, piece) for piece in pieces], dim=1)
    yield from features.numpy()


def _pieces(source: Tensor, shortest: int) -> list[Tensor]:
    """What is heard at once of a clip; an end that gives no frame is left out."""
    starts = range(0, source.numel(), PIECE_SAMPLES)
    pieces = (source[start : start + PIECE_SAMPLES] for start in starts)
    return [piece for piece in pieces if piece.numel() >= shortest]


def _features(request: Heard, target: FeatureTarget, sources: Sequence[Tensor]) -> Tensor:
    """Shape (B, T, D)."""
    import torch

    name = "features" if request.layer is None else f"layers.{request.layer}"
    made = target.forward(sources, [()] * len(sources), only=()).outputs[name]
    if not request.final_proj:
        return made
    with torch.no_grad():
        projected: Tensor = target.model.get_submodule("final_proj")(made.to(target.model.device))
    return projected.cpu()
