"""Screens: one a file: what is on it, where it leads."""
