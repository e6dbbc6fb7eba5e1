import pytest

from toolkit.core.errors import BadInput
from toolkit.report import write_html, write_json


@pytest.fixture(params=[write_json, write_html], ids=["json", "html"])
def write(request):
    return request.param


def test_a_missing_folder_is_bad_input_and_is_not_created(write, matching, tmp_path):
    path = tmp_path / "missing" / "report"
    with pytest.raises(BadInput, match=r"^`.*report` cannot be written: .* Create it"):
        write(matching, path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_at_the_path_is_bad_input(write, matching, tmp_path):
    with pytest.raises(BadInput, match="is a folder"):
        write(matching, tmp_path)


def test_a_name_that_the_system_refuses_is_bad_input(write, matching, tmp_path):
    with pytest.raises(BadInput, match="the system says"):
        write(matching, tmp_path / ("n" * 300))
    assert list(tmp_path.iterdir()) == []


def test_only_the_report_itself_is_left_and_an_old_one_replaced(write, matching, tmp_path):
    path = tmp_path / "report"
    path.write_text("old")
    write(matching, path)
    assert list(tmp_path.iterdir()) == [path]
    assert "old" not in path.read_text(encoding="utf-8")[:3]


def test_a_name_as_long_as_names_can_be_is_written(write, matching, tmp_path):
    path = tmp_path / ("n" * 255)
    write(matching, path)
    assert path.stat().st_size > 0
