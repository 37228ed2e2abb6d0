"""A stand-in for Google Cloud Storage on this machine, for gcsfs, Orbax and TensorStore."""

import contextlib
import io
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers.buckets import create_bucket
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

MOVE = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/moveTo/o/([^/?]+)(\?.*)?")


MEDIA = re.compile(r"/storage/v1/b/([^/]+)/o/([^/?]+)[?](.*&)?alt=media")


class Server(ThreadingHTTPServer):
    """Does not wait for clients that keep a connection open, nor mind those that were killed."""

    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(RequestHandler):
    """The emulator's, with what it lacks: moves, generations of what is read, and conditions.

    A bucket `closed` refuses all.
    """

    lock = threading.Lock()  # the emulator's storage is made for one thread

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        if re.search("/b/closed(/|$|[?])", self.path):
            self.send_error(403)
            return False
        return True

    def end_headers(self) -> None:
        if self.command == "GET" and (object_ := MEDIA.match(self.path)):
            with contextlib.suppress(NotFound):
                facts = self.storage.get_file_obj(*map(unquote, object_.group(1, 2)))
                self.send_header("x-goog-generation", facts["generation"])
        super().end_headers()

    def do_GET(self) -> None:
        with self.lock:
            super().do_GET()

    def do_POST(self) -> None:
        with self.lock:
            if move := MOVE.fullmatch(self.path):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._move(*map(unquote, move.group(1, 2, 3)))
            else:
                connection = self.rfile
                if self._meets_condition(self._name_of_upload):
                    super().do_POST()
                self.rfile = connection  # for the next request

    def do_DELETE(self) -> None:
        with self.lock:
            if self._meets_condition(self._name_in_path):
                super().do_DELETE()

    def do_PUT(self) -> None:
        with self.lock:
            super().do_PUT()

    def do_PATCH(self) -> None:
        with self.lock:
            super().do_PATCH()

    def _meets_condition(self, name: Callable[[], str]) -> bool:
        """Return False, after answering 412, where ifGenerationMatch is another generation."""
        wanted = parse_qs(urlsplit(self.path).query).get("ifGenerationMatch")
        if wanted is None:
            return True
        bucket = self.path.split("/b/")[1].split("/")[0]
        try:
            present = self.storage.get_file_obj(bucket, name())["generation"]
        except NotFound:
            present = "0"
        if [present] != wanted:
            self.send_error(412)
        return [present] == wanted

    def _name_of_upload(self) -> str:
        """Return the name in the query or, of a multipart upload, in its first part."""
        if given := parse_qs(urlsplit(self.path).query).get("name"):
            return given[0]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.rfile = io.BytesIO(body)
        found = re.search(rb'"name": *("[^"]*")', body)
        assert found is not None
        return str(json.loads(found.group(1)))

    def _name_in_path(self) -> str:
        return unquote(urlsplit(self.path).path.split("/o/")[1])

    def _move(self, bucket: str, source: str, target: str) -> None:
        try:
            facts = self.storage.get_file_obj(bucket, source)
            content = self.storage.get_file(bucket, source)
        except NotFound:
            self.send_error(404)
            return
        self.storage.create_file(bucket, target, content, {**facts, "name": target})
        self.storage.delete_file(bucket, source)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")


@contextlib.contextmanager
def serving() -> Iterator[dict[str, str]]:
    """A store with an empty bucket `bucket`; yields the environment that leads `gs://` to it."""
    storage = Storage(use_memory_fs=True)
    create_bucket("bucket", storage)
    with Server(("localhost", 0), partial(Handler, storage)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://localhost:{server.server_port}"
        yield dict.fromkeys(("STORAGE_EMULATOR_HOST", "TENSORSTORE_GCS_HTTP_URL"), address)
        server.shutdown()
        thread.join()
