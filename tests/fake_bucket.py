"""A server that stands for Google Cloud Storage: one bucket in memory, over its JSON interface.

It knows what `gcsfs` and TensorStore ask for, generations and conditions on them included. Source:
the interface's public description, cloud.google.com/storage/docs/json_api.
"""

import base64
import contextlib
import dataclasses
import http.server
import itertools
import json
import pathlib
import re
import sys
import threading
import urllib.parse
import zlib
from collections.abc import Iterator

BUCKET = "bucket"
_OBJECTS = f"/storage/v1/b/{BUCKET}/o"
_UPLOAD = f"/upload{_OBJECTS}"
_HTTP = {"json": "application/json", "bytes": "application/octet-stream"}


@dataclasses.dataclass(frozen=True)
class Kept:
    """An object: its bytes, and which of those that had its name it is."""

    content: bytes
    generation: int


@dataclasses.dataclass
class Bucket:
    """What the server keeps.

    Attributes:
      objects: By name.
      uploads: Those that come in parts: name and bytes so far, by number.
      address: Of the server.
    """

    objects: dict[str, Kept] = dataclasses.field(default_factory=dict)
    uploads: dict[str, tuple[str, bytes]] = dataclasses.field(default_factory=dict)
    address: str = ""
    lock: threading.RLock = dataclasses.field(default_factory=threading.RLock)
    counter: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    def write(self, name: str, content: bytes) -> Kept:
        """Replaces an object whole."""
        with self.lock:
            self.objects[name] = kept = Kept(content, next(self.counter))
            return kept


@contextlib.contextmanager
def running() -> Iterator[Bucket]:
    """Runs a server with an empty bucket."""
    bucket = Bucket()

    class Handler(_Handler):
        kept = bucket

    server = _Server(("localhost", 0), Handler)
    server.daemon_threads = True
    bucket.address = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()


def environment(bucket: Bucket) -> dict[str, str]:
    """Returns the variables with which programs take the server for the cloud."""
    return {
        "STORAGE_EMULATOR_HOST": bucket.address,
        "TENSORSTORE_GCS_HTTP_URL": bucket.address,
        "CLOUD_STORAGE_EMULATOR_ENDPOINT": bucket.address,  # of array_record
        "FSSPEC_GCS_TOKEN": "anon",  # nobody is asked who this is
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # asks another service about the bucket
        "NO_GCE_CHECK": "true",
    }


def send(bucket: Bucket, folder: pathlib.Path, prefix: str) -> None:
    """Copies the files of a folder into the bucket; their names begin with `prefix/`."""
    for path in folder.rglob("*"):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            bucket.write(f"{prefix}/{name}", path.read_bytes())


