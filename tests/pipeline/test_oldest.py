"""Python 3.8 with the official fairseq 0.12.2 and a torch of its time, against fairseq at hand.

`make test-oldest` builds that environment and names it in `TOOLKIT_OLDEST_PYTHON`.
"""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import toolkit
from tests.breaking import Break, scale, set_key, swap
from tests.pipeline.test_conversion import BUILT
from tests.variants.building import build_variant
from tests.variants.ctc_building import build_ctc
from tests.variants.data2vec_kinds import DATA2VEC_VARIANTS
from tests.variants.kinds import VARIANTS
from tests.variants.states import as_dict_config
from toolkit.cli import app
from toolkit.compare.metrics import relative_error
from toolkit.core.findings import Finding
from toolkit.core.tokens import ClipTokens
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.search import capped, with_beam
from toolkit.pipeline.clips import tag_of
from toolkit.pipeline.elsewhere import record_elsewhere, record_here
from toolkit.pipeline.recorded import open_recorded

PYTHON = os.environ.get("TOOLKIT_OLDEST_PYTHON")
ROUNDING = 1e-5
"""What float32 kernels of two versions of torch may differ by, relative to the largest value."""
EXACT = 1e-13
"""The same in float64."""

pytestmark = [
    pytest.mark.oldest,
    pytest.mark.skipif(PYTHON is None, reason="`make test-oldest` names the old Python"),
]


@pytest.fixture(scope="module")
def old_clips(clips):
    return tuple(clip for clip in clips if clip.name in ("tiny", "ru_2", "en_1", "quiet"))


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    """A cache of this file's own, in which each recording is made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def old(prepared, old_clips):
    return record_elsewhere(prepared, old_clips, Path(str(PYTHON)))


@pytest.fixture(scope="module")
def new(prepared, old_clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("new") / "rec"
    return record_here(prepared, old_clips, folder)


def error(expected, actual):
    assert (expected.shape, expected.dtype) == (actual.shape, actual.dtype)
    if expected.dtype is torch.bool or not expected.is_floating_point():
        return 0.0 if expected.equal(actual) else float("inf")
    finite = expected.isfinite()
    assert expected[~finite].equal(actual[~finite])
    return relative_error(expected[finite], actual[finite]) if finite.any() else 0.0


def test_the_old_environment_is_old(old):
    assert old.index.environment["python"].startswith("3.8.")
    assert old.index.environment["fairseq"] == "0.12.2"
    assert tuple(map(int, old.index.environment["torch"].split(".")[:2])) < (1, 13)


def test_the_recording_is_whole(old, prepared):
    open_recorded(old.folder, prepared.checkpoint).tensors.check()


def test_tokens_texts_and_facts_are_equal_and_scores_nearly(old, new):
    assert old.index.facts == new.index.facts
    assert old.start_token == new.start_token
    assert old.index.texts == new.index.texts
    assert old.index.encodings == new.index.encodings
    for one, other in zip(old.index.searches, new.index.searches, strict=True):
        assert (one.search, one.tag, one.input) == (other.search, other.tag, other.input)
        assert [tokens for tokens, _ in one.hypotheses] == [t for t, _ in other.hypotheses]
        scores = [score for _, score in one.hypotheses]
        assert scores == pytest.approx([score for _, score in other.hypotheses], abs=1e-5)


def test_every_recorded_tensor_differs_by_rounding_alone(old, new):
    """The float64 passes too: the two front ends round the network's input differently."""
    for one, other in zip(old.index.passes, new.index.passes, strict=True):
        assert one.calls.keys() == other.calls.keys()
        assert one.outputs.keys() == other.outputs.keys()
        places = [(one.outputs[name], other.outputs[name]) for name in one.outputs]
        for path, made in one.calls.items():
            for call, twin in zip(made, other.calls[path], strict=True):
                for side in ("inputs", "outputs"):
                    left, right = dict(getattr(call, side)), dict(getattr(twin, side))
                    assert left.keys() == right.keys(), path
                    places += [(left[name], right[name]) for name in left]
        worst = max(error(new.tensors.get(theirs), old.tensors.get(own)) for own, theirs in places)
        assert worst <= ROUNDING


