"""Who should answer, in which order?"""
