"""The model registry: what each model accepts."""
