"""Have we answered exactly this before?"""
