"""Small files and pickles that the tests of this folder share."""

import io
import zipfile

import torch

from toolkit.checkpoint.pickle_vm import read_pickle, refuse_persistent
from toolkit.checkpoint.window import Window


def read_bytes(data, **options):
    options = {"label": "sample", "find_persistent": refuse_persistent, **options}
    window = Window(io.BytesIO(data), start=0, end=len(data), label="sample")
    return read_pickle(window, **options)


def save(path, model=None, *, legacy=False, protocol=2, **entries):
    model = {"weight": torch.arange(6.0).reshape(2, 3)} if model is None else model
    torch.save(
        {"model": model, **entries},
        path,
        _use_new_zipfile_serialization=not legacy,
        pickle_protocol=protocol,
    )
    return path


def write_zip(path, entries, *, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def read_entries(path):
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def replace_entry(path, ending, content):
    """Writes the archive again with another content of one entry; None leaves the entry out."""
    entries = [(n, content if n.endswith(ending) else old) for n, old in read_entries(path)]
    return write_zip(path, [(n, c) for n, c in entries if c is not None])


def pickle_of(path):
    return next(content for name, content in read_entries(path) if name.endswith("/data.pkl"))
