"""Widgets: one a file, each with its own keys and style; they draw lines and know nothing of clusters."""
