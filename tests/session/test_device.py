"""`--device`: what it refuses, what it sets and restores, and that models compute alike there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from tests.breaking import swap
from toolkit.cli import app
from toolkit.compare import tolerances
from toolkit.core.errors import BadInput
from toolkit.oracle.failing import has_gpu_failed
from toolkit.oracle.precision import in_float64
from toolkit.pipeline import conversion, difference, verification
from toolkit.replay.replay import CannotReplayError, replay
from toolkit.session import device
from toolkit.session.device import WORKSPACE, exact_device, exact_kernels, expect_device

backends: Any = torch.backends
"""Its stubs lack the newer switches."""
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="torch sees a GPU")

HAS_NEW_NAMES = hasattr(backends.cuda.matmul, "fp32_precision")
ATTENTION = "encoder.encoder.layers.1.attention"
CLIPS = ("ru_2", "tiny")


def settings() -> dict[str, object]:
    """All that `exact_kernels` changes, by the names under which users see it."""
    read = {
        "matmul": torch.get_float32_matmul_precision,
        "matmul tf32": lambda: backends.cuda.matmul.allow_tf32,
        "cudnn tf32": lambda: backends.cudnn.allow_tf32,
        "benchmark": lambda: backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled,
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled,
        "flash": backends.cuda.flash_sdp_enabled,
        "efficient": backends.cuda.mem_efficient_sdp_enabled,
        "math": backends.cuda.math_sdp_enabled,
        "workspace": lambda: os.environ.get(WORKSPACE),
    }
    if HAS_NEW_NAMES:
        read |= {
            "all": lambda: backends.fp32_precision,
            "new matmul": lambda: backends.cuda.matmul.fp32_precision,
            "mkldnn": lambda: backends.mkldnn.matmul.fp32_precision,
            "conv": lambda: backends.cudnn.conv.fp32_precision,
            "rnn": lambda: backends.cudnn.rnn.fp32_precision,
        }
    return {name: _value(get) for name, get in read.items()}


def _value(get):
    try:
        return get()
    except RuntimeError:
        return "cannot be read"  # torch's answer where older and newer names were mixed


def expect_exact() -> None:
    inside = settings()
    assert inside["matmul"] == "highest"
    assert (inside["deterministic"], inside["benchmark"]) == (True, False)
    assert (inside["flash"], inside["efficient"], inside["math"]) == (False, False, True)
    assert inside["workspace"] in (":4096:8", ":16:8")
    if HAS_NEW_NAMES:
        assert [inside[name] for name in ("new matmul", "conv", "rnn")] == ["ieee"] * 3
    else:
        assert inside["cudnn tf32"] is False


@pytest.fixture
def clean():
    """Undoes what a test sets by hand."""
    before = (
        torch.get_float32_matmul_precision(),
        backends.cudnn.allow_tf32,
        backends.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
    )
    owners = [backends.cuda.matmul, backends.mkldnn.matmul, backends.cudnn.conv, backends.cudnn.rnn]
    owners = [backends, *owners] if HAS_NEW_NAMES else []
    precisions = [owner.fp32_precision for owner in owners]
    yield
    torch.set_float32_matmul_precision(before[0])
    backends.cudnn.allow_tf32, backends.cudnn.benchmark = before[1:3]
    torch.use_deterministic_algorithms(before[3])
    for owner, precision in zip(owners, precisions, strict=True):
        owner.fp32_precision = precision


def set_new(**values: str):
    def act() -> None:
        for path, value in values.items():
            owner = backends
            for part in path.split("_") if path != "all" else ():
                owner = getattr(owner, part)
            owner.fp32_precision = value

    return act


needs_new_names = pytest.mark.skipif(not HAS_NEW_NAMES, reason="torch before 2.9")
USERS = [
    pytest.param(lambda: None, id="nothing set"),
    pytest.param(lambda: torch.set_float32_matmul_precision("medium"), id="medium"),
    pytest.param(lambda: torch.set_float32_matmul_precision("high"), id="high"),
    pytest.param(lambda: setattr(backends.cudnn, "benchmark", True), id="benchmark"),
    pytest.param(lambda: setattr(backends.cudnn, "allow_tf32", False), id="no tf32 in cudnn"),
    pytest.param(lambda: torch.use_deterministic_algorithms(True), id="deterministic"),
    pytest.param(set_new(all="tf32"), id="tf32 for all", marks=needs_new_names),
    pytest.param(set_new(cuda_matmul="tf32"), id="tf32 for products", marks=needs_new_names),
    pytest.param(set_new(cudnn_conv="ieee"), id="convolutions apart", marks=needs_new_names),
]


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("user_sets", USERS)
def test_inside_everything_is_exact_and_afterwards_as_the_user_had_it(user_sets) -> None:
    user_sets()
    before = settings()
    with exact_kernels():
        expect_exact()
    assert settings() == before


@pytest.mark.usefixtures("clean")
def test_an_exception_restores_everything_too() -> None:
    torch.set_float32_matmul_precision("medium")
    before = settings()
    with pytest.raises(ZeroDivisionError), exact_kernels():
        raise ZeroDivisionError
    assert settings() == before


@pytest.mark.parametrize(
    ("user", "inside"), [(None, ":4096:8"), (":16:8", ":16:8"), (":0:0", ":4096:8")]
)
def test_the_workspace_is_a_repeatable_one_and_then_the_users_again(
    user, inside, monkeypatch
) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    if user is not None:
        monkeypatch.setenv(WORKSPACE, user)
    with exact_kernels():
        assert os.environ[WORKSPACE] == inside
    assert os.environ.get(WORKSPACE) == user


def test_a_gpu_is_used_with_these_settings(monkeypatch) -> None:
    monkeypatch.setattr(device, "expect_device", lambda _: None)
    before = settings()
    with exact_device("cuda"):
        expect_exact()
    assert settings() == before


def test_the_cpu_leaves_everything_as_it_was() -> None:
    before = settings()
    with exact_device("cpu"):
        assert settings() == before
    assert settings() == before


@pytest.mark.parametrize("name", ["gpu", "meta", "mps", "", "cuda:x", "CUDA", "cuda\nx"])
def test_what_is_no_device_for_models_is_bad_input(name) -> None:
    with pytest.raises(BadInput, match=r"`--device` must be `cpu` or a GPU") as caught:
        expect_device(name)
    assert len(str(caught.value)) < 450
    assert "\n" not in str(caught.value)


@no_gpu
@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_a_missing_gpu_is_bad_input(name) -> None:
    with pytest.raises(BadInput, match=rf"but is '{name}': .*Leave it out to use the CPU"):
        expect_device(name)


@needs_gpu
def test_a_gpu_too_many_is_bad_input() -> None:
    with pytest.raises(BadInput, match="Leave it out to use the CPU"):
        expect_device(f"cuda:{torch.cuda.device_count()}")


@pytest.mark.parametrize(
    "words",
    [
        ("convert", "MODEL", "OUT", "--verify"),
        ("convert", "MODEL", "OUT", "--no-verify"),
        ("verify", "MODEL", "HF"),
        ("diff", "MODEL", "HF"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("name", ["gpu", pytest.param("cuda", marks=no_gpu)])
def test_commands_refuse_before_they_do_anything(
    words, name, golden_checkpoint, converted, tmp_path
) -> None:
    places = {"MODEL": golden_checkpoint, "HF": converted, "OUT": tmp_path / "out"}
    arguments = [str(places.get(word, word)) for word in words]
    outcome = CliRunner().invoke(app, [*arguments, "--device", name])
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("error: ")
    assert re.search(rf"`--device`\s+must\s+be.*'{name}'", outcome.stderr, re.DOTALL)
    assert "Traceback" not in outcome.stderr
    assert not list(tmp_path.iterdir())


GPU_FAILURES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be ..."),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
]


@pytest.mark.parametrize("error", GPU_FAILURES, ids=lambda error: str(error)[:20])
def test_a_gpu_that_fails_is_bad_input_and_no_verdict(error, monkeypatch) -> None:
    assert has_gpu_failed(error)
    monkeypatch.setattr(device, "expect_device", lambda _: None)
    before = settings()
    failed = r"^`--device` .*'cuda' failed: .*use the CPU\.$"
    with pytest.raises(BadInput, match=failed) as caught, exact_device("cuda"):
        raise error
    assert "\n" not in str(caught.value)
    assert settings() == before


def test_other_errors_pass_through(monkeypatch) -> None:
    monkeypatch.setattr(device, "expect_device", lambda _: None)
    with pytest.raises(RuntimeError, match="shapes"), exact_device("cuda"):
        raise RuntimeError("shapes cannot be multiplied")


@pytest.mark.parametrize("error", GPU_FAILURES, ids=lambda error: str(error)[:20])
def test_a_replay_does_not_blame_a_module_for_its_gpu(error, bench, clip, monkeypatch) -> None:
    pair = bench.pairing.pairs[0]
    source = bench.reference.front_end(torch.from_numpy(clip("tiny").waveform))
    forced = ([source], [[bench.reference.start_token]])
    made = bench.target.forward(*forced).calls[pair.target][0]
    received = bench.reference.forward(*forced).calls[pair.source][0]
    module = bench.target.model.get_submodule(pair.target)
    arguments = (pair, bench.target.model, bench.reference.model, made, received)

    def fail(failure):
        def forward(*_, **__):
            raise failure

        return forward

    monkeypatch.setattr(module, "forward", fail(error))
    with pytest.raises(type(error), match=str(error)[:10]):
        replay(*arguments)
    monkeypatch.setattr(module, "forward", fail(RuntimeError("shapes cannot be multiplied")))
    with pytest.raises(CannotReplayError):
        replay(*arguments)


def test_a_result_names_the_device_only_where_it_is_no_cpu() -> None:
    assert device.gpu_facts("cpu") == {}


@pytest.fixture
def swapped(broken) -> Path:
    """The right conversion, but for two projections in each other's place."""
    for ending in ("weight", "bias"):
        swap(f"{ATTENTION}.q_proj.{ending}", f"{ATTENTION}.k_proj.{ending}")(broken)
    return broken


