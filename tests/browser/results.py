"""Results of models as large as one likes, with pictures, made by arithmetic alone."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from tests.levels import LEVEL_NAMES
from toolkit.compare.frames import error_code
from toolkit.core.artifact import Artifact
from toolkit.core.coverage import ClipCoverage, Coverage, Reason
from toolkit.core.findings import Finding, Hypothesis
from toolkit.core.measures import Level, Measure
from toolkit.core.pictures import (
    BANDS,
    ClipPicture,
    Histogram,
    PairPicture,
    Pictures,
    Step,
    TensorPicture,
    Track,
    Trial,
    Worst,
)
from toolkit.core.result import ModuleRow, Result
from toolkit.core.tokens import ClipTokens, TokenComparison

ENCODER = {
    "attention": "self_attn",
    "attention.k_proj": "self_attn.k_proj",
    "attention.v_proj": "self_attn.v_proj",
    "attention.q_proj": "self_attn.q_proj",
    "attention.out_proj": "self_attn.out_proj",
    "layer_norm": "self_attn_layer_norm",
    "feed_forward.intermediate_dense": "fc1",
    "feed_forward.output_dense": "fc2",
    "final_layer_norm": "final_layer_norm",
}
DECODER = {
    **{
        f"{name}{part}": f"{name}{part}"
        for name in ("self_attn", "encoder_attn")
        for part in ("", ".k_proj", ".v_proj", ".q_proj", ".out_proj", "_layer_norm")
    },
    "fc1": "fc1",
    "fc2": "fc2",
    "final_layer_norm": "final_layer_norm",
}
FAULT = "encoder.encoder.layers.3.attention.q_proj"
SECOND_FAULT = "decoder.model.decoder.layers.1.fc1"
TOLERANCE = 1e-9
FRAMES, WORDS = 190, 24


def make_result(
    encoder_layers: int = 24,
    decoder_layers: int = 12,
    clips: int = 8,
    faults: Sequence[str] = (FAULT, SECOND_FAULT),
) -> Result:
    """A broken conversion: two faults and what follows from them."""
    dice = random.Random(7)
    paths = list(module_paths(encoder_layers, decoder_layers))
    first = min((i for i, (path, _) in enumerate(paths) if path in faults), default=len(paths))
    names = [f"clip_{i}" for i in range(clips)]
    pairs, rows = [], []
    for i, (path, source) in enumerate(paths):
        isolated = 0.4 if path in faults else 0.0 if i % 3 == 0 else 2e-16 * dice.random()
        above = any(fault.startswith(f"{path}.") for fault in faults)
        isolated = 0.2 if above else isolated
        spoiled = i >= first or above
        propagated = 0.3 * dice.random() if spoiled else 3e-15 * dice.random()
        drawn = [
            make_picture(path, name, isolated, propagated, i, len(paths), dice)
            for name in names[:2]
        ]
        pairs.extend(drawn)
        rows.append(make_row(path, source, isolated, names[0]))
    rows = in_order([path for path, _ in paths], rows)
    return Result(
        command="verify",
        source=Artifact(path="/models/covost/checkpoint_best.pt", sha256="5f" * 32),
        target=Artifact(path="/models/covost-hf", sha256="c0" * 32),
        coverage=make_coverage(rows, names),
        levels=tuple(make_level(name, bool(faults)) for name in LEVEL_NAMES),
        findings=tuple(make_finding(path) for path in faults),
        tokens=tuple(make_tokens(name, bool(faults)) for name in names),
        modules=tuple(rows),
        assumptions=(Reason(name="task.sample_rate_hz", because="config.yaml says 16000"),),
        environment={"python": "3.11.9", "torch": "2.13.0", "transformers": "5.23.0"},
        reproduce="toolkit verify /models/covost/checkpoint_best.pt /models/covost-hf",
        pictures=Pictures(
            clips=tuple(make_clip(name, dice, FAULT in faults) for name in names),
            pairs=tuple(pairs),
            tensors=tuple(make_tensor(row, faults) for row in rows if row.kind == "Linear"),
            pieces={100 + i: f"▁word{i}" for i in range(WORDS)} | {90: "▁other"},
        ),
    )


def with_sentences(result):
    """The result as of a model that reads, of which nothing can be heard."""
    silent = [
        replace(clip, duration_s=0.0, envelope=b"", spectrogram=b"", audio=b"")
        for clip in result.pictures.clips
    ]
    return replace(
        result, examples="sentences", pictures=replace(result.pictures, clips=tuple(silent))
    )


def with_letters(result):
    """The result as of a model that has no decoder, and says letters."""
    pictures = result.pictures
    return replace(
        result,
        task="ctc",
        units="letters",
        absent_levels={"beam": "nothing is searched"},
        tokens=tuple(replace(said, beam=()) for said in result.tokens),
        pictures=replace(
            pictures,
            pairs=tuple(pair for pair in pictures.pairs if pair.along != "S"),
            clips=tuple(replace(clip, steps=(), prefix=()) for clip in pictures.clips),
        ),
    )


def with_hostile_names(result, name):
    """The result with a name in every place where a name can stand."""
    pictures = result.pictures
    row = replace(result.modules[0], target=name, source=name, kind=name, clip=name)
    finding = replace(
        result.findings[0],
        target_module=name,
        target_parameters=(name,),
        rule=name,
        summary=name,
        fix=name,
        evidence={name: name},
    )
    coverage = replace(result.coverage, uncompared=(Reason(name=f"{name}.part", because=name),))
    return replace(
        result,
        source=Artifact(path=name, sha256=name),
        modules=(row, *result.modules[1:]),
        findings=(finding,),
        coverage=coverage,
        reproduce=name,
        pictures=replace(
            pictures,
            clips=tuple(replace(clip, name=name) for clip in pictures.clips[:1]),
            pairs=tuple(replace(p, target=name, clip=name) for p in pictures.pairs[:1]),
            tensors=(replace(pictures.tensors[0], name=f"{name}.weight", source=name, holds=name),),
            pieces=dict.fromkeys(pictures.pieces, name),
        ),
    )


def module_paths(encoder_layers, decoder_layers):
    old = "encoder.w2v_encoder.w2v_model"
    for i in range(7):
        for part, its in (("conv", "0"), ("layer_norm", "2.1")):
            yield (
                f"encoder.feature_extractor.conv_layers.{i}.{part}",
                f"{old}.feature_extractor.conv_layers.{i}.{its}",
            )
    yield "encoder.feature_projection.layer_norm", f"{old}.layer_norm"
    yield "encoder.feature_projection.projection", f"{old}.post_extract_proj"
    yield "encoder.encoder.pos_conv_embed.conv", f"{old}.encoder.pos_conv.0"
    for i in range(encoder_layers):
        yield f"encoder.encoder.layers.{i}", f"{old}.encoder.layers.{i}"
        for part, its in ENCODER.items():
            yield f"encoder.encoder.layers.{i}.{part}", f"{old}.encoder.layers.{i}.{its}"
    for i in range(3):
        yield f"encoder.adapter.layers.{i}.conv", f"encoder.adaptor.layers.{i}.0"
    yield "decoder.model.decoder.embed_tokens", "decoder.embed_tokens"
    for i in range(decoder_layers):
        yield f"decoder.model.decoder.layers.{i}", f"decoder.layers.{i}"
        for part, its in DECODER.items():
            yield f"decoder.model.decoder.layers.{i}.{part}", f"decoder.layers.{i}.{its}"
    yield "decoder.model.decoder.layer_norm", "decoder.layer_norm"
    yield "decoder.lm_head", "decoder.output_projection"


def make_row(path, source, isolated, clip):
    kind = "LayerNorm" if "norm" in path else "Linear"
    decoder = path.startswith("decoder")
    return ModuleRow(
        target=path,
        source=source,
        kind=kind,
        shape=(1, WORDS if decoder else FRAMES, 1024),
        axes="B S D" if decoder else "B T D",
        isolated_error=isolated,
        isolated_tolerance=TOLERANCE,
        propagated_ratio=1.2,
        propagated_tolerance=4.0,
        clip=clip,
    )


def in_order(paths, rows):
    """The rows with the order in which their modules answered: each after its parts."""
    last = {}
    for place, path in enumerate(paths):
        parts = path.split(".")
        for depth in range(1, len(parts) + 1):
            last[".".join(parts[:depth])] = (place, -depth)
    order = {path: place for place, path in enumerate(sorted(paths, key=last.__getitem__))}
    return [replace(row, order=order[row.target]) for row in rows]


def make_picture(path, clip, isolated, propagated, index, count, dice):
    decoder = path.startswith("decoder")
    positions = WORDS if decoder else FRAMES
    values = [dice.gauss(0, 1) for _ in range(240)]
    wrong = [value + isolated * dice.gauss(0, 1) for value in values]
    largest = max(map(abs, values + wrong))

    def curve(error):
        wave = (1 + math.sin(i / 9 + 9 * index / count) for i in range(positions))
        return bytes(error_code(error * (0.05 + w * dice.random())) for w in wave)

    def pack(numbers):
        codes = [round(32767 * number / largest) for number in numbers]
        return b"".join(code.to_bytes(2, "little", signed=True) for code in codes)

    bins = [0] * 40
    bins[34 if isolated > TOLERANCE else 5] = positions * 900
    bins[33 if isolated > TOLERANCE else 4] = positions * 100
    return PairPicture(
        target=path,
        clip=clip,
        along="S" if decoder else "T",
        positions=positions,
        isolated=curve(isolated),
        propagated=curve(propagated),
        propagated_error=propagated,
        histogram=Histogram(zero=positions * 24, bins=tuple(bins), not_finite=0),
        expected=pack(values),
        actual=pack(wrong),
        sample_scale=largest,
        worst=Worst(index=(0, 17, 33), expected=1.25, actual=1.25 + isolated),
    )


def make_track(name, wrong, dice):
    """A track that is wrong in some frames."""
    errors = [0.3 if place in wrong else 1e-15 * dice.random() for place in range(FRAMES)]
    return Track(
        name=name,
        positions=FRAMES,
        errors=bytes(map(error_code, errors)),
        tolerance=TOLERANCE,
        wrong=len(wrong),
    )


def make_clip(name, dice, broken):
    wrong = [*range(40, 60), *range(100, 105)] if broken else []
    wave = [int(127 * abs(math.sin(i / 30)) * dice.random()) for i in range(400)]
    return ClipPicture(
        name=name,
        duration_s=3.8,
        envelope=bytes(b for v in wave for b in (256 - v if v else 0, v)),
        spectrogram=bytes(dice.randrange(16) for _ in range(BANDS * 160)),
        audio=dice.randbytes(20_000),
        prefix=(99, *range(100, 99 + WORDS)),
        layers=tuple(
            make_track(f"encoder.encoder.layers.{i}", wrong if i > 2 else [], dice)
            for i in range(24)
        ),
        result=make_track("What the decoder hears", wrong, dice),
        steps=tuple(
            Step(
                expected=100 + i,
                actual=90 if i == 9 else 100 + i,
                expected_margin=0.2 if i == 9 else 4 * dice.random() + 1,
                actual_margin=0.4 if i == 9 else 4 * dice.random() + 1,
            )
            for i in range(WORDS)
        ),
    )


def make_tensor(row, faults):
    wrong = row.target in faults
    return TensorPicture(
        name=f"{row.target}.weight",
        shape=(1024, 1024),
        dtype="float32",
        source=f"{row.source}.weight",
        rule=f"families/xm_transformer.py:88 {row.source}.weight",
        holds="holds the values of a neighbour" if wrong else "",
        trials=(
            Trial(name="swapped with k_proj", error=0.0),
            Trial(name="transposed", error=0.91),
            Trial(name="sign flipped", error=1.9),
        )
        if wrong
        else (),
    )


def make_level(name, broken):
    failing = {"weights": 2.0, "modules": 0.4, "logits": 0.3, "greedy": 3.0, "beam": 2.0}
    error = failing.get(name, 0.0) if broken else 0.0
    measure = Measure(
        name=name,
        where=FAULT if name == "modules" else "clip_0",
        error=error,
        tolerance=TOLERANCE if name == "modules" else 0.0,
        unit="relative to the largest value",
        compared=123,
    )
    return Level(name=name, measures=(measure,), summary=f"123 values of {name} compared.")


def make_finding(path):
    return Finding(
        kind="weights",
        target_module=path,
        target_parameters=(f"{path}.weight",),
        source_module=path,
        rule="families/xm_transformer.py:88",
        summary=f"`{path}.weight` holds the values of a neighbour",
        hypothesis=Hypothesis(name="swapped_with", confirmed=True, detail={"with": "k_proj"}),
        fix=f"write `{path.rpartition('.')[2]}` unchanged",
        evidence={"isolated_error": 0.4, "clip": "clip_0"},
    )


def make_coverage(rows, clips):
    return Coverage(
        source_used=900,
        source_dropped=(),
        source_total=900,
        target_compared=900,
        target_total=900,
        modules_compared=len(rows),
        modules_total=len(rows) + 2,
        parameterized_compared=len(rows),
        parameterized_total=len(rows),
        uncompared=(
            Reason(name="encoder.encoder.layers.2.dropout", because="it has no parameters"),
            Reason(name="encoder.adapter", because="fairseq has no module of the same extent"),
        ),
        clips=tuple(
            ClipCoverage(name=name, duration_s=3.8, frames=FRAMES, frames_not_compared=0)
            for name in clips
        ),
    )


def make_tokens(name, broken):
    right = tuple(range(100, 100 + WORDS))
    wrong = (*right[:9], 90, *right[10:]) if broken else right
    greedy = TokenComparison(
        reference=right,
        converted=wrong,
        reference_text="guten Morgen",
        converted_text="guten Abend" if broken else "guten Morgen",
        reference_score=-0.31,
        converted_score=-0.32,
        margin=0.2,
    )
    return ClipTokens(
        clip=name, transcript="good morning", greedy=greedy, beam=(greedy,) * 5, pipeline_text="hm"
    )
