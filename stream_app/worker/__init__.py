"""The Faust worker: reads runs, folds them, delivers what follows, in this order and nothing twice."""
