"""fairseq's training arguments, wherever a checkpoint keeps them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.checkpoint import Checkpoint
from toolkit.core.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The groups of arguments that matter to a conversion, each a flat mapping."""

    model: Mapping[str, Any]
    task: Mapping[str, Any]
    generation: Mapping[str, Any]
    w2v_model: Mapping[str, Any]
    """Empty where the checkpoint does not carry the pretrained encoder's arguments."""
    w2v_task: Mapping[str, Any]


def read_arguments(checkpoint: Checkpoint) -> Arguments:
    """The arguments of a checkpoint with `args` (one namespace) or `cfg` (groups)."""
    settings = checkpoint.settings
    args, cfg = settings.get("args"), settings.get("cfg")
    if isinstance(args, Mapping):
        model, task, generation = args, args, args
    else:
        groups = cfg if isinstance(cfg, Mapping) else {}
        model, task, generation = (_group(groups, n) for n in ("model", "task", "generation"))
    w2v_model, w2v_task = _pretrained(model.get("w2v_args"))
    return Arguments(
        model=model, task=task, generation=generation, w2v_model=w2v_model, w2v_task=w2v_task
    )


def parse_conv_layers(text: str) -> tuple[tuple[int, int, int], ...]:
    """The (width, kernel, stride) of each layer in fairseq's `conv_feature_layers`.

    fairseq evaluates the string as Python; here only lists, tuples, integers, `+` and `*` count.

    Raises:
        BadInput: it is anything else.
    """
    try:
        layers = _evaluate(ast.parse(text.strip(), mode="eval").body)
        parsed = tuple((int(dim), int(kernel), int(stride)) for dim, kernel, stride in layers)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise BadInput(
            f"`conv_feature_layers` must be a list of (width, kernel, stride), but is {text!r:.200}. "
            "Supply `--encoder-config '{\"conv_stride\": [5, 2, 2, 2, 2, 2, 2]}'`."
        ) from error
    return parsed


def _group(groups: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    group = groups.get(name)
    return group if isinstance(group, Mapping) else {}


def _pretrained(w2v_args: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if not isinstance(w2v_args, Mapping):
        return {}, {}
    if isinstance(w2v_args.get("model"), Mapping):
        return w2v_args["model"], _group(w2v_args, "task")
    return w2v_args, w2v_args


MAX_CONV_LAYERS = 64
"""Real extractors have seven; a repetition beyond this is no model."""


def _evaluate(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_evaluate(element) for element in node.elts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _evaluate(node.left) + _evaluate(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _repeat(_evaluate(node.left), _evaluate(node.right))
    raise ValueError(ast.dump(node)[:80])


def _repeat(left: Any, right: Any) -> Any:
    layers, times = (left, right) if isinstance(left, list) else (right, left)
    if not isinstance(layers, list) or len(layers) * times > MAX_CONV_LAYERS:
        raise ValueError("repetition")
    return layers * times
