from scaf_jax.aot import movers

TEXT = """HloModule jit_step

%inside (p: f32[1000]) -> f32[1000] {
  %p = f32[1000]{0} parameter(0)
  ROOT %big = f32[1000]{0} negate(%p)
}

ENTRY %main (x: f32[100]) -> f32[100] {
  %x = f32[100]{0:T(128)} parameter(0)
  %near = f32[100]{0:T(128)S(1)} copy(%x), metadata={op_name="jit(step)/copy"}
  %fused = f32[50]{0:T(128)} fusion(%x, %near), kind=kLoop, metadata={op_name="jit(step)/conv"}
  ROOT %out = f32[100]{0:T(128)} concatenate(%fused, %fused)
}
"""


def test_reads_and_writes_of_the_chip_s_memory_count():
    found = {mover.name: mover.bytes for mover in movers.largest(TEXT, 10)}
    # `near` is kept beside the core: only what is read from far counts, and it costs nobody.
    assert found == {"out": 400 + 2 * 200, "fused": 200 + 400, "near": 400}


def test_largest_first_with_their_source():
    first, second = movers.largest(TEXT, 2)
    assert (first.name, second.name) == ("out", "fused")
    assert second.source == "jit(step)/conv" and second.opcode == "fusion"
