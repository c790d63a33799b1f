"""How is this said to a vendor, and what did the reply mean? One folder for each wire dialect."""
