import pytest
import torch

from tests.oracle.masks import padding_mask
from tests.variants.arguments import W2V
from toolkit.oracle.mends.conformer import MendedConformerEncoder, mended_conformer

PREFIXES = [[2, 5, 6], [2, 7]]
KINDS = [("rel_pos", "espnet"), ("rope", "espnet"), ("abs", "espnet"), ("abs", ""), ("rope", "")]


def conformer(pos_enc_type, attn_type):
    return {
        **W2V,
        "layer_type": "conformer",
        "pos_enc_type": pos_enc_type,
        "attn_type": attn_type,
        "depthwise_conv_kernel_size": 7,
        "max_positions": 20,
    }


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.slow if kind[1] else ()) for kind in KINDS],
    ids="-".join,
)
def reference(request, plain, make_state, build):
    settings = {**plain, "w2v_args": conformer(*request.param)}
    return build(settings, make_state(settings))


def test_a_conformer_runs_single_clips_and_padded_batches(reference, sources):
    alone = [reference.forward([c], [p]).logits[0] for c, p in zip(sources, PREFIXES, strict=True)]
    batch = reference.forward(sources, PREFIXES)
    assert torch.allclose(batch.logits[0], alone[0], atol=1e-5)
    assert padding_mask(batch).tolist() == [
        [False] * 4,
        [False] * 3 + [True],
    ]
    assert batch.logits[1, :2].isfinite().all()


def test_every_layer_of_a_conformer_is_recorded(reference, sources):
    calls = reference.forward(sources[:1], PREFIXES[:1], explicit=True).calls
    layer = "encoder.w2v_encoder.w2v_model.encoder.layers.1"
    assert {f"{layer}.{name}" for name in ("ffn1", "self_attn", "conv_module", "ffn2")} <= set(
        calls
    )
    assert any(path in calls for path in (f"{layer}.self_attn.{p}" for p in ("linear_q", "q_proj")))


def test_a_conformer_in_float64_is_float64_throughout(reference, sources):
    forced = reference.forward(sources, PREFIXES, double=True)
    dtypes = {
        tensor.dtype
        for made in forced.calls.values()
        for call in made
        for tensor in call.outputs.values()
        if tensor.is_floating_point()
    }
    assert dtypes == {torch.float64}


def test_a_float64_run_neither_meets_nor_leaves_tables_of_another_precision(reference, sources):
    run = [sources[:1], PREFIXES[:1]]
    double = reference.forward(*run, double=True).logits
    single = reference.forward(*run).logits
    assert reference.forward(*run, double=True).logits.equal(double)
    assert reference.forward(*run).logits.equal(single)
    explicit = reference.forward(*run, double=True, explicit=True).logits
    assert (explicit - double).abs().max() < 1e-13


def test_fairseq_main_alone_cannot_build_a_conformer(plain, companions):
    from fairseq import tasks

    from toolkit.oracle.tasks.speech_seq2seq.build import make_namespace

    args = make_namespace({**plain, "w2v_args": conformer("rope", "espnet")}, companions)
    with pytest.raises(TypeError, match="layer_idx"):
        tasks.setup_task(args).build_model(args)


@pytest.mark.parametrize("fails", [False, True])
def test_the_mend_lasts_as_long_as_the_context(fails):
    from fairseq.models.wav2vec import wav2vec2

    before = wav2vec2.ConformerEncoder
    if fails:
        with pytest.raises(ZeroDivisionError), mended_conformer():
            raise ZeroDivisionError
    else:
        with mended_conformer():
            assert wav2vec2.ConformerEncoder is MendedConformerEncoder
    assert wav2vec2.ConformerEncoder is before


def test_a_conformer_that_does_not_build_leaves_fairseq_as_it_was(plain, build):
    from fairseq.models.wav2vec import wav2vec2

    before = wav2vec2.ConformerEncoder
    broken = {**conformer("rope", "espnet"), "depthwise_conv_kernel_size": 6}
    with pytest.raises(AssertionError, match="odd number"):
        build({**plain, "w2v_args": broken}, {})
    assert wav2vec2.ConformerEncoder is before
