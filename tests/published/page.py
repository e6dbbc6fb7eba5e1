"""docs/published.md: what published checkpoints become, and where the vendor says otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.published.building import build_whole
from tests.published.settings import ALIKE, PUBLISHED, VENDOR, Published, Settings
from toolkit import inspect

PAGE = Path(__file__).parents[2] / "docs" / "published.md"
INTRODUCTION = """# Published checkpoints

What `toolkit` reads off checkpoints with the settings of published ones, as fairseq builds them
at full size, beside the configuration that the vendor published for the same model on the Hub.
Each such checkpoint, made smaller in width, heads and layers alone, converts without an option
and is proven to match by the tests. Published weights themselves were not opened. The settings
are those that torchaudio keeps in `test/torchaudio_unittest/assets/wav2vec2`. This page is
generated: `python -m tests.published`.

Keys that change what the model computes are derived from the tensors first. Keys that only training
reads follow the checkpoint: what it was trained with. The vendor's say the defaults of a script for
most models alike, so whoever trains on should take ours. `do_normalize` is what the task says;
`return_attention_mask` is on, as fairseq's own batches carry the mask.
"""


@dataclass(frozen=True, kw_only=True)
class Derived:
    """What is read off a checkpoint of full size, which takes no more room than a small one."""

    published: Published
    family: str
    config: Mapping[str, object]
    questions: tuple[str, ...]
    """What is assumed, unknown or refused."""

    def differing(self, vendor: Settings) -> dict[str, tuple[object, object]]:
        """Keys of the vendor's that say another thing: ours, and the vendor's."""
        pairs = {key: (self.config.get(key), value) for key, value in vendor.items()}
        return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def derive(published: Published, folder: Path) -> Derived:
    """Reads a checkpoint with the settings and shapes of a published one.

    Args:
        published: The settings.
        folder: Where to write it; must exist.
    """
    seen = inspect(build_whole(published, folder))
    doubtful = (*seen.assumptions, *seen.unknown, *seen.refusals)
    return Derived(
        published=published,
        family=seen.family,
        config={field.name: field.value for field in seen.fields},
        questions=tuple(reason.name for reason in doubtful),
    )


def derive_all(folder: Path) -> dict[str, Derived]:
    """What is read off all of them, by name.

    Args:
        folder: Where they may be written; must exist.
    """
    derived = {}
    for published in PUBLISHED:
        place = folder / published.name
        place.mkdir()
        derived[published.name] = derive(published, place)
    return derived


def write_page(derived: Mapping[str, Derived]) -> str:
    """The text of the page."""
    sections = ("\n".join(_section(one)) for one in derived.values())
    return "\n\n".join((INTRODUCTION.rstrip(), *sections)) + "\n"


def _section(derived: Derived) -> Iterator[str]:
    published, config = derived.published, derived.config
    yield f"## {published.name}\n"
    norms = "before" if config["do_stable_layer_norm"] else "after"
    yield (
        f"`{derived.family}`: {config['num_hidden_layers']} layers of {config['hidden_size']} with "
        f"{config['num_attention_heads']} heads, norms {norms} each part, extractor with "
        f"{config['feat_extract_norm']} norm; `do_normalize` is {published.normalize}.\n"
    )
    vendor = VENDOR.get(published.name)
    if vendor is None:
        yield "The vendor's configuration of this model is not among those known here."
        return
    differing = derived.differing(vendor.computing)
    agreeing = len(vendor.computing) - len(differing)
    yield (
        f"{agreeing} of {len(vendor.computing)} keys of `{vendor.name}` that change what is "
        "computed are the same.\n"
    )
    yield "| key | checkpoint | vendor | read by |"
    yield "|---|---|---|---|"
    yield from _rows(differing, "every pass")
    yield from _rows(derived.differing(vendor.training), "training alone")
    other = ALIKE.get(published.name)
    if other is not None:
        same = len(other.computing) - len(derived.differing(other.computing))
        yield (
            f"\n{same} of {len(other.computing)} such keys of `{other.name}` are the same too: its "
            "encoder is of this kind and size, its own checkpoint is not among these."
        )


def _rows(differing: Mapping[str, tuple[object, object]], reader: str) -> Iterator[str]:
    for key, (ours, theirs) in sorted(differing.items()):
        yield f"| `{key}` | {ours} | {theirs} | {reader} |"