def fetch(bucket: Bucket, prefix: str, folder: pathlib.Path) -> None:
    """Copies the objects whose names begin with `prefix/` into a folder."""
    for name, kept in list(bucket.objects.items()):
        if name.startswith(f"{prefix}/") and not name.endswith("/"):
            path = folder / name.removeprefix(f"{prefix}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(kept.content)


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing of clients that were killed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kept: Bucket

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""

    def do_GET(self) -> None:
        path, query = self._asked()
        if path == f"/storage/v1/b/{BUCKET}":
            self._json({"kind": "storage#bucket", "name": BUCKET, "location": "HERE"})
        elif path == _OBJECTS:
            self._json(self._listed(query))
        elif name := self._named(path):
            self._get(name, query)
        else:
            self._error(404)

    def do_POST(self) -> None:
        path, query = self._asked()
        body = self._body()
        if path == _UPLOAD and "upload_id" in query:
            self._further(query, body)
        elif path == _UPLOAD:
            self._upload(query, body)
        elif path.startswith("/batch/"):
            self._batch(body)
        elif copied := re.fullmatch(
            rf"{_OBJECTS}/(.+)/(?:rewriteTo|copyTo)/b/{BUCKET}/o/(.+)", path
        ):
            source, target = map(urllib.parse.unquote, copied.groups())
            self._json({"done": True, "resource": self._copy(source, target)})
        else:
            self._error(404)

    def do_PUT(self) -> None:
        self._further(self._asked()[1], self._body())

    def _further(self, query: dict[str, str], body: bytes) -> None:
        """A further part of an upload."""
        number = query["upload_id"]
        name, before = self.kept.uploads[number]
        content = before + body
        self.kept.uploads[number] = (name, content)
        if self.headers["Content-Range"].endswith("/*"):
            self._reply(308, b"", {"Range": f"bytes=0-{len(content) - 1}"})
        else:
            self._json(self._about(name, self.kept.write(name, content)))

    def do_DELETE(self) -> None:
        path, query = self._asked()
        name = self._named(path) or ""
        self._reply(self._delete(name, query), b"")

    def _get(self, name: str, query: dict[str, str]) -> None:
        found = self.kept.objects.get(name)
        if found is None:
            self._error(404)
        elif query.get("ifGenerationNotMatch") == str(found.generation):
            self._reply(304, b"")
        elif query.get("alt") != "media":
            self._json(self._about(name, found))
        else:
            self._content(found)

    def _content(self, found: Kept) -> None:
        headers = {"x-goog-generation": str(found.generation), "x-goog-metageneration": "1"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            self._reply(200, found.content, headers)
            return
        start, size = int(asked[1]), len(found.content)
        stop = min(int(asked[2]) + 1, size) if asked[2] else size
        if start >= size:
            self._error(416)
            return
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        self._reply(206, found.content[start:stop], headers)

    def _upload(self, query: dict[str, str], body: bytes) -> None:
        kind = query["uploadType"]
        if kind == "resumable":
            name = query.get("name") or json.loads(body)["name"]
            number = str(next(self.kept.counter))
            self.kept.uploads[number] = (name, b"")
            location = f"{self.kept.address}{_UPLOAD}?uploadType=resumable&upload_id={number}"
            self._reply(200, b"{}", {"Location": location})
            return
        name, content = query.get("name", ""), body
        if kind == "multipart":
            about, content = _parts(self.headers["Content-Type"], body)
            name = name or json.loads(about)["name"]
        with self.kept.lock:
            wanted = query.get("ifGenerationMatch")
            if wanted is not None and int(wanted) != self._generation(name):
                self._error(412)
                return
            self._json(self._about(name, self.kept.write(name, content)))

    def _delete(self, name: str, query: dict[str, str]) -> int:
        with self.kept.lock:
            wanted = query.get("ifGenerationMatch")
            if wanted is not None and int(wanted) != self._generation(name):
                return 412
            return 204 if self.kept.objects.pop(name, None) else 404

    def _copy(self, source: str, target: str) -> dict[str, str]:
        return self._about(target, self.kept.write(target, self.kept.objects[source].content))

    def _batch(self, body: bytes) -> None:
        """Several deletions in one."""
        mark = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])
        assert mark is not None
        answers = b""
        for number, path in enumerate(re.findall(rb"DELETE (\S+) HTTP", body)):
            asked = urllib.parse.urlsplit(path.decode())
            status = self._delete(self._named(asked.path) or "", {})
            answers += (
                f"--answers\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>"
                f"\r\n\r\nHTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n\r\n"
            ).encode()
        kind = "multipart/mixed; boundary=answers"
        self._reply(200, answers + b"--answers--", {"Content-Type": kind})

    def _listed(self, query: dict[str, str]) -> dict[str, object]:
        prefix, mark = query.get("prefix", ""), query.get("delimiter", "")
        items, folders = [], set()
        with self.kept.lock:
            for name, kept in sorted(self.kept.objects.items()):
                if not name.startswith(prefix):
                    continue
                inner, found, _ = name[len(prefix) :].partition(mark) if mark else (name, "", "")
                if found:
                    folders.add(prefix + inner + mark)
                else:
                    items.append(self._about(name, kept))
        count = int(query.get("maxResults", 0)) or None
        return {"kind": "storage#objects", "items": items[:count], "prefixes": sorted(folders)}

    def _generation(self, name: str) -> int:
        found = self.kept.objects.get(name)
        return found.generation if found else 0

    def _about(self, name: str, kept: Kept) -> dict[str, str]:
        checksum = base64.b64encode(zlib.crc32(kept.content).to_bytes(4, "big")).decode()
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": BUCKET,
            "size": str(len(kept.content)),
            "generation": str(kept.generation),
            "metageneration": "1",
            "contentType": _HTTP["bytes"],
            "etag": checksum,
            "timeCreated": "2026-01-01T00:00:00.000Z",
            "updated": "2026-01-01T00:00:00.000Z",
            "mediaLink": f"{self.kept.address}/download{_OBJECTS}/"
            f"{urllib.parse.quote(name, safe='')}?alt=media",
        }

    def _asked(self) -> tuple[str, dict[str, str]]:
        asked = urllib.parse.urlsplit(self.path)
        return asked.path, dict(urllib.parse.parse_qsl(asked.query))

    def _named(self, path: str) -> str | None:
        found = re.fullmatch(rf"(?:/download)?{_OBJECTS}/(.+)", path)
        return urllib.parse.unquote(found[1]) if found else None

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _json(self, value: object) -> None:
        self._reply(200, json.dumps(value).encode(), {"Content-Type": _HTTP["json"]})

    def _error(self, code: int) -> None:
        text = json.dumps({"error": {"code": code, "message": f"error {code}"}})
        self._reply(code, text.encode(), {"Content-Type": _HTTP["json"]})

    def _reply(self, code: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Type": _HTTP["bytes"], **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _parts(kind: str, body: bytes) -> tuple[bytes, bytes]:
    """Returns the two parts of a body: what is said of an object, and its bytes."""
    mark = re.search(r'boundary="?([^";]+)', kind)
    assert mark is not None
    between = b"--" + mark[1].encode()
    second = body.index(between, len(between))
    parts = body[:second], body[second : body.rindex(between)]
    about, content = (re.split(rb"\r?\n\r?\n", part, maxsplit=1)[1] for part in parts)
    return about, content.removesuffix(b"\n").removesuffix(b"\r")
