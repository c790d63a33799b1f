"""Have we answered exactly this before? Keys and encoded entries; where they are kept is an implementation's matter."""
