"""A hub on this machine: as much of the protocol as huggingface_hub asks for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

Files = Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Hub:
    """Repositories by name, each with the files of its one commit."""

    address: str
    repositories: dict[str, Files]
    asked: list[str] = field(default_factory=list)
    """The paths of all requests."""


def commit_of(repository: str) -> str:
    """The commit that `main` and `v1` of a repository are."""
    return hashlib.sha1(repository.encode()).hexdigest()


@contextmanager
def serving(repositories: dict[str, Files]) -> Iterator[Hub]:
    """The hub, as long as the context lasts."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def answer(self, *, with_body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            asked.append(path)
            code, headers, body = respond(repositories, path)
            self.send_response(code)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        yield Hub(address=address, repositories=repositories, asked=asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def respond(repositories: Mapping[str, Files], path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and content for the path of a request."""
    is_api = path.startswith("/api/models/")
    words = path.removeprefix("/api/models/" if is_api else "/").split("/")
    repository, rest = "/".join(words[:2]), words[2:]
    if repository not in repositories:
        return 401, {"X-Error-Code": "RepoNotFound"}, b""
    files, commit = repositories[repository], commit_of(repository)
    revision = rest[1] if len(rest) > 1 else "main"
    if revision not in ("main", "v1", commit):
        return 404, {"X-Error-Code": "RevisionNotFound"}, b""
    if is_api:
        return 200, {"Content-Type": "application/json"}, _said(files, repository, rest).encode()
    name = "/".join(rest[2:])
    if name not in files:
        return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b""
    etag = hashlib.sha1(files[name]).hexdigest()
    return 200, {"ETag": f'"{etag}"', "X-Repo-Commit": commit}, files[name]


def _said(files: Files, repository: str, rest: list[str]) -> str:
    if rest[:1] == ["tree"]:
        return json.dumps([_entry(name, content) for name, content in files.items()])
    siblings = [{"rfilename": name} for name in files]
    return json.dumps({"id": repository, "sha": commit_of(repository), "siblings": siblings})


def _entry(name: str, content: bytes) -> dict[str, object]:
    oid = hashlib.sha1(content).hexdigest()
    return {"type": "file", "path": name, "size": len(content), "oid": oid}
