"""Rows out of the ledger over HTTP: written as they are read."""

import tempfile
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

from faregate.errors import BadRequestError, ConfigError
from faregate.store.export import csv_lines, json_lines, write_parquet
from faregate.store.protocol import Entry

FORMATS = {
    "csv": "text/csv",
    "json": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
_MEMORY = 8 * 1024 * 1024
_PIECE = 64 * 1024


async def stream(entries: AsyncIterator[Entry], form: str) -> StreamingResponse:
    """A file of rows. Raises :class:`BadRequestError` for Parquet without its package."""
    if form == "csv":
        pieces = _gathered(csv_lines(entries))
    elif form == "json":
        pieces = _gathered(json_lines(entries))
    else:
        pieces = await _parquet(entries)
    extension = "jsonl" if form == "json" else form
    return StreamingResponse(
        pieces,
        media_type=FORMATS[form],
        headers={"content-disposition": f'attachment; filename="calls.{extension}"'},
    )


async def _gathered(lines: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """Lines in pieces worth sending."""
    kept: list[str] = []
    size = 0
    async for line in lines:
        kept.append(line)
        size += len(line)
        if size >= _PIECE:
            yield "".join(kept).encode()
            kept, size = [], 0
    yield "".join(kept).encode()


async def _parquet(entries: AsyncIterator[Entry]) -> AsyncIterator[bytes]:
    """A Parquet file, whose end must be written before its beginning can be read."""
    out = tempfile.SpooledTemporaryFile(max_size=_MEMORY)  # noqa: SIM115 - closed where it was sent
    try:
        await write_parquet(entries, out, group=2_000)  # type: ignore[arg-type]
    except ConfigError as error:
        out.close()
        raise BadRequestError(str(error), code="invalid_request", param="format") from None
    except BaseException:
        out.close()
        raise
    out.seek(0)

    async def pieces() -> AsyncIterator[bytes]:
        with out:
            while piece := out.read(_PIECE):
                yield piece

    return pieces()
