"""Making a connection: name, addresses raced, proxy tunnel, TLS.

The race is written out here because uvloop's ``create_connection`` has none, and it should be the
same everywhere: a broken IPv6 route costs a quarter of a second, never a connect timeout.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, zip_longest
from typing import Any, TypeVar

from faregate.upstream.proxies import Proxy
from faregate.upstream.request_head import Origin
from faregate.upstream.transport_errors import ConnectFailed, ProtocolError, TlsFailed

_HEAD_START = 0.25
_MAX_TUNNEL_HEAD = 16_384

_Found = tuple[int, tuple[Any, ...]]
_P = TypeVar("_P", bound=asyncio.Protocol)


async def dial(
    factory: Callable[[], _P],
    origin: Origin,
    proxy: Proxy | None,
    context: ssl.SSLContext | None,
) -> _P:
    """Connect to ``origin``, directly or through ``proxy``; ``context`` is given for https.

    Raises ConnectFailed or TlsFailed. Nothing of a request has been sent when it does.
    """
    loop = asyncio.get_running_loop()
    sock = await _open_socket(loop, origin, proxy)
    if proxy is not None and context is not None:
        try:
            await _tunnel(loop, sock, origin, proxy)
        except BaseException:
            sock.close()
            raise
    try:
        return await _hand_over(loop, sock, factory, context, origin.host)
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message or "the certificate is not trusted"
        raise TlsFailed(f"{origin.peer}: TLS: {why}") from None
    except ssl.SSLError as error:
        raise TlsFailed(f"{origin.peer}: TLS: {error.reason or 'handshake failed'}") from None
    except OSError:
        during = "the TLS handshake" if context is not None else "connecting"
        kind = TlsFailed if context is not None else ConnectFailed
        raise kind(f"{origin.peer}: the connection was closed during {during}") from None


_handed_over: set[socket.socket] = set()
"""Kept from the collector, which would close a socket whose loop was closed before it reaches the
coroutine that knows the descriptor to be somebody else's by now."""


async def _hand_over(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    factory: Callable[[], _P],
    context: ssl.SSLContext | None,
    host: str,
) -> _P:
    """Give a connected socket to the loop, which from here on owns it, also when this fails."""
    _handed_over.add(sock)
    try:
        if context is None:
            _, protocol = await loop.create_connection(factory, sock=sock)
        else:
            _, protocol = await loop.create_connection(
                factory, sock=sock, ssl=context, server_hostname=host
            )
    except BaseException:
        if isinstance(loop, asyncio.BaseEventLoop):
            # asyncio forgets a TLS transport whose handshake is cancelled before its first step;
            # at the end of the stream it closes even that one.
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        else:
            # uvloop has closed the descriptor but may not have told the socket object, which would
            # close that number a second time, whoever has it by then.
            sock.detach()
        raise
    finally:
        _handed_over.discard(sock)
    return protocol


async def _open_socket(
    loop: asyncio.AbstractEventLoop, origin: Origin, proxy: Proxy | None
) -> socket.socket:
    host, port = (proxy.host, proxy.port) if proxy is not None else (origin.host, origin.port)
    peer = proxy.peer if proxy is not None else origin.peer
    who = (
        f"{origin.peer}: cannot connect to the proxy {peer}" if proxy else f"{peer}: no connection"
    )
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise ConnectFailed(f"{who}: the name cannot be resolved") from None
    addresses = _interleave([(family, address) for family, _, _, _, address in found])
    if not addresses:
        raise ConnectFailed(f"{who}: the name has no address")
    try:
        sock = await _race(loop, addresses)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "unreachable"
        raise ConnectFailed(f"{who}: {why}") from None
    _tune(sock)
    return sock


def _interleave(found: list[_Found]) -> list[_Found]:
    """Alternate between address families, the resolver's favourite first."""
    if not found:
        return []
    first = found[0][0]
    favoured = [one for one in found if one[0] == first]
    others = [one for one in found if one[0] != first]
    return [one for one in chain(*zip_longest(favoured, others)) if one is not None]


async def _race(loop: asyncio.AbstractEventLoop, addresses: list[_Found]) -> socket.socket:
    """The first address to answer wins; each gets a head start over the next."""
    if len(addresses) == 1:
        return await _connect(loop, addresses[0])
    waiting = list(reversed(addresses))
    running: set[asyncio.Task[socket.socket]] = set()
    last: BaseException = OSError("no address")
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_connect(loop, waiting.pop())))
            done, _ = await asyncio.wait(
                running,
                timeout=_HEAD_START if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                running.discard(task)
                error = task.exception()
                if error is None:
                    running |= done - {task}
                    return task.result()
                last = error
        raise last
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close_loser)


def _close_loser(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect(loop: asyncio.AbstractEventLoop, found: _Found) -> socket.socket:
    family, address = found
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _tune(sock: socket.socket) -> None:
    """No Nagle; and probes, because a model may think longer than a NAT remembers us."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20)):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, seconds)


async def _tunnel(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, origin: Origin, proxy: Proxy
) -> None:
    """Ask the proxy for a tunnel (CONNECT). Raises ConnectFailed with the proxy's status."""
    lines = f"CONNECT {origin.peer} HTTP/1.1\r\nHost: {origin.peer}\r\n"
    if proxy.authorization:
        lines += f"Proxy-Authorization: {proxy.authorization}\r\n"
    who = f"{origin.peer}: the proxy {proxy.peer}"
    reply = b""
    try:
        await loop.sock_sendall(sock, f"{lines}\r\n".encode("latin-1"))
        while b"\r\n\r\n" not in reply:
            piece = await loop.sock_recv(sock, 4096)
            if not piece:
                raise ConnectFailed(f"{who} closed the connection")
            reply += piece
            if len(reply) > _MAX_TUNNEL_HEAD:
                raise ConnectFailed(f"{who} sent a head over {_MAX_TUNNEL_HEAD} bytes")
    except OSError:
        raise ConnectFailed(f"{who} reset the connection") from None
    head, _, rest = reply.partition(b"\r\n\r\n")
    version, _, after = head.partition(b" ")
    status = after[:3]
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not status.isdigit():
        raise ConnectFailed(f"{who} did not answer in HTTP")
    if status == b"407":
        raise ConnectFailed(f"{who} wants other credentials (407)")
    if status[:1] != b"2":
        raise ConnectFailed(f"{who} refused the tunnel ({status.decode()})")
    if rest:
        raise ProtocolError(f"{who} sent bytes before the upstream could")
