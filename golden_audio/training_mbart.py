"""The golden checkpoint of texts: a tiny mBART that fairseq builds, trains, saves and decodes.

It is fine-tuned as mBART-25 is: a text ends with `</s>` and its language, and a hypothesis begins
and ends with the language that is written.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq import options
from fairseq.data import Dictionary, LanguagePairDataset
from fairseq.data.data_utils import collate_tokens
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.tasks.translation_from_pretrained_bart import TranslationFromPretrainedBARTTask
from fairseq.trainer import Trainer
from training import Outcome, make_deterministic, perturb_vectors, save, write_vocabulary

SEED, THREADS = 1, 2
VOCABULARY_SIZE = 150
CHECK_EVERY_EPOCHS, MAX_EPOCHS = 5, 200
BATCH = 20
ENOUGH_MARGIN = 1.0
SOURCE, TARGET = "en_XX", "de_DE"
LANGUAGES = "de_DE,en_XX,fr_XX"

WHO = (
    ("The dog", "Der Hund"),
    ("My sister", "Meine Schwester"),
    ("The old man", "Der alte Mann"),
    ("A bird", "Ein Vogel"),
    ("Our teacher", "Unsere Lehrerin"),
    ("The queen", "Die Königin"),
    ("Nobody", "Niemand"),
    ("The child", "Das Kind"),
    ("Your friend", "Dein Freund"),
    ("The doctor", "Die Ärztin"),
)
WHAT = (
    ("sees the house.", "sieht das Haus."),
    ("reads a book.", "liest ein Buch."),
    ("drinks cold water.", "trinkt kaltes Wasser."),
    ("loves the sea.", "liebt das Meer."),
    ("finds the key.", "findet den Schlüssel."),
    ("buys green apples.", "kauft grüne Äpfel."),
    ("hears the music.", "hört die Musik."),
    ("opens the door.", "öffnet die Tür."),
    ("writes a letter.", "schreibt einen Brief."),
    ("is tired.", "ist müde."),
)
PAIRS = tuple((f"{who} {what}", f"{wer} {was}") for who, wer in WHO for what, was in WHAT)
"""A hundred sentences and their translations."""

TRAINING_OPTIONS = """
--task translation_from_pretrained_bart
--langs {languages} --source-lang {source} --target-lang {target}
--arch mbart_base --share-all-embeddings --layernorm-embedding
--encoder-normalize-before --decoder-normalize-before --encoder-learned-pos --decoder-learned-pos
--encoder-layers 2 --encoder-embed-dim 48 --encoder-ffn-embed-dim 96 --encoder-attention-heads 3
--decoder-layers 2 --decoder-embed-dim 48 --decoder-ffn-embed-dim 96 --decoder-attention-heads 3
--max-source-positions 256 --max-target-positions 256
--dropout 0 --attention-dropout 0 --activation-dropout 0
--criterion label_smoothed_cross_entropy --label-smoothing 0.1
--optimizer adam --adam-betas (0.9,0.98) --clip-norm 1
--lr 0.003 --lr-scheduler inverse_sqrt --warmup-updates 40
--cpu --no-progress-bar --no-save-optimizer-state --num-workers 0
"""


def write_mbart_checkpoint(out: Path) -> Outcome:
    """Trains the model on the pairs and writes `model.pt`, `dict.txt` and `spm.model`.

    Args:
        out: The folder of the checkpoint.

    Raises:
        ValueError: The saved model does not translate every sentence.
    """
    make_deterministic(SEED, THREADS)
    out.mkdir(parents=True, exist_ok=True)
    texts = [text for pair in PAIRS for text in pair]
    spm = write_vocabulary(out, texts, VOCABULARY_SIZE, normalization_rule_name="identity")
    started_s = time.monotonic()
    args = _arguments(out)
    task = _make_task(args, out)
    model = task.build_model(args)
    perturb_vectors(model, SEED)
    args.data = "."  # a release must not name the machine it was trained on
    cfg = convert_namespace_to_omegaconf(args)
    trainer = Trainer(cfg, task, model, task.build_criterion(cfg.criterion))
    rows = [(_ids(task, spm, one, SOURCE), _ids(task, spm, other, TARGET)) for one, other in PAIRS]
    loss, margin = _train(trainer, task, rows)
    save(trainer, out / "model.pt")
    right = {beam: _count_right(task, model, spm, beam) for beam in (1, 5)}
    if min(right.values()) < len(PAIRS):
        raise ValueError(f"The golden model must translate all {len(PAIRS)} sentences, but {right}")
    return Outcome(
        updates=trainer.get_num_updates(),
        loss=loss,
        margin=margin,
        seconds=time.monotonic() - started_s,
        right=right,
    )


def _arguments(data: Path) -> Namespace:
    said = TRAINING_OPTIONS.format(languages=LANGUAGES, source=SOURCE, target=TARGET)
    return options.parse_args_and_arch(options.get_training_parser(), [str(data), *said.split()])


def _make_task(args: Namespace, out: Path) -> TranslationFromPretrainedBARTTask:
    dictionary = Dictionary.load(str(out / "dict.txt"))
    task = TranslationFromPretrainedBARTTask(args, dictionary, dictionary)
    task.args = args  # read for the end of a search, and never set since 0.12
    return task


def _ids(task: Any, spm: Any, text: str, language: str) -> torch.Tensor:
    """A text, its end and its language."""
    line = task.source_dictionary.encode_line(
        " ".join(spm.encode(text, out_type=str)), add_if_not_exist=False
    )
    return torch.cat([line.long(), torch.tensor([task.source_dictionary.index(f"[{language}]")])])


def _train(trainer: Trainer, task: Any, rows: list[Any]) -> tuple[float, float]:
    """The last epoch's loss and the margin it reached."""
    loss, margin = float("inf"), -float("inf")
    sources, targets = ([row[side] for row in rows] for side in (0, 1))
    dataset = LanguagePairDataset(
        sources,
        [len(ids) for ids in sources],
        task.source_dictionary,
        targets,
        [len(ids) for ids in targets],
        task.target_dictionary,
        eos=task.target_dictionary.index(f"[{TARGET}]"),
    )
    for epoch in range(1, MAX_EPOCHS + 1):
        trainer.begin_epoch(epoch)
        loss = float(np.mean([trainer.train_step([b])["loss"] for b in _draw(dataset, epoch)]))
        if epoch % CHECK_EVERY_EPOCHS == 0:
            margin = min(_measure_margin(trainer.model, task, row) for row in rows)
            print(f"epoch {epoch}: loss {loss:.3f} bits, margin {margin:.2f} nats", flush=True)
            if margin > ENOUGH_MARGIN:
                break
    return loss, margin


