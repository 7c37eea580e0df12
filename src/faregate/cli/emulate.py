"""``faregate emulate``."""

from faregate.emulator.command import emulate

__all__ = ["emulate"]
