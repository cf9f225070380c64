"""Face detectors, whose wheels bring their models, and what turns their boxes into a network's."""
