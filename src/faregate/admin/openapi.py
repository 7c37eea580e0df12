"""``python -m faregate.admin.openapi`` prints the OpenAPI document of the admin's routes."""

import json
import sys

from faregate.admin.app import routed


def main() -> None:
    """Print it."""
    json.dump(routed().openapi(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