def test_float64_calls_on_the_same_input_agree_to_the_last_digits(
    old, reference, prepared, old_clips
):
    for clip in old_clips:
        source = old.front_end(torch.from_numpy(clip.waveform))
        once = with_beam(capped(prepared.task.search, source.numel()), 1)
        greedy = old.search(source, once, tag_of(prepared, clip))[0].tokens
        given = ([source], [(old.start_token, *greedy[:-1])])
        expected = reference.forward(*given, explicit=True, double=True)
        actual = old.forward(*given, explicit=True, double=True)
        assert error(expected.result, actual.result) <= EXACT
        assert actual.calls
        for path, made in actual.calls.items():
            for call, twin in zip(made, expected.calls[path], strict=True):
                for side in ("inputs", "outputs"):
                    for name, tensor in getattr(twin, side).items():
                        assert error(tensor, getattr(call, side)[name]) <= EXACT, path


@pytest.fixture(scope="module")
def audio(golden_checkpoint: Path) -> list[Path]:
    return [golden_checkpoint.parents[1] / f"{name}.flac" for name in ("ru_2", "tiny")]


def spoken(tokens: ClipTokens) -> list[Any]:
    """What was said about a clip, without scores."""
    said = [
        (one.reference, one.converted, one.reference_text, one.converted_text)
        for one in (tokens.greedy, *tokens.beam)
    ]
    return [tokens.clip, tokens.transcript, tokens.pipeline_text, *said]


def test_the_proof_is_the_one_of_fairseq_in_process(
    golden_checkpoint: Path, converted: Path, audio: list[Path]
) -> None:
    here = toolkit.verify(golden_checkpoint, converted, audio=audio)
    there = toolkit.verify(
        golden_checkpoint, converted, audio=audio, fairseq_python=Path(str(PYTHON))
    )
    assert there.environment["recorded with fairseq"] == "0.12.2"
    assert there.verdict == here.verdict == "match"
    assert [spoken(clip) for clip in there.tokens] == [spoken(clip) for clip in here.tokens]
    for one, other in zip(there.levels, here.levels, strict=True):
        assert (one.name, one.verdict) == (other.name, other.verdict)
        assert [(m.name, m.verdict, m.compared) for m in one.measures] == [
            (m.name, m.verdict, m.compared) for m in other.measures
        ]
    assert [d.name for d in there.deviations] == [d.name for d in here.deviations]
    assert there.coverage == here.coverage
    assert there.assumptions == here.assumptions
    assert [(row.target, row.source, row.verdict) for row in there.modules] == [
        (row.target, row.source, row.verdict) for row in here.modules
    ]


def about(finding: Finding) -> dict[str, Any]:
    return finding.to_dict(rank=0)


def assert_nearly_equal(actual: Any, expected: Any, where: str = "") -> None:
    """Equal, but for numbers, which may differ by rounding."""
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_nearly_equal(actual[key], value, f"{where}.{key}")
    elif isinstance(expected, (list, tuple)):
        assert len(actual) == len(expected), where
        for index, value in enumerate(expected):
            assert_nearly_equal(actual[index], value, f"{where}.{index}")
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, rel=ROUNDING, abs=EXACT, nan_ok=True), where
    else:
        assert actual == expected, where


LAYERS = "decoder.model.decoder.layers"
FAULTS = {
    "one element": scale(f"{LAYERS}.1.self_attn.q_proj.weight", 2.0),
    "two tensors swapped": swap(
        f"{LAYERS}.1.encoder_attn.k_proj.weight", f"{LAYERS}.1.encoder_attn.v_proj.weight"
    ),
    "embeddings not scaled": set_key("config.json", "decoder.scale_embedding", False),
    "norms after instead of before": set_key("config.json", "encoder.do_stable_layer_norm", False),
}


@pytest.mark.parametrize("spoil", FAULTS.values(), ids=FAULTS)
def test_the_findings_are_those_of_fairseq_in_process(
    golden_checkpoint: Path, broken: Path, audio: list[Path], spoil: Break
) -> None:
    spoil(broken)
    here = toolkit.diff(golden_checkpoint, broken, audio=audio)
    there = toolkit.diff(golden_checkpoint, broken, audio=audio, fairseq_python=Path(str(PYTHON)))
    assert there.verdict == here.verdict == "mismatch"
    assert here.findings
    assert here.findings[0].hypothesis is None or here.findings[0].hypothesis.confirmed
    assert_nearly_equal([about(f) for f in there.findings], [about(f) for f in here.findings])
    assert [(level.name, level.verdict) for level in there.levels] == [
        (level.name, level.verdict) for level in here.levels
    ]


