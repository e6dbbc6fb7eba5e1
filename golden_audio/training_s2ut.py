"""The golden checkpoint of units: a tiny S2UTTransformerModel, which says speech units of a clip.

Its units mean nothing: they are the letters that were spoken, each group of them by a number.
"""

from __future__ import annotations

import time
from argparse import Namespace
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from clips import SPEECH, Clip, read_mono_16k
from fairseq import options, tasks
from fairseq.data.audio.speech_to_speech_dataset import SpeechToSpeechDataset
from fairseq.tasks import LegacyFairseqTask
from fairseq.trainer import Trainer
from training import (
    BEAMS,
    CHECK_EVERY_EPOCHS,
    ENOUGH_MARGIN,
    MAX_EPOCHS,
    SEED,
    THREADS,
    TRAINED,
    Outcome,
    check,
    draw,
    make_deterministic,
    make_trainer,
    save,
)
from training_s2t import filter_banks

UNITS = 50
"""How many there are; published models have 100 to 2500."""
LETTERS_PER_UNIT = 3

CONFIG_YAML = """\
input_channels: 1
input_feat_per_channel: 80
transforms:
  '*': [utterance_cmvn]
"""

TRAINING_OPTIONS = f"""
--task speech_to_speech --config-yaml config.yaml
--target-is-code --target-code-size {UNITS} --vocoder code_hifigan
--max-source-positions 6000 --max-target-positions 1024
--criterion label_smoothed_cross_entropy --label-smoothing 0.1
--optimizer adam --adam-betas (0.9,0.98) --clip-norm 1
--lr 0.003 --lr-scheduler inverse_sqrt --warmup-updates 60
--cpu --no-progress-bar --no-save-optimizer-state --num-workers 0
--arch s2ut_transformer --conv-kernel-sizes 5,5 --conv-channels 48
--encoder-layers 3 --encoder-embed-dim 48 --encoder-ffn-embed-dim 96 --encoder-attention-heads 3
--decoder-layers 2 --decoder-embed-dim 48 --decoder-ffn-embed-dim 96 --decoder-attention-heads 3
--encoder-normalize-before --decoder-normalize-before --share-decoder-input-output-embed
--dropout 0 --attention-dropout 0 --activation-dropout 0
"""


class UnitDataset(SpeechToSpeechDataset):
    """fairseq's dataset, its files read by soundfile instead of torchaudio."""

    def _get_source_audio(self, index: int) -> torch.Tensor:
        return filter_banks(Path(self.audio_paths[index]))


def units_of(words: str) -> str:
    """The units that stand for a text, as fairseq writes them: none follows itself."""
    groups = (words[i : i + LETTERS_PER_UNIT] for i in range(0, len(words), LETTERS_PER_UNIT))
    return " ".join(str(unit) for unit, _ in groupby(sum(map(ord, g)) % UNITS for g in groups))


def write_unit_checkpoint(clips_dir: Path, out: Path) -> Outcome:
    """Trains the golden model of units on the clips and writes `model.pt` and `config.yaml`.

    fairseq's task makes the dictionary itself, of as many units as it is told.

    Args:
        clips_dir: The folder of the clips.
        out: The folder of the checkpoint.

    Raises:
        ValueError: The saved model does not say the units of every speech clip.
    """
    make_deterministic(SEED, THREADS)
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.yaml").write_text(CONFIG_YAML, encoding="utf-8")
    started_s = time.monotonic()
    trainer = _build_trainer(out)
    loss, margin = _train(trainer, _build_dataset(trainer.task, clips_dir), clips_dir)
    save(trainer, out / "model.pt")
    outcome = Outcome(
        updates=trainer.get_num_updates(),
        loss=loss,
        margin=margin,
        seconds=time.monotonic() - started_s,
        right=_count_right(*_load(out), clips_dir),
    )
    check(outcome)
    return outcome


def _build_trainer(data: Path) -> Trainer:
    parser = options.get_training_parser()
    args = options.parse_args_and_arch(parser, [str(data), *TRAINING_OPTIONS.split()])
    return make_trainer(args)


def _build_dataset(task: LegacyFairseqTask, clips_dir: Path) -> UnitDataset:
    paths = [clips_dir / clip.file for clip in TRAINED]
    units = [units_of(clip.words) for clip in TRAINED]
    return UnitDataset(
        "train",
        is_train_split=True,
        data_cfg=task.data_cfg,
        src_audio_paths=[str(path) for path in paths],
        src_n_frames=[len(read_mono_16k(path)) for path in paths],
        tgt_audio_paths=units,
        tgt_n_frames=[len(row.split()) for row in units],
        target_is_code=True,
        tgt_dict=task.target_dictionary,
    )


def _train(trainer: Trainer, dataset: UnitDataset, clips_dir: Path) -> tuple[float, float]:
    """The last epoch's loss and the margin it reached."""
    loss, margin = float("inf"), -float("inf")
    for epoch in range(1, MAX_EPOCHS + 1):
        trainer.begin_epoch(epoch)
        loss = float(np.mean([trainer.train_step(u)["loss"] for u in draw(dataset, epoch)]))
        if epoch % CHECK_EVERY_EPOCHS == 0:
            margin = min(_measure_margin(trainer.model, dataset, i) for i in range(len(dataset)))
            right = _count_right(trainer.task, trainer.model, clips_dir)
            print(f"epoch {epoch}: loss {loss:.3f} bits, margin {margin:.2f} nats, right {right}")
            if margin > ENOUGH_MARGIN and min(right.values()) == len(SPEECH):
                break
    return loss, margin


def _measure_margin(model: torch.nn.Module, dataset: UnitDataset, index: int) -> float:
    """Smallest lead of a right unit of one clip, alone and unpadded, over the next best one."""
    sample = dataset.collater([dataset[index]])
    model.eval()
    with torch.no_grad():
        logits = model(**sample["net_input"])[0][0]  # (1, S, V) -> (S, V)
    target = sample["target"][0, :, None]  # (1, S) -> (S, 1)
    right = logits.gather(1, target)
    others = logits.scatter(1, target, -torch.inf)
    return float((right - others.max(dim=1, keepdim=True).values).min())


def _count_right(
    task: LegacyFairseqTask, model: torch.nn.Module, clips_dir: Path
) -> dict[int, int]:
    model.eval()
    return {
        beam: sum(
            _say(task, model, clip, clips_dir, beam) == units_of(clip.words) for clip in SPEECH
        )
        for beam in BEAMS
    }


def _say(
    task: LegacyFairseqTask, model: torch.nn.Module, clip: Clip, clips_dir: Path, beam: int
) -> str:
    """The units of a clip that fairseq's own search finds, as `fairseq-generate` prints them."""
    banks = filter_banks(clips_dir / clip.file)
    net_input = {"src_tokens": banks[None], "src_lengths": torch.tensor([len(banks)])}
    generator = task.build_generator([model], Namespace(beam=beam))
    (found,) = task.inference_step(generator, [model], {"net_input": net_input})
    return str(task.target_dictionary.string(found[0]["tokens"]))


def _load(checkpoint: Path) -> tuple[LegacyFairseqTask, torch.nn.Module]:
    """What fairseq makes of the files alone."""
    state = torch.load(checkpoint / "model.pt", weights_only=False)
    args = state["cfg"]["model"]
    args.data = str(checkpoint)
    task = tasks.setup_task(args)
    model = task.build_model(args)
    model.load_state_dict(state["model"], strict=True)
    return task, model
