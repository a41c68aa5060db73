"""A web server of one file that misbehaves as it is told, for tests of downloads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

from tests.patience import PATIENCE


@contextmanager
def serving(content: bytes, **behaviour) -> Iterator[SimpleNamespace]:
    """Serve some bytes at `url`; what is answered can be changed while it runs.

    content : the bytes; cuts : after how many bytes of each of the next answers the connection is cut; ranges : whether
    Range is understood; statuses : of the next answers, instead of the file; length : whether Content-Length is sent;
    asked : the Range of each request so far, None without.
    """
    told = SimpleNamespace(content=content, cuts=[], ranges=True, statuses=[], length=True, asked=[], hold=None)
    vars(told).update(behaviour)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            told.asked.append(asked)
            if told.statuses:
                self.send_error(told.statuses.pop(0))
                return
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and told.ranges else 0
            if start >= len(told.content) > 0:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(told.content)}")
                self.end_headers()
                return
            body = told.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(told.content) - 1}/{len(told.content)}")
            if told.length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if told.cuts:
                body = body[: told.cuts.pop(0)]
            self.wfile.write(body)
            self.wfile.flush()
            if told.hold is not None:
                told.hold.wait(PATIENCE)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}/data.bin"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
