"""Makes a fork of a model: the same network with other names, nesting, and layouts of its tensors.

A fork that is written to disk carries this file as its own code, so it needs torch alone.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

CONSISTENT = {
    "w2v_encoder": "listener",
    "w2v_model": "speech",
    "feature_extractor": "frontend",
    "conv_layers": "stages",
    "post_extract_proj": "widen",
    "pos_conv": "position_conv",
    "layers": "blocks",
    "self_attn": "attention",
    "encoder_attn": "cross_attention",
    "q_proj": "wq",
    "k_proj": "wk",
    "v_proj": "wv",
    "out_proj": "wo",
    "fc1": "ffn_up",
    "fc2": "ffn_down",
    "self_attn_layer_norm": "attention_norm",
    "encoder_attn_layer_norm": "cross_attention_norm",
    "final_layer_norm": "ffn_norm_final",
    "layer_norm": "norm",
    "proj": "head_proj",
    "embed_tokens": "token_embedding",
    "final_proj": "final_projection",
    "conv_module": "convolution",
}
"""What somebody may call the parts of fairseq's models who likes other words."""

KEPT = ("num_batches_tracked", "version", "_float_tensor")
"""What torch's and fairseq's own modules ask a checkpoint for by its name."""


def rename(parent: nn.Module, old: str, new: str) -> None:
    """Gives a child or a parameter another name; code that asks for the old one still finds it."""
    for members in (parent._modules, parent._parameters, parent._buffers):
        if old in members:
            items = [(new if key == old else key, value) for key, value in members.items()]
            members.clear()
            members.update(items)
            if not isinstance(parent, (nn.ModuleList, nn.Sequential)):
                answer(parent, old, lambda self: _maybe_find(self, new), _taken_off(new))


def answer(
    module: nn.Module,
    name: str,
    how: Callable[[nn.Module], object],
    put: Callable[[nn.Module, object], None] | None = None,
) -> None:
    """Makes a module answer for a name."""
    kind = type(module)
    made = type(kind.__name__, (kind,), {name: property(how, put or _keep)})
    vars(module).pop(name, None)
    module.__class__ = made


def _keep(module: nn.Module, value: object) -> None:
    """Lets nobody put something else in the place of what answers."""


def _taken_off(new: str) -> Callable[[nn.Module, object], None]:
    """Lets what answers be taken off, and nothing else be put in its place."""

    def put(module: nn.Module, value: object) -> None:
        if value is None:
            for members in (module._modules, module._parameters, module._buffers):
                members.pop(new, None)

    return put


def _maybe_find(module: nn.Module, name: str) -> object:
    for members in (module._modules, module._parameters, module._buffers):
        if name in members:
            return members[name]
    return None


def rename_all(model: nn.Module, call: Callable[[str], str]) -> None:
    """Gives every child and parameter of a model another name; numbers of layers stay."""
    for module in list(model.modules()):
        names = [*module._modules, *module._parameters, *module._buffers]
        for name in names:
            if not name.isdecimal() and name not in KEPT and call(name) != name:
                rename(module, name, call(name))


def consistent(model: nn.Module) -> None:
    """Other words, the same ones everywhere."""
    rename_all(model, lambda name: CONSISTENT.get(name, name))


def obfuscated(model: nn.Module) -> None:
    """Names that say nothing."""
    rename_all(model, lambda name: "m" + hashlib.md5(name.encode()).hexdigest()[:4])


def nested(model: nn.Module) -> None:
    """Attention, feed-forward and extractor stand in modules of their own."""
    for module in list(model.modules()):
        for name in [n for n in module._modules if n in ("self_attn", "fc1", "feature_extractor")]:
            into(module, name, f"{name}_part")


def into(parent: nn.Module, name: str, around: str) -> None:
    """Puts a child into a module between."""
    box = nn.Module()
    box._modules["inner"] = parent._modules[name]
    items = [(around, box) if k == name else (k, v) for k, v in parent._modules.items()]
    parent._modules.clear()
    parent._modules.update(items)
    answer(parent, name, lambda self: getattr(self, around).inner)


def hoisted(model: nn.Module) -> None:
    """The encoder's parts belong to what is around it: names lose a part."""
    for parent in list(model.modules()):
        for name in ("w2v_model", "encoder"):
            child = parent._modules.get(name)
            own = {*parent._modules, *parent._parameters, *parent._buffers} - {name}
            if child is not None and not own & {*child._modules, *child._parameters}:
                hoist(parent, name)
                return


