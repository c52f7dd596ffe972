"""Boards: what runs came to, as tables, plots and a site, from their logs alone."""
