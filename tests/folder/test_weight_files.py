import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from toolkit.core.errors import BadInput
from toolkit.folder.safe_copy import loadable
from toolkit.folder.view import view_folder
from toolkit.folder.weight_files import place_tensors
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

SAFE = "model.safetensors"
PICKLE = "pytorch_model.bin"
WRONG = {"wrong": torch.zeros(2)}
FORMATS = {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}}


def name_weights(folder, name):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "transformers_weights": name}))


def to_pickle(folder, *, shards=1, **options):
    """Writes the weights as older versions of transformers do; returns what they are."""
    tensors = load_file(folder / SAFE)
    (folder / SAFE).unlink()
    if shards == 1:
        torch.save(tensors, folder / PICKLE, **options)
        return tensors
    files = {}
    for number in range(shards):
        file = f"pytorch_model-{number + 1:05d}-of-{shards:05d}.bin"
        part = {name: tensors[name] for name in sorted(tensors)[number::shards]}
        torch.save(part, folder / file, **options)
        files |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 0}, "weight_map": files}
    (folder / f"{PICKLE}.index.json").write_text(json.dumps(index))
    return tensors


# Which files


@pytest.mark.parametrize(
    "name",
    [
        *("optimizer.safetensors", "adapter_model.safetensors", "model.fp16.safetensors"),
        *("model-00001-of-00002.safetensors", "another.safetensors"),
    ],
)
def test_weights_that_transformers_does_not_read_are_not_read(name, broken):
    save_file(WRONG, broken / name)
    places = place_tensors(broken)
    assert set(places.values()) == {broken / SAFE}
    (broken / name).write_bytes(b"nonsense")
    assert place_tensors(broken) == places


@pytest.mark.parametrize("name", ["training_args.bin", PICKLE, f"{PICKLE}.index.json"])
def test_pickles_beside_safetensors_are_not_read(name, broken):
    (broken / name).write_bytes(b"nonsense")
    assert set(place_tensors(broken).values()) == {broken / SAFE}


def test_one_file_is_read_before_several(broken):
    save_file(WRONG, broken / "x.safetensors")
    index = {"weight_map": {"wrong": "x.safetensors"}}
    (broken / f"{SAFE}.index.json").write_text(json.dumps(index))
    assert "wrong" not in place_tensors(broken)
    (broken / SAFE).unlink()
    assert place_tensors(broken) == {"wrong": broken / "x.safetensors"}


@pytest.mark.parametrize("index", [True, False])
def test_the_file_that_the_configuration_names_is_read_before_all(index, broken):
    save_file(WRONG, broken / "x.safetensors")
    named = "x.safetensors.index.json" if index else "x.safetensors"
    (broken / "x.safetensors.index.json").write_text('{"weight_map": {"wrong": "x.safetensors"}}')
    name_weights(broken, named)
    assert place_tensors(broken) == {"wrong": broken / "x.safetensors"}


def test_the_last_of_several_files_wins(broken):
    tensors = load_file(broken / SAFE)
    (broken / SAFE).unlink()
    name = next(iter(tensors))
    save_file(tensors, broken / "a.safetensors")
    save_file({name: tensors[name] + 1}, broken / "b.safetensors")
    files = {**dict.fromkeys(tensors, "a.safetensors"), "more": "b.safetensors"}
    index = {"metadata": {}, "weight_map": files}
    (broken / f"{SAFE}.index.json").write_text(json.dumps(index))
    target = Seq2SeqTarget(broken)
    assert target.view.tensors[name].equal(tensors[name] + 1)
    assert target.model.state_dict()[name].equal(tensors[name] + 1)


@pytest.mark.parametrize("name", ["gone.safetensors", "gone.safetensors.index.json"])
def test_a_named_file_that_is_not_there_is_bad_input(name, broken):
    name_weights(broken, name)
    with pytest.raises(BadInput, match="must (hold|name) `"):
        place_tensors(broken)


@pytest.mark.parametrize("name", ["../x.safetensors", "x.bin", "/x.safetensors", "", 3, ["x"]])
def test_a_name_that_is_none_is_bad_input(name, broken):
    name_weights(broken, name)
    with pytest.raises(BadInput, match="must name nothing outside of the folder and no pickle"):
        place_tensors(broken)