def hoist(parent: nn.Module, name: str) -> None:
    """Registers a child's children and parameters with its parent, and the child no more."""
    child = parent._modules[name]
    items: list[tuple[str, nn.Module | None]] = []
    for key, value in parent._modules.items():
        items += list(child._modules.items()) if key == name else [(key, value)]
    parent._modules.clear()
    parent._modules.update(items)
    for members in ("_parameters", "_buffers"):
        moved = getattr(child, members)
        getattr(parent, members).update(moved)
        for key in list(moved):
            holder = getattr(parent, members)
            answer(child, key, lambda _, holder=holder, key=key: holder[key])
        moved.clear()
    vars(parent)[name] = child
    kind = type(parent)

    def train(self: nn.Module, mode: bool = True) -> nn.Module:
        child.training = mode
        return kind.train(self, mode)

    parent.__class__ = type(kind.__name__, (kind,), {"train": train})


class Part:
    """A linear map that lies within a larger one."""

    def __init__(self, whole: nn.Module, rows: list[int]) -> None:
        self.whole, self.rows = whole, rows

    @property
    def weight(self) -> Tensor:
        return self.whole.weight[self.rows]

    @property
    def bias(self) -> Tensor:
        return self.whole.bias[self.rows]

    def __call__(self, inputs: Tensor) -> Tensor:
        return functional.linear(inputs, self.weight, self.bias)


def fused(model: nn.Module, *, by_heads: bool = False) -> None:
    """Queries, keys and values are made by one linear map."""
    for module in list(model.modules()):
        parts = [module._modules.get(name) for name in ("q_proj", "k_proj", "v_proj")]
        if all(isinstance(p, nn.Module) and p.weight.shape == parts[0].weight.shape for p in parts):
            fuse(module, module.num_heads if by_heads else 1)


def fuse(attention: nn.Module, groups: int) -> None:
    """Joins three maps, each cut into groups that stand beside those of the others."""
    names = ("q_proj", "k_proj", "v_proj")
    parts = [attention._modules[name] for name in names]
    rows, width = parts[0].weight.shape
    each = rows // groups
    whole = nn.Linear(width, 3 * rows)
    with torch.no_grad():
        for key in ("weight", "bias"):
            cut = [getattr(p, key).detach().split(each) for p in parts]
            joined = torch.cat([cut[part][g] for g in range(groups) for part in range(3)])
            setattr(whole, key, nn.Parameter(joined))
    items = [("qkv", whole) if k == "k_proj" else (k, v) for k, v in attention._modules.items()]
    attention._modules.clear()
    attention._modules.update((k, v) for k, v in items if k not in names)
    for part, name in enumerate(names):
        begins = [(3 * group + part) * each for group in range(groups)]
        found = [row for begin in begins for row in range(begin, begin + each)]
        answer(
            attention,
            name,
            lambda self, found=found: Part(self.qkv, found),
        )


def split_stacks(model: nn.Module) -> None:
    """The layers of a stack stand in two lists."""
    for module in list(model.modules()):
        stack = module._modules.get("layers")
        if isinstance(stack, nn.ModuleList) and len(stack) > 2:
            half = len(stack) // 2
            layers = list(stack)
            halves = {"lower": layers[:half], "upper": layers[half:]}
            items: list[tuple[str, nn.Module | None]] = []
            for key, value in module._modules.items():
                lists = [(name, nn.ModuleList(part)) for name, part in halves.items()]
                items += lists if key == "layers" else [(key, value)]
            module._modules.clear()
            module._modules.update(items)
            answer(
                module,
                "layers",
                lambda self: [*self.lower, *self.upper],
            )


