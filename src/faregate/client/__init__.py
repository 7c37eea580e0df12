"""The Python SDK. Import its names from :mod:`faregate`."""
