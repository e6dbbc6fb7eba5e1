import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.session.hub_server import Hub, commit_of, serving
from toolkit.core.errors import BadInput
from toolkit.core.origin import spelled
from toolkit.folder.admission import check_folder
from toolkit.session.hub import CHECKPOINT, FOLDER, HubName, fetch, fetch_named, maybe_hub_name
from toolkit.session.requests.inspect import Inspect
from toolkit.session.requests.verify import Verify

REPOSITORIES = {
    "org/one": {
        "model.pt": b"weights",
        "dict.ltr.txt": b"a 1\n",
        "config.yaml": b"vocab_filename: dict.ltr.txt\n",
        "config.json": b"{}",
        "gcmvn.npz": b"statistics",
        "README.md": b"a card",
        "training.json": b"{}",
        "other/dict.txt": b"b 1\n",
    },
    "org/several": {"small/model.pt": b"s", "small/dict.txt": b"a 1\n", "large.pt": b"l"},
    "org/none": {"README.md": b"a card"},
    "org/folder": {"config.json": b"{}", "model.safetensors": b"w", "model.h5": b"k"},
    "org/inside": {"hf/config.json": b"{}", "hf/model.safetensors": b"w", "README.md": b"a card"},
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def hub(monkeypatch):
    with serving(dict(REPOSITORIES)) as hub:
        turn_to(hub.address, monkeypatch)
        yield hub


def turn_to(address, monkeypatch):
    """What `HF_ENDPOINT` does when huggingface_hub is imported."""
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def nobody(monkeypatch):
    """An address at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        turn_to(address, monkeypatch)
        yield address


def names(path):
    return sorted(file.name for file in path.iterdir())


@pytest.mark.parametrize(
    ("typed", "repository", "revision", "inner"),
    [
        ("hf://org/name", "org/name", "main", ""),
        ("hf://org/name/", "org/name", "main", ""),
        ("hf://org/name@v1", "org/name", "v1", ""),
        ("hf://org/name@refs/pr/3/model.pt", "org/name", "refs/pr/3", "model.pt"),
        ("hf://org/name/a/model.pt", "org/name", "main", "a/model.pt"),
        ("hf://org/name@v1/a", "org/name", "v1", "a"),
        ("org/name", "org/name", "main", ""),
        ("org/wav2vec2-1.0@v1", "org/wav2vec2-1.0", "v1", ""),
        ("https://huggingface.co/org/name", "org/name", "main", ""),
        (
            "https://huggingface.co/org/name/resolve/v1/a/m.pt?download=true",
            "org/name",
            "v1",
            "a/m.pt",
        ),
        ("https://huggingface.co/org/name/tree/main", "org/name", "main", ""),
    ],
)
def test_a_name_of_the_hub_is_read(typed, repository, revision, inner):
    expected = HubName(repository=repository, revision=revision, inner=inner)
    assert maybe_hub_name(Path(typed)) == expected


@pytest.mark.parametrize(
    "typed",
    [
        *("model.pt", "here/model", "here", "../org/name", "/org/name", "a/b/c"),
        *(
            "org/model.pt",
            "org/model.safetensors",
            "hf://org",
            "https://example.org/org/name",
            "hf://org/name/../hf",
        ),
        *("~/name", "org\\name"),
    ],
)
def test_a_path_is_none(typed, tmp_path):
    (tmp_path / "here").mkdir()
    assert maybe_hub_name(Path(typed)) is None


@pytest.mark.usefixtures("hub")
def test_a_checkpoint_comes_with_what_stands_beside_it_and_nothing_else():
    path = fetch(Path("hf://org/one"), CHECKPOINT)
    assert path.read_bytes() == b"weights"
    beside = ["config.json", "config.yaml", "dict.ltr.txt", "gcmvn.npz", "model.pt"]
    assert names(path.parent) == beside


@pytest.mark.parametrize("typed", ["org/one", "hf://org/one@v1", "hf://org/one/model.pt"])
@pytest.mark.usefixtures("hub")
def test_what_was_fetched_knows_its_name_and_revision(typed):
    path = fetch(Path(typed), CHECKPOINT)
    origin = f"hf://org/one@{commit_of('org/one')}/model.pt"
    assert spelled(path) == origin
    assert spelled(pickle.loads(pickle.dumps(path))) == origin
    assert spelled(path.parent) == str(path.parent)
    assert fetch(Path(origin), CHECKPOINT) == path


@pytest.mark.usefixtures("hub")
def test_of_several_checkpoints_one_must_be_named():
    with pytest.raises(BadInput, match="must say which checkpoint is meant, but there are 2") as e:
        fetch(Path("org/several"), CHECKPOINT)
    assert "hf://org/several/large.pt\n    hf://org/several/small/model.pt" in str(e.value)
    path = fetch(Path("hf://org/several/small"), CHECKPOINT)
    assert path.read_bytes() == b"s"
    assert names(path.parent) == ["dict.txt", "model.pt"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("hf://org/none", "must hold a checkpoint of fairseq, .* but holds `README.md`"),
        ("hf://org/one/absent.pt", "must hold a checkpoint of fairseq"),
        ("hf://org/nowhere", "has none of that name for you. Check the name"),
        ("hf://org/one@v2", "must name a revision of `org/one`, but there is no `v2`"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_what_the_hub_has_not_is_told(typed, said):
    with pytest.raises(BadInput, match=said):
        fetch(Path(typed), CHECKPOINT)


@pytest.mark.usefixtures("hub")
def test_a_folder_comes_whole_but_for_other_formats():
    path = fetch(Path("org/folder"), FOLDER)
    assert names(path) == ["config.json", "model.safetensors"]
    assert spelled(path) == f"hf://org/folder@{commit_of('org/folder')}"


@pytest.mark.usefixtures("hub")
def test_a_folder_inside_of_a_repository_comes_alone():
    path = fetch(Path("hf://org/inside/hf"), FOLDER)
    assert names(path) == ["config.json", "model.safetensors"]
    assert not (path.parent / "README.md").exists()
    with pytest.raises(BadInput, match="is not in revision"):
        fetch(Path("hf://org/inside/absent"), FOLDER)


@pytest.mark.parametrize("typed", ["org/name", "hf://org/name", "hf://org/name/model.pt"])
@pytest.mark.parametrize("kind", [CHECKPOINT, FOLDER])
def test_without_a_network_one_error_says_so(nobody, typed, kind):
    with pytest.raises(BadInput, match="must be a path here, or come from the hub") as raised:
        fetch(Path(typed), kind)
    said = str(raised.value)
    assert nobody in said
    assert "ConnectError" in said
    assert len(said) < 500


def test_where_the_network_is_turned_off_the_error_says_so(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BadInput, match="cannot be asked .*OfflineModeIsEnabled"):
        fetch(Path("hf://org/one"), CHECKPOINT)
    assert hub.asked == []


@pytest.mark.parametrize(("typed", "kind"), [("org/one", CHECKPOINT), ("org/folder", FOLDER)])
def test_what_was_fetched_is_there_without_a_network(hub, nobody, typed, kind, monkeypatch):
    turn_to(hub.address, monkeypatch)
    path = fetch(Path(typed), kind)
    turn_to(nobody, monkeypatch)
    again = fetch(Path(typed), kind)
    assert again == path
    assert spelled(again) == spelled(path)


def test_what_lies_in_the_cache_is_not_sent_again(hub):
    fetch(Path("org/one"), CHECKPOINT)
    hub.asked.clear()
    fetch(Path("org/one"), CHECKPOINT)
    assert [path for path in hub.asked if not path.startswith("/api/")] == []


def test_a_path_that_is_there_is_never_looked_up(hub, tmp_path):
    (tmp_path / "org" / "one").mkdir(parents=True)
    assert fetch(Path("org/one"), FOLDER) == Path("org/one")
    assert hub.asked == []


@pytest.mark.usefixtures("hub")
def test_a_request_has_files_of_this_machine_in_the_place_of_names():
    request = Verify("org/one", "org/folder", target_lang="de")
    found = fetch_named(request)
    assert [found.checkpoint.name, found.hf_dir.name] == ["model.pt", commit_of("org/folder")]
    assert found.target_lang == "de"
    assert fetch_named(found) is found
    assert request.checkpoint == Path("org/one")


def test_a_request_of_paths_stays_what_it_is(hub):
    request = Inspect("model.pt")
    assert fetch_named(request) is request
    assert json.dumps(hub.asked) == "[]"


def files_of(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def toolkit(hub, cache, *words):
    """The command line, in a process that takes the hub's address from its environment."""
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HUB_CACHE": str(cache)}
    return subprocess.run(
        [sys.executable, "-m", "toolkit", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "0"},
    )


def test_a_checkpoint_of_the_hub_is_converted_by_its_name(hub, cache, golden_checkpoint, tmp_path):
    hub.repositories["org/golden"] = files_of(golden_checkpoint.parent)
    words = ("convert", "org/golden", "out", "--no-verify", "--json", "result.json")
    done = toolkit(hub, cache, *words)
    assert done.returncode == 0, done.stderr
    said = json.loads((tmp_path / "result.json").read_text())
    origin = f"hf://org/golden@{commit_of('org/golden')}/model.pt"
    assert said["source"]["path"] == origin
    assert said["reproduce"] == f"toolkit verify {origin} out"
    card = (tmp_path / "out" / "README.md").read_text()
    assert not any(str(cache) in text for text in (json.dumps(said), card, done.stdout))


def test_a_folder_of_the_hub_is_admitted_though_it_is_made_of_links(hub, converted):
    hub.repositories["org/golden"] = files_of(converted)
    hub.repositories["org/deep"] = {f"a/b/{n}": c for n, c in files_of(converted).items()}
    for typed in ("org/golden", "hf://org/deep/a/b"):
        folder = fetch(Path(typed), FOLDER)
        assert (folder / "config.json").is_symlink()
        assert check_folder(folder).keys() == check_folder(converted).keys()


def test_a_command_without_a_network_ends_with_one_error(nobody, cache, tmp_path):
    hub = Hub(address=nobody, repositories={})
    done = toolkit(hub, cache, "convert", "org/golden", "out")
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr
    assert "cannot be asked (ConnectError" in done.stderr
    assert names(tmp_path) == []
