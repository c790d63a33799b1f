"""Answer cache: have we answered exactly this before?"""
