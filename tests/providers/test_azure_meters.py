"""Meter names to what they measure: the router's pool, its tiers and contexts, and the oddities."""

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from faregate.providers.azure_meters import Meter, Skipped, UnknownMeter, parse_meter
from faregate.providers.azure_regions import ZONES, zone_of
from faregate.types import UNITS

SNAPSHOT = Path(__file__).parent.parent / "fixtures" / "azure-meters-2026-08-11.csv.gz"
GPT = "Azure OpenAI"
GPT5 = "Azure OpenAI GPT5"
MEDIA = "Azure OpenAI Media"

# product, meter, then: model, scope, tier, context, unit. The unit of measure follows the name.
READ = """
Azure OpenAI GPT6 | 6-astra ShortCo Inp Std Gl 1M Tokens | gpt-6-astra global standard short input
Azure OpenAI GPT6 | 6-astra ShortCo Cd Inp Std Gl 1M Tokens | gpt-6-astra global standard short cache_read
Azure OpenAI GPT6 | 6-astra ShortCo Cd Wr Std Gl 1M Tokens | gpt-6-astra global standard short cache_write
Azure OpenAI GPT6 | 6-astra ShortCo Opt Std Gl 1M Tokens | gpt-6-astra global standard short output
Azure OpenAI GPT6 | 6-astra LongCo Opt Std DZ 1M Tokens | gpt-6-astra data_zone standard long output
Azure OpenAI GPT5 | 5.6 sol ShortCo Inp Std Gl 1M Tokens | gpt-5.6-sol global standard short input
Azure OpenAI GPT5 | 5.6 sol ShortCo Cd Inp Std Gl 1M Tokens | gpt-5.6-sol global standard short cache_read
Azure OpenAI GPT5 | 5.6 sol ShortCo Cd Wr Std Gl 1M Tokens | gpt-5.6-sol global standard short cache_write
Azure OpenAI GPT5 | 5.6 sol ShortCo Opt PP Gl 1M Tokens | gpt-5.6-sol global priority short output
Azure OpenAI GPT5 | 5.6 terra LongCo Cd Wr Std DZ 1M Tokens | gpt-5.6-terra data_zone standard long cache_write
Azure OpenAI GPT5 | 5.6 luna ShortCo Inp Std Gl 1M Tokens | gpt-5.6-luna global standard short input
Azure OpenAI GPT5 | 5.5 ShortCo inp Gl 1M Tokens | gpt-5.5 global standard short input
Azure OpenAI GPT5 | 5.5 ShortCo cd inp Gl 1M Tokens | gpt-5.5 global standard short cache_read
Azure OpenAI GPT5 | 5.5 ShortCo opt Gl 1M Tokens | gpt-5.5 global standard short output
Azure OpenAI GPT5 | 5.5 LongCo Batch inp Dz 1M Tokens | gpt-5.5 data_zone batch long input
Azure OpenAI GPT5 | 5.5 ShortCo PP cd inp Dz 1M Tokens | gpt-5.5 data_zone priority short cache_read
Azure OpenAI GPT5 | 5.4 inp Gl 1M Tokens | gpt-5.4 global standard short input
Azure OpenAI GPT5 | 5.4 cd inp Gl 1M Tokens | gpt-5.4 global standard short cache_read
Azure OpenAI GPT5 | 5.4 opt Gl 1M Tokens | gpt-5.4 global standard short output
Azure OpenAI GPT5 | 5.4 longco inp Gl 1M Tokens | gpt-5.4 global standard long input
Azure OpenAI GPT5 | 5.4 longco batch cd inp Gl 1M Tokens | gpt-5.4 global batch long cache_read
Azure OpenAI GPT5 | 5.4 mini Inp Gl 1M Tokens | gpt-5.4-mini global standard short input
Azure OpenAI GPT5 | 5.4 mini cd Inp Dz 1M Tokens | gpt-5.4-mini data_zone standard short cache_read
Azure OpenAI GPT5 | 54 mini Inp Flex Gl 1M Tokens | gpt-5.4-mini global flex short input
Azure OpenAI GPT5 | 5.4 nano Opt Gl 1M Tokens | gpt-5.4-nano global standard short output
Azure OpenAI GPT5 | GPT 5.2 inp Gl 1M Tokens | gpt-5.2 global standard short input
Azure OpenAI GPT5 | GPT 5.2 cd inp Gl 1M Tokens | gpt-5.2 global standard short cache_read
Azure OpenAI GPT5 | GPT 5.2 opt Gl 1M Tokens | gpt-5.2 global standard short output
Azure OpenAI GPT5 | 5.2 pp inp Gl 1M Tokens | gpt-5.2 global priority short input
Azure OpenAI GPT5 | 5.2 chat 0210 opt Gl 1M Tokens | gpt-5.2-chat global standard short output
Azure OpenAI GPT5 | GPT 5.2 chat opt Gl 1M Tokens | gpt-5.2-chat-2025-12-11 global standard short output
Azure OpenAI GPT5 | 5.3 chat cd inp Dz 1M Tokens | gpt-5.3-chat data_zone standard short cache_read
Azure OpenAI GPT5 | GPT 5 Inpt Glbl 1M Tokens | gpt-5 global standard short input
Azure OpenAI GPT5 | GPT 5 Chat cchd Inpt Glbl 1M Tokens | gpt-5-chat global standard short cache_read
Azure OpenAI GPT5 | GPT 5 Nano Inpt Glbl 1M Tokens | gpt-5-nano global standard short input
Azure OpenAI GPT5 | GPT 5 Nano cchd Inpt Glbl 1M Tokens | gpt-5-nano global standard short cache_read
Azure OpenAI GPT5 | GPT 5 Nano outpt DZone 1M Tokens | gpt-5-nano data_zone standard short output
Azure OpenAI GPT5 | GPT 5 Mini Batch Inpt cchd Dzone 1M Tokens | gpt-5-mini data_zone batch short cache_read
Azure OpenAI GPT5 | 5 mini pp Inp Gl 1M Tokens | gpt-5-mini global priority short input
Azure OpenAI GPT5 | gpt-5-codex-ccchd-inp-glbl Tokens | gpt-5-codex global standard short cache_read
Azure OpenAI Reasoning | o4-mini 0416 Inp glbl Tokens | o4-mini global standard short input
Azure OpenAI Reasoning | o4-mini 0416 cached Inp glbl Tokens | o4-mini global standard short cache_read
Azure OpenAI Reasoning | o4-mini 0416 cached Inp DataZone Tokens | o4-mini data_zone standard short cache_read
Azure OpenAI Reasoning | o4-mini 0416 Outp Data Zone Tokens | o4-mini data_zone standard short output
Azure OpenAI Reasoning | o4-mini 0416 Inp regnl Tokens | o4-mini regional standard short input
Azure OpenAI Reasoning | o3-deep research 0626-inp-cchd-glbl 1M Tokens | o3-deep-research global standard short cache_read
Azure OpenAI | gpt 4.1 Inp glbl Tokens | gpt-4.1 global standard short input
Azure OpenAI | gpt 4.1 cached Inp glbl Tokens | gpt-4.1 global standard short cache_read
Azure OpenAI | gpt 4.1 Outp glbl Tokens | gpt-4.1 global standard short output
Azure OpenAI | gpt 4.1 mini cached Inp DZone Tokens | gpt-4.1-mini data_zone standard short cache_read
Azure OpenAI | gpt 4.1 nano Batch Outp DZone Tokens | gpt-4.1-nano data_zone batch short output
Azure OpenAI PP FT GPT4s | 4.1 mini pp cd Inp Gl Tokens | gpt-4.1-mini global priority short cache_read
Azure OpenAI | gpt 4o 1120 Inp glbl Tokens | gpt-4o-2024-11-20 global standard short input
Azure OpenAI | gpt 4o 1120 cached Inp glbl Tokens | gpt-4o-2024-11-20 global standard short cache_read
Azure OpenAI | gpt 4o 0513 Input global Tokens | gpt-4o-2024-05-13 global standard short input
Azure OpenAI | gpt-4o-0806-Outp-glbl Tokens | gpt-4o-2024-08-06 global standard short output
Azure OpenAI | gpt-4o-mini-0718-Inp-glbl Tokens | gpt-4o-mini global standard short input
Azure OpenAI | gpt 4o mini0718 BatchOutp DataZone Tokens | gpt-4o-mini data_zone batch short output
Azure OpenAI | gpt-35-trb16K-Batch-125-Inp-glbl Tokens | gpt-35-turbo-0125 global batch short input
Azure OpenAI | embedding-ada-glbl Tokens | text-embedding-ada-002 global standard short input
Azure OpenAI Embedding | text embedding 3 small DZ Tokens | text-embedding-3-small data_zone standard short input
Azure OpenAI OSS Models | gpt-oss-120B Inp glbl Tokens | gpt-oss-120b global standard short input
Azure OpenAI OSS Models | gpt-oss-120B Outp DZone Tokens | gpt-oss-120b data_zone standard short output
Azure Grok Models | Grok-4 Inp glbl Tokens | grok-4 global standard short input
Azure Grok Models | Grok 4.1 Outp Glbl Tokens | grok-4-1-fast-reasoning global standard short output
Azure Grok Models | Grok4 Fast Inp DZone Tokens | grok-4-fast-reasoning data_zone standard short input
Azure Grok Models | 4.3 Inp Glbl Tokens | grok-4.3 global standard short input
Azure Grok Models | 4.3 Cached Inp DZ L Tokens | grok-4.3 data_zone standard long cache_read
Azure Deepseek Models | V3.2 Inp glbl Tokens | deepseek-v3.2 global standard short input
Azure Deepseek Models | V3.2 SP Outp DZ Tokens | deepseek-v3.2-speciale data_zone standard short output
Azure Deepseek Models | V4 Flash cached glbl Tokens | deepseek-v4-flash global standard short cache_read
Azure Llama Models | Llama 4 Maverick 17B Inp glbl Tokens | llama-4-maverick-17b-128e-instruct-fp8 global standard short input
Azure Llama Models | Llama 4 Maverick 17B Outp Dzone Tokens | llama-4-maverick-17b-128e-instruct-fp8 data_zone standard short output
Azure Fireworks Models | FW GLM 5.2 Inp DZ Tokens | fw-glm-5.2 data_zone standard short input
Azure Fireworks Models | FW GLM 5.2 Cache Inp DZ Tokens | fw-glm-5.2 data_zone standard short cache_read
Azure Fireworks Models | FW DeepSeek-V4-Pro Ch Inp DZ Tokens | fw-deepseek-v4-pro data_zone standard short cache_read
Azure Fireworks Models | FW DeepSeekV3.2 Cache Inp DZ Tokens | fw-deepseek-v3.2 data_zone standard short cache_read
Azure Kimi | K2.5 cached glbl Tokens | kimi-k2.5 global standard short cache_read
Azure Kimi | K2.5 Thinking Inp glbl Tokens | kimi-k2.5 global standard short input
Azure OpenAI | gpt-4o-aud-1217 Inp glbl Tokens | gpt-4o-audio-preview-2024-12-17 global standard short audio_input
Azure OpenAI | gpt-4o-aud-1217-txt Outp regnl Tokens | gpt-4o-audio-preview-2024-12-17 regional standard short output
Azure OpenAI | gpt4omini-rt-aud1217 cchd Inp DZn Tokens | gpt-4o-mini-realtime-preview data_zone standard short audio_cache_read
Azure OpenAI | gpt4o realtimePrvwAudOutp DataZone Tokens | gpt-4o-realtime-preview-2024-10-01 data_zone standard short audio_output
Azure OpenAI | gpt-image-1-inp-cached-img-glbl Tokens | gpt-image-1 global standard short image_cache_read
Azure OpenAI | gpt-image-1-inp-cached-txt-glbl Tokens | gpt-image-1 global standard short cache_read
Azure OpenAI Media | gpt img 1.5 out txt gl 1M Tokens | gpt-image-1.5 global standard short output
Azure OpenAI Media | Image 2 img Batch cd inp Gl 1M Tokens | gpt-image-2 global batch short image_cache_read
Azure OpenAI Media | gpt rt img mn cchd in gl 1215 1M Tokens | gpt-realtime-mini-2025-12-15 global standard short image_cache_read
Azure OpenAI Media | gpt rt aud mini Outp glbl Tokens | gpt-realtime-mini-2025-10-06 global standard short audio_output
Azure OpenAI Media | gpt aud mn txt in DZ 1215 1M Tokens | gpt-audio-mini-2025-12-15 data_zone standard short input
Azure OpenAI Media | gpt-realtime-2.1-mini Audio cd inp DZ 1M Tokens | gpt-realtime-2.1-mini data_zone standard short audio_cache_read
Azure OpenAI Media | gpt4o mn tts aud out gl 1215 1M Tokens | gpt-4o-mini-tts-2025-12-15 global standard short audio_output
"""  # noqa: E501 - a table