def diffed(golden_checkpoint, folder, clip_paths, name):
    return difference.diff(golden_checkpoint, folder, audio=clip_paths, device=name)


@pytest.fixture(scope="session")
def clip_paths(golden_checkpoint) -> list[Path]:
    folder = golden_checkpoint.parents[1]
    return [folder / f"{name}.flac" for name in CLIPS]


@pytest.mark.skipif(not HAS_NEW_NAMES, reason="torch before 2.9 knows no devices made in Python")
@pytest.mark.wide
@pytest.mark.parametrize("names", [("tiny",), CLIPS], ids=["one clip", "two clips"])
def test_nothing_mixes_devices_or_reads_a_tensor_where_it_is(
    names, converted, swapped, golden_checkpoint, tmp_path
) -> None:
    script = Path(__file__).with_name("far_device.py")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, script, converted, swapped, tmp_path / "case", *names],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert all(left == right for left, right in chain(found["tokens"], *found["beams"]))
    assert max(found["isolated"]) <= tolerances.ISOLATED
    assert max(found["propagated"]) <= tolerances.PROPAGATED
    assert max(found["logits"]) <= tolerances.LOGITS_FLOAT32
    assert {verdict for _, _, verdict in found["padding"].values()} <= {"pass", "deviation"}
    assert max(found["weights"]) <= tolerances.EFFECTIVE_WEIGHT
    assert len(found["isolated"]) > 100 * len(names)
    assert found["pictures"] > 100
    assert found["verdicts"] == ["match", "mismatch"]
    paths = [golden_checkpoint.parents[1] / f"{name}.flac" for name in names]
    here = diffed(golden_checkpoint, swapped, paths, "cpu").to_dict()["findings"]
    assert rounded(found["findings"]) == rounded(here)
    assert (tmp_path / "case" / "target.safetensors").is_file()


