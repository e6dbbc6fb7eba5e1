import pytest
import torch
from torch import nn

from tests.oracle.masks import padding_mask
from tests.sampling import slow
from toolkit.oracle.mends.adaptors import MaskedAdaptor, NormedAdaptor, UnmaskedAdaptor, shorten

PREFIXES = [[2, 5, 6], [2, 7]]


def of_july_2021(state, out_dim, layernorms):
    """The state dict with the adaptor of July 2021 and a decoder that reads its width."""
    torch.manual_seed(3)
    adaptor = NormedAdaptor(32, out_dim, 3, 3, 2, layernorms)
    kept = {name: tensor for name, tensor in state.items() if ".adaptor." not in name}
    made = {f"encoder.adaptor.{name}": tensor for name, tensor in adaptor.state_dict().items()}
    return {**kept, **made}


def batch_of_frames(frames, width=8):
    torch.manual_seed(7)
    lengths = torch.tensor([frames, frames - 3, 1])
    return torch.randn(frames, 3, width), torch.arange(frames)[None] >= lengths[:, None]


def july_2021_by_hand(adaptor, frames):
    for conv, norm in zip(adaptor.layers, adaptor.layernorms, strict=True):
        both = conv(frames.permute(1, 2, 0)).permute(2, 0, 1)
        value, gate = both.chunk(2, dim=-1)
        frames = norm(value * gate.sigmoid())
    return frames


@pytest.fixture(scope="module")
def plain_state(plain, make_state):
    return make_state(plain)


@pytest.mark.parametrize("out_dim", [8, 12])
def test_the_adaptor_of_july_2021_norms_after_each_convolution_and_masks_nothing(out_dim):
    adaptor = NormedAdaptor(8, out_dim, 3, 3, 2, layernorms=True)
    frames, mask = batch_of_frames(11)
    shortened, shortened_mask = adaptor(frames, mask)
    assert torch.allclose(shortened, july_2021_by_hand(adaptor, frames), atol=1e-6)
    assert shortened.equal(adaptor(frames, None)[0])
    assert shortened_mask.tolist() == [[False, False], [False, True], [False, True]]


def test_the_weights_tell_an_adaptor_of_july_2021(plain, plain_state, build):
    state = of_july_2021(plain_state, 32, layernorms=True)
    adaptor = build({**plain, "adaptor_layernorm": True}, state).model.encoder.adaptor
    assert isinstance(adaptor, NormedAdaptor)
    built = {f"encoder.adaptor.{name}": t for name, t in adaptor.state_dict().items()}
    assert built.keys() == {name for name in state if ".adaptor." in name}
    assert all(tensor.equal(state[name]) for name, tensor in built.items())


@pytest.mark.parametrize("layernorms", [False, True])
@pytest.mark.parametrize("width", [24, slow(48)])
def test_the_first_convolution_of_july_2021_may_change_the_width(
    width, layernorms, plain, make_state, build, sources
):
    # fairseq's own decoder of that width reads that width behind `encoder_proj`.
    wider = {**plain, "decoder_embed_dim": width}
    state = make_state({**wider, "encoder_proj": True})
    del state["encoder.w2v_encoder.proj.weight"], state["encoder.w2v_encoder.proj.bias"]
    state = of_july_2021(state, width, layernorms)
    reference = build(wider, state)
    assert reference.model.encoder.w2v_encoder.proj is None
    assert reference.model.decoder.layers[0].encoder_attn.kdim == width
    forced = reference.forward(sources, PREFIXES)
    assert forced.outputs["encoder_out"].shape == (2, 4, width)
    built = reference.model.state_dict()
    assert all(built[name].equal(tensor) for name, tensor in state.items())


def test_norms_of_july_2021_that_do_not_fit_are_refused(plain, plain_state, build):
    state = of_july_2021(plain_state, 32, layernorms=True)
    del state["encoder.adaptor.layernorms.1.weight"]
    with pytest.raises(RuntimeError, match=r"encoder\.adaptor\.layernorms\.1\.weight"):
        build(plain, state)


@pytest.mark.parametrize(
    "flags",
    [
        {},
        slow({"adaptor_layernorm": True}),
        slow({"adaptor_proj": True, "decoder_embed_dim": 48}),
    ],
)
def test_unmasked_padding_changes_padded_batches_alone(flags, plain, make_state, build, sources):
    settings = {**plain, **flags}
    state = make_state(settings)
    masked, unmasked = (build(settings, state, padding=p) for p in ("masked", "unmasked"))
    assert isinstance(unmasked.model.encoder.adaptor, UnmaskedAdaptor)
    alone = [r.forward(sources[:1], PREFIXES[:1]).logits for r in (masked, unmasked)]
    assert alone[0].equal(alone[1])
    batch = [r.forward(sources, PREFIXES) for r in (masked, unmasked)]
    assert (
        batch[0].calls["encoder"][0].outputs["encoder_padding_mask.0"].equal(padding_mask(batch[1]))
    )
    assert batch[0].logits[0].equal(batch[1].logits[0])
    assert (batch[0].logits[1] - batch[1].logits[1]).abs().max() > 1e-4
    padded = padding_mask(batch[0])
    assert batch[0].outputs["encoder_out"][padded].eq(0).all()
    assert batch[1].outputs["encoder_out"][padded].abs().min() > 0


@pytest.mark.parametrize("flags", [{}, {"layernorm": True}, {"proj": True}])
def test_the_masked_adaptor_for_an_older_fairseq_is_that_of_fairseq_main(flags):
    from fairseq.models.speech_to_text.xm_transformer import Conv1dAdaptor

    adaptor = Conv1dAdaptor(8, 8, **flags)
    frames, mask = batch_of_frames(17)
    expected = adaptor(frames, mask), adaptor(frames, None)
    adaptor.__class__ = MaskedAdaptor
    actual = adaptor(frames, mask), adaptor(frames, None)
    assert actual[0][0].equal(expected[0][0])
    assert actual[0][1].equal(expected[0][1])
    assert actual[1][0].equal(expected[1][0])
    assert actual[1][1] is expected[1][1] is None
    assert not adaptor.layers[0]._forward_pre_hooks


def test_an_unknown_way_of_padding_is_refused(plain, plain_state, build):
    with pytest.raises(ValueError, match="'zeroed'"):
        build(plain, plain_state, padding="zeroed")


@pytest.mark.parametrize(("kernel_size", "stride"), [(3, 2), (3, 1), (3, 3), (5, 2), (1, 2)])
@pytest.mark.parametrize("frames", [1, 2, 7, 16, 53])
def test_a_mask_is_shortened_as_convolutions_shorten_frames(frames, kernel_size, stride):
    conv = nn.Conv1d(1, 1, kernel_size, stride, kernel_size // 2)
    left = conv(conv(torch.zeros(1, 1, frames))).shape[-1]
    mask = shorten(torch.zeros(2, frames, dtype=torch.bool), 2, stride)
    assert mask.shape == (2, left)
    assert not mask.any()
