"""Looks through a folder of downloads before anything is prepared from it."""
