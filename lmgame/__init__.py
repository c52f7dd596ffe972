"""Language models play games: what each decision was worth, and what it cost to serve."""

__version__ = "0.1.0"
