"""Which tests a pair has, found without a model: from the checkpoint's names and the mapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.core.errors import BadInput
from toolkit.mapping.patterns import match
from toolkit.replay.pairs import derive_pairs, owner

if TYPE_CHECKING:
    from toolkit.audio import Clip
    from toolkit.pipeline.prepare import Prepared


@dataclass(frozen=True, kw_only=True)
class ParityTest:
    """One test of a pair."""

    level: str
    """`module` for a module pair alone, `weights` for a module's tensors, else a level's name."""
    subject: str = ""
    """Module or clip."""

    @property
    def ident(self) -> str:
        """What stands in the brackets of the test's name."""
        if self.level == "module":
            return self.subject
        return f"{self.level}:{self.subject}" if self.subject else self.level


def list_tests(prepared: Prepared, clips: Sequence[Clip]) -> tuple[ParityTest, ...]:
    """The tests of a pair: what is quick and says most first.

    Raises:
        BadInput: there is no module to compare, or no clip.
    """
    modules = paired_modules(prepared)
    if not modules or not clips:
        raise BadInput(
            f"`{prepared.checkpoint.path}` must give modules to compare and clips to compare them "
            f"on, but gives {len(modules)} modules and {len(clips)} clips. Check the checkpoint."
        )
    owners = dict.fromkeys(owner(name) for name in prepared.proof.targets)
    by_kind = {
        judged_on: [kind.name for kind in prepared.task.kind.levels if kind.judged_on == judged_on]
        for judged_on in ("folder", "clip", "batch")
    }
    # The tensors of a folder are a test for each module, and one for what has no module.
    files = [name for name in by_kind["folder"] if name != "weights"]
    return (
        *(ParityTest(level=level) for level in ("loading", *files)),
        *(ParityTest(level="weights", subject=path) for path in owners),
        *(ParityTest(level="module", subject=path) for path in modules),
        ParityTest(level="coverage"),
        *(ParityTest(level=level, subject=c.name) for c in clips for level in by_kind["clip"]),
        *(ParityTest(level=level) for level in by_kind["batch"]),
    )


def paired_modules(prepared: Prepared) -> tuple[str, ...]:
    """The target modules that have a counterpart, in the target's order.

    Modules are known by the names of their parameters. That a name is a list of modules, which
    nothing calls, shows in that no layout knows it.
    """
    network = prepared.network
    sources = [
        path for path in _owners(prepared.checkpoint.tensors) if path not in network.bypassed
    ]
    targets = [
        path
        for path in _owners(prepared.proof.targets)
        if any(match(row.target, path) is not None for row in network.layouts)
    ]
    pairs = derive_pairs(prepared.proof, sources, targets, network.layouts, network.unpaired)
    return tuple(pair.target for pair in pairs)


def _owners(parameters: Iterable[str]) -> Iterator[str]:
    """The modules that hold parameters, those around them first, each once."""
    seen: dict[str, None] = {}
    for name in parameters:
        parts = owner(name).split(".")
        seen |= dict.fromkeys(".".join(parts[: end + 1]) for end in range(len(parts)))
    yield from seen
