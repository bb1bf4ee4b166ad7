"""Helpers for frameworks."""
