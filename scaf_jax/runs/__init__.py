"""Whole runs: settings, identity, both stages, evaluation. Configs are known from here on."""
