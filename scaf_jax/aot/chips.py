"""What a chip of each TPU generation can do at best.

Source: Google Cloud's documentation of the TPU versions.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Chip:
    """One chip.

    Attributes:
      name: Its generation, as topologies name it.
      flops: bfloat16 operations a second of its matrix units. float32 convolutions run at the
        same rate: by default XLA multiplies them in one bfloat16 pass.
      memory_bytes: Its memory (HBM).
      memory_bandwidth: Bytes a second between memory and core.
      link_bandwidth: Bytes a second that all its links together send to other chips.
      config_name: What libtpu calls the form in which the chip's cores are one device; empty where
        that is so anyway.
    """

    name: str
    flops: float
    memory_bytes: float
    memory_bandwidth: float
    link_bandwidth: float
    config_name: str = ""


CHIPS = {
    chip.name: chip
    for chip in (
        Chip("v4", 275e12, 32 * 2**30, 1200e9, 300e9, "megacore"),
        Chip("v5e", 197e12, 16e9, 819e9, 200e9),
        Chip("v5p", 459e12, 95e9, 2765e9, 600e9),
        Chip("v6e", 918e12, 32e9, 1638e9, 400e9),
    )
}


def of_topology(topology: str) -> Chip:
    """Returns the chip of a topology such as 'v5e:2x4'.

    Raises:
      ValueError: It does not begin with a known generation and a colon.
    """
    generation, colon, _ = topology.partition(":")
    if not colon or generation not in CHIPS:
        raise ValueError(
            f"--topology: '{topology}' is none; give a generation of {', '.join(CHIPS)} and its "
            "shape, such as v5e:2x4 or v4:2x2x1"
        )
    return CHIPS[generation]
