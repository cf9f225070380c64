"""Model cards say what metrics.json holds."""

from scaf_jax.reporting import model_card

METRICS = {
    "scheme": "ibug68",
    "normalizer": "outer_eye_corners",
    "warnings": ["the network is *blind*"],
    "splits": {
        "common": {
            "decoder": "sub-pixel",
            "predictors": {
                "sub-pixel": {"outer_eye_corners": {"faces": 117, "nme": 4.318}},
                "arg-max": {"outer_eye_corners": {"faces": 117, "nme": 4.5}},
            },
        },
        "common (detector box)": {
            "decoder": "sub-pixel",
            "predictors": {"sub-pixel": {"outer_eye_corners": {"faces": 117, "nme": None}}},
        },
    },
    "training": {
        "model": "SCAF",
        "training steps": 0,
        "stage 1": "",
        "labeled faces": 50,
        "config": {
            "input_size": 128,
            "data": {"name": "the300w", "train_split": "train", "box": "ground_truth"},
        },
    },
}


def test_the_card_tells_data_errors_boxes_and_licence():
    text = model_card.markdown(METRICS)
    for part in (
        "| landmarks | ibug68 |",
        "| data | the300w, train, 50 labeled faces |",
        "| boxes of the training | ground_truth |",
        "| training steps | 0 |",
        "| common | ground_truth | 117 | 4.32 |",
        "| common | detector | 117 | none |",
        "> **Warning:** the network is \\*blind\\*",
        "## Licence\n\nNot stated.",
        "It is not for identity",
    ):
        assert part in text, part
    assert "stage 1 |" not in text and "4.50" not in text


def test_the_short_form():
    assert model_card.short_form(METRICS) == {
        "data": "the300w, train, 50 labeled faces",
        "errors": "common, ground_truth boxes, 117 faces: NME 4.32 %; common, detector boxes, 117 "
        "faces: NME none % of outer_eye_corners",
    }


def test_metrics_without_a_config():
    metrics = METRICS | {"training": {}}
    assert "| common | the data set's | 117 | 4.32 |" in model_card.markdown(metrics).replace(
        "\\'", "'"
    )
    assert model_card.short_form(metrics)["data"] == ""


def test_the_card_of_a_stage_1():
    config = {"input_size": 128, "pretraining": {"unlabeled_dir": "/photos"}}
    sets = {"training": {"images": 500, "l1": 10.94, "ssim": None}}
    text = model_card.stage1_markdown({"sets": sets, "training": {"config": config}})
    for part in ("| photos without labels | /photos |", "| training | 500 | 10.94 | none |"):
        assert part in text
    assert "It is not for identity" in text and "Not stated." in text