# Pickles


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("shards", [1, 3])
def test_pickles_are_read_as_data_and_loaded_as_they_are(form, shards, broken, run):
    tensors = to_pickle(broken, shards=shards, **FORMATS[form])
    target = Seq2SeqTarget(broken)
    assert target.view.pickled
    assert target.view.tensors.keys() == tensors.keys()
    assert all(target.view.tensors[name].equal(tensor) for name, tensor in tensors.items())
    assert target.forward([run.source], [run.prefix]).logits.equal(run.target_result)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_in_a_pickle_stays_what_it_is(dtype, broken):
    tensors = {name: tensor.to(dtype) for name, tensor in load_file(broken / SAFE).items()}
    (broken / SAFE).unlink()
    torch.save(tensors, broken / PICKLE)
    view = view_folder(broken)
    with loadable(broken, (), view.tensors) as place:
        copied = load_file(place / SAFE)
    assert copied.keys() == tensors.keys()
    assert all(copied[name].equal(tensor) for name, tensor in tensors.items())


def test_tensors_of_every_shape_and_those_that_share_are_copied(tmp_path):
    base = torch.arange(12.0).view(3, 4)
    tensors = {
        "whole": base,
        "same": base,
        "turned": base.T,
        "row": base[1],
        "empty": base[:0],
        "single": torch.tensor(7, dtype=torch.int64),
        "flags": torch.tensor([True, False]),
    }
    (tmp_path / "hf").mkdir()
    torch.save(tensors, tmp_path / "hf" / PICKLE)
    with loadable(tmp_path / "hf", (), view_folder(tmp_path / "hf").tensors) as place:
        copied = load_file(place / SAFE)
        assert not (place / PICKLE).exists()
    assert {name: tensor.tolist() for name, tensor in copied.items()} == {
        name: tensor.tolist() for name, tensor in tensors.items()
    }


class Acts:
    """Would write a file if it were unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("place", ["entry", "root", "protocol"])
def test_nothing_in_a_pickle_runs(place, broken, tmp_path):
    tensors = to_pickle(broken)
    acts = Acts(tmp_path / "was-here")
    if place == "protocol":
        (broken / PICKLE).write_bytes(pickle.dumps(acts))
    else:
        torch.save(acts if place == "root" else {**tensors, "more": acts}, broken / PICKLE)
    with pytest.raises(BadInput, match=PICKLE):
        Seq2SeqTarget(broken)
    assert not (tmp_path / "was-here").exists()


@pytest.mark.parametrize(
    "root", [{"model": WRONG}, {**WRONG, "step": 3}, [WRONG], {1: torch.ones(1)}]
)
def test_a_pickle_of_more_than_tensors_is_bad_input(root, broken):
    (broken / SAFE).unlink()
    torch.save(root, broken / PICKLE)
    with pytest.raises(BadInput, match="must hold tensors by name and nothing else"):
        view_folder(broken)


@pytest.mark.parametrize("names", ["../x.bin", "x.safetensors", "/dev/zero", "x\\y.bin"])
def test_an_index_of_pickles_names_pickles_beside_it(names, broken):
    to_pickle(broken, shards=2)
    (broken / f"{PICKLE}.index.json").write_text(json.dumps({"weight_map": {"a": names}}))
    with pytest.raises(BadInput, match=r"must name `\*.bin` files beside it"):
        view_folder(broken)


def test_where_no_links_can_be_made_the_files_themselves_are_copied(broken, monkeypatch):
    """As for most users of Windows."""

    def refuse(*_, **__):
        raise OSError("A required privilege is not held by the client")

    tensors = load_file(broken / SAFE)
    (broken / SAFE).unlink()
    torch.save(tensors, broken / PICKLE)
    view = view_folder(broken)
    with loadable(broken, (), view.tensors) as linked:
        names = {path.name for path in linked.iterdir()}
    monkeypatch.setattr(Path, "symlink_to", refuse)
    with loadable(broken, (), view.tensors) as place:
        assert {path.name for path in place.iterdir()} == names
        assert not any(path.is_symlink() for path in place.iterdir())
        assert (place / "config.json").read_bytes() == (broken / "config.json").read_bytes()
