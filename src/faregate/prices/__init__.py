"""The price book as data: one CSV a provider, dated and sourced, with its reader and importer.

Importing this package reads nothing; :func:`faregate.prices.load.load_book` does.
"""
