"""Addresses to listen on, good and bad, and sockets that somebody else opened."""

import errno
import os
import socket

import pytest

from faregate.edge import listen
from faregate.errors import ConfigError


def test_bound_sockets_listen() -> None:
    (sock,) = listen.bind("127.0.0.1", 0)
    with sock:
        port = sock.getsockname()[1]
        assert listen.addresses([sock]) == [f"http://127.0.0.1:{port}"]
        socket.create_connection(("127.0.0.1", port)).close()


def test_every_address_of_a_name_gets_the_same_port() -> None:
    sockets = listen.bind("", 0)
    try:
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize("host", ["no such host", "256.1.1.1", "a" * 300, "\ud800"])
def test_hosts_that_are_none(host: str) -> None:
    with pytest.raises(ConfigError, match="no such host or address"):
        listen.bind(host, 0)


def test_an_address_of_another_machine() -> None:
    with pytest.raises(ConfigError, match="this machine does not have that address"):
        listen.bind("192.0.2.1", 0)


def test_a_privileged_port(monkeypatch: pytest.MonkeyPatch) -> None:
    class Denied(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", Denied)
    with pytest.raises(ConfigError, match=r"port 80: the port needs privileges") as caught:
        listen.bind("127.0.0.1", 80)
    assert "\n" not in str(caught.value)


def test_without_activation_nothing_is_inherited() -> None:
    assert listen.inherited({}) == []
    assert listen.inherited({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) == []


def mine(count: object) -> dict[str, str]:
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(count)}


def test_activation_that_makes_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="LISTEN_FDS is not a number"):
        listen.inherited(mine("x"))
    read, write = os.pipe()
    monkeypatch.setattr(listen, "_FIRST_FD", read)
    try:
        with pytest.raises(ConfigError, match="is no socket"):
            listen.inherited(mine(1))
    finally:
        os.close(read)
        os.close(write)


def test_an_inherited_socket_must_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    fd = socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach()
    monkeypatch.setattr(listen, "_FIRST_FD", fd)
    with pytest.raises(ConfigError, match="does not listen for streams"):
        listen.inherited(mine(1))


def test_inherited_sockets_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    fd = socket.create_server(("127.0.0.1", 0)).detach()
    monkeypatch.setattr(listen, "_FIRST_FD", fd)
    (sock,) = listen.inherited(mine(1))
    with sock:
        assert not sock.get_inheritable()
        assert listen.addresses([sock])[0].startswith("http://127.0.0.1:")
