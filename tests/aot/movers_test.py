from scaf_jax.aot import movers

TEXT = """HloModule jit_step

%inside (p: f32[1000]) -> f32[1000] {
  %p = f32[1000]{0} parameter(0)
  ROOT %big = f32[1000]{0} negate(%p)
}

%small (p: f32[100]) -> f32[100] {
  %p = f32[100]{0} parameter(0)
  ROOT %negated = f32[100]{0} negate(%p)
}

%large (p: f32[100]) -> f32[100] {
  %p = f32[100]{0} parameter(0)
  %once = f32[100]{0} negate(%p)
  ROOT %twice = f32[100]{0} negate(%once)
}

ENTRY %main (x: f32[100]) -> f32[100] {
  %x = f32[100]{0} parameter(0)
  %near = f32[100]{0:S(1)} copy(%x), metadata={op_name="jit(step)/copy"}
  %fused = f32[50]{0} fusion(%x, %near), kind=kLoop, metadata={op_name="jit(step)/conv"}
  %whole = f32[1000]{0} constant({...})
  %part = ((f32[1000]{0}), f32[250]{0:S(1)}, s32[]{:S(2)}) slice-start(%whole)
  %got = f32[250]{0:S(1)} slice-done(%part)
  %back = (f32[250]{0}, f32[250]{0:S(1)}, u32[]{:S(2)}) copy-start(%got)
  %chosen = f32[100]{0} conditional(%p, %x, %x), branch_computations={%small, %large}
  ROOT %out = f32[100]{0} concatenate(%fused, %fused)
}
"""


def test_reads_and_writes_of_the_chip_s_memory_count():
    found = {mover.name: mover.bytes for mover in movers.largest(TEXT, 10)}
    # `near` is kept beside the core: only what is read from far counts, and it costs nobody.
    assert found == {
        "out": 400 + 2 * 200,
        "fused": 200 + 400,
        "near": 400,
        "part": 1000,  # what is fetched, not the whole array
        "back": 1000,  # from beside the core
        # Of the branches the one that moves more.
        "once": 800,
        "twice": 800,
    }
    assert movers.moved_bytes(TEXT) == sum(found.values())


def test_largest_first_with_their_source():
    found = movers.largest(TEXT, 10)
    assert [mover.bytes for mover in found] == sorted((m.bytes for m in found), reverse=True)
    (fused,) = (mover for mover in found if mover.name == "fused")
    assert fused.source == "jit(step)/conv" and fused.opcode == "fusion"


def test_arrays_are_counted_with_what_fills_their_tiles():
    # 64 of the 128 places along the innermost axis are empty; 3 rows take 8.
    assert movers._far_bytes("bf16[32,64]{1,0:T(8,128)(2,1)}") == 2 * 32 * 128
    assert movers._far_bytes("f32[3,128]{1,0:T(8,128)}") == 4 * 8 * 128
    assert movers._far_bytes("f32[128,3]{0,1:T(8,128)}") == 4 * 8 * 128
    assert movers._far_bytes("(f32[5]{0}, f32[8,128]{1,0:T(8,128)S(1)})") == 20
