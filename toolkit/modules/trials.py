"""What may be wrong with a module whose tensors are right: settings of it, each tried out.

A setting of the target's module is given another value, and the module is run again on the source's
input. What makes it do what its counterpart does is confirmed; all else is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from toolkit.compare.metrics import relative_error
from toolkit.core.findings import Hypothesis
from toolkit.modules.activations import ACTIVATIONS, Applied, is_activation, is_function
from toolkit.oracle.hooks import Call
from toolkit.oracle.precision import as_it_is
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import CannotReplayError, Outputs, first, replay, replay_arguments

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST = 120
"""Settings that are tried of one module."""
EPSILONS = (1e-5, 1e-6, 1e-12, 1e-8, 1e-7)
"""What models add to a variance, most of them."""
ALIKE = (
    frozenset({"eps", "epsilon", "variance_epsilon", "layer_norm_eps"}),
    frozenset({"scale", "scaling", "scale_factor", "embed_scale", "softmax_scale"}),
    frozenset({"norm_first", "normalize_before", "is_pre_norm", "pre_norm"}),
    frozenset({"num_heads", "num_attention_heads", "n_head", "n_heads", "nhead"}),
)
"""Names of one setting in several packages."""
Setting: TypeAlias = "bool | int | float | str | tuple[int, ...]"


@dataclass(frozen=True, kw_only=True)
class Blamed:
    """A pair that differs, and the calls that show it."""

    pair: Pair
    source: nn.Module
    """The whole model."""
    target: nn.Module
    received: Call
    made: Call
    tolerance: float

    def run(self) -> Outputs:
        """What the module makes of its counterpart's input as it is now.

        Raises:
            CannotReplayError: it cannot take it.
        """
        return replay(self.pair, self.target, self.source, self.made, self.received)


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """Another value for one setting of a module."""

    holder: dict[str, object]
    """Where the value stands."""
    key: str
    value: object
    attribute: str
    """The path of the setting in the target."""
    kind: tuple[str, str]
    """The class that holds it, and its name."""
    found: str
    expected: str


def explain_wiring(blamed: Blamed) -> Hypothesis | None:
    """What makes a module differ, where trying it out shows it."""
    known = _of_outputs(blamed)
    if known is not None:
        return known
    for trial in islice(_trials(blamed), MOST):
        if _mends(blamed, trial):
            detail = {
                "attribute": trial.attribute,
                "of": list(trial.kind),
                "found": trial.found,
                "expected": trial.expected,
            }
            return Hypothesis(name="setting", confirmed=True, detail=detail)
    return None


def _maybe_run(blamed: Blamed) -> Outputs | None:
    try:
        return blamed.run()
    except CannotReplayError:
        return None


# What the output says by itself


def _of_outputs(blamed: Blamed) -> Hypothesis | None:
    outputs, again = _maybe_run(blamed), _maybe_run(blamed)
    if outputs is None or again is None or outputs.expected.shape != outputs.actual.shape:
        return None
    with as_it_is():
        if not again.actual.nan_to_num().equal(outputs.actual.nan_to_num()):
            return Hypothesis(name="random", confirmed=True)
        expected, actual = outputs.expected.double(), outputs.actual.double()
        return _scaled(blamed, expected, actual) or _residual(blamed, expected, actual)


def _scaled(blamed: Blamed, expected: Tensor, actual: Tensor) -> Hypothesis | None:
    square = float(actual.square().sum())
    factor = float((actual * expected).sum()) / square if square else 0.0
    if (
        not factor
        or not math.isfinite(factor)
        or relative_error(expected, actual * factor) > blamed.tolerance
    ):
        return None
    return Hypothesis(name="output_scaled", confirmed=True, detail={"factor": 1 / factor})


def _residual(blamed: Blamed, expected: Tensor, actual: Tensor) -> Hypothesis | None:
    """Whether the input is missing from the sum, or is in it although it should not be."""
    given = replay_arguments(blamed.pair.layout, blamed.made, blamed.received)
    inputs = first({name: value for name, value in given.items() if hasattr(value, "double")})
    if inputs.shape != expected.shape:
        return None
    for name, sign in (("residual_missing", 1), ("residual_added", -1)):
        if relative_error(expected, actual + sign * inputs.double()) <= blamed.tolerance:
            return Hypothesis(name=name, confirmed=True)
    return None


# Settings


def _mends(blamed: Blamed, trial: _Trial) -> bool:
    with _set(trial):
        outputs = _maybe_run(blamed)
    if outputs is None:
        return False
    with as_it_is():
        return relative_error(outputs.expected, outputs.actual) <= blamed.tolerance


@contextmanager
def _set(trial: _Trial) -> Iterator[None]:
    before = trial.holder[trial.key]
    trial.holder[trial.key] = trial.value
    try:
        yield
    finally:
        trial.holder[trial.key] = before


def _trials(blamed: Blamed) -> Iterator[_Trial]:
    module = blamed.target.get_submodule(blamed.pair.target)
    known = _settings_of(blamed.source.get_submodule(blamed.pair.source))
    for path, part in module.named_modules():
        place = ".".join(name for name in (blamed.pair.target, path) if name)
        yield from _setting_trials(part, place, known)
        yield from _activation_trials(part, place)


def _settings_of(source: nn.Module) -> Mapping[str, set[Setting]]:
    """The values that settings have anywhere in a module, by the name of the setting."""
    known: dict[str, set[Setting]] = {}
    for module in source.modules():
        for key, value in _own_settings(module):
            known.setdefault(_common(key), set()).add(value)
    return known


def _own_settings(module: nn.Module) -> Iterator[tuple[str, Setting]]:
    for key, value in vars(module).items():
        plain = isinstance(value, (bool, int, float, str)) or (
            isinstance(value, tuple) and all(isinstance(item, int) for item in value)
        )
        if plain and not key.startswith("_") and key != "training":
            yield key, value


def _scales(part: nn.Module) -> Iterator[float]:
    """What attention may be scaled by: powers of the sizes of its tensors and of their divisors."""
    sizes = {size for parameter in part.parameters() for size in parameter.shape}
    widths = {size // heads for size in sizes for heads in range(1, 65) if size % heads == 0}
    yield from (1.0, *(width**power for width in sorted(widths) for power in (-0.5, 0.5)))


def _common(key: str) -> str:
    """One name for a setting, whatever a package calls it."""
    return next((min(names) for names in ALIKE if key in names), key)


def _setting_trials(
    part: nn.Module, place: str, known: Mapping[str, set[Setting]]
) -> Iterator[_Trial]:
    for key, value in _own_settings(part):
        others = list(known.get(_common(key), ()))
        others += EPSILONS if _common(key) == min(ALIKE[0]) else ()
        others += _scales(part) if _common(key) == min(ALIKE[1]) else ()
        others += [not value] if isinstance(value, bool) else []
        for other in dict.fromkeys(others):
            if other != value and type(other) is type(value):
                yield _Trial(
                    holder=vars(part),
                    key=key,
                    value=other,
                    attribute=f"{place}.{key}",
                    kind=(type(part).__name__, key),
                    found=repr(value),
                    expected=repr(other),
                )


def _activation_trials(part: nn.Module, place: str) -> Iterator[_Trial]:
    functions = {k: v for k, v in vars(part).items() if "act" in k and is_function(v)}
    modules = {k: v for k, v in part._modules.items() if v is not None and is_activation(v)}
    for key, value in (*functions.items(), *modules.items()):
        for name, other in ACTIVATIONS.items():
            yield _Trial(
                holder=vars(part) if key in functions else vars(part)["_modules"],
                key=key,
                value=other if key in functions else Applied(other),
                attribute=f"{place}.{key}",
                kind=(type(part).__name__, key),
                found=getattr(value, "__name__", repr(value)),
                expected=name,
            )
