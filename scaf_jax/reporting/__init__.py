"""Reports that people can open: tables, per-face lists and pictures, from plain numpy results."""
