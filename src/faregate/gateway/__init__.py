"""The data plane: real clients in, upstreams out, the exact fare on every answer."""
