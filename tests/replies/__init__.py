"""Replies to turns, each with the reading that a careful person gives it; see README.md."""