def cases() -> list[tuple[str, str, list[str]]]:
    lines = [line.split(" | ") for line in READ.strip().splitlines()]
    return [(product, meter, said.split()) for product, meter, said in lines]


@pytest.mark.parametrize(("product", "meter", "said"), cases())
def test_a_meters_name_says_what_it_measures(product: str, meter: str, said: list[str]) -> None:
    unit = "1M" if meter.endswith("1M Tokens") else "1K"
    found = parse_meter(product, meter, unit)
    assert isinstance(found, Meter), found
    assert [found.model, found.scope, found.tier, found.context, found.unit] == said
    assert found.per == (1_000_000 if unit == "1M" else 1_000)


@pytest.mark.parametrize(
    ("product", "meter", "unit", "reason"),
    [
        (GPT, "Provisioned Managed Data Zone Unit", "1/Hour", "capacity"),
        (GPT, "Az-Provisioned Throughput - Available Unit", "1/Hour", "capacity"),
        (GPT, "Provisioned Throughput Units", "1/Month", "capacity"),
        ("Azure Kimi", "Provisioned Managed Global Unit", "1/Hour", "capacity"),
        (GPT, "gpt-4.1-ft cached input global Tokens", "1K", "fine_tuning"),
        (GPT, "gpt-4.1 FT Training regional Tokens", "1K", "fine_tuning"),
        (GPT, "gpt-4o-0806-FT-Hstng-glbl Unit", "1 Hour", "fine_tuning"),
        (GPT, "gpt-4o-ft model grader input Tokens", "1K", "fine_tuning"),
        (GPT, "text-embedding-3-large-grader Tokens", "1K", "fine_tuning"),
        (GPT, "Az-Babbage-002-Fine Tuned-Input Tokens", "1K", "fine_tuning"),
        ("Azure OpenAI Reasoning", "o4 mini rft training Dz Unit", "1 Hour", "fine_tuning"),
        ("Azure Mistral Models", "Ministral 3bFTregnl Tokens", "1K", "fine_tuning"),
        ("Azure Llama Models", "Llama3.3 70b-IN-FT Tokens", "1K", "fine_tuning"),
        (GPT, "Image-DALL-E-2-glbl Images", "100", "not_tokens"),
        (GPT, "Code-Interpreter-global Session", "1", "not_tokens"),
        (GPT, "file-search-tool-calls-glbl Calls", "1K", "not_tokens"),
        (GPT, "Speech-to-Text-Batch-Whisper-glbl Unit", "1 Hour", "not_tokens"),
        (MEDIA, "Sora 2 glbl Second", "1", "not_tokens"),
        ("Azure Mistral Models", "OCR 4 DZ Pages", "1K", "not_tokens"),
        ("Cohere Models", "Rerank v4 Pro Glbl Search", "1K", "not_tokens"),
        (GPT, "Az-GPT-3.5-turbo Tokens", "1K", "unclear"),
        (MEDIA, "gpt-latest 05052026 inp Gl 1M Tokens", "1M", "unclear"),
    ],
)
def test_what_is_no_token_price_is_skipped_with_its_reason(
    product: str, meter: str, unit: str, reason: str
) -> None:
    found = parse_meter(product, meter, unit)
    assert isinstance(found, Skipped), found
    assert found.reason == reason


