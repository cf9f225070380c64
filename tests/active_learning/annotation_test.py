"""Scripts that were written before annotation had a floor of its own."""

from scaf_jax.active_learning import annotation
from scaf_jax.annotation import importing


def test_the_first_address_leads_to_the_same_functions():
    assert annotation.importing.import_annotations is importing.import_annotations
