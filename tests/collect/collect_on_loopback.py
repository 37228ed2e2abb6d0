"""Program that runs `cinegan collect` with all connections limited to this machine."""

import socket

from misbehaving_site import connect_to_loopback, look_up_loopback

from cinegan_jax.cli import app

if __name__ == "__main__":
    socket.socket.connect, socket.getaddrinfo = connect_to_loopback, look_up_loopback
    app()
