"""The fields of requests as parameters of a command, and back."""

from __future__ import annotations

import inspect
from pathlib import Path

import click
import pytest

from toolkit.cli import app
from toolkit.console.parameters import items_of_command, make_parameters, read_given
from toolkit.console.registering import request_of
from toolkit.core.errors import BadInput
from toolkit.session.requests.convert import Convert
from toolkit.session.requests.faults import Faults
from toolkit.session.requests.record import Record
from toolkit.session.requests.verify import Verify


def names(kind: type, *shows: str) -> list[str]:
    return [item.name for item in items_of_command(kind, shows)]


def default(parameter: click.Parameter) -> object:
    return parameter.to_info_dict()["default"]


def test_a_command_has_what_its_request_has_and_what_it_shows() -> None:
    found = names(Verify, "html", "quiet")
    assert found[:3] == ["checkpoint", "hf_dir", "audio"]
    assert found[-4:] == ["html", "quiet", "debug", "force"]
    assert "json_path" not in found


def test_only_a_command_that_writes_files_can_be_forced() -> None:
    assert "force" in names(Record, "json_path")
    assert "force" not in names(Record, "quiet")


@pytest.mark.parametrize("kind", [request_of(name) for name in app.commands])
def test_every_field_of_a_request_can_be_typed(kind: type) -> None:
    own = set(inspect.signature(kind).parameters) - {"progress", "pictures"}
    assert own <= set(names(kind))


def test_a_parameter_has_the_default_of_its_field() -> None:
    parameters = {p.name: p for p in make_parameters(items_of_command(Convert, ()))}
    assert parameters["checkpoint"].required
    assert not parameters["audio"].required
    (only,) = (p for p in make_parameters(items_of_command(Faults, ())) if p.name == "only")
    defaults = {
        name: p.to_info_dict()["default"] for name, p in {**parameters, "only": only}.items()
    }
    assert defaults["padding_reference"] == "masked"
    assert defaults["only"] == ""
    assert defaults["verify"] is defaults["audio"] is None


def test_what_is_on_by_default_is_typed_both_ways() -> None:
    (beam,) = (p for p in make_parameters(items_of_command(Convert, ())) if p.name == "beam")
    assert (beam.opts, beam.secondary_opts) == (["--beam"], ["--no-beam"])


def test_what_was_typed_is_read_as_the_functions_take_it() -> None:
    given = {"audio": [Path("a")], "encoder_config": '{"a": 1}', "quiet": True}
    assert read_given(Verify, given) == {"audio": (Path("a"),), "encoder_config": {"a": 1}}
    assert read_given(Verify, {"audio": None, "encoder_config": None}) == {
        "audio": (),
        "encoder_config": None,
    }


def test_text_that_must_be_json_and_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="`--encoder-config` must be a JSON object"):
        read_given(Verify, {"encoder_config": "{"})
