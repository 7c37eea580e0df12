"""How much of what was written a client has not taken yet."""

import asyncio
import fcntl
import struct
import sys

# Linux' SIOCOUTQ, which is TIOCOUTQ by another name: bytes sent to a socket and not acknowledged.
_SIOCOUTQ = 0x5411
_NUMBER = struct.Struct("i")


def unsent(transport: asyncio.Transport) -> int:
    """Bytes that wait for the client: those in this process and those in the system's queue.

    The queue holds megabytes, so a slow client may read on for minutes before it has room for what
    is here. Only Linux is asked for it; elsewhere, and of a connection that has ended, the bytes
    here count alone.
    """
    here = transport.get_write_buffer_size()
    found = transport.get_extra_info("socket")
    if found is None or sys.platform != "linux":
        return here
    try:
        answer = fcntl.ioctl(found.fileno(), _SIOCOUTQ, bytes(_NUMBER.size))
    except OSError:
        return here
    queued: int = _NUMBER.unpack(answer)[0]
    return here + queued