def _draw(dataset: LanguagePairDataset, epoch: int) -> Iterator[dict[str, Any]]:
    order = np.random.default_rng([SEED, epoch]).permutation(len(dataset))
    for start in range(0, len(order), BATCH):
        yield dataset.collater([dataset[int(i)] for i in order[start : start + BATCH]])


def _measure_margin(model: torch.nn.Module, task: Any, row: tuple[Any, Any]) -> float:
    """Smallest lead of a right token over the next best one."""
    source, target = row
    model.eval()
    before = collate_tokens(
        [target], task.target_dictionary.pad(), move_eos_to_beginning=True, eos_idx=int(target[-1])
    )
    with torch.no_grad():
        logits = model(source[None], torch.tensor([len(source)]), before)[0][0]
    right = logits.gather(1, target[:, None])
    others = logits.scatter(1, target[:, None], -torch.inf)
    return float((right - others.max(dim=1, keepdim=True).values).min())


def _count_right(task: Any, model: torch.nn.Module, spm: Any, beam: int) -> int:
    """Sentences whose translation fairseq's own search returns exactly."""
    model.eval()
    generator = task.build_generator([model], Namespace(beam=beam))
    model.set_beam_size(beam)
    right = 0
    for source, target in PAIRS:
        ids = _ids(task, spm, source, SOURCE)
        sample = {"net_input": {"src_tokens": ids[None], "src_lengths": torch.tensor([len(ids)])}}
        found = generator.generate([model], sample)[0][0]["tokens"]
        ignored = {task.target_dictionary.index(f"[{TARGET}]")}
        pieces = task.target_dictionary.string(found, extra_symbols_to_ignore=ignored)
        right += "".join(pieces.split()).replace("\u2581", " ").strip() == target
    model.set_beam_size(1)
    return right
