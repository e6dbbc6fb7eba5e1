import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.diagnosis.provenance import Home, Registry, fingerprint, is_constant


def random_tensor(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


shapes = st.one_of(
    st.tuples(st.integers(4, 30)),
    st.tuples(st.integers(2, 8), st.integers(2, 8)),
    st.tuples(st.integers(2, 6), st.integers(2, 6), st.integers(1, 4)),
)
tensors = st.builds(random_tensor, shapes, st.integers(0, 10_000))


@pytest.fixture(scope="module")
def named():
    return {"first": random_tensor((6, 6), 1), "second": random_tensor((6, 6), 2)}


@given(tensors)
@settings(max_examples=50)
def test_a_tensor_is_at_home_where_it_came_from_and_nowhere_else(tensor):
    registry = Registry({"here": tensor, "elsewhere": tensor + 1})
    assert registry.homes(tensor.clone()) == (Home(name="here", transposed=False, precision=None),)
    assert registry.homes(tensor * 1.5) == ()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_home_is_found_through_a_lower_precision_and_a_transposition(dtype, transposed, named):
    values = named["second"].to(dtype).float()
    (home,) = Registry(named).homes(values.t() if transposed else values)
    assert home == Home(
        name="second", transposed=transposed, precision=str(dtype).removeprefix("torch.")
    )


def test_a_transposed_convolution_is_found_by_its_first_two_axes():
    kernel = random_tensor((4, 3, 5), 0)
    (home,) = Registry({"conv": kernel}).homes(kernel.transpose(0, 1))
    assert (home.name, home.transposed, home.precision) == ("conv", True, None)


def test_several_homes_come_with_the_exact_ones_first():
    exact = random_tensor((5, 5), 3).half().float()
    finer = exact + 1e-7
    assert finer.half().float().equal(exact)
    homes = Registry({"finer": finer, "turned": exact.t(), "exact": exact}).homes(exact)
    assert [home.name for home in homes] == ["exact", "turned", "finer"]


def test_values_that_a_lower_precision_holds_are_listed_once():
    exact = random_tensor((5, 5), 3).bfloat16().float()
    assert len(Registry({"exact": exact}).homes(exact)) == 1


@given(st.sampled_from([0.0, 1.0, -2.5]), shapes)
@settings(max_examples=30)
def test_constant_tensors_have_no_home(value, shape):
    constant = torch.full(shape, value)
    assert is_constant(constant)
    assert Registry({"ones": constant}).homes(constant) == ()


def test_tensors_without_elements_and_single_values_are_constant():
    assert is_constant(torch.zeros(0, 3))
    assert is_constant(torch.tensor([7.0]))
    assert not is_constant(torch.tensor([7.0, 7.0, 8.0]))


def test_a_fingerprint_tells_shapes_apart_but_not_layouts_in_memory(named):
    tensor = named["first"]
    assert fingerprint(tensor) != fingerprint(tensor.view(36))
    assert fingerprint(tensor) != fingerprint(tensor.view(4, 9))
    assert fingerprint(tensor.t()) == fingerprint(tensor.t().contiguous())


@given(tensors, st.integers(0, 10_000))
@settings(max_examples=50)
def test_the_slightest_change_of_one_element_has_another_fingerprint(tensor, place):
    other = tensor.clone()
    flat = other.view(-1)
    index = place % flat.numel()
    flat[index] = torch.nextafter(flat[index], torch.tensor(99.0))
    assert fingerprint(other) != fingerprint(tensor)
    assert Registry({"here": tensor}).homes(other) == ()


def test_rows_of_another_tensor_in_another_order_are_traced_to_their_home() -> None:
    from toolkit.diagnosis.provenance import Registry

    expected = {"q.weight": torch.randn(6, 4), "k.weight": torch.randn(6, 4)}
    (home,) = Registry(expected).homes(expected["k.weight"][[2, 0, 1, 5, 4, 3]])
    assert (home.name, home.rows_permuted) == ("k.weight", True)
    assert Registry(expected).homes(torch.randn(6, 4)) == ()