def rounded(value):
    """The same nest without what rounding decides: figures that are small, or in words."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return 0.0 if abs(value) < tolerances.LOGITS_FLOAT32 else float(f"{value:.3g}")
    return re.sub(r"\d+(\.\d+)?e[+-]\d+", "#", value) if isinstance(value, str) else value


def shown(result) -> dict:
    """What a result says, but for where and when it was made."""
    said = result.to_dict()
    return {key: said[key] for key in said if key not in ("environment", "reproduce", "target")}


@pytest.fixture(scope="module")
def on_gpu(golden_checkpoint, tmp_path_factory):
    """The golden conversion, proven on a GPU on all its clips, and its folder."""
    out = tmp_path_factory.mktemp("gpu") / "hf"
    return conversion.convert(golden_checkpoint, out, verify=True, device="cuda"), out


@needs_gpu
def test_a_conversion_is_proven_on_a_gpu_with_the_cpus_tokens(
    on_gpu, golden_checkpoint, tmp_path
) -> None:
    result, _ = on_gpu
    here = conversion.convert(golden_checkpoint, tmp_path / "hf", verify=True)
    assert (result.verdict, here.verdict) == ("match", "match")
    said = [
        [(t.clip, t.greedy.converted, t.pipeline_text) for t in r.tokens] for r in (result, here)
    ]
    assert said[0] == said[1]
    verdicts = [{level.name: level.verdict for level in r.levels} for r in (result, here)]
    assert verdicts[0] == verdicts[1]
    compared = [
        {(level.name, m.name): m.compared for level in r.levels for m in level.measures}
        for r in (result, here)
    ]
    assert compared[0] == compared[1]
    assert result.levels[0] == here.levels[0]
    assert result.coverage == here.coverage
    assert result.environment["device"] == torch.cuda.get_device_name()
    assert result.reproduce.endswith("--device cuda")


@needs_gpu
def test_two_proofs_on_a_gpu_give_the_same_numbers_to_the_last_bit(
    on_gpu, golden_checkpoint
) -> None:
    _, out = on_gpu
    runs = [verification.verify(golden_checkpoint, out, device="cuda") for _ in range(2)]
    assert [run.verdict for run in runs] == ["match", "match"]
    assert json.dumps(shown(runs[0])) == json.dumps(shown(runs[1]))


@needs_gpu
def test_diff_finds_the_same_on_a_gpu_as_on_a_cpu(golden_checkpoint, swapped, clip_paths) -> None:
    there, here = (diffed(golden_checkpoint, swapped, clip_paths, n) for n in ("cuda", "cpu"))
    assert (there.verdict, here.verdict) == ("mismatch", "mismatch")
    assert rounded(there.to_dict()["findings"]) == rounded(here.to_dict()["findings"])
    assert [(row.target, row.verdict) for row in there.modules] == [
        (row.target, row.verdict) for row in here.modules
    ]


@needs_gpu
def test_what_a_gpu_gives_comes_back(converted, prepared, clip) -> None:
    from toolkit.pipeline.reference import open_reference
    from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

    with exact_device("cuda"), open_reference(prepared, "cuda") as reference:
        target = Seq2SeqTarget(converted, device="cuda")
        source = reference.front_end(torch.from_numpy(clip("tiny").waveform))
        for model in (reference, target):
            assert {p.device.type for p in model.model.parameters()} == {"cuda"}
            forced = model.forward([source], [[2]], double=True, explicit=True)
            tensors = [
                t for calls in forced.calls.values() for c in calls for t in c.outputs.values()
            ]
            tensors += [
                t for calls in forced.calls.values() for c in calls for t in c.inputs.values()
            ]
            assert {t.device.type for t in (*tensors, *forced.outputs.values())} == {"cpu"}


@needs_gpu
def test_products_on_a_gpu_are_exact_to_float32() -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 512, 512, generator=generator)
    exact = left.double() @ right.double()
    with exact_device("cuda"):
        there = (left.cuda() @ right.cuda()).cpu().double()
        frames, kernel = left.view(1, 512, 512).cuda(), right[:, :, None].cuda()
        convolved = torch.nn.functional.conv1d(frames, kernel).cpu()[0].double()
    scale = exact.abs().max()
    assert (there - exact).abs().max() / scale < 2e-6  # TF32 errs by 3e-4
    assert (convolved - right.double() @ left.double()).abs().max() / scale < 2e-6


@needs_gpu
def test_float64_on_a_gpu_is_float64() -> None:
    layer = torch.nn.Conv1d(8, 8, 3).cuda()
    with exact_device("cuda"), torch.no_grad(), in_float64(layer):
        outputs = layer(torch.ones(1, 8, 16, device="cuda", dtype=torch.float64))
    assert outputs.dtype is torch.float64
