"""One module per vendor API: what a request must look like there, and how answers and errors are said."""
