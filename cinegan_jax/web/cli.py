"""`cinegan serve`. Slow imports are deferred to the command."""

import contextlib
import socket
import webbrowser
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
            metavar="FILE|WORKDIR",
            help="Look file or training workdir to offer besides the installed looks; repeatable.",
        ),
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.")
    ] = False,
) -> None:
    """Serve the darkroom as a web page on this machine. Ctrl-C stops it."""
    try:
        import python_multipart  # noqa: F401  # FastAPI reads forms with it
        import uvicorn

        from cinegan_jax.web.server import create_app
    except ModuleNotFoundError as error:
        raise UserError(f"the page needs {error.name}: {how_to_install('serve')}") from error
    from cinegan_jax.web.limits import ServerLimits
    from cinegan_jax.web.worker import Worker

    with _listen(port) as listener:
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        limits = ServerLimits()
        worker = Worker(limits, tuple(weights or ()))
        typer.echo("Starting ...", err=True)
        worker.start()
        typer.echo(f"The darkroom is open at {address}  (Ctrl-C stops it)")
        if open_page:
            webbrowser.open(address)
        config = uvicorn.Config(create_app(worker, limits), log_level="warning", lifespan="on")
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after its shutdown
            uvicorn.Server(config).run(sockets=[listener])


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
