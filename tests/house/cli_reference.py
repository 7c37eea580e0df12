"""docs/reference/cli.md, written from the commands themselves.

``python -m tests.house.cli_reference`` prints it; the test that compares it says so.
"""

from collections.abc import Iterator

import click

from faregate.cli import main

_HEAD = """\
# Commands

Written from the commands themselves. `--help` prints the same for each of them.
"""


def reference() -> str:
    """The whole document."""
    return "\n".join([_HEAD, *_command(main, "faregate")]).rstrip() + "\n"


def _command(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    options = [each for each in command.params if isinstance(each, click.Option)]
    usage = " ".join([path, *(each.make_metavar(context) for each in arguments)])
    yield f"## `{usage}`\n"
    yield _prose(command.help or "") + "\n"
    if options:
        yield "| option | meaning | default |\n|---|---|---|"
        yield from (_option(each, context) for each in options)
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _command(found, f"{path} {name}")


def _prose(text: str) -> str:
    paragraphs = text.replace("\r", "").strip().split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _option(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    if not option.is_flag:
        names += f" `{option.make_metavar(context)}`"
    meaning = _prose(option.help or "")
    if option.multiple and "repeated" not in meaning and "more than once" not in meaning:
        meaning += " May be repeated."
    if option.envvar:
        meaning += f" Also from `{option.envvar}`."
    default = "required" if option.required else ""
    value = option.get_default(context)
    if not (option.required or option.is_flag or callable(value)) and isinstance(
        value, str | int | float
    ):
        default = f"`{value}`" if value != "" else ""
    elif not option.required and option.show_default and value is not None:
        default = f"`{value}`"
    cells = (names, meaning.strip(), default)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    print(reference(), end="")
