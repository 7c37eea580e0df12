"""Databases that: each says why, quotes no secret, and says if waiting helps."""

import asyncio
import socket
import sqlite3
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from faregate.errors import FaregateError
from faregate.store.database import DatabaseStore
from faregate.store.errors import LedgerError, LedgerUnavailableError, LedgerVersionError
from faregate.store.migrate import VERSION_TABLE
from faregate.store.places import store_at
from tests.store.ledgers import SERVER, a_row, server_answers

SECRET = "hunter2"
pytestmark = pytest.mark.usefixtures("few_partitions")


async def refusal(store: DatabaseStore) -> FaregateError:
    """What opening and reading a store fail with; neither may show a secret."""
    with pytest.raises(FaregateError) as opened:
        await store.open()
    with pytest.raises(FaregateError) as attached:
        await store.attach()
    for each in (opened, attached):
        assert SECRET not in "".join(traceback.format_exception(each.value))
    assert type(opened.value) is type(attached.value)
    return opened.value


@asynccontextmanager
async def server(*answers: bytes) -> AsyncIterator[int]:
    """A PostgreSQL that answers each message of a client's with one of these; its port."""

    met: list[asyncio.Task[None]] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            for number, answer in enumerate(answers):
                kind = await reader.readexactly(1) if number > 1 else b""
                said = await reader.readexactly(int.from_bytes(await reader.readexactly(4)) - 4)
                assert kind != b"p" or said.rstrip(b"\0") == SECRET.encode()
                writer.write(answer)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(asyncio.create_task(meet(reader, writer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        await asyncio.gather(*met)


def message(kind: bytes, content: bytes) -> bytes:
    """A message of PostgreSQL's protocol."""
    return kind + (len(content) + 4).to_bytes(4) + content


def error(code: str, text: str) -> bytes:
    """An error as PostgreSQL sends it."""
    fields = (b"SFATAL", b"VFATAL", f"C{code}".encode(), f"M{text}".encode())
    return message(b"E", b"".join(each + b"\0" for each in fields) + b"\0")


async def test_an_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*asked: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = await refusal(store_at(f"postgresql://ada:{SECRET}@db.example:5432/costs", Path()))
    assert isinstance(found, LedgerUnavailableError)
    assert str(found) == (
        "the ledger at PostgreSQL db.example:5432/costs: the host is not known "
        "(Name or service not known): check it in database_url"
    )


async def test_a_port_where_nobody_listens() -> None:
    found = await refusal(store_at(f"postgresql://ada:{SECRET}@127.0.0.1:1/costs", Path()))
    assert isinstance(found, LedgerUnavailableError)
    assert "127.0.0.1:1/costs: nothing answers there: check" in str(found)


async def test_a_wrong_password() -> None:
    ask = message(b"R", (3).to_bytes(4))
    wrong = error("28P01", 'password authentication failed for user "ada"')
    async with server(b"N", ask, wrong) as port:
        found = await refusal(store_at(f"postgresql://ada:{SECRET}@127.0.0.1:{port}/costs", Path()))
    assert isinstance(found, LedgerUnavailableError)
    assert str(found) == (
        f"the ledger at PostgreSQL 127.0.0.1:{port}/costs: password authentication"
        ' failed for user "ada": check user and password in database_url'
    )


async def test_an_unknown_database() -> None:
    if not await server_answers():
        pytest.skip("no PostgreSQL answers")
    host = SERVER.rpartition("/")[0].rpartition("@")[2]
    url = f"postgresql://postgres:{SECRET}@{host}/no_such_database"
    found = await refusal(store_at(url, Path()))
    assert isinstance(found, LedgerUnavailableError)
    assert str(found) == (
        f"the ledger at PostgreSQL {host}/no_such_database: database "
        '"no_such_database" does not exist: make it, or check its name in database_url'
    )


@pytest.mark.parametrize(
    ("options", "said", "passes"),
    [
        ("sslmode=nonsense", "does not understand the parameters", False),
        ("sslmode=require", "does not do TLS, which sslmode asks for", True),
        ("sslmode=verify-full&sslrootcert=/nowhere", "No such file", True),
    ],
)
async def test_wrong_parameters(options: str, said: str, passes: bool) -> None:
    async with server(b"N", b"N") as port:
        url = f"postgresql://ada:{SECRET}@127.0.0.1:{port}/costs?{options}"
        found = await refusal(store_at(url, Path()))
    assert said in str(found)
    assert isinstance(found, LedgerUnavailableError) is passes


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"DROP TABLE {VERSION_TABLE}")


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (newer, LedgerVersionError, r"newer Faregate \(schema 9999"),
        (damaged, LedgerError, "the file is damaged"),
        (foreign, LedgerError, "table calls already exists|holds no ledger"),
    ],
)
async def test_what_does_not_pass_by_waiting(
    tmp_path: Path, spoil: Callable[[Path], None], error: type[LedgerError], said: str
) -> None:
    store = store_at("", tmp_path)
    await store.open()
    await store.append([a_row()])
    await store.close()
    spoil(tmp_path / "ledger.sqlite3")
    before = (tmp_path / "ledger.sqlite3").read_bytes()
    for connect in (store.open, store.attach):
        with pytest.raises(error, match=said) as caught:
            await connect()
        assert not isinstance(caught.value, LedgerUnavailableError)
    assert (tmp_path / "ledger.sqlite3").read_bytes() == before
