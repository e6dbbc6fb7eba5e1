"""The golden CTC checkpoint: a tiny Wav2VecCtc that fairseq builds, trains, saves and reads.

Files, batches, loss and updates are fairseq's own. Only the order of the clips is ours, and when to
stop.
"""

from __future__ import annotations

import shlex
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from clips import CLIPS, SAMPLE_RATE_HZ, SPEECH, Clip, read_mono_16k
from fairseq import options, tasks
from fairseq.data import Dictionary, FairseqDataset
from fairseq.data.data_utils import post_process
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.tasks import FairseqTask
from fairseq.trainer import Trainer
from omegaconf import DictConfig, OmegaConf, open_dict
from training import make_deterministic, perturb_vectors, save

SEED = 1
THREADS = 1
CLIPS_PER_BATCH = 4
EPOCHS = 90
ENOUGH_MARGIN = 0.01
"""Lead in nats that each frame's best symbol must have over the next one: rounding changes none."""
DICTIONARY = "dict.ltr.txt"
BLANK = 0

TRAINED = tuple(clip for clip in CLIPS if clip.words)

ENCODER_OPTIONS = """
--extractor-mode layer_norm --conv-bias --layer-norm-first
--conv-feature-layers "[(24, 10, 5)] + [(32, 3, 2)] * 4 + [(40, 2, 2)] * 2"
--encoder-layers 3 --encoder-embed-dim 48 --encoder-ffn-embed-dim 192
--encoder-attention-heads 3 --conv-pos 16 --conv-pos-groups 4
--dropout 0 --attention-dropout 0 --activation-dropout 0 --encoder-layerdrop 0
"""
"""The encoder's shape, as that of XLS-R in small."""
PRETRAINING_OPTIONS = f"""
--task audio_pretraining --criterion wav2vec --arch wav2vec2 --normalize
{ENCODER_OPTIONS} --quantize-targets --final-dim 16 --latent-vars 4
"""
"""What the encoder would have been pretrained with, kept in the checkpoint as `w2v_args`."""