class Two:
    """Two linear maps beside each other that are one."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        self.first, self.second = first, second

    @property
    def weight(self) -> Tensor:
        return torch.cat([self.first.weight, self.second.weight])

    @property
    def bias(self) -> Tensor:
        return torch.cat([self.first.bias, self.second.bias])

    def __call__(self, inputs: Tensor) -> Tensor:
        return torch.cat([self.first(inputs), self.second(inputs)], dim=-1)


def split_maps(model: nn.Module) -> None:
    """The first map of each feed-forward block is two."""
    for module in list(model.modules()):
        name = next((n for n in ("fc1", "w_1") if n in module._modules), None)
        whole = module._modules.get(name or "")
        if isinstance(whole, nn.Linear):
            assert name is not None
            rows = whole.out_features // 2
            halves = {f"{name}_a": slice(0, rows), f"{name}_b": slice(rows, None)}
            items: list[tuple[str, nn.Module | None]] = []
            for key, value in module._modules.items():
                cut = [(n, _rows(whole, rows_of)) for n, rows_of in halves.items()]
                items += cut if key == name else [(key, value)]
            module._modules.clear()
            module._modules.update(items)
            first, second = halves
            answer(
                module,
                name,
                lambda self, a=first, b=second: Two(getattr(self, a), getattr(self, b)),
            )


def _rows(whole: nn.Linear, rows: slice) -> nn.Linear:
    weight, bias = whole.weight.detach()[rows].clone(), whole.bias.detach()[rows].clone()
    part = nn.Linear(weight.shape[1], weight.shape[0])
    part.weight, part.bias = nn.Parameter(weight), nn.Parameter(bias)
    return part


def regated(model: nn.Module) -> None:
    """What opens a gate stands before what goes through it, not behind."""
    for module in list(model.modules()):
        for conv in (c for c in module._modules.values() if _is_gated(c, module)):
            with torch.no_grad():
                for parameter in (conv.weight, conv.bias):
                    if parameter is not None:
                        first, second = parameter.detach().chunk(2)
                        parameter.copy_(torch.cat([second, first]))
            assert isinstance(conv, nn.Conv1d)
            kind = type(conv)

            def forward(self: nn.Module, inputs: Tensor, kind: type[nn.Conv1d] = kind) -> Tensor:
                first, second = kind.forward(self, inputs).chunk(2, dim=1)
                return torch.cat([second, first], dim=1)

            conv.__class__ = type(kind.__name__, (kind,), {"forward": forward})


def _is_gated(conv: nn.Module | None, parent: nn.Module) -> bool:
    """Whether a convolution gives what a gate halves, in a conformer or before a decoder."""
    if not isinstance(conv, nn.Conv1d) or conv.out_channels % 2:
        return False
    pointwise = parent._modules.get("pointwise_conv1") is conv
    adapting = isinstance(parent, nn.ModuleList) and conv.out_channels == 2 * conv.in_channels
    return pointwise or adapting


class Turned(nn.Module):
    """A linear map whose weight lies (in, out)."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.kernel = nn.Parameter(linear.weight.detach().t().contiguous())
        self.bias = nn.Parameter(linear.bias.detach().clone())

    @property
    def weight(self) -> Tensor:
        return self.kernel.t()

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.linear(inputs, self.kernel.t(), self.bias)


def turned(model: nn.Module) -> None:
    """Feed-forward maps and the output of attention keep their weights transposed."""
    for module in list(model.modules()):
        for name in ("fc1", "fc2", "w_1", "w_2", "out_proj"):
            linear = module._modules.get(name)
            if isinstance(linear, nn.Linear) and linear.bias is not None:
                module._modules[name] = Turned(linear)


def unnumbered(model: nn.Module) -> None:
    """Layers are called by letters."""
    for module in list(model.modules()):
        if isinstance(module, nn.ModuleList) and len(module) > 1:
            items = [(f"layer_{_letter(place)}", layer) for place, layer in enumerate(module)]
            module._modules = OrderedDict(items)


def _letter(place: int) -> str:
    return (
        hashlib.md5(str(place).encode())
        .hexdigest()[:3]
        .translate(str.maketrans("0123456789", "ghijklmnop"))
    )


CHANGES: dict[str, tuple[Callable[[nn.Module], None], ...]] = {
    "consistent names": (consistent,),
    "obfuscated names": (obfuscated,),
    "other nesting": (nested, consistent),
    "fused projections": (fused,),
    "fused by heads": (lambda model: fused(model, by_heads=True),),
    "split stacks": (split_stacks,),
    "split maps": (split_maps,),
    "gates in another order": (regated, consistent),
    "dropped prefix": (hoisted,),
    "transposed maps": (turned,),
    "fused and renamed": (fused, consistent),
    "split and obfuscated": (split_stacks, obfuscated),
    "fused and obfuscated": (fused, obfuscated),
    "layers without numbers": (unnumbered,),
}
"""What a fork may have done, one thing or two."""


def restructure(model: nn.Module, change: str) -> nn.Module:
    """The model after a change; it computes what it computed."""
    for step in CHANGES[change]:
        step(model)
    return model
