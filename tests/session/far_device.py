"""A device as strict as a GPU, made of the CPU: its tensors mix with no others, and know no numpy.

As a script it compares the golden checkpoint with folders there, and prints what it finds as JSON:
whatever computes on the wrong side, or reads a tensor without bringing it back, fails. It says
nothing of how a GPU's kernels round.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

FAR = "privateuseone:0"
MOVES = ("aten::copy_", "aten::_to_copy")
READS = ("aten::_local_scalar_dense", "aten::equal")


class FarTensor(torch.Tensor):
    """A tensor over there; `near` holds its values."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, near):
        return torch.Tensor._make_wrapper_subclass(
            cls, near.shape, strides=near.stride(), dtype=near.dtype, device=FAR
        )

    def __init__(self, near):
        self.near = near

    def tolist(self):  # as on any device; torch refuses it to subclasses
        return self.near.tolist()

    @classmethod
    def __torch_dispatch__(cls, func, _types, args=(), kwargs=None):  # type: ignore[override]
        return compute(func, args, kwargs or {})


class FarMode(TorchDispatchMode):
    """Sees what makes tensors over there from nothing but their device."""

    def __torch_dispatch__(self, func, _types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


@contextmanager
def far_device():
    """While active, there is a device of the name `FAR`. Its registration outlasts the context."""
    _setup_privateuseone_for_python_backend()
    torch._C._set_only_lift_cpu_tensors(True)  # so that `torch.tensor` goes by way of the mode
    try:
        with FarMode():
            yield
    finally:
        torch._C._set_only_lift_cpu_tensors(False)


def compute(func, args, kwargs):
    name, device = func._schema.name, kwargs.get("device")
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    far = any(isinstance(tensor, FarTensor) for tensor in tensors)
    if far and name not in MOVES:
        strange = [t for t in tensors if not isinstance(t, FarTensor) and t.dim()]
        assert not strange, f"{name} mixes devices: {[tuple(t.shape) for t in strange]} lie here"
    plain = tree_map(_near, (args, kwargs))
    plain[1].update({"device": torch.device("cpu")} if device is not None else {})
    with _disable_current_modes():
        outcome = func(*plain[0], **plain[1])
    given = tree_leaves((args, kwargs))
    for original, near in zip(given, tree_leaves(plain), strict=True):
        if outcome is near and isinstance(near, torch.Tensor):
            return original  # in place
    stays = far if device is None else torch.device(device).type == torch.device(FAR).type
    return tree_map(_far, outcome) if stays and name not in READS else outcome


def _near(value):
    return value.near if isinstance(value, FarTensor) else value


def _far(value):
    is_near = isinstance(value, torch.Tensor) and not isinstance(value, FarTensor)
    return FarTensor(value) if is_near else value


def expect_strict() -> None:
    """What a GPU refuses is refused."""
    there, here = torch.ones(2, 2, device=FAR), torch.ones(2, 2)
    refused = [
        lambda: there + here,
        lambda: torch.nn.functional.linear(here, there),
        lambda: here[there.long()],
        lambda: torch.cat([here, there]),
        there.numpy,
    ]
    for number, act in enumerate(refused):
        try:
            act()
        except (AssertionError, RuntimeError, TypeError):
            continue
        raise SystemExit(f"number {number} went through")
    assert (there @ there + 1.0).cpu().equal(here @ here + 1.0)


def compare(good: Path, bad: Path, cases: Path, names: list[str]) -> dict:
    """All that runs on the device: searches, passes, replays, a padded batch, a reproduction."""
    from toolkit.audio import golden_folder, read_clips
    from toolkit.compare.pictures import Sketchbook
    from toolkit.compare.static import weight_errors
    from toolkit.pipeline.case import make_bench
    from toolkit.pipeline.difference import diff_folder, make_session
    from toolkit.pipeline.origin import Asked
    from toolkit.pipeline.prepare import Inputs, prepare
    from toolkit.pipeline.reference import open_reference
    from toolkit.replay.reproduction import write_reproduction
    from toolkit.replay.source import read_source
    from toolkit.tasks.speech_seq2seq.clip import run_clip
    from toolkit.tasks.speech_seq2seq.padding import padding_level
    from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

    prepared = prepare(Inputs(checkpoint=golden_folder() / "checkpoint" / "model.pt"))
    clips = [clip for clip in read_clips([]) if clip.name in names]
    target = Seq2SeqTarget(good, device=FAR)
    with open_reference(prepared, FAR) as reference:
        assert {type(p.data) for p in target.model.parameters()} == {FarTensor}
        assert {type(p.data) for p in reference.model.parameters()} == {FarTensor}
        facts = read_source(reference.model, prepared.network.layouts)
        asked = Asked(reference=reference, source=facts, model=reference.model)
        bench = make_bench(prepared, asked, target)
        book = Sketchbook(pairs_of=names[:1])
        runs = [run_clip(bench, clip, tag=188, book=book) for clip in clips]
        padding = padding_level(bench, runs, prepared.task.padding, thorough=True)
        weights = weight_errors(prepared.proof, prepared.checkpoint, target)
        pair = bench.pairing.pairs[-1]
        forced = ([runs[0].source], [runs[0].prefix])
        made = target.forward(*forced, double=True).calls[pair.target][0]
        received = reference.forward(*forced, double=True).calls[pair.source][0]
        write_reproduction(cases, pair, target.model, reference.model, made, received)
        session = make_session(prepared, clips, asked, FAR)
        results = [diff_folder(session, folder) for folder in (good, bad)]
    return {
        "tokens": [[run.greedy.reference, run.greedy.converted] for run in runs],
        "beams": [[[b.reference, b.converted] for b in run.beam] for run in runs],
        "isolated": [pair.isolated for run in runs for pair in run.pairs],
        "propagated": [pair.propagated for run in runs for pair in run.pairs],
        "logits": [run.result for run in runs],
        "padding": {m.name: [m.error, m.tolerance, m.verdict] for m in padding.measures},
        "weights": [weight.error for weight in weights],
        "pictures": len(book.pairs),
        "verdicts": [result.verdict for result in results],
        "findings": results[1].to_dict()["findings"],
    }


def main() -> None:
    torch.set_num_threads(1)
    with far_device():
        expect_strict()
        good, bad, cases = map(Path, sys.argv[1:4])
        found = compare(good, bad, cases, sys.argv[4:])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
