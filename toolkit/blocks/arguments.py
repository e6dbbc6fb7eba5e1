"""fairseq's training arguments, wherever a checkpoint keeps them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.blocks.known_tensors import CONVERTED
from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The groups of arguments that matter to a conversion, each a flat mapping."""

    model: JsonObject
    task: JsonObject
    generation: JsonObject
    w2v_model: JsonObject
    """Empty where neither the checkpoint nor a file beside it has the pretrained encoder's."""
    w2v_task: JsonObject
    w2v: JsonObject
    """The pretrained encoder's arguments as fairseq takes them: one namespace, or groups."""
    w2v_model_where: str = "w2v_args"
    """Where `w2v_model` was read, for evidence."""
    w2v_task_where: str = "w2v_args.task"
    w2v_path: Path | None = None
    """The pretrained encoder's own checkpoint, where its arguments were read from that."""


def read_arguments(checkpoint: Checkpoint, w2v: Path | None = None) -> Arguments:
    """The arguments of a checkpoint with `args` (one namespace) or `cfg` (groups).

    Where it lacks those of the pretrained encoder, they come from that encoder's own checkpoint.

    Args:
        checkpoint: The checkpoint that is converted.
        w2v: The pretrained encoder's; by default a file beside `checkpoint` with the name that
            `w2v_path` ends with. No other path that a checkpoint names is ever opened.

    Raises:
        BadInput: `w2v` is not needed, or no checkpoint of a wav2vec 2.0 encoder.
    """
    own = own_arguments(checkpoint)
    if own.w2v:
        _refuse_superfluous(checkpoint, w2v)
        return own
    path = w2v or _maybe_beside(checkpoint.path, own.model.get("w2v_path"))
    return own if path is None else replace(own, **_read_pretrained(path))


def own_arguments(checkpoint: Checkpoint) -> Arguments:
    """The arguments that the checkpoint itself carries."""
    settings = checkpoint.settings
    args, cfg = settings.get("args"), settings.get("cfg")
    if isinstance(args, Mapping):
        model, task, generation = args, args, args
    elif isinstance(cfg, Mapping) and "conv_feature_layers" in cfg:
        # As WavLM was released: without groups.
        model, task, generation = cfg, cfg, cfg
    else:
        groups = cfg if isinstance(cfg, Mapping) else {}
        model, task, generation = (_group(groups, n) for n in ("model", "task", "generation"))
    w2v_model, w2v_task = _pretrained(model.get("w2v_args"))
    return Arguments(
        model=model,
        task=task,
        generation=generation,
        w2v_model=w2v_model,
        w2v_task=w2v_task,
        w2v=model["w2v_args"] if w2v_model else {},
    )


def model_name(arguments: JsonObject) -> object:
    """What arguments call their model; in one namespace, `_name` may be the task's."""
    return arguments.get("arch") or arguments.get("_name")


def called(settings: JsonObject, name: str) -> JsonDict:
    """The settings of a checkpoint whose model is called by another name."""
    changed: JsonDict = dict(settings)
    args, cfg = settings.get("args"), settings.get("cfg")
    if isinstance(args, Mapping):
        changed["args"] = {**args, "arch": name}
    elif isinstance(cfg, Mapping) and isinstance(cfg.get("model"), Mapping):
        others = {k: v for k, v in cfg["model"].items() if k != "arch"}
        changed["cfg"] = {**cfg, "model": {**others, "_name": name}}
    elif isinstance(cfg, Mapping):
        changed["cfg"] = {**cfg, "_name": name}
    return changed


def _refuse_superfluous(checkpoint: Checkpoint, w2v: Path | None) -> None:
    if w2v is not None:
        raise BadInput(
            f"`--w2v {w2v}` must supply arguments that `{checkpoint.path}` lacks, but that has "
            "`w2v_args` of its own. Leave the option out; `--encoder-config` overrules single values."
        )


def _maybe_beside(checkpoint: Path, named: object) -> Path | None:
    """The file beside a checkpoint that is called like the last part of a path it names."""
    name = Path(named).name if isinstance(named, str) else ""
    path = checkpoint.parent / name
    try:
        # A fine-tuned checkpoint often has the very name of the pretrained one.
        found = bool(name) and path.is_file() and not path.samefile(checkpoint)
    except (OSError, ValueError):  # a name that no file can have
        return None
    return path if found else None


def _read_pretrained(path: Path) -> JsonDict:
    """The fields of `Arguments` that a wav2vec 2.0 checkpoint gives, pretrained or fine-tuned."""
    settings = open_checkpoint(path, converted=CONVERTED).settings
    args, cfg = settings.get("args"), settings.get("cfg")
    if isinstance(args, Mapping):
        found, where = args, f"{path.name}: args"
    else:
        groups = cfg if isinstance(cfg, Mapping) else {}
        found = {name: _group(groups, name) for name in ("model", "task")}
        where = f"{path.name}: cfg"
    nested = found.get("model", found).get("w2v_args")
    if isinstance(nested, Mapping):
        found, where = nested, f"{path.name}: w2v_args"
    model, task = _pretrained(found)
    if "conv_feature_layers" not in model:
        raise BadInput(
            f"`{path}` must be the checkpoint of the wav2vec 2.0 encoder and hold its arguments, "
            "but holds no `conv_feature_layers` among `args`, `cfg.model` and their `w2v_args`. "
            "Name the right file with `--w2v`, or keep it from standing beside under that name."
        )
    grouped = isinstance(found.get("model"), Mapping)
    return {
        "w2v_model": model,
        "w2v_task": task,
        "w2v": found,
        "w2v_model_where": f"{where}.model" if grouped else where,
        "w2v_task_where": f"{where}.task" if grouped else where,
        "w2v_path": path,
    }


def parse_conv_layers(text: str) -> tuple[tuple[int, int, int], ...]:
    """The (width, kernel, stride) of each layer in fairseq's `conv_feature_layers`.

    fairseq evaluates the string as Python; here only lists, tuples, integers, `+` and `*` count.

    Raises:
        BadInput: it is anything else.
    """
    try:
        if len(text) > MAX_CHARS:
            raise ValueError("too long")
        layers = _evaluate(ast.parse(text.strip(), mode="eval").body)
        parsed = tuple((int(dim), int(kernel), int(stride)) for dim, kernel, stride in layers)
    except (
        ArithmeticError,
        MemoryError,
        RecursionError,
        SyntaxError,
        TypeError,
        ValueError,
    ) as error:
        raise BadInput(
            f"`conv_feature_layers` must be a list of (width, kernel, stride), but is {text!r:.200}. "
            "Supply `--encoder-config '{\"conv_stride\": [5, 2, 2, 2, 2, 2, 2]}'`."
        ) from error
    return parsed


def _group(groups: JsonObject, name: str) -> JsonObject:
    group = groups.get(name)
    return group if isinstance(group, Mapping) else {}


def _pretrained(w2v_args: Any) -> tuple[JsonObject, JsonObject]:
    if not isinstance(w2v_args, Mapping):
        return {}, {}
    if isinstance(w2v_args.get("model"), Mapping):
        return w2v_args["model"], _group(w2v_args, "task")
    return w2v_args, w2v_args


MAX_CHARS = 10_000
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
