"""Results made by hand: one that matches, one that does not, one that was not verified."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.levels import LEVEL_NAMES
from toolkit.core.artifact import Artifact
from toolkit.core.coverage import ClipCoverage, Coverage, Reason
from toolkit.core.findings import Finding, Hypothesis
from toolkit.core.measures import Level, Measure
from toolkit.core.result import Deviation, ModuleRow, Result
from toolkit.core.settled import Settled, Trial
from toolkit.core.tokens import ClipTokens, TokenComparison
from toolkit.proof.facts import CardFacts
from toolkit.tasks.speech_seq2seq import TASK

FAULTY = "encoder.encoder.layers.1.attention.q_proj"

SOURCE = Artifact(path="/models/covost/checkpoint_best.pt", sha256="5f" * 32)
TARGET = Artifact(path="/models/covost-hf", sha256="c0" * 32)

CLIPS = (
    ClipCoverage(
        name="golden/en_short.wav",
        duration_s=2.48,
        frames=123,
        frames_not_compared=0,
        sha256="c1" * 32,
    ),
    ClipCoverage(
        name="golden/en_odd.wav",
        duration_s=7.12,
        frames=355,
        frames_not_compared=1,
        sha256="c2" * 32,
    ),
)

_EXACT = {"config", "vocabulary", "greedy", "beam", "reload"}
_UNITS = {"config": "keys", "vocabulary": "tokens", "greedy": "tokens", "beam": "tokens"}
_WHERE = {
    "config": "decoder.scale_embedding",
    "logits": "golden/en_odd.wav",
    "greedy": "golden/en_odd.wav",
    "beam": "golden/en_odd.wav",
    "vocabulary": "<lang:de>",
    "front_end": "golden/en_odd.wav",
    "modules": FAULTY,
    "padding": "batch of golden/en_short.wav and golden/en_odd.wav",
}


def make_level(name: str, error: float | None = None, declared: bool = False) -> Level:
    tolerance = 0.0 if name in _EXACT else 1e-10 if name == "modules" else 1e-5
    passing = 0.0 if name in _EXACT else 3.1e-16 if name == "modules" else 1.7e-7
    measure = Measure(
        name=f"{name} worst",
        where=_WHERE.get(name, "encoder.feature_projection.projection.weight"),
        error=passing if error is None else error,
        tolerance=tolerance,
        unit=_UNITS.get(name, "relative to the largest value"),
        compared=1_234,
        declared=declared,
    )
    return Level(name=name, measures=(measure,), summary=f"1,234 values of {name} compared.")


def make_rows(faulty_error: float) -> tuple[ModuleRow, ...]:
    leaves = {
        "layer_norm": ("self_attn_layer_norm", "LayerNorm"),
        "attention.q_proj": ("self_attn.q_proj", "Linear"),
        "attention.k_proj": ("self_attn.k_proj", "Linear"),
        "attention.v_proj": ("self_attn.v_proj", "Linear"),
        "attention.out_proj": ("self_attn.out_proj", "Linear"),
        "attention": ("self_attn", "Wav2Vec2Attention"),
        "feed_forward.intermediate_dense": ("fc1", "Linear"),
        "feed_forward.output_dense": ("fc2", "Linear"),
    }
    return tuple(
        ModuleRow(
            target=f"encoder.encoder.layers.{layer}.{target}",
            source=f"encoder.w2v_encoder.w2v_model.encoder.layers.{layer}.{source}",
            kind=kind,
            shape=(1, 123, 1024),
            axes="(B, T, D)",
            isolated_error=faulty_error
            if f"encoder.encoder.layers.{layer}.{target}" == FAULTY
            else 0.0
            if kind == "LayerNorm"
            else 1.3e-16 * (index + 1),
            isolated_tolerance=1e-10,
            propagated_ratio=None if kind == "Wav2Vec2Attention" else 1.0 + 0.013 * index,
            propagated_tolerance=4.0,
            clip=CLIPS[index % 2].name,
        )
        for layer in range(3)
        for index, (target, (source, kind)) in enumerate(leaves.items())
    )


def make_comparison(
    converted: tuple[int, ...] | None = None,
    rank: int = 0,
    text: str = "Guten Morgen, wie geht es?",
) -> TokenComparison:
    reference = (250003, 18622, 16, 4, 2603, 15, 8, 1160, 199, 32, 2)
    actual = reference if converted is None else converted
    return TokenComparison(
        reference=reference,
        converted=actual,
        reference_text="Guten Morgen, wie geht es?",
        converted_text=text,
        reference_score=-0.31234 - rank,
        converted_score=-0.31239 - rank,
        margin=0.4821,
    )


def make_tokens(converted: tuple[int, ...] | None = None) -> tuple[ClipTokens, ...]:
    text = "Guten Morgen, wie geht es?" if converted is None else "Guten Abend, wie war es?"
    return (
        ClipTokens(
            clip=CLIPS[0].name,
            transcript="Good morning, how are you?",
            greedy=make_comparison(),
            beam=tuple(make_comparison(rank=rank) for rank in range(3)),
            pipeline_text="Guten Morgen, wie geht es?",
        ),
        ClipTokens(
            clip=CLIPS[1].name,
            transcript=None,
            greedy=make_comparison(converted, text=text),
            beam=(make_comparison(converted, text=text),),
            pipeline_text=text,
        ),
    )


def make_coverage() -> Coverage:
    return Coverage(
        source_used=941,
        source_dropped=(
            Reason(name="decoder.version", because="a format marker, not a weight"),
            Reason(name="encoder.w2v_model.mask_emb", because="used in training only"),
        ),
        source_total=943,
        target_compared=939,
        target_total=939,
        modules_compared=611,
        modules_total=640,
        parameterized_compared=412,
        parameterized_total=412,
        uncompared=(Reason(name="encoder.masked_spec_embed", because="not called in inference"),),
        clips=CLIPS,
    )


def make_matching() -> Result:
    return Result(
        command="verify",
        source=SOURCE,
        target=TARGET,
        coverage=make_coverage(),
        levels=tuple(
            make_level(name, 3.4e-3 if name == "padding" else None, declared=name == "padding")
            for name in LEVEL_NAMES
        ),
        deviations=(
            Deviation(
                name="padded_adapter",
                summary="The stock adapter convolves over padding, fairseq masks it first.",
                where="encoder.adapter.layers.0",
                max_error=3.4e-3,
            ),
        ),
        tokens=make_tokens(),
        modules=make_rows(2.6e-16),
        assumptions=(Reason(name="task.sample_rate_hz", because="config.yaml says 16000"),),
        environment={"python": "3.11.9", "torch": "2.6.0+cpu", "transformers": "5.0.0"},
        reproduce="toolkit verify /models/covost/checkpoint_best.pt /models/covost-hf --device cpu",
    )


def make_findings() -> tuple[Finding, ...]:
    return (
        Finding(
            kind="weights",
            target_module=FAULTY,
            target_parameters=(f"{FAULTY}.weight",),
            source_module="encoder.w2v_encoder.w2v_model.encoder.layers.1.self_attn.q_proj",
            source_parameters=(
                "encoder.w2v_encoder.w2v_model.encoder.layers.1.self_attn.q_proj.weight",
            ),
            rule="families/xm_transformer.py:88 layers.{i}.self_attn.q_proj.weight",
            summary="`q_proj.weight` of layer 1 holds what belongs to `k_proj.weight`.",
            hypothesis=Hypothesis(
                name="swapped_with",
                confirmed=True,
                detail={"tensor": FAULTY.replace("q_proj", "k_proj") + ".weight"},
            ),
            fix="Swap the targets of the two rules in row 88 and 89.",
            evidence={
                "isolated_error": 0.83,
                "propagated_error": math.inf,
                "clip": CLIPS[1].name,
                "frame": 17,
            },
        ),
        Finding(
            kind="generation",
            target_module="",
            config_keys=("generation_config.forced_bos_token_id",),
            summary="The folder generates into another language than the checkpoint.",
            hypothesis=Hypothesis(name="wrong_language", confirmed=False),
            fix="Set `forced_bos_token_id` to 250003.",
        ),
    )


def make_mismatching(error: float = 0.83) -> Result:
    failing = {"weights": 1.2, "modules": error, "logits": math.inf, "greedy": 3, "beam": math.nan}
    levels = [make_level(name, failing.get(name)) for name in LEVEL_NAMES]
    levels[-1] = Level(name="reload", measures=(), summary="The folder could not be loaded again.")
    return replace(
        make_matching(),
        command="diff",
        levels=tuple(levels),
        findings=make_findings(),
        tokens=make_tokens((250003, 18622, 16, 4, 77, 15, 9, 1160, 199, 2)),
        modules=make_rows(error),
    )


def make_unverified() -> Result:
    return Result(command="convert", source=SOURCE, target=TARGET)


@pytest.fixture
def matching() -> Result:
    return make_matching()


@pytest.fixture
def mismatching() -> Result:
    return make_mismatching()


@pytest.fixture
def unverified() -> Result:
    return make_unverified()


def make_settled() -> Result:
    """A match whose one open value a recording gave."""
    key = "encoder.num_attention_heads"
    chosen = Settled(
        name=key,
        because="16, as the recording `rec` says: isolated error 3.1e-16, next best 0.41 with 8",
        trials=(
            Trial(values={key: 8}, error=0.41, matches=False),
            Trial(values={key: 16}, error=3.1e-16, matches=True),
            Trial(values={key: 24}, error=math.inf, matches=False),
        ),
    )
    return replace(make_matching(), assumptions=(chosen,))


@pytest.fixture
def settled_result() -> Result:
    return make_settled()


@pytest.fixture
def proven(matching: Result) -> Result:
    return replace(matching, assumptions=())


@pytest.fixture(
    params=[make_matching, make_mismatching, make_unverified, make_settled],
    ids=["matching", "mismatching", "unverified", "settled"],
)
def any_result(request: pytest.FixtureRequest) -> Result:
    build: Callable[[], Result] = request.param
    return build()


@pytest.fixture
def facts() -> CardFacts:
    return CardFacts(
        model_name="someone/covost-en-xx",
        architecture="SpeechEncoderDecoderModel",
        tags=TASK.words.tags,
        summary=TASK.words.summary,
        units=TASK.words.units,
        pipeline=TASK.words.pipeline,
        usage=TASK.words.usage,
        caller=TASK.words.caller,
        notes=TASK.words.notes,
        languages=("de", "ca", "no"),
        default_language="de",
        sample_rate_hz=16_000,
        converter_version="0.1.0",
        vocabulary_size=250_054,
        parameters=623_000_000,
    )
