import jax
import jax.numpy as jnp
import pytest

from scaf_jax.aot import chips, roofline

CHIP = chips.Chip("test", flops=100.0, memory_bytes=1e6, memory_bandwidth=10.0, link_bandwidth=5.0)


@pytest.mark.parametrize(
    ("flops", "accessed", "sent", "side", "seconds"),
    [(300, 20, 5, "compute", 3), (100, 40, 5, "memory", 4), (100, 20, 25, "links", 5)],
)
def test_the_slowest_side_binds(flops, accessed, sent, side, seconds):
    found = roofline.bound(flops, accessed, sent, chip=CHIP, images=12)
    assert found["bound"] == side
    assert found["seconds"][side] == seconds
    assert found["images_per_second"] == 12 / seconds


def test_counts_of_a_program_that_can_be_counted_by_hand():
    def product(a, b):
        return a @ b

    a, b = jnp.zeros((32, 64)), jnp.zeros((64, 16))
    compiled = jax.jit(product).lower(a, b).compile()
    found = roofline.figures(compiled, chip=CHIP, num_chips=1, images=32)
    assert found["flops"] == 2 * 32 * 64 * 16
    assert found["memory"]["arguments"] == 4 * (32 * 64 + 64 * 16)
    assert found["memory"]["outputs"] == 4 * 32 * 16
    assert found["memory"]["share_of_chip"] == found["memory"]["total"] / 1e6
    assert found["sent_bytes"] == 0


@pytest.mark.parametrize("name", ["v5e", "v9:2x2", "", "2x4"])
def test_unknown_topologies_are_told(name):
    with pytest.raises(ValueError, match=r"--topology.*v5e:2x4"):
        chips.of_topology(name)
