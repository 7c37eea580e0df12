"""``faregate check`` and models that only the ledger's database can have."""

import pytest
from click.testing import CliRunner, Result

from faregate.cli import main
from faregate.control import models
from faregate.control.desk import Desk
from faregate.control.drafts import ModelFields
from faregate.control.sealing import Sealing
from faregate.control.stored_models import Terms
from faregate.store.protocol import Store
from tests.cli.conftest import Place
from tests.store.ledgers import NOON

FALLBACKS = "router_settings: {fallbacks: [{nano: [spare]}]}\n"


async def add(store: Store) -> None:
    given = {"model": "azure_ai/x", "api_base": "https://r.services.ai.azure.com", "api_key": "key"}
    desk = Desk(store=store, actor="ada", now=NOON)
    terms = Terms(sealing=Sealing("the server's own"), usable=lambda _: "")
    await models.make(desk, terms, ModelFields(model_name="spare", params=given))


def checked(place: Place, **general: object) -> Result:
    path = place.configure(FALLBACKS, **general)[1]
    return CliRunner().invoke(main, ["check", path])


def test_what_neither_the_file_nor_the_database_has_is_an_error(place: Place) -> None:
    done = checked(place)
    assert done.exit_code == 1
    assert "error: router_settings.fallbacks: no model is named 'spare'" in done.stderr
    assert "1 error; nothing was started" in done.stderr


def test_what_the_database_has_is_no_error(place: Place) -> None:
    place.at_store(add)
    done = checked(place)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.endswith("is good: 2 model names, 2 deployments, 0 warnings\n")


def test_what_a_database_cannot_be_asked_is_a_warning(place: Place) -> None:
    done = checked(place, database_url="postgresql://u:secret@127.0.0.1:9/none")
    assert done.exit_code == 0
    assert "warning: router_settings.fallbacks: no model is named 'spare' (whether" in done.stdout
    assert done.stdout.endswith("1 warnings\n")
    assert "secret" not in done.output


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", ""])
def test_a_ledger_that_is_not_made_yet_has_nothing(place: Place, url: str) -> None:
    (place.directory / "ledger.sqlite3").unlink()
    done = checked(place, **({"database_url": url} if url else {}))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no model is named 'spare'" in done.stderr
