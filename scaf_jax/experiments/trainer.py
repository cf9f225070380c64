"""Many trainings of stage 2 in one process, with one compiled program and nothing on disk.

For experiments whose trainings differ only in their faces and seeds: no report, no pictures, no
checkpoints; a training that is interrupted is done again.
"""

import functools

import jax
import numpy as np

from scaf_jax.active_learning import scoring
from scaf_jax.data import pipelines, sources
from scaf_jax.inference import bundle, predictor
from scaf_jax.landmarks import metrics
from scaf_jax.runs import alignment_stage, feeding, stage1
from scaf_jax.runs.run import Run
from scaf_jax.training import alignment, programs, sharding, state

Array = np.ndarray


class Trainer:
    """Trains, evaluates and scores with one network's architecture and one stage 1."""

    def __init__(
        self,
        run: Run,
        pretrained: stage1.Stage1 | None,
        *,
        with_entropy: bool = False,
        with_disagreement: bool = False,
    ) -> None:
        """Compiles nothing yet.

        Args:
          run: What all trainings share.
          pretrained: A stage 1, or None to start from random weights.
          with_entropy: See `scoring.PoolScorer`.
          with_disagreement: See there.
        """
        self._run, self._pretrained = run, pretrained
        self._trained = run.landmark_stage()
        self._extra = {"with_entropy": with_entropy, "with_disagreement": with_disagreement}
        shape, stage = self._trained.architecture, self._trained.settings
        self._init = jax.jit(lambda key: alignment.init_state(shape.build(key), stage)[1])
        step = functools.partial(
            alignment.train_step,
            graphdef=self._trained.stage.graphdef,
            settings=stage,
            codec=self._trained.codec,
        )
        self._step = programs.jitted(step, donate_argnums=0)
        self._predictor: predictor.Predictor | None = None
        self._scorer: scoring.PoolScorer | None = None

    def start(self, seed: int) -> state.TrainState:
        """Returns the first state: random weights, and stage 1's where there is one."""
        first = self._init(jax.random.key(seed))
        if self._pretrained is not None:
            first = alignment_stage.with_pretrained(self._run, self._pretrained, first)
        return jax.device_put(first, sharding.state_shardings(self._run.mesh, first))

    def untrained(self) -> bundle.Bundle:
        """Returns the network as it starts: its embeddings are stage 1's."""
        return alignment_stage.bundle_of(self._run, self.start(self._run.seed))

    def train(self, labeled: sources.Source, seed: int) -> bundle.Bundle:
        """Trains from the start.

        Args:
          labeled: The faces.
          seed: Of weights, order and augmentation.

        Raises:
          ValueError: The loss is not finite.
        """
        stage = self._trained.stage
        workers, threads = feeding.loader_size(self._run.loader)
        batches = pipelines.train_batches(
            labeled,
            crop=self._run.crop,
            augmentation=stage.augmentation,
            scheme=self._run.scheme,
            batch_size=stage.batch_size,
            seed=seed,
            num_workers=workers,
            num_threads=threads,
        )
        train_state, loss = self.start(seed), 0.0
        for _ in range(stage.steps):
            batch = next(batches)
            del batch["index"]
            # One step is on its way while the next batch is made.
            previous = loss
            train_state, found = self._step(train_state, sharding.to_global(batch, self._run.mesh))
            loss = found["loss"]
            if not np.isfinite(float(previous)):
                break
        batches.close()
        if not np.isfinite(float(loss)):
            raise ValueError(
                f"the loss of the training on {len(labeled)} faces with seed {seed} is no longer "
                "finite; lower alignment.learning_rate"
            )
        return alignment_stage.bundle_of(self._run, train_state)

    def errors(self, network: bundle.Bundle, source: sources.Source) -> Array:
        """Returns the NME of each face of a source, (N,) float64 percent; NaN without labels."""
        if self._predictor is None:
            passes, flip = self._run.pass_settings, self._run.evaluation.flip
            self._predictor = predictor.Predictor(network, passes, flip=flip)
        self._predictor = self._predictor.of(network)
        found = self._predictor.predict(source)
        return metrics.nme(
            found.landmarks[network.decoder],
            found.photo_landmarks,
            network.scheme,
            self._run.evaluation.normalizer,
            mask=found.landmark_mask,
            boxes=found.box_ground_truth,
            keys=source.keys,
        )

    def score(self, network: bundle.Bundle, pool: sources.Source) -> scoring.PoolScores:
        """Returns what a network says of a pool."""
        if self._scorer is None:
            self._scorer = scoring.PoolScorer(network, self._run.pass_settings, **self._extra)
        self._scorer = self._scorer.of(network)
        return self._scorer.score(pool, None)
