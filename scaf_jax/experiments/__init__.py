"""The paper's tables as commands: many trainings from one stage 1, with seeds and deviations."""
