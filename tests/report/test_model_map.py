from dataclasses import replace

import pytest

from tests.browser.results import FAULT, make_result
from toolkit.core.coverage import Reason
from toolkit.report.model_map import as_they_ran, band_path, draw_map, judge_rows, strength


@pytest.fixture(scope="module")
def result():
    return make_result(4, 2, 1)


def tiles(result):
    return {
        tile.path: tile
        for stack in draw_map(result)
        for band in stack.bands
        for tile in band.tiles.values()
    }


def test_every_module_has_exactly_one_tile(result):
    paths = [
        tile.path
        for stack in draw_map(result)
        for band in stack.bands
        for tile in band.tiles.values()
    ]
    uncompared = [reason.name for reason in result.coverage.uncompared]
    assert sorted(paths) == sorted([*(row.target for row in result.modules), *uncompared])


def test_one_cell_is_wrong_what_holds_it_is_around_it_and_the_rest_is_a_tail(result):
    judged = judge_rows(replace(result, findings=()))
    states = {path: it.state for path, it in judged.items()}
    assert states[FAULT] == "fail"
    assert states["encoder.encoder.layers.3.attention"] == "above"
    assert states["encoder.encoder.layers.3"] == "above"
    assert states["encoder.encoder.layers.3.final_layer_norm"] == "tail"
    assert states["encoder.encoder.layers.2.final_layer_norm"] == "pass"


def test_layers_share_the_rows_of_one_grid(result):
    grid = next(stack for stack in draw_map(result) if stack.path == "encoder.encoder.layers")
    assert [band.path.rpartition(".")[2] for band in grid.bands] == ["0", "1", "2", "3"]
    assert "attention.q_proj" in grid.columns
    assert grid.bands[0].source == "encoder.w2v_encoder.w2v_model.encoder.layers.0"


@pytest.mark.parametrize(
    ("layers", "lengths"),
    [(4, [4]), (12, [12]), (13, [7, 6]), (24, [12, 12]), (48, [12] * 4), (70, [12] * 5 + [10])],
)
def test_many_layers_stand_in_runs_that_a_window_has_room_for(layers, lengths):
    stacks = draw_map(make_result(layers, 2, 1))
    grid = next(stack for stack in stacks if stack.path == "encoder.encoder.layers")
    assert [len(run) for run in grid.abreast] == lengths
    assert [band for run in grid.abreast for band in run] == [*grid.bands]


def test_what_is_not_compared_stands_in_its_layer_with_its_reason(result):
    tile = tiles(result)["encoder.encoder.layers.2.dropout"]
    assert (tile.state, tile.sign) == ("uncompared", "–")
    assert "it has no parameters" in tile.label


def test_an_uncompared_module_of_no_known_layer_still_has_a_tile(result):
    coverage = replace(result.coverage, uncompared=(Reason(name="odd", because="who knows"),))
    assert "odd" in tiles(replace(result, coverage=coverage))


def test_what_ran_last_stands_last_and_each_module_below_its_parts(result):
    late = "encoder.feature_projection.layer_norm"
    rows = (replace(r, order=1000) if r.target == late else r for r in result.modules)
    assert list(tiles(replace(result, modules=tuple(rows))))[-1] == late
    paths = list(tiles(result))
    assert paths.index(FAULT) < paths.index("encoder.encoder.layers.3.attention")


def test_modules_whose_order_is_not_known_stay_as_they_were_defined(result):
    rows = tuple(replace(row, order=None) for row in result.modules)
    assert as_they_ran(rows) == list(rows)


def test_without_pictures_the_float32_ratio_tells_the_tail(result):
    rows = tuple(replace(row, propagated_ratio=9.0) for row in result.modules)
    states = {it.state for it in judge_rows(replace(result, modules=rows, pictures=None)).values()}
    assert states == {"fail", "above", "tail"}


@pytest.mark.parametrize(
    ("path", "band"),
    [
        ("encoder.encoder.layers.3.attention.q_proj", "encoder.encoder.layers.3"),
        ("encoder.layers.3.experts.5.fc", "encoder.layers.3"),
        ("encoder.feature_projection.projection", "encoder.feature_projection"),
        ("encoder", "encoder"),
        ("", ""),
    ],
)
def test_a_layer_is_a_path_up_to_its_first_number(path, band):
    assert band_path(path) == band


def test_strength_is_logarithmic_and_full_for_no_number():
    assert strength(0.0) == strength(1e-30) == 0.0
    assert strength(1e-9) == 0.5
    assert strength(float("nan")) == strength(4.0) == 1.0
