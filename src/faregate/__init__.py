"""Faregate."""
