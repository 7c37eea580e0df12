"""The nouns. Immutable values that every floor shares; they hold facts and do nothing.

The words are those of GLOSSARY.md. Times are Unix seconds (UTC, float); money is pico-dollars.

``gc=False`` is on what exists in thousands (prices, kept rows and their parts): frozen values that
hold no cycle, which the collector then need not walk through. ``omit_defaults=True`` is on what the
ledger keeps as JSON: the same values in two thirds of the bytes.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

from faregate.money import Usd

Route: TypeAlias = Literal["direct", "model_router"]
"""How a deployment picks its model."""

Tier: TypeAlias = str
"""``standard``, ``priority``, ``flex`` or ``batch``; a name the book does not know is unpriced."""

Scope: TypeAlias = str
"""``global``, ``data_zone_us``, ``data_zone_eu``, ``data_zone_apac``, ``regional``, ``gov`` …"""

Context: TypeAlias = Literal["short", "long"]

Unit: TypeAlias = Literal[
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "output",
    "audio_input",
    "audio_cache_read",
    "audio_output",
    "image_input",
    "image_cache_read",
    "image_output",
]
"""A disjoint billable unit, counted in tokens. ``cache_write`` is the provider's default lifetime
(Anthropic's five minutes), ``cache_write_1h`` Anthropic's hour."""

UNITS: tuple[Unit, ...] = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "output",
    "audio_input",
    "audio_cache_read",
    "audio_output",
    "image_input",
    "image_cache_read",
    "image_output",
)

INPUT_UNITS: tuple[Unit, ...] = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "audio_input",
    "audio_cache_read",
    "image_input",
    "image_cache_read",
)
"""The units that together are the prompt: the router fee and the long-context rule count these."""

Confidence: TypeAlias = Literal["meter", "page", "vendor_list", "derived", "own"]
"""Where a price comes from: a billing meter, a pricing page, the vendor's public list, worked out
from a documented rule, or stated by the deployment itself."""

Status: TypeAlias = Literal["priced", "unpriced", "estimated", "inconsistent", "unsettled"]
"""What a receipt's total is worth. The weakest charge decides. ``unsettled``: the process died
before it knew, and the total is the hold."""

JsonObject: TypeAlias = dict[str, Any]


class Price(Struct, frozen=True, kw_only=True, gc=False):
    """One row of the price book: the list price of a unit, in a scope, from an instant on."""

    id: str
    """Stable name of the row; receipts carry it."""
    provider: str
    """The price list: ``azure``, ``openai``, ``anthropic`` …"""
    model: str
    """Canonical name, lower case. The router fee is the model ``model-router``."""
    scope: Scope
    tier: Tier
    context: Context
    context_from: int = 0
    """For ``long`` rows: the smallest prompt, in tokens, that is billed as long context."""
    unit: Unit
    per_token: Usd
    """Pico-dollars for one token."""
    effective_from: float
    effective_to: float | None = None
    source: str
    source_meter: str = ""
    observed_at: float
    """When we learnt it; ``effective_from`` is when it applies."""
    confidence: Confidence


class Usage(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Counts of disjoint units, in tokens. ``reasoning`` is a shown part of ``output``."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    audio_input: int = 0
    audio_cache_read: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_cache_read: int = 0
    image_output: int = 0
    reasoning: int = 0
    estimated: bool = False
    """Counted by us because the provider did not say."""
    problem: str = ""
    """Why the provider's totals contradict one another; empty when they agree."""

    @property
    def prompt(self) -> int:
        """All input tokens, cached and cache-written included."""
        return (
            self.input
            + self.cache_read
            + self.cache_write
            + self.cache_write_1h
            + self.audio_input
            + self.audio_cache_read
            + self.image_input
            + self.image_cache_read
        )

    @property
    def completion(self) -> int:
        """All output tokens, reasoning included."""
        return self.output + self.audio_output + self.image_output


class Attempted(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One model the router tried, as its routing trace tells it."""

    model: str
    status: int | None = None
    error: str = ""


class RouterTrace(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What Azure's router says of its decision (``model_selection_details``, preview)."""

    mode: str = ""
    latency_ms: int | None = None
    attempts: tuple[Attempted, ...] = ()
    affinity: str = ""
    """``mode/decision`` of session affinity, such as ``sticky/retain``; empty when unsaid."""


class Line(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One line of a charge: quantity x unit price."""

    kind: Literal["model", "router_fee"]
    unit: Unit
    """What was counted."""
    priced_as: Unit
    """The unit whose price applied: ``input`` for a cache read without a price of its own."""
    quantity: int
    per_token: Usd
    amount: Usd
    price_id: str
    context: Context = "short"


class Charge(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What one attempt cost, with its lines."""

    provider: str
    deployment: str
    route: Route
    requested_model: str
    sent_model: str
    served_model: str
    scope: Scope
    tier: Tier
    usage: Usage
    lines: tuple[Line, ...]
    total: Usd | None
    """None where it cannot be known; the lines that are known are still there."""
    status: Status
    reason: str = ""
    """Why the status is not ``priced``, for a person."""
    at: float = 0.0
    """The instant whose prices apply."""
    trace: RouterTrace | None = None


class Receipt(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """All charges of one call."""

    call_id: str
    charges: tuple[Charge, ...]
    total: Usd | None
    status: Status

    @property
    def charge(self) -> Charge:
        """The charge of the attempt that answered (the last one)."""
        return self.charges[-1]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of every charge, in order."""
        return tuple(line for charge in self.charges for line in charge.lines)

    @property
    def router_fee(self) -> Usd | None:
        """The routing fee over all charges; None when no charge has one."""
        fee: Usd | None = None
        for charge in self.charges:
            for line in charge.lines:
                if line.kind == "router_fee":
                    fee = line.amount if fee is None else fee + line.amount
        return fee

    @property
    def model(self) -> str:
        """The served model of the attempt that answered."""
        return self.charge.served_model


Outcome: TypeAlias = Literal["completed", "failed", "cancelled", "refused", "lost"]
"""How a call ended: answered in full; an error or a broken stream; left by the client; refused
after admission; lost in a crash."""


class Attempt(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One call to one deployment."""

    deployment: str
    provider: str
    status: int = 0
    """The HTTP status that came back; 0 when none did."""
    error: str = ""
    """The error's code, empty for a success. Never a message: those may quote a prompt."""
    started: float = 0.0
    seconds: float = 0.0
    """Until the answer's head (a stream: its first event), or until the failure."""


class Row(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One admitted call, as the ledger keeps it. Holds no prompt, answer or secret."""

    call_id: str
    request_id: str = ""
    """The client's ``x-request-id``, or the call id."""
    operation: str = "chat/completions"
    started: float
    first_byte: float | None = None
    """When the first byte of the answer went to the client (Unix seconds)."""
    ended: float
    key: str = ""
    """The id of the client's key; never the key."""
    team: str = ""
    user: str = ""
    """The owner of the key."""
    tags: tuple[str, ...] = ()
    session: str = ""
    """The client's session id, where it sent one."""
    requested_model: str
    deployment: str = ""
    """The deployment that answered, or the last one tried."""
    provider: str = ""
    attempts: tuple[Attempt, ...] = ()
    stream: bool = False
    status: int
    """The HTTP status the client got; 499 when it left before one was sent."""
    error: str = ""
    outcome: Outcome
    receipt: Receipt | None = None
    """None when no attempt reached an upstream that bills."""
    upstream_seconds: float = 0.0
    """Time spent waiting for upstreams, bodies included."""
    overhead_us: int = 0
    """Microseconds of our own before the first byte to the client: everything but the wait."""
    client: str = ""
    """The client's address, where that is configured."""
    end_user: str = ""
    traceparent: str = ""
    """The client's W3C trace context, where it sent one."""
    fallbacks: int = 0
    """How many other deployments or models were gone through before this one."""


class OwnPrices(Struct, frozen=True, kw_only=True):
    """Prices a deployment states for itself; they replace the model's. Pico-dollars a token."""

    per_token: Mapping[Unit, Usd]


class Deployment(Struct, frozen=True, kw_only=True):
    """provider + upstream model + endpoint, and how its calls are billed. Carries no secret."""

    id: str
    provider: str
    route: Route
    upstream_model: str
    """What is sent as ``model``."""
    api_base: str
    api_version: str = ""
    base_model: str = ""
    """For a direct deployment: the name to look its prices up by, instead of the answer's."""
    scope: Scope = "global"
    discount_bp: int = 0
    """A discount on the model's list price in basis points (1,000 is 10 %)."""
    own_prices: OwnPrices | None = None
    router_fee: Usd | None = None
    """Pico-dollars a token, where the deployment states another fee than the book's; 0 is none."""


class Target(Struct, frozen=True):
    """What a model string means, decided once and carried as data."""

    provider: str
    route: Route
    upstream_model: str


class HttpRequest(Struct, frozen=True):
    """One request as it goes on the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def __repr__(self) -> str:
        """Without headers and body: those hold keys and prompts, and reprs end up in logs."""
        return f"HttpRequest({self.method} {self.url.partition('?')[0]}, {len(self.body)} bytes)"


class ErrorFacts(Struct, frozen=True, kw_only=True):
    """What an upstream's error says, whatever its spelling."""

    status: int
    message: str
    code: str = ""
    type: str = ""
    param: str = ""
    kind: Literal["", "content_filter", "context_window", "unsupported_param", "budget", "held"] = (
        ""
    )
    """``budget``: the provider's account is used up. ``held``: a budget or limit of ours kept the
    attempt from beginning."""
    filter_result: JsonObject | None = None
    retry_after: float | None = None
    """Seconds the upstream asks to wait, capped; None when it does not say."""
    body: JsonObject | None = None


class Provider(Struct, frozen=True, kw_only=True):
    """A provider: where it is, which environment it reads, how it is addressed and its quirks.

    A provider is a value of this type in a small file; there is no registration.
    """

    name: str
    chat_url: Callable[[Deployment, str], str]
    """(deployment, operation) to the URL; operation is ``chat/completions`` or ``embeddings``."""
    auth_headers: Callable[[Deployment, str], dict[str, str]]
    """(deployment, API key) to the headers that carry it."""
    price_list: str
    """The provider name in the price book."""
    api_base: str = ""
    """Default base URL; empty when the caller must give one."""
    key_env: tuple[str, ...] = ()
    base_env: tuple[str, ...] = ()
    version_env: tuple[str, ...] = ()
    needs_key: bool = True
    prefix_model: bool = True
    """Whether an answer's model is shown as ``<provider>/<served>``."""
    asks_stream_usage: bool = True
    """Whether ``stream_options.include_usage`` may be sent."""
    docs: str = field(default="")
