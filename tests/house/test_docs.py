"""The documents: what they print happens, what exists is in them, links lead somewhere."""

import ast
import inspect
import re
import tomllib
from pathlib import Path

import pytest

import faregate
from faregate import errors, types
from faregate.client import attempts, options
from faregate.client.bookkeeping import BOOKKEEPING, REFUSED
from faregate.core.receipt_text import cost_fields
from faregate.emulator.serve import running_emulator
from faregate.errors import APIError, FaregateError
from tests.house import cli_reference, samples
from tests.house.samples import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
REFERENCE = ROOT / "docs" / "reference"
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def named(path: Path) -> str:
    """A document's name for a test's id."""
    return path.relative_to(ROOT).as_posix()


def words(path: Path) -> set[str]:
    """Everything in backticks in a document, split at what separates names there."""
    text = _FENCED.sub("", path.read_text("utf-8"))
    quoted = re.findall(r"`([^`\n]+)`", text)
    return {word for each in quoted for word in re.split(r"[\s,()=]+", each)} | set(quoted)


@pytest.mark.parametrize("path", samples.WITH_SAMPLES, ids=named)
def test_samples_print_what_is_shown(path: Path) -> None:
    found = samples.samples_of(path)
    for each in found:
        if each.language == "python":
            compile(each.code, each.where, "exec")
    with running_emulator() as url:
        printed = samples.outputs(found, samples.environment_for(url))
    text = path.read_text("utf-8")
    for each in found:
        if each.run and each.shown is not None:
            shown = samples.stable(text[each.shown])
            assert samples.stable(printed[each.where]) == shown, (
                f"{each.where}: run `python -m tests.house.samples` and read the difference"
            )


def test_there_are_samples_in_the_readme_and_the_tutorial() -> None:
    tutorial = ROOT / "docs" / "tutorial" / "first-routed-call.md"
    for path, least in ((ROOT / "README.md", 1), (tutorial, 5)):
        shown = [each for each in samples.samples_of(path) if each.run and each.shown]
        assert len(shown) >= least


def test_samples_that_differ_are_noticed() -> None:
    assert samples.stable("total 0.1\n") != samples.stable("total 0.2\n")
    one = "2026-11-22T10:00:00Z call_01a202ef0381193cd457ec430d1e"
    two = "2027-01-01T23:59:59Z call_01a202ef0381193cd457ec430d1f"
    assert samples.stable(one) == samples.stable(two)
    row = "azure/gpt-5-nano/global/standard/short/input/"
    assert samples.stable(f"{row}2025-08-01") != samples.stable(f"{row}2025-08-02")


def slugs(path: Path) -> set[str]:
    """The anchors of a document's headings."""
    text = _FENCED.sub("", path.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {each.strip().replace(" ", "-") for each in kept}


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_links_lead_somewhere(path: Path) -> None:
    for link in _LINK.findall(_FENCED.sub("", path.read_text("utf-8"))):
        if link.startswith(("https://", "http://")):
            continue
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), f"{named(path)}: {link} leads nowhere"
        if anchor:
            assert anchor in slugs(there), f"{named(path)}: {link} has no such heading"


def test_every_document_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / link.partition("#")[0]).resolve()
        for link in _LINK.findall(index.read_text("utf-8"))
    }
    own = {path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "adr"}
    assert own - linked - {index} == set()


def test_every_decision_is_in_its_index() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text("utf-8")
    found = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    for number, path in enumerate(found, start=1):
        title = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
        assert path.name.startswith(f"{number:04}-"), f"{path.name} is out of order"
        assert title.startswith(f"{number}. ")
        assert f"[{title}]({path.name})" in index


def test_commands_are_documented() -> None:
    text = (REFERENCE / "cli.md").read_text("utf-8")
    assert text == cli_reference.reference(), (
        "run `python -m tests.house.cli_reference > docs/reference/cli.md`"
    )


def own_exceptions() -> list[type[FaregateError]]:
    """Every class of the tree."""
    return [
        found
        for _, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, FaregateError) and found is not FaregateError
    ]


@pytest.mark.parametrize("kind", own_exceptions(), ids=lambda kind: kind.__name__)
def test_exceptions_are_documented_and_public(kind: type[FaregateError]) -> None:
    assert getattr(faregate, kind.__name__) is kind
    assert getattr(faregate.exceptions, kind.__name__) is kind
    text = (REFERENCE / "errors.md").read_text("utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith(f"| `{kind.__name__}` |")
    ]
    assert len(rows) == 1, f"{kind.__name__} has {len(rows)} rows in errors.md"
    if not issubclass(kind, APIError):
        return
    _, status, code, retryable, again = rows[0]
    assert (status, code.strip("`")) == (str(kind.status_code), kind.default_code)
    assert retryable == ("yes" if kind.retryable else "no")
    assert again.startswith("yes") is attempts._may_retry(kind("", "", ""))


