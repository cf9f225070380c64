"""The names of the data sets that can be prepared: of the folders beside this file."""

import pathlib

BUILDER_SUFFIX = "_dataset_builder.py"


def known_names() -> list[str]:
    """Returns the names of the data sets that can be prepared, sorted."""
    here = pathlib.Path(__file__).parent
    return sorted(
        folder.name
        for folder in here.iterdir()
        if (folder / f"{folder.name}{BUILDER_SUFFIX}").is_file()
    )
