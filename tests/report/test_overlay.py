from toolkit.report.overlay import HEIGHT, draw_overlay


def run(*errors, order=None):
    rows = [
        {
            "target": f"layers.{i}",
            "isolated_error": error,
            "isolated_tolerance": 1e-9,
            "verdict": "pass" if error == 0 else "fail",
            **({} if order is None else {"order": order[i]}),
        }
        for i, error in enumerate(errors)
    ]
    return {"modules": rows}


def test_each_run_is_a_line_over_the_same_depth():
    drawn = draw_overlay([run(0, "nan", 1.0), run(0, 0)])
    assert drawn.lines[0].points == f"0.0,{HEIGHT}.0 500.0,0.0 1000.0,0.0"
    assert drawn.lines[1].points == f"0.0,{HEIGHT}.0 500.0,{HEIGHT}.0"
    assert drawn.tolerance == HEIGHT / 2
    assert [line.first_wrong for line in drawn.lines] == ["layers.1", None]


def test_depth_is_the_order_in_which_modules_ran():
    drawn = draw_overlay([run(1.0, 1.0, order=[1, 0])])
    assert drawn.lines[0].first_wrong == "layers.1"


def test_of_one_module_or_none_there_is_no_picture():
    assert draw_overlay([run(1.0), {"modules": []}]) is None
