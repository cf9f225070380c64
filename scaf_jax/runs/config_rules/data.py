"""Rules for `data`: which faces, and how they are cut out."""

from scaf_jax.data import geometry, prepared_sources
from scaf_jax.landmarks import heatmaps
from scaf_jax.runs.config_rules.rule import NAME, TEXT, Rule, number, one_of

_MARGIN = number(-0.5, 10, above=True)  # a box of half its height and less shows no face

FIELDS = {
    "name": Rule(
        "the name of a data set, such as the300w",
        lambda x: isinstance(x, str) and bool(prepared_sources.NAME.fullmatch(x)),
    ),
    "data_dir": TEXT,
    "train_split": NAME,
    "landmarks_feature": NAME,
    "scheme": TEXT,  # and one that there is: see `resolve`
    "margin_top": _MARGIN,
    "margin_bottom": _MARGIN,
    "margin_left": _MARGIN,
    "margin_right": _MARGIN,
    "box": one_of(geometry.BOX_KINDS),
    "pixel_convention": one_of(heatmaps.CONVENTIONS),
}
