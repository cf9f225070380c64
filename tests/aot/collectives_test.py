import pytest

from scaf_jax.aot import collectives

# As the TPU's compiler writes them: layouts with tiles, asynchronous pairs, tuples.
TEXT = """
  %all-reduce.5 = (f32[64]{0:T(128)}, bf16[2,8]{1,0:T(8,128)(2,1)}) all-reduce(%a, %b), channel_id=1
  %start = (f32[4]{0}, f32[32]{0}) all-gather-start(%c), dimensions={0}
  %done = f32[32]{0} all-gather-done(%start)
  ROOT %r = pred[16]{0} collective-permute(%d), source_target_pairs={{0,1}}
  %not = f32[1024]{0} add(%x, %y), metadata={op_name="all-reduce(x)"}
"""


def test_counts_results_of_every_kind_once():
    assert collectives.count(TEXT) == {
        "all-reduce": {"number": 1, "bytes": 64 * 4 + 16 * 2},
        "all-gather": {"number": 1, "bytes": 32 * 4},
        "collective-permute": {"number": 1, "bytes": 16},
    }


@pytest.mark.parametrize(
    ("kind", "result", "sent"),
    # A ring of 4: all-reduce of 100 bytes sends 3/4 of them twice; a gather of 100 bytes 3/4 once;
    # a scatter that leaves 25 bytes here sends three such parts.
    [("all-reduce", 100, 150), ("all-gather", 100, 75), ("reduce-scatter", 25, 75)],
)
def test_bytes_sent_in_a_ring(kind, result, sent):
    assert collectives.sent_bytes({kind: {"number": 1, "bytes": result}}, chips=4) == sent


def test_one_chip_sends_nothing():
    assert collectives.sent_bytes({"all-reduce": {"number": 1, "bytes": 100}}, chips=1) == 0