def test_the_commands_record_there_and_prove_here(
    golden_checkpoint: Path, converted: Path, audio: list[Path], tmp_path: Path
) -> None:
    def run(*words: object) -> str:
        outcome = CliRunner().invoke(app, [str(word) for word in words])
        assert outcome.exit_code == 0, outcome.output
        return outcome.output

    clips = [word for path in audio for word in ("--audio", path)]
    rec_dir, out = tmp_path / "rec", tmp_path / "out"
    said = run("record", golden_checkpoint, rec_dir, "--fairseq-python", PYTHON, *clips)
    assert f"recorded: {rec_dir}" in said
    run("verify", golden_checkpoint, converted, "--recording", rec_dir)
    run("convert", golden_checkpoint, out, "--recording", rec_dir)
    assert (out / "model.safetensors").read_bytes() == (
        converted / "model.safetensors"
    ).read_bytes()


def test_a_checkpoint_that_a_newer_fairseq_saved_is_proven_too(
    tmp_path: Path, golden_checkpoint: Path, audio: list[Path]
) -> None:
    """It names settings of the pretraining task that 0.12.2 does not know."""
    (saved,) = (variant for variant in VARIANTS if variant.save is as_dict_config)
    with quiet_fairseq():
        checkpoint = build_variant(saved, golden_checkpoint.parent, tmp_path)
    result = toolkit.convert(
        checkpoint, tmp_path / "out", audio=audio, fairseq_python=Path(str(PYTHON))
    )
    assert result.environment["recorded with fairseq"] == "0.12.2"
    assert result.verdict == "match"


OPENS = """
import os, sys
from fairseq.checkpoint_utils import load_model_ensemble_and_task
sys.path.insert(0, os.path.dirname(sys.modules["fairseq"].__path__[0]))
try:
    import fairseq.examples.data2vec.models.data2vec_audio
except ImportError:
    import examples.data2vec.models.data2vec_audio
for path in sys.argv[1:]:
    (model,), _, _ = load_model_ensemble_and_task(
        [path], arg_overrides={"data": os.path.dirname(path)}
    )
    tensors = [t for t in model.state_dict().values() if hasattr(t, "double")]
    total = sum(float(tensor.double().sum()) for tensor in tensors)
    print("opened", type(model).__name__, repr(total))
"""
OPENED = {
    "wav2vec2_ctc": "Wav2VecCtc",
    "data2vec": "Wav2VecCtc",
    "hubert_ctc": "HubertCtc",
    "wav2vec2_pretraining": "Wav2Vec2Model",
    "data2vec_pretraining": "Data2VecAudioModel",
}
"""What plain fairseq 0.12.2 makes of an export; of other families it opens no file by itself."""


@pytest.mark.parametrize("family", OPENED)
def test_plain_fairseq_opens_an_export_with_the_values_of_the_first_checkpoint(
    family: str, tmp_path: Path
) -> None:
    stacked = partial(build_ctc, DATA2VEC_VARIANTS[0])
    (tmp_path / "like").mkdir()
    built = {**BUILT, "data2vec": stacked}[family](tmp_path / "like")
    like = getattr(built, "path", built)
    toolkit.convert(like, tmp_path / "hf", verify=False)
    asked: list[dict[str, Any]] = [{"like": like}]
    if family != "data2vec_pretraining":
        asked.append({})  # such a folder tells itself
    paths = [tmp_path / f"export{number}" / "model.pt" for number in range(len(asked))]
    for path, options in zip(paths, asked, strict=True):
        path.parent.mkdir()
        toolkit.export(tmp_path / "hf", path, verify=False, **options)
    done = subprocess.run(
        [str(PYTHON), "-W", "ignore", "-c", OPENS, *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [row.split() for row in done.stdout.splitlines() if row.startswith("opened")]
    saved = torch.load(like, weights_only=False)["model"]
    tensors = [t for t in saved.values() if isinstance(t, torch.Tensor)]
    expected = sum(float(tensor.double().sum()) for tensor in tensors)
    assert [row[1] for row in rows] == [OPENED[family]] * len(paths), done.stderr
    assert [float(row[2]) for row in rows] == pytest.approx([expected] * len(paths), rel=1e-12)
