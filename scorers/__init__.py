"""Features in, stages and probabilities out: lifecycles as data and models that learn online."""
