"""The model: its artifact, its source, and the inference code that is deployed with it."""
