"""What fairseq's encoder says of the frames beyond a clip's end."""


def padding_mask(forced):
    """Shape (B, T), True where there is no frame."""
    return forced.calls["encoder"][0].outputs["encoder_padding_mask.0"]
