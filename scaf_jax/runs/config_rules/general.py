"""Rules for what is of no stage: networks, loader, devices."""

from scaf_jax.models import aligner, autoencoder
from scaf_jax.runs import run
from scaf_jax.runs.config_rules.rule import COUNT, SEED, Rule, is_int, number, one_of, whole

FIELDS = {
    "seed": SEED,
    "input_size": one_of(autoencoder.INPUT_SIZES),
    "width_multiplier": number(0, above=True),
    "compute_dtype": one_of(aligner.COMPUTE_DTYPES),
}

LOADER = {
    "num_workers": whole(-1, text="0 or more, or -1 for what the host needs"),
    "num_threads": whole(0),
    "on_device": one_of(run.ON_DEVICE),
}

MESH = {
    "data": Rule("1 or more, or -1 for the rest", lambda x: is_int(x) and (x == -1 or x > 0)),
    "fsdp": COUNT,
}
