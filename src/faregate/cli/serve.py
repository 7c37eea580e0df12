"""``faregate --config config.yaml``: the gateway."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import click

from faregate.cli.configuration import read_config, read_or_end
from faregate.cli.master_key import check_weak, data_dir, find_key
from faregate.config import General, Settings
from faregate.errors import ConfigError, FaregateError
from faregate.gateway.ledger import LedgerOptions
from faregate.journal.journal import JournalOptions
from faregate.store.address import parse_address


@click.command()
@click.option("--config", "-c", "path", type=click.Path(dir_okay=False), help="The configuration.")
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 for every address.")
@click.option("--port", "-p", default=4000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--num_workers",
    "--num-workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Processes on the one port; one is enough for most.",
)
@click.option(
    "--otel", is_flag=True, help="Export traces and metrics (faregate[otel], OTEL_* variables)."
)
def serve(path: str | None, host: str, port: int, num_workers: int, otel: bool) -> None:
    """Run the gateway: OpenAI's API on one port, the exact fare on every answer."""
    from faregate.edge.limits import EdgeLimits
    from faregate.edge.listen import bind, hosts, inherited
    from faregate.edge.server import Hooks
    from faregate.edge.server import serve as run
    from faregate.prices.load import book_of
    from faregate.service import Boot, Service

    config = Path(path) if path else _default_config()
    book = book_of(os.environ)
    settings = read_or_end(config, book)
    for warning in settings.warnings:
        click.echo(str(warning), err=True)
    general = settings.general
    try:
        key, made = find_key(
            general.master_key.reveal() if general.master_key else "",
            os.environ,
            data_dir(general.data_dir, os.environ),
        )
        sockets = inherited(os.environ) or bind(host, port)
        weak = ""
        for address in hosts(sockets):
            weak = check_weak(key, address, allowed=general.allow_weak_master_key)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    if weak:
        click.echo(f"warning: {weak}", err=True)
    ledger = _ledger(general) if general.ledger else None
    if num_workers > 1:
        from faregate.cli.several import uncountable

        problem = uncountable(settings, num_workers, ledger)
        if problem:
            raise click.ClickException(problem)
    shared = Path(tempfile.mkdtemp(prefix="faregate-")) if num_workers > 1 else None
    boot = Boot(
        settings=settings,
        master_key=key,
        book=book,
        salt_key=os.environ.get("FAREGATE_SALT_KEY", ""),
        reread=lambda: read_config(config, book),
        stamp=_stamp,
        shared=shared,
        workers=num_workers,
        otel=otel,
        ledger=ledger,
    )
    service = Service(boot)
    limits = general.limits
    try:
        code = run(
            service,
            sockets,
            workers=num_workers,
            drain_timeout=general.drain_timeout,
            hooks=Hooks(
                on_ready=lambda urls: _announce(urls, settings, key if made else ""),
                on_reload=service.reload,
            ),
            limits=EdgeLimits(
                max_header_bytes=limits.max_header_bytes,
                max_headers=limits.max_headers,
                max_url_bytes=limits.max_url_bytes,
                max_body_bytes=limits.max_body_bytes,
                max_in_flight_bytes=limits.max_in_flight_bytes,
                max_connections=limits.max_connections,
                header_timeout=limits.header_timeout,
                body_timeout=limits.body_timeout,
                idle_timeout=limits.idle_timeout,
            ),
        )
    except FaregateError as error:
        raise click.ClickException(str(error)) from None
    finally:
        if shared is not None:
            shutil.rmtree(shared, ignore_errors=True)
    sys.exit(code)


def _ledger(general: General) -> LedgerOptions:
    """Where and how rows are kept. Raises a ClickException when that cannot be."""
    directory = data_dir(general.data_dir, os.environ)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(
            f"the ledger cannot be kept in {directory} ({error.strerror}); set FAREGATE_DATA_DIR or"
            " general_settings.data_dir to a directory that can be written, or general_settings."
            "ledger: false"
        ) from None
    url = general.database_url.reveal() if general.database_url else ""
    try:
        if url:
            parse_address(url)
    except ConfigError as error:
        raise click.ClickException(f"general_settings.{error}") from None
    return LedgerOptions(
        data_dir=directory,
        database_url=url,
        time_zone=general.reporting_time_zone,
        on_outage=general.on_ledger_outage,
        journal=JournalOptions(fsync=general.journal_fsync),
    )


def _default_config() -> Path:
    for name in ("config.yaml", "faregate.yaml"):
        if Path(name).is_file():
            return Path(name)
    raise click.UsageError("no configuration: pass --config FILE, or put a config.yaml here")


def _stamp(settings: Settings) -> object:
    """What the configuration's files look like; a file that is gone counts, too."""
    found: list[object] = []
    for name in settings.files:
        try:
            status = Path(name).stat()
            found.append((name, status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError:
            found.append((name, None))
    return tuple(found)


def _announce(urls: list[str], settings: Settings, made_key: str) -> None:
    """What a person wants to know once the port answers."""
    url = urls[0] if urls else ""
    if settings.general.log.format == "json" and not made_key:
        return
    lines = [f"Faregate is ready at {url}"]
    names = settings.names()
    lines.append(f"models: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}")
    if made_key:
        lines.append(f"master key (made now, kept in the data directory): {made_key}")
    lines.append(f"point an OpenAI client at {url}/v1 with the master key")
    click.echo("\n".join(lines))
