"""The HTTP/1.1 server in front of the application: what strangers send, bounded, as ASGI."""
