"""The API page as a person uses it: in Chromium, driven over the DevTools protocol."""
