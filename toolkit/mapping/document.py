"""A mapping file as nodes of YAML, each with its line; nothing is built of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, cast

from toolkit.core.errors import BadInput, reason_of
from toolkit.mapping.problems import Problems, shown

MAX_BYTES = 1 << 18
"""Every tensor of a large model in a row of its own takes a tenth of that."""
YAML_TAG = "tag:yaml.org,2002:"
"""What the tags of plain values begin with."""
_KINDS = {"int": "a number", "float": "a number", "bool": "a truth value", "null": "nothing"}


class Node(Protocol):
    """A node of a YAML document, as far as it is looked at."""

    id: str
    """scalar, sequence or mapping."""
    tag: str
    value: Any
    start_mark: Any


def compose(problems: Problems) -> Node | None:
    """The root of the document, None where it is empty.

    Raises:
        BadInput: the file cannot be read, or is no YAML.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses aliases: a few bytes of them stand for any amount of work."""

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                raise yaml.MarkedYAMLError(
                    problem="aliases have no place in a mapping file",
                    problem_mark=self.peek_event().start_mark,  # type: ignore[no-untyped-call]
                )
            return super().compose_node(parent, index)

    content = _read_bytes(problems.path)
    try:
        loader = Loader(content)
        try:
            return cast("Node | None", loader.get_single_node())
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error) or type(error).__name__
        problems.add(mark.line + 1 if mark else 1, f"this must be YAML, but {shown(problem)}")
        problems.finish()
        raise AssertionError("unreachable") from error


def line_of(node: Node) -> int:
    """The line in which a node begins, from 1."""
    return int(node.start_mark.line) + 1


def kind_of(node: Node) -> str:
    """What a node is, in words."""
    if node.id != "scalar":
        return "a list" if node.id == "sequence" else "a mapping"
    name = str(node.tag).removeprefix(YAML_TAG)
    return _KINDS.get(name, "text" if name == "str" else f"of the type `{shown(name)}`")


def _read_bytes(path: Path) -> bytes:
    try:
        # Asked first: opening a pipe would wait for its other end.
        if not path.is_file():
            raise BadInput(f"`{path}` must be a mapping file, but is no file. Check `--mapping`.")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be a readable mapping file, but {reason_of(error)}. Check `--mapping`."
        ) from error
    if len(content) > MAX_BYTES:
        raise BadInput(
            f"`{path}` must be a mapping file of at most {MAX_BYTES} bytes, but has more. "
            "Check `--mapping`."
        )
    return content