@pytest.mark.parametrize(
    ("product", "meter", "unit", "problem"),
    [
        (GPT5, "7 nova ShortCo Inp Std Gl 1M Tokens", "1M", "7 nova"),
        (GPT5, "5.4 turbo inp Gl 1M Tokens", "1M", "5.4 turbo"),
        (GPT5, "5.4 inp Gl 1M Tokens", "1K", "its name says 1M tokens, its unit '1K'"),
        (GPT, "gpt 4.1 Inp glbl Tokens", "1M", "its name says 1K tokens, its unit '1M'"),
        (GPT5, "5.4 inp Gl 1M Tokens", "", "its unit ''"),
        (GPT5, "5.4 inp 1M Tokens", "1M", "names no scope"),
        (GPT5, "5.4 inp Gl DZ 1M Tokens", "1M", "more than one scope"),
        (GPT5, "5.4 pp batch inp Gl 1M Tokens", "1M", "more than one scope, tier"),
        (GPT5, "5.4 longco shortco inp Gl 1M Tokens", "1M", "tier or context"),
        (GPT5, "5.4 Gl 1M Tokens", "1M", "which tokens it counts"),
        (GPT5, "5.4 inp opt Gl 1M Tokens", "1M", "which tokens it counts"),
        (GPT5, "5.4 cd opt Gl 1M Tokens", "1M", "which tokens it counts"),
        (GPT5, "5.6 sol wr Gl 1M Tokens", "1M", "which tokens it counts"),
        ("Azure New Models", "5.4 inp Gl 1M Tokens", "1M", "'Azure New Models'"),
        ("", "5.4 inp Gl 1M Tokens", "1M", "product ''"),
        (GPT, "router Inp Gl Widgets", "1K", "ends in 'widgets'"),
        (GPT, "", "1K", "no unit this parser knows"),
    ],
)
def test_what_is_not_understood_is_said_to_be_unknown(
    product: str, meter: str, unit: str, problem: str
) -> None:
    found = parse_meter(product, meter, unit)
    assert isinstance(found, UnknownMeter), found
    assert problem in found.problem


