"""Examines every variant: `make variants`."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import torch

from tests.variants.examining import examine
from tests.variants.kinds import VARIANTS


def main() -> None:
    """Examines every variant and prints a line for each; what `make variants` runs."""
    torch.set_num_threads(1)
    endings: Counter[str] = Counter()
    for variant in VARIANTS:
        with tempfile.TemporaryDirectory(prefix="toolkit-variant-") as folder:
            found = examine(variant, Path(folder))
        endings[found.ended.split(":")[0]] += 1
        print(found.row(variant), flush=True)
    print(", ".join(f"{count} {ended}" for ended, count in endings.most_common()))


if __name__ == "__main__":
    main()
