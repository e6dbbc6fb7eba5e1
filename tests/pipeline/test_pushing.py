"""A folder goes to the hub as it was written, when it is told to, and in nobody's way."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.session.hub_server import serving
from tests.session.taking_hub import LARGE, TOKEN, taking
from tests.session.test_hub import turn_to
from toolkit import BadInput, audit, convert
from toolkit.audio import golden_folder
from toolkit.cli import app
from toolkit.pipeline.pushing import push

NAME = "org/name"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("written") / "hf"
    convert(golden_folder() / "ctc" / "model.pt", out, verify=False)
    return out


@pytest.fixture
def folder(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / "hf"))


@pytest.fixture
def hub(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with taking() as hub:
        turn_to(hub.address, monkeypatch)
        yield hub


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def held(hub):
    files = hub.repositories[NAME].files
    return {name: content for name, content in files.items() if name != ".gitattributes"}


def test_nothing_is_sent_unless_it_is_told_to(folder, hub):
    said = push(folder, NAME)
    assert hub.writes == []
    assert hub.repositories == {}
    assert said.commit is None
    assert (said.is_new, said.is_private) == (True, True)
    assert said.new == {name: len(content) for name, content in contents(folder).items()}


def test_all_files_arrive_in_a_private_repository_in_one_commit(folder, hub):
    steps = []
    said = push(folder, NAME, yes=True, progress=lambda what, *_: steps.append(what))
    assert held(hub) == contents(folder)
    assert any(len(content) >= LARGE for content in held(hub).values())
    assert hub.repositories[NAME].private
    assert said.commit == hub.repositories[NAME].commit
    assert hub.messages == [f"Converted from fairseq, unverified, seal {said.seal}"]
    assert steps == ["reading the files", "asking the hub", "sending the files", "done"]


def test_what_arrived_is_what_was_written_by_an_audit_of_the_hub(folder, hub, monkeypatch):
    said = push(folder, NAME, yes=True, public=True)
    assert not hub.repositories[NAME].private
    with serving({NAME: hub.repositories[NAME].files}) as readable:
        turn_to(readable.address, monkeypatch)
        audited = audit(f"hf://{NAME}", seal=said.seal)
    assert audited.changes == ()
    assert audited.is_sealed


def test_the_same_again_sends_nothing(folder, hub):
    first = push(folder, NAME, yes=True)
    before = list(hub.writes)
    again = push(folder, NAME, yes=True)
    assert hub.writes == before
    assert again.commit == first.commit
    assert again.same == tuple(sorted(contents(folder)))


def test_files_that_are_others_are_replaced_only_when_that_is_asked_for(folder, hub):
    hub.keep(NAME, {"README.md": b"somebody's", "config.json": b"{}", "notes.txt": b"mine"})
    for yes in (False, True):
        with pytest.raises(BadInput, match=r"holds 2 files with other bytes: .*`--replace`"):
            push(folder, NAME, yes=yes)
    assert hub.writes == []
    said = push(folder, NAME, yes=True, replace=True)
    assert set(said.replaced) == {"README.md", "config.json"}
    assert said.beside == ("notes.txt",)
    assert held(hub) == {**contents(folder), "notes.txt": b"mine"}


def test_a_repository_that_is_there_stays_as_visible_as_it_is(folder, hub):
    hub.keep(NAME, {}, private=True)
    assert push(folder, NAME, yes=True, public=True).is_private
    assert hub.repositories[NAME].private


@pytest.mark.parametrize("name", ["config.json", "verification.json", "model.safetensors"])
def test_a_folder_that_changed_is_not_sent(name, folder, hub):
    (folder / name).write_bytes(b"{}")
    with pytest.raises(BadInput, match=rf"must be as it was written to be sent, but `{name}`"):
        push(folder, NAME, yes=True)
    assert hub.asked == []


def test_a_folder_that_changes_while_it_is_sent_is_told(folder, hub):
    changed = (folder / "config.json").read_bytes().replace(b"true", b"TRUE")

    def change(_):
        # What the hub gets was read before; what is on the disk is another by now.
        (folder / "config.json").write_bytes(changed)

    hub.before_commit = change
    with pytest.raises(BadInput, match="must hold what was sent, but `config.json` is not there"):
        push(folder, NAME, yes=True)


def test_who_changes_the_repository_meanwhile_is_not_written_over(folder, hub):
    hub.before_commit = lambda h: setattr(h.repositories[NAME], "commit", "0" * 40)
    with pytest.raises(BadInput, match="must be as it was a moment ago, but somebody made or"):
        push(folder, NAME, yes=True)
    assert held(hub) == {}


def test_nobody_who_is_not_logged_in_sends_anything(folder, hub, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert not push(folder, NAME).is_known
    with pytest.raises(BadInput, match=r"nobody is logged in here. Run `hf auth login`"):
        push(folder, NAME, yes=True)
    assert hub.writes == []


@pytest.mark.usefixtures("hub")
def test_a_token_is_said_by_nobody_whatever_the_hub_says(folder, monkeypatch):
    outcome = CliRunner().invoke(app, ["push", str(folder), NAME, "--yes", "--json", "-"])
    assert outcome.exit_code == 0
    assert TOKEN not in outcome.output
    monkeypatch.setenv("HF_TOKEN", "hf_anothersecret")
    outcome = CliRunner().invoke(app, ["push", str(folder), "org/other", "--yes", "--debug"])
    assert outcome.exit_code == 2
    assert "must be a repository that you may change, but the hub says no" in outcome.stderr
    assert "hf_anothersecret" not in outcome.output


@pytest.mark.usefixtures("hub")
def test_a_hub_that_nobody_answers_for_is_told(folder, monkeypatch):
    turn_to("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(BadInput, match=r"`org/name` must be a repository of http://127.0.0.1:9"):
        push(folder, NAME)


@pytest.mark.parametrize(
    "name", ["name", "org/name/x", "https://x.co/a/b", "../x", "a/b.git", "a/"]
)
def test_what_names_no_repository_is_refused_before_anything_is_read(name):
    with pytest.raises(BadInput, match="`REPO_ID` must be the name of a repository"):
        push("nowhere", name)


def test_the_terminal_is_told_what_goes_where_and_what_to_do_next(folder, hub):
    outcome = CliRunner().invoke(app, ["push", str(folder), NAME], env={"COLUMNS": "200"})
    assert "dry run   nothing is sent; with `--yes` 8 files" in outcome.stdout
    assert "to        org/name, which is made, private" in outcome.stdout
    assert "proof     none: the folder is unverified, and says so" in outcome.stdout
    said = CliRunner().invoke(app, ["push", str(folder), NAME, "--yes"], env={"COLUMNS": "200"})
    commit = hub.repositories[NAME].commit
    assert f"next      toolkit audit hf://org/name@{commit} --seal " in said.stdout
