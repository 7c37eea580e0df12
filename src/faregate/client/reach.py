"""The transport a call goes out on: one an event loop, with the environment's proxies."""

import functools
import os

from faregate.client.options import Options
from faregate.upstream.proxies import Proxies
from faregate.upstream.transport import Transport, shared


def transport_for(options: Options) -> Transport:
    """The running loop's transport for these options.

    ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` are read with the first call.
    """
    proxies = _proxies()
    if options.tls is None and proxies is None:
        return shared()
    return shared(proxies=proxies, tls=options.tls)


@functools.cache
def _proxies() -> Proxies | None:
    found = Proxies.from_environment(os.environ)
    return found if found.http or found.https else None
