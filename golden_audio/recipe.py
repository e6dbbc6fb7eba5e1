"""Makes everything in this folder: `python golden_audio/recipe.py [--out DIR] [--only PART]`."""

from __future__ import annotations

import argparse
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKPOINT = "checkpoint"


def main() -> None:
    """Makes the clips, then the checkpoint trained on them, or one of the two."""
    options = _parse_options()
    if options.only != CHECKPOINT:
        _make_clips(options.out)
    if options.only != "clips":
        _make_checkpoint(options.out)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="default: the recipe's own folder")
    parser.add_argument(
        "--only", choices=("clips", CHECKPOINT), help=f"`{CHECKPOINT}` needs the clips in --out"
    )
    return parser.parse_args()


def _make_clips(out: Path) -> None:
    from clips import CLIPS, write_clips

    write_clips(out)
    print(f"{len(CLIPS)} clips and their manifest in {out}")


def _make_checkpoint(out: Path) -> None:
    from clips import SPEECH
    from training import write_checkpoint

    outcome = write_checkpoint(clips_dir=out, out=out / CHECKPOINT)
    print(
        f"{outcome.updates} updates in {outcome.seconds:.0f} s, loss {outcome.loss:.3f} bits, "
        f"margin {outcome.margin:.2f} nats"
    )
    for beam, right in outcome.right.items():
        print(f"beam {beam}: {right} of {len(SPEECH)} transcripts exact")


if __name__ == "__main__":
    main()
