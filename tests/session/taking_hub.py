"""A hub on this machine that takes repositories and files, large ones as git LFS has them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

TOKEN = "hf_averysecrettokenthatnobodymaysee"
LARGE = 2_000
"""Bytes from which on files are kept as LFS; the hub itself goes by more than their size."""
Answer = tuple[int, object]


@dataclass
class Kept:
    """A repository."""

    private: bool
    commit: str
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class TakingHub:
    """All repositories, and what was asked."""

    address: str = ""
    repositories: dict[str, Kept] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """`POST /api/repos/create`, say."""
    messages: list[str] = field(default_factory=list)
    before_commit: Callable[[TakingHub], object] = lambda _: None
    """What happens at the hub just before a commit is taken."""

    @property
    def writes(self) -> list[str]:
        """The requests that change something."""
        made = ("/create", "/upload/", "/commit/")
        return [line for line in self.asked if any(word in line for word in made)]

    def keep(self, name: str, files: dict[str, bytes], *, private: bool = False) -> None:
        """Puts a repository there."""
        attributes = {".gitattributes": b"*.safetensors filter=lfs\n"}
        commit = hashlib.sha1(name.encode()).hexdigest()
        self.repositories[name] = Kept(
            private=private, commit=commit, files={**attributes, **files}
        )

    def answer(self, method: str, path: str, body: bytes, token: str | None) -> Answer:
        """Status and content of the answer to a request."""
        self.asked.append(f"{method} {path}")
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if method != "GET" and not path.startswith("/upload/") and token != TOKEN:
            return 403, {"error": f"Forbidden: {token} may not write"}
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path.startswith("/upload/"):
            self.uploads[path.removeprefix("/upload/")] = body
            return 200, {}
        if path.endswith("/info/lfs/objects/batch"):
            return 200, self._offer(json.loads(body))
        words = path.removeprefix("/api/models/").split("/")
        return self._of_repository("/".join(words[:2]), words[2], body, token)

    def _create(self, said: Any) -> Answer:
        name = f"{said['organization']}/{said['name']}"
        if name in self.repositories:
            return 409, {"error": "You already created this model repo"}
        self.keep(name, {}, private=said["visibility"] == "private")
        return 200, {"url": f"{self.address}/{name}", "name": name}

    def _offer(self, said: Any) -> object:
        def offer(one: Any) -> object:
            href = f"{self.address}/upload/{one['oid']}"
            return {**one, "actions": {"upload": {"href": href, "header": {}}}}

        return {"transfer": "basic", "objects": [offer(one) for one in said["objects"]]}

    def _of_repository(self, name: str, what: str, body: bytes, token: str | None) -> Answer:
        kept = self.repositories.get(name)
        if kept is None or (kept.private and token != TOKEN):
            return 401, {"error": "Repository not found"}
        if what == "revision":
            siblings = [{"rfilename": file} for file in kept.files]
            said = {"id": name, "sha": kept.commit, "private": kept.private, "siblings": siblings}
            return 200, said
        if what == "tree":
            return 200, [entry(file, content) for file, content in kept.files.items()]
        if what == "preupload":
            files = json.loads(body)["files"]
            return 200, {"files": [mode(one) for one in files]}
        self.before_commit(self)
        return self._commit(name, kept, [json.loads(line) for line in body.splitlines()])

    def _commit(self, name: str, kept: Kept, lines: list[Any]) -> Answer:
        header = lines[0]["value"]
        if header["parentCommit"] != kept.commit:
            return 412, {"error": "A commit has happened since. Please refresh and try again."}
        for line in lines[1:]:
            value = line["value"]
            kept.files[value["path"]] = (
                self.uploads[value["oid"]]
                if line["key"] == "lfsFile"
                else base64.b64decode(value["content"])
            )
        self.messages.append(header["summary"])
        kept.commit = hashlib.sha1(kept.commit.encode()).hexdigest()
        url = f"{self.address}/{name}/commit/{kept.commit}"
        return 200, {"success": True, "commitOid": kept.commit, "commitUrl": url}


def mode(said: Any) -> object:
    """How a file is to be uploaded."""
    large = said["size"] >= LARGE
    return {
        "path": said["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False
    }  # fmt: skip


def entry(name: str, content: bytes) -> dict[str, object]:
    """A file in a listing."""
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    said: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": oid}
    if len(content) >= LARGE:
        sha256 = hashlib.sha256(content).hexdigest()
        said["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return said


@contextmanager
def taking() -> Iterator[TakingHub]:
    """The hub, as long as the context lasts."""
    hub = TakingHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply("GET")

        def do_POST(self) -> None:
            self.reply("POST")

        def do_PUT(self) -> None:
            self.reply("PUT")

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def reply(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = self.headers.get("Authorization")
            token = None if said is None else said.removeprefix("Bearer ")
            code, content = hub.answer(method, urlsplit(self.path).path, body, token)
            data = json.dumps(content).encode()
            self.send_response(code)
            if code == 401:
                self.send_header("X-Error-Code", "RepoNotFound")
            elif code >= 400:
                self.send_header("X-Error-Message", str(content["error"]))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        hub.address = f"http://127.0.0.1:{server.server_port}"
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
