"""``python -m faregate.emulator``."""

from faregate.emulator.command import emulate

emulate(prog_name="python -m faregate.emulator")
