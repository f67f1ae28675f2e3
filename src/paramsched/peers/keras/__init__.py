"""The dialect of Keras: the config of a `LearningRateSchedule`, of an optimizer with one, or of `ReduceLROnPlateau`.

- `{"class_name": "CosineDecay", "config": {…}}`, as `keras.optimizers.schedules.serialize` makes it, or shorter
  `{"CosineDecay": {…}}`
- `{"class_name": "Adam", "config": {"learning_rate": {…}, …}}`, as `keras.optimizers.serialize` makes it
- `{"ReduceLROnPlateau": {"monitor": "val_loss", …}}`: the rule is told the metric once per epoch
- values are values as they stand

Facts: Keras 3.15.
"""

from paramsched.peers.keras.plans import bases_of, recognizes, to_plan

__all__ = ["bases_of", "recognizes", "to_plan"]
