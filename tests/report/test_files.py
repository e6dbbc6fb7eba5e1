import pytest

from toolkit.core.errors import BadInput
from toolkit.report import write_html, write_json
from toolkit.report.files import is_report, write_files


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


def test_a_file_that_came_to_lie_there_is_kept_unless_it_is_a_report_or_forced(matching, tmp_path):
    write_json(matching, tmp_path / "report.json")
    (tmp_path / "mine").write_text("mine")
    page, report = (tmp_path / "mine", b"new"), (tmp_path / "report.json", b"new")
    with pytest.raises(BadInput, match="by now a file is there that is none"):
        write_files([report, page], force=False)
    assert page[0].read_text() == "mine"
    assert is_report(report[0])
    write_files([report], force=False)
    write_files([page])
    assert page[0].read_bytes() == report[0].read_bytes() == b"new"
