"""What is the same part of every layer is one kind."""

from toolkit.inference.tree import kinds_of

SHAPES = {name: (n, 2) for n, name in enumerate(("a.w", "a.b", "b.w", "b.b", "c.w", "c.b"), 1)}


def stack(*layers: str) -> dict[str, tuple[int, ...]]:
    return {f"{layer}.{name}": shape for layer in layers for name, shape in SHAPES.items()}


def test_numbers_are_layers_where_layers_are_alike() -> None:
    kinds = kinds_of(
        {**stack("blocks.1", "blocks.0", "blocks.10"), "conv.0.w": (1,), "conv.2.w": (2, 3)}
    )
    by_pattern = {kind.pattern: kind for kind in kinds}
    assert by_pattern["blocks.{i}.a.w"].names == ("blocks.0.a.w", "blocks.1.a.w", "blocks.10.a.w")
    assert by_pattern["blocks.{i}.a.w"].is_numbered
    assert "conv.{i}.w" in by_pattern


def test_layers_without_numbers_stand_in_the_order_of_the_file() -> None:
    (kind, *_) = kinds_of(stack("x", "q", "a"))
    assert kind.names == ("x.a.w", "q.a.w", "a.a.w")
    assert not kind.is_numbered


def test_parts_of_one_layer_are_no_layers() -> None:
    kinds = kinds_of({f"attn.{part}.{end}": (2,) for part in "qkvo" for end in ("w", "b")})
    assert len(kinds) == 8


def test_two_attentions_of_one_layer_are_no_layers_either() -> None:
    attention = ("self_attn", "encoder_attn")
    parts = {f"{a}.{part}.{end}": (2,) for a in attention for part in "qkvo" for end in ("w", "b")}
    assert len(kinds_of({**parts, "norm.w": (2,)})) == len(parts) + 1
