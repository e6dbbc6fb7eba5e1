import ast
from pathlib import Path

import pytest

import toolkit
from tests.structure.platforms import find_names
from tests.structure.sources import Module, read_package

TWINS = {
    "toolkit.core.positional: os.pread": "a seek and a read",
    "toolkit.core.positional: os.preadv": "a read, and a copy",
    "toolkit.core.positional: os.pwrite": "a seek and a write",
    "toolkit.core.c_library: ctypes.CDLL": "None, as where the library has no such function",
    "toolkit.folder.copying: os.copy_file_range": "the next way",
    "toolkit.batch.pool: os.sched_getaffinity": "all cores of the machine",
    "toolkit.batch.pool: signal.pthread_sigmask": "a process that starts answers Ctrl-C too",
    "toolkit.batch.work: resource": "what memory a job took is not said",
    "toolkit.folder.copying: os.sendfile": "the next way",
    "toolkit.folder.staging: os.geteuid": "whoever holds no lock, and no folder that leads away",
    "toolkit.folder.tokenizer_trial: resource": "the time that whoever started it waits",
    "toolkit.pipeline.elsewhere: os.killpg": "the process alone",
    "toolkit.pipeline.health: /proc/": "memory is not said",
    "toolkit.oracle.pages: ctypes.CDLL": "nothing: asked only where files are said to take room",
    "toolkit.oracle.pages: mmap.MADV_DONTNEED": "nothing: the system drops pages when it needs to",
    "toolkit.oracle.pages: /proc/": "nothing is known to be too much",
    "toolkit.oracle.shelf: mmap.MADV_DONTNEED": "nothing: the system drops pages when it needs to",
}
"""What is done where a name is missing; tests of each file hide it."""


def parsed(text):
    return Module(name="toolkit.it", text=text, tree=ast.parse(text))


def test_what_only_some_systems_have_has_a_twin():
    assert find_names(read_package(Path(toolkit.__file__).parent)) == set(TWINS)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import fcntl", "fcntl"),
        ("def lock():\n    from fcntl import flock", "fcntl"),
        ("import os\nos.pread(0, 1, 2)", "os.pread"),
        ("from os import pread", "os.pread"),
        ("import os\nflags = os.O_RDONLY | os.O_NOFOLLOW", "os.O_NOFOLLOW"),
        ("import signal\nsignal.signal(signal.SIGHUP, None)", "signal.SIGHUP"),
        ("import ctypes\nctypes.CDLL(None)", "ctypes.CDLL"),
        ("open('/proc/self/statm')", "/proc/"),
        ("import os\nos.unlink('name', dir_fd=3)", "dir_fd"),
    ],
)
def test_a_name_that_only_some_systems_have_is_found(text, name):
    assert find_names([parsed(text)]) == {f"toolkit.it: {name}"}


@pytest.mark.parametrize(
    "text", ["import os\nos.open(path, os.O_RDONLY | getattr(os, 'O_NOFOLLOW', 0))", "os.lseek"]
)
def test_what_every_system_has_and_what_is_asked_for_are_none(text):
    assert find_names([parsed(text)]) == set()
