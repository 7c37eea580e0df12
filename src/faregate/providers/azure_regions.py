"""Which zone an Azure region's data-zone deployments are priced in."""

from collections.abc import Mapping

_ZONES: dict[str, tuple[str, ...]] = {
    "us": (
        "centralus", "eastus", "eastus2", "northcentralus", "southcentralus", "westcentralus",
        "westus", "westus2", "westus3",
    ),
    "eu": (
        "austriaeast", "belgiumcentral", "denmarkeast", "finlandcentral", "francecentral",
        "francesouth", "germanynorth", "germanywestcentral", "italynorth", "northeurope",
        "norwayeast", "norwaywest", "polandcentral", "spaincentral", "swedencentral",
        "swedensouth", "switzerlandnorth", "switzerlandwest", "westeurope",
    ),
    "apac": (
        "australiacentral", "australiacentral2", "australiaeast", "australiasoutheast",
        "centralindia", "eastasia", "indonesiacentral", "japaneast", "japanwest",
        "jioindiacentral", "jioindiawest", "koreacentral", "koreasouth", "malaysiawest",
        "newzealandnorth", "southeastasia", "southindia", "westindia",
    ),
    "gov": ("usdodcentral", "usdodeast", "usgovarizona", "usgovtexas", "usgovvirginia"),
}  # fmt: skip

ZONES: Mapping[str, str] = {region: zone for zone, regions in _ZONES.items() for region in regions}
"""``armRegionName`` to ``us``, ``eu``, ``apac`` or ``gov``; a region not listed is in no zone.

Switzerland and Norway are counted with Europe: their data-zone meters carry Europe's prices.
"""


def zone_of(region: str) -> str:
    """``us``, ``eu``, ``apac``, ``gov``, or ``other`` for a region that is in none of them."""
    return ZONES.get(region, "other")
