"""A family in somebody else's package is found by its entry point."""

import sys
from importlib.metadata import Distribution
from zipfile import ZipFile

import pytest

from toolkit.core.errors import BadInput
from toolkit.families import families, find_family

FAMILY = """
class Family:
    name = "toy"
    def matches(self, checkpoint): return "toy.weight" in checkpoint.tensors
    def network(self, checkpoint, options): ...
    def sidecars(self, checkpoint, named): ...
    def task(self, checkpoint, sidecars, network, options): ...
    def shortest_input(self, network): return 1
    def frames(self, network, samples): return samples
    def possible(self, network, calls): return {}

FAMILY = Family()
"""

INSTALLED = {
    "METADATA": "Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n",
    "entry_points.txt": "[toolkit.families]\na = nowhere:FAMILY\n",
}
"""What describes an installed package that offers a family."""


@pytest.fixture
def offer(tmp_path, monkeypatch):
    """Installs a package whose module has this content, and whose entry point names `what`."""

    def install(content, what):
        module = what.partition(":")[0]
        (tmp_path / f"{module}.py").write_text(content)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[toolkit.families]\noffered = {what}\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_a_family_of_another_package_is_known_beside_ours(offer):
    offer(FAMILY, "outside_toy:FAMILY")
    assert [family.name for family in families()][-1] == "toy"
    assert "xm_transformer" in {family.name for family in families()}


@pytest.mark.parametrize("info", ["lib/outside_egg.egg-info", "outside.egg/EGG-INFO"])
def test_a_package_that_was_installed_by_older_tools_is_found_too(info, tmp_path, monkeypatch):
    (tmp_path / info).mkdir(parents=True)
    for name, content in INSTALLED.items():
        (tmp_path / info / name.replace("METADATA", "PKG-INFO")).write_text(content)
    monkeypatch.syspath_prepend((tmp_path / info).parent)
    with pytest.raises(BadInput, match="`nowhere:FAMILY`"):
        list(families())


def test_a_package_in_an_archive_is_found_too(tmp_path, monkeypatch):
    with ZipFile(tmp_path / "packages.zip", "w") as archive:
        for name, content in INSTALLED.items():
            archive.writestr(f"outside-1.0.dist-info/{name}", content)
    monkeypatch.syspath_prepend(tmp_path / "packages.zip")
    with pytest.raises(BadInput, match="`nowhere:FAMILY`"):
        list(families())


def test_who_finds_packages_in_another_way_is_asked(monkeypatch):
    class Installed(Distribution):
        def read_text(self, filename):
            return INSTALLED.get(filename)

        def locate_file(self, path): ...

    class Finder:
        def find_spec(self, *_): ...

        def find_distributions(self, *_):
            return [Installed()]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    with pytest.raises(BadInput, match="`nowhere:FAMILY`"):
        list(families())


def test_our_own_checkpoint_is_still_ours(offer, prepared):
    offer(FAMILY, "outside_other:FAMILY")
    assert find_family(prepared.checkpoint).name == "xm_transformer"


def test_a_checkpoint_that_two_families_claim_is_refused_and_both_are_named(offer, prepared):
    greedy = FAMILY.replace('"toy.weight" in checkpoint.tensors', "True")
    offer(greedy, "outside_greedy:FAMILY")
    with pytest.raises(BadInput, match="`xm_transformer`, `toy` match"):
        find_family(prepared.checkpoint)


@pytest.mark.parametrize(
    ("content", "what", "said"),
    [
        ("raise OSError('no licence')", "outside_raising:FAMILY", "OSError: no licence"),
        ("", "outside_empty:FAMILY", "AttributeError"),
        (
            "FAMILY = 5",
            "outside_number:FAMILY",
            "has no name, matches, network, sidecars, task, shortest_input, frames, possible",
        ),
        ("import no_such_module", "outside_lacking:FAMILY", "No module named 'no_such_module'"),
    ],
)
def test_a_family_that_is_none_names_its_package(content, what, said, offer):
    offer(content, what)
    with pytest.raises(BadInput, match=f"entry point `offered` of `{what.partition(':')[0]}`") as e:
        list(families())
    assert said in str(e.value)
