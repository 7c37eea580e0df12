"""Listening sockets: bound here, or handed over by systemd."""

import contextlib
import errno
import os
import resource
import socket
from collections.abc import Mapping

from faregate.errors import ConfigError

BACKLOG = 2048
_FIRST_FD = 3
_SPARE_FDS = 512
"""Upstream connections, files and the loop's own."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of ``host`` (an empty one: all of this machine).

    Raises :class:`ConfigError`, in one line, when that cannot be.
    """
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError, OverflowError):
        raise ConfigError(f"cannot listen on {host!r}: no such host or address") from None
    sockets: list[socket.socket] = []
    try:
        for family, kind, proto, _, address in dict.fromkeys(found):
            chosen = sockets[0].getsockname()[1] if sockets and not port else port
            try:
                sock = socket.socket(family, kind, proto)
            except OSError:  # this machine does not speak the family (IPv6 off)
                continue
            sockets.append(sock)
            _listen(sock, (address[0], chosen, *address[2:]))
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise ConfigError(_why(error, host, port)) from None
    if not sockets:
        raise ConfigError(f"cannot listen on {host!r}: its address family is not available")
    return sockets


def _listen(sock: socket.socket, address: tuple[object, ...]) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setblocking(False)
    sock.bind(address)
    sock.listen(BACKLOG)


def _why(error: OSError, host: str, port: int) -> str:
    where = f"cannot listen on {host or 'any address'}, port {port}: "
    if error.errno == errno.EADDRINUSE:
        return where + "the port is taken; stop the other server or choose another port"
    if error.errno == errno.EACCES:
        return where + "the port needs privileges; choose one from 1024 up, or let systemd open it"
    if error.errno == errno.EADDRNOTAVAIL:
        return where + "this machine does not have that address"
    return where + (error.strerror or "the system refused")


def inherited(environ: Mapping[str, str]) -> list[socket.socket]:
    """The sockets systemd opened for this process; empty without socket activation.

    Raises :class:`ConfigError` for what is not a listening stream socket.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = environ.get("LISTEN_FDS", "")
    if not count.isdigit():
        raise ConfigError("LISTEN_FDS is not a number")
    sockets = []
    for fd in range(_FIRST_FD, _FIRST_FD + int(count)):
        try:
            sock = socket.socket(fileno=fd)
            listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError:
            raise ConfigError(f"LISTEN_FDS names descriptor {fd}, which is no socket") from None
        if sock.type != socket.SOCK_STREAM or not listening:
            sock.close()
            raise ConfigError(f"descriptor {fd} from LISTEN_FDS does not listen for streams")
        sock.setblocking(False)
        sock.set_inheritable(False)
        sockets.append(sock)
    return sockets


def addresses(sockets: list[socket.socket]) -> list[str]:
    """Where clients reach the sockets, as base URLs (a path for a Unix socket)."""
    found = []
    for sock in sockets:
        name = sock.getsockname()
        if sock.family == socket.AF_INET6:
            found.append(f"http://[{name[0]}]:{name[1]}")
        elif sock.family == socket.AF_INET:
            found.append(f"http://{name[0]}:{name[1]}")
        else:
            found.append(f"unix:{name}")
    return found


def hosts(sockets: list[socket.socket]) -> list[str]:
    """The addresses that can be reached; a Unix socket counts as this machine's."""
    internet = (socket.AF_INET, socket.AF_INET6)
    return [s.getsockname()[0] if s.family in internet else "localhost" for s in sockets]


def allow_descriptors(connections: int) -> None:
    """Ask for as many descriptors as the connections need; the system may grant fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _SPARE_FDS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