def steering_arguments() -> set[str]:
    """Every name that ``options.split`` takes out of a call's arguments."""
    found = set(options._OWN_PRICE_ARGUMENTS) | set(REFUSED) | set(BOOKKEEPING)
    for node in ast.walk(ast.parse(inspect.getsource(options))):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        called = ast.unparse(node.func)
        first = node.args[0]
        if called in ("take", "arguments.pop") and isinstance(first, ast.Constant):
            found.add(str(first.value))
    return found


def test_steering_arguments_are_documented() -> None:
    found = steering_arguments()
    assert {"api_key", "timeout", "tenant_id", "input_cost_per_token", "fallbacks"} <= found
    assert found - words(REFERENCE / "sdk.md") == set()


def test_public_names_are_documented() -> None:
    documented = set().union(*(words(path) for path in DOCUMENTS))
    documented |= {word.rpartition(".")[2] for word in documented}
    public = {name for name in faregate.__all__ if not name.startswith("__")}
    assert public - documented == {"Message", "exceptions"} - documented


@pytest.mark.parametrize(
    "kind",
    [
        types.Receipt,
        types.Charge,
        types.Usage,
        types.Line,
        types.RouterTrace,
        types.Attempted,
    ],
    ids=lambda kind: kind.__name__,
)
def test_receipt_fields_are_documented(kind: type) -> None:
    public = {
        name
        for name, member in inspect.getmembers(kind)
        if not name.startswith("_") and not callable(member)
    }
    assert public - words(REFERENCE / "receipt.md") == set()


def test_cost_details_are_documented() -> None:
    charge = types.Charge(
        provider="azure_ai",
        deployment="d",
        route="model_router",
        requested_model="r",
        sent_model="s",
        served_model="m",
        scope="global",
        tier="standard",
        usage=types.Usage(input=1),
        lines=(
            types.Line(
                kind="router_fee",
                unit="input",
                priced_as="input",
                quantity=1,
                per_token=1,
                amount=1,
                price_id="p",
            ),
        ),
        total=1,
        status="estimated",
        reason="why",
    )
    receipt = types.Receipt(call_id="c", charges=(charge,), total=1, status="estimated")
    found = cost_fields(receipt)
    assert set(found["cost_details"]) - words(REFERENCE / "receipt.md") == set()


def test_every_part_has_its_place_in_the_architecture() -> None:
    documented = words(ROOT / "ARCHITECTURE.md")
    source = ROOT / "src" / "faregate"
    parts = {
        path.stem
        for path in source.iterdir()
        if path.name not in ("__init__.py", "__pycache__", "py.typed", "__main__.py")
        and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert parts - documented == set()


def test_the_floors_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = next(each["layers"] for each in contracts["contracts"] if each["type"] == "layers")
    wanted = [set(re.split(r" [|:] ", layer)) for layer in layers]
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == wanted


def test_files_named_in_the_architecture_exist() -> None:
    source = ROOT / "src" / "faregate"
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named_files = set(re.findall(r"`([\w/]+\.py)`", text))
    assert len(named_files) > 20
    for each in named_files:
        short = each.removeprefix("faregate/")
        assert (source / short).exists() or list(source.rglob(short)), f"{each} does not exist"


# Spelled in pieces, so that this file does not hold them.
_FORBIDDEN = (
    "/wo" + "rk/",
    "../sha" + "red",
    "shared/fa" + "cts",
    "shared/de" + "sign",
    "pypi" + ".org",
    "files.python" + "hosted",
    "registry.npm" + "js",
    "/ro" + "ot/",
)
_TEXTS = (".py", ".md", ".toml", ".lock", ".csv", ".yml", ".yaml", ".cfg", ".ini", "")


def texts() -> list[Path]:
    """Every text of the repository."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in ("src", "tests", "bench", "docs", ".ci"):
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    return [
        path
        for path in found
        if path.suffix in _TEXTS and "__pycache__" not in path.parts and path.name != ".coverage"
    ]


def test_no_text_names_a_machine_or_a_registry() -> None:
    checked = texts()
    assert len(checked) > 100
    for path in checked:
        text = path.read_text("utf-8", errors="replace")
        for word in _FORBIDDEN:
            assert word not in text, f"{named(path)} holds {word!r}"
