"""Makes everything in this folder: `python golden_audio/recipe.py [--out DIR] [--only PART]`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training import Outcome

HERE = Path(__file__).resolve().parent
CLIPS, CHECKPOINT, CTC, PRETRAINING = "clips", "checkpoint", "ctc", "pretraining"
S2T, S2UT, MBART = "s2t", "s2ut", "mbart"
"""What there is to make. The checkpoints stand in folders of these names."""


def main() -> None:
    """Makes the clips, then the checkpoints trained on them, or one of the seven."""
    options = _parse_options()
    make = {
        CLIPS: _make_clips,
        CHECKPOINT: _make_checkpoint,
        CTC: _make_ctc_checkpoint,
        PRETRAINING: _make_pretraining_checkpoint,
        S2T: _make_s2t_checkpoint,
        S2UT: _make_s2ut_checkpoint,
        MBART: _make_mbart_checkpoint,
    }
    for part in (options.only,) if options.only else make:
        make[part](options.out)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="default: the recipe's own folder")
    parser.add_argument(
        "--only",
        choices=(CLIPS, CHECKPOINT, CTC, PRETRAINING, S2T, S2UT, MBART),
        help="checkpoints need the clips in --out",
    )
    return parser.parse_args()


def _make_clips(out: Path) -> None:
    from clips import CLIPS, write_clips

    write_clips(out)
    print(f"{len(CLIPS)} clips and their manifest in {out}")


def _make_checkpoint(out: Path) -> None:
    from training import XM_TRANSFORMER, write_checkpoint

    _tell(write_checkpoint(XM_TRANSFORMER, clips_dir=out, out=out / CHECKPOINT))


def _make_s2t_checkpoint(out: Path) -> None:
    from training import write_checkpoint
    from training_s2t import S2T_TRANSFORMER

    _tell(write_checkpoint(S2T_TRANSFORMER, clips_dir=out, out=out / S2T))


def _make_s2ut_checkpoint(out: Path) -> None:
    from training_s2ut import write_unit_checkpoint

    _tell(write_unit_checkpoint(clips_dir=out, out=out / S2UT))


def _make_mbart_checkpoint(out: Path) -> None:
    from training_mbart import PAIRS, write_mbart_checkpoint

    outcome = write_mbart_checkpoint(out / MBART)
    print(
        f"{outcome.updates} updates in {outcome.seconds:.0f} s, loss {outcome.loss:.3f} bits, "
        f"margin {outcome.margin:.2f} nats; right of {len(PAIRS)} by beam: {outcome.right}"
    )


def _tell(outcome: Outcome) -> None:
    from clips import SPEECH

    print(
        f"{outcome.updates} updates in {outcome.seconds:.0f} s, loss {outcome.loss:.3f} bits, "
        f"margin {outcome.margin:.2f} nats"
    )
    for beam, right in outcome.right.items():
        print(f"beam {beam}: {right} of {len(SPEECH)} transcripts exact")


def _make_ctc_checkpoint(out: Path) -> None:
    from clips import SPEECH
    from training_ctc import write_ctc_checkpoint

    outcome = write_ctc_checkpoint(clips_dir=out, out=out / CTC)
    print(
        f"{outcome.updates} updates in {outcome.seconds:.0f} s, loss {outcome.loss:.3f} bits, "
        f"margin {outcome.margin:.3f} nats; {outcome.right} of {len(SPEECH)} transcripts exact"
    )


def _make_pretraining_checkpoint(out: Path) -> None:
    from training_pretraining import write_pretraining_checkpoint

    outcome = write_pretraining_checkpoint(clips_dir=out, out=out / PRETRAINING)
    print(
        f"{outcome.updates} updates in {outcome.seconds:.0f} s, loss {outcome.loss:.3f} bits; "
        f"{outcome.right:.0%} of the masked frames told apart"
    )


if __name__ == "__main__":
    main()
