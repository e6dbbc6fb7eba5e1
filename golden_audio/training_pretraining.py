"""The golden pretraining checkpoint: a tiny wav2vec 2.0 that fairseq builds, trains and saves.

Files, batches, masks, loss and updates are fairseq's own. Only the order of the clips is ours.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clips import SPEECH, Clip, read_mono_16k
from fairseq import tasks
from fairseq.data import FairseqDataset
from fairseq.trainer import Trainer
from omegaconf import OmegaConf
from training import make_deterministic, perturb_vectors, save
from training_ctc import ENCODER_OPTIONS, parse_options, write_sounds

SEED = 1
THREADS = 1
CLIPS = 8
"""The shortest speech clips, which the model comes to know by heart."""
UPDATES_PER_EPOCH = 2
EPOCHS = 700
NEGATIVES = 20
ENOUGH_RIGHT = 0.5
"""Share of masked frames that must be told apart from `NEGATIVES` others; chance is 1 in 21."""
ROUNDS = 4
"""How often each clip is masked anew to count that."""

OPTIONS = f"""
--task audio_pretraining --normalize --arch wav2vec2 {ENCODER_OPTIONS}
--quantize-targets --final-dim 32 --latent-vars 16 --latent-temp (2,0.5,0.998)
--num-negatives {NEGATIVES} --mask-prob 0.5 --mask-length 3 --feature-grad-mult 1
--criterion wav2vec --infonce --loss-weights [0.4,0]
--optimizer adam --adam-betas (0.9,0.98) --clip-norm 5
--lr 0.005 --lr-scheduler tri_stage --phase-ratio (0.1,0.5,0.4) --final-lr-scale 0.02
--max-update {EPOCHS * UPDATES_PER_EPOCH}
--cpu --no-progress-bar --no-save-optimizer-state --num-workers 0
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a finished training can say about itself."""

    updates: int
    loss: float
    """Mean loss of the last epoch, in bits per masked frame."""
    seconds: float
    right: float
    """Share of masked frames of the clips that the saved model tells apart from others."""


def write_pretraining_checkpoint(clips_dir: Path, out: Path) -> Outcome:
    """Trains the golden wav2vec 2.0 on the clips and writes `model.pt`.

    Args:
        clips_dir: The folder of the clips.
        out: The folder of the checkpoint.

    Raises:
        ValueError: The saved model tells too few frames apart.
    """
    make_deterministic(SEED, THREADS)
    out.mkdir(parents=True, exist_ok=True)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        write_sounds(clips_dir, Path(folder), _shortest(clips_dir))
        trainer = _build_trainer(Path(folder))
        dataset = trainer.task.dataset("train")
        loss = _train(trainer, dataset)
        save(trainer, out / "model.pt")
        right = _count_right(_load(out / "model.pt"), dataset)
    outcome = Outcome(
        updates=trainer.get_num_updates(),
        loss=loss,
        seconds=time.monotonic() - started_s,
        right=right,
    )
    _check(outcome)
    return outcome


def _shortest(clips_dir: Path) -> list[Clip]:
    return sorted(SPEECH, key=lambda clip: len(read_mono_16k(clips_dir / clip.file)))[:CLIPS]


def _build_trainer(data: Path) -> Trainer:
    cfg = parse_options(data, OPTIONS)
    task = tasks.setup_task(cfg.task)
    model = task.build_model(cfg.model)
    perturb_vectors(model, SEED)
    task.load_dataset("train")
    cfg.task.data = "."  # a release must not name the machine it was trained on
    return Trainer(cfg, task, model, task.build_criterion(cfg.criterion))


def _train(trainer: Trainer, dataset: FairseqDataset) -> float:
    """The last epoch's loss."""
    loss = float("inf")
    for epoch in range(1, EPOCHS + 1):
        trainer.begin_epoch(epoch)
        loss = float(np.mean([trainer.train_step([b])["loss"] for b in _draw(dataset, epoch)]))
        if epoch % 50 == 0:
            right = _count_right(trainer.model, dataset)
            print(f"epoch {epoch}: loss {loss:.3f} bits, right {right:.2f}", flush=True)
    return loss


def _draw(dataset: FairseqDataset, epoch: int) -> Iterator[dict[str, Any]]:
    """The batches of an epoch; fairseq cuts the clips of each to the length of the shortest."""
    order = np.random.default_rng([SEED, epoch]).permutation(len(dataset))
    for group in np.array_split(order, UPDATES_PER_EPOCH):
        yield dataset.collater([dataset[int(i)] for i in group])


def _load(checkpoint: Path) -> torch.nn.Module:
    """What fairseq makes of the file alone."""
    state = torch.load(checkpoint, weights_only=False)
    cfg = OmegaConf.create(state["cfg"])
    model = tasks.setup_task(cfg.task).build_model(cfg.model)
    model.load_state_dict(state["model"], strict=True)
    return model


def _count_right(model: torch.nn.Module, dataset: FairseqDataset) -> float:
    """Share of masked frames whose own code is nearer than all others, as fairseq counts it."""
    model.eval()
    best = [_tell_apart(model, item["source"]) for item in dataset for _ in range(ROUNDS)]
    return float(torch.cat(best).float().mean())


def _tell_apart(model: torch.nn.Module, source: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        logits = model.get_logits(model(source[None], padding_mask=None))
    return logits.argmax(-1) == 0  # (masked frames, 1 + negatives) -> (masked frames,)


def _check(outcome: Outcome) -> None:
    if outcome.right < ENOUGH_RIGHT:
        raise ValueError(
            f"The golden wav2vec 2.0 must tell {ENOUGH_RIGHT:.0%} of the masked frames apart, but "
            f"does {outcome.right:.0%}. Raise `EPOCHS` or change `SEED`."
        )
