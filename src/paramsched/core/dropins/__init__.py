"""What the drop-in classes of `compat` and `mmengine` share."""