def rows() -> list[dict[str, str]]:
    with gzip.open(SNAPSHOT, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_meter_of_a_real_price_list_is_accounted_for() -> None:
    found = [parse_meter(row["product"], row["meter"], row["unit"]) for row in rows()]
    counted = Counter(
        each.reason if isinstance(each, Skipped) else type(each).__name__ for each in found
    )
    assert len(found) == 3_289
    assert counted == {
        "Meter": 2_570,
        "fine_tuning": 476,
        "not_tokens": 158,
        "capacity": 56,
        "unclear": 29,
    }
    assert {each.unit for each in found if isinstance(each, Meter)} == set(UNITS) - {
        "cache_write_1h"
    }


def test_no_two_meters_give_one_unit_two_prices() -> None:
    prices: dict[tuple[str, ...], dict[str, set[str]]] = {}
    for row in rows():
        found = parse_meter(row["product"], row["meter"], row["unit"])
        if isinstance(found, Meter) and found.scope == "global":
            key = (found.model, found.tier, found.context, found.unit)
            if "usgov" not in row["regions_if_few"]:
                prices.setdefault(key, {}).setdefault(row["meter"], set()).add(row["usd"])
    clashes = {key: by for key, by in prices.items() if len(set().union(*by.values())) > 1}
    assert clashes == {}


@pytest.mark.parametrize(
    ("region", "zone"),
    [
        ("eastus2", "us"),
        ("swedencentral", "eu"),
        ("polandcentral", "eu"),
        ("southeastasia", "apac"),
        ("usgovvirginia", "gov"),
        ("uksouth", "other"),
        ("", "other"),
    ],
)
def test_a_region_is_in_one_zone(region: str, zone: str) -> None:
    assert zone_of(region) == zone


def test_a_region_name_is_spelled_as_the_api_spells_it() -> None:
    assert all(region.isascii() and region.isalnum() and region.islower() for region in ZONES)