UPDATES_PER_EPOCH = -(-len(TRAINED) // CLIPS_PER_BATCH)
TRAINING_OPTIONS = f"""
--task audio_finetuning --labels ltr --normalize
--criterion ctc --post-process letter
--optimizer adam --adam-betas (0.9,0.98) --clip-norm 1
--lr 0.003 --lr-scheduler tri_stage --phase-ratio (0.1,0.4,0.5) --final-lr-scale 0.05
--max-update {EPOCHS * UPDATES_PER_EPOCH}
--cpu --no-progress-bar --no-save-optimizer-state --num-workers 0
--arch wav2vec_ctc --w2v-path /pretrained/wav2vec2.pt
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a finished training can say about itself."""

    updates: int
    loss: float
    """Mean loss of the last epoch, in bits per letter."""
    margin: float
    """Smallest lead of a frame's best symbol over the next one, in nats."""
    seconds: float
    right: int
    """Speech clips whose transcript is fairseq's greedy text."""


def write_ctc_checkpoint(clips_dir: Path, out: Path) -> Outcome:
    """Trains the golden CTC model on the clips and writes `model.pt` and `dict.ltr.txt`.

    Args:
        clips_dir: The folder of the clips.
        out: The folder of the checkpoint.

    Raises:
        ValueError: The saved model does not transcribe every speech clip, or not clearly.
    """
    make_deterministic(SEED, THREADS)
    out.mkdir(parents=True, exist_ok=True)
    started_s = time.monotonic()
    _make_dictionary().save(str(out / DICTIONARY))
    with tempfile.TemporaryDirectory() as folder:
        _write_data(clips_dir, Path(folder))
        trainer = _build_trainer(Path(folder))
        loss, margin = _train(trainer)
    save(trainer, out / "model.pt")
    outcome = Outcome(
        updates=trainer.get_num_updates(),
        loss=loss,
        margin=margin,
        seconds=time.monotonic() - started_s,
        right=_count_right(*_load(out), clips_dir),
    )
    _check(outcome)
    return outcome


def write_sounds(clips_dir: Path, folder: Path, clips: Sequence[Clip]) -> None:
    """Writes sounds and the list of them, `train.tsv`, as fairseq's own tasks read them.

    Args:
        clips_dir: The folder of the clips.
        folder: Where to write.
        clips: Which.
    """
    rows = [str(folder)]
    for clip in clips:
        sound = read_mono_16k(clips_dir / clip.file)
        soundfile.write(folder / f"{clip.name}.wav", sound, SAMPLE_RATE_HZ, subtype="FLOAT")
        rows.append(f"{clip.name}.wav\t{len(sound)}")
    (folder / "train.tsv").write_text("\n".join([*rows, ""]), encoding="utf-8")


def parse_options(data: Path, said: str) -> DictConfig:
    """The configuration that fairseq makes of a training's options.

    Args:
        data: What the task reads.
        said: The options, as on a command line.
    """
    parser = options.get_training_parser()
    args = options.parse_args_and_arch(parser, [str(data), *shlex.split(said)])
    return convert_namespace_to_omegaconf(args)


def _make_dictionary() -> Dictionary:
    dictionary = Dictionary()
    for letter, count in Counter("".join(_spell(clip) for clip in TRAINED)).items():
        dictionary.add_symbol(letter, count)
    dictionary.finalize(padding_factor=1)
    return dictionary


def _spell(clip: Clip) -> str:
    """The transcript letter by letter, `|` behind every word."""
    return "".join(f"{word}|" for word in clip.words.split(" "))


def _write_data(clips_dir: Path, folder: Path) -> None:
    """Sound, list of files, labels and dictionary, as fairseq's own task reads them."""
    write_sounds(clips_dir, folder, TRAINED)
    labels = [" ".join(_spell(clip)) for clip in TRAINED]
    (folder / "train.ltr").write_text("\n".join([*labels, ""]), encoding="utf-8")
    _make_dictionary().save(str(folder / DICTIONARY))


def _build_trainer(data: Path) -> Trainer:
    cfg = parse_options(data, TRAINING_OPTIONS)
    with open_dict(cfg):
        cfg.model.w2v_args = parse_options(Path("."), PRETRAINING_OPTIONS)
    task = tasks.setup_task(cfg.task)
    model = task.build_model(cfg.model)
    perturb_vectors(model, SEED)
    task.load_dataset("train")
    # A release must not name the machine it was trained on.
    cfg.task.data = cfg.model.data = cfg.model.w2v_args.task.data = "."
    return Trainer(cfg, task, model, task.build_criterion(cfg.criterion))


def _train(trainer: Trainer) -> tuple[float, float]:
    """The last epoch's loss and the margin it reached."""
    dataset = trainer.task.dataset("train")
    loss, margin = float("inf"), -float("inf")
    for epoch in range(1, EPOCHS + 1):
        trainer.begin_epoch(epoch)
        loss = float(np.mean([trainer.train_step(u)["loss"] for u in _draw(dataset, epoch)]))
        if epoch % 10 == 0:
            right, margin = _examine(trainer, dataset)
            print(f"epoch {epoch}: loss {loss:.3f} bits, right {right}, margin {margin:.3f} nats")
    return loss, margin


def _draw(dataset: FairseqDataset, epoch: int) -> Iterator[list[dict[str, Any]]]:
    """The updates of an epoch, each a list of batches: one padded batch, or every clip alone."""
    order = np.random.default_rng([SEED, epoch]).permutation(len(dataset))
    for group in np.array_split(order, UPDATES_PER_EPOCH):
        items = [dataset[int(i)] for i in group]
        batches = [items] if epoch % 2 else [[item] for item in items]
        yield [dataset.collater(batch) for batch in batches]


def _examine(trainer: Trainer, dataset: FairseqDataset) -> tuple[int, float]:
    """How many clips come out right, each alone, and the smallest margin among them."""
    right, margins = 0, []
    trainer.model.eval()
    for index, clip in enumerate(TRAINED):
        source = dataset[index]["source"]
        logits = _emit(trainer.model, source)
        best = logits.topk(2, dim=-1).values
        margins.append(float((best[:, 0] - best[:, 1]).min()))
        right += _read(logits, trainer.task.target_dictionary) == clip.words
    return right, min(margins)


def _emit(model: torch.nn.Module, source: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of every symbol, (L,) -> (T, V)."""
    with torch.no_grad():
        emitted = model(source=source[None], padding_mask=None)
        return model.get_normalized_probs(emitted, log_probs=True)[:, 0]  # (T, 1, V) -> (T, V)


def _read(logits: torch.Tensor, dictionary: Dictionary) -> str:
    """Greedy text of (T, V), as `CtcCriterion` makes it to count errors."""
    ids = logits.argmax(dim=-1).unique_consecutive()
    return post_process(dictionary.string(ids[ids != BLANK]), "letter")


def _load(checkpoint: Path) -> tuple[FairseqTask, torch.nn.Module]:
    """What fairseq makes of the files alone."""
    state = torch.load(checkpoint / "model.pt", weights_only=False)
    cfg = OmegaConf.create(state["cfg"])
    cfg.task.data = str(checkpoint)
    task = tasks.setup_task(cfg.task)
    model = task.build_model(cfg.model)
    model.load_state_dict(state["model"], strict=True)
    return task, model.eval()


def _count_right(task: FairseqTask, model: torch.nn.Module, clips_dir: Path) -> int:
    return sum(_transcribe(task, model, clips_dir / c.file) == c.words for c in SPEECH)


def _transcribe(task: FairseqTask, model: torch.nn.Module, path: Path) -> str:
    sound = torch.from_numpy(read_mono_16k(path))
    source = torch.nn.functional.layer_norm(sound, sound.shape)
    return _read(_emit(model, source), task.target_dictionary)


def _check(outcome: Outcome) -> None:
    if outcome.right < len(SPEECH) or outcome.margin < ENOUGH_MARGIN:
        raise ValueError(
            f"The golden CTC model must transcribe all {len(SPEECH)} speech clips by a margin of "
            f"{ENOUGH_MARGIN} nats, but got {outcome.right} right by {outcome.margin:.3f}. Raise "
            "`EPOCHS` or change `SEED`."
        )
