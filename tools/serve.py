"""Serve the built book on a free local port, until Ctrl-C."""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HTML = Path(__file__).resolve().parents[1] / "_build" / "html"


class QuietHandler(SimpleHTTPRequestHandler):
    """A file handler that does not print a line for each request."""

    def log_message(self, *args: object) -> None:
        """Print nothing."""


class QuietServer(ThreadingHTTPServer):
    """A server that does not mind when a reader leaves a page before it has loaded."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Report an error unless it is the reader's leaving."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def open_server(folder: Path, first_port: int = 8000) -> ThreadingHTTPServer:
    """Return a server of `folder` on the first free port from `first_port` on (0: any)."""
    handler = partial(QuietHandler, directory=str(folder))
    for port in range(first_port, first_port + 100):
        try:
            return QuietServer(("127.0.0.1", port), handler)
        except OSError:
            continue
    raise SystemExit(f"No free port from {first_port} to {first_port + 99}.")


def main() -> None:
    """Serve the book and print its address."""
    if not (HTML / "index.html").is_file():
        raise SystemExit("There is no built book yet: run `make build`.")
    with open_server(HTML) as server:
        print(f"The book is at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    sys.exit(main())
