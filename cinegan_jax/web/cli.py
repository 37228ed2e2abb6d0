"""`cinegan serve`. Slow imports are deferred to the command."""

import contextlib
import signal
import socket
import webbrowser
from collections.abc import Iterator
from types import FrameType
from typing import Annotated

import typer

from cinegan_jax.core.errors import UserError, how_to_install

HOST = "127.0.0.1"


def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free port.")
    ] = 8765,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            "--look",
            metavar="FILE|WORKDIR",
            help="Look file, LUT (.cube, or HaldCLUT .png) or training workdir to offer besides "
            "the installed looks; repeatable.",
        ),
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.")
    ] = False,
) -> None:
    """Serve the darkroom as a web page on this machine. Ctrl-C stops it."""
    try:
        import python_multipart  # noqa: F401  # FastAPI reads forms with it
        import uvicorn  # noqa: F401

        from cinegan_jax.web.server import create_server
        from cinegan_jax.web.worker import Worker
    except ModuleNotFoundError as error:
        raise UserError(f"the page needs {error.name}: {how_to_install('serve')}") from error
    from cinegan_jax.web.limits import ServerLimits

    limits = ServerLimits()
    worker = Worker(limits, tuple(weights or ()))
    with _until_interrupted(), _listen(port) as listener:
        try:
            address = f"http://{HOST}:{listener.getsockname()[1]}"
            typer.echo("Starting ...", err=True)
            worker.start()
            typer.echo(f"The darkroom is open at {address}  (Ctrl-C stops it)")
            if open_page:
                webbrowser.open(address)
            create_server(worker, limits).run(sockets=[listener])
        finally:
            worker.stop()


@contextlib.contextmanager
def _until_interrupted() -> Iterator[None]:
    """Run the body until the first SIGINT or SIGTERM; ignore further ones.

    So nothing interrupts the clean-up, and the process exits by itself rather than by the signal.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        for name in previous:
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    previous = {name: signal.signal(name, interrupt) for name in (signal.SIGINT, signal.SIGTERM)}
    with contextlib.suppress(KeyboardInterrupt):
        try:
            yield
        finally:
            for name, handler in previous.items():
                if signal.getsignal(name) is interrupt:
                    signal.signal(name, handler)


def _listen(port: int) -> socket.socket:
    """Return a listening socket that only programs on this machine can reach.

    Raises:
      UserError: the port cannot be used.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()  # a browser that connects early waits
    except OSError as error:
        listener.close()
        raise UserError(
            f"port {port} cannot be used ({error.strerror}): give another --port"
        ) from error
    return listener
