"""Accounting: what did a call cost, or what would it cost?"""
