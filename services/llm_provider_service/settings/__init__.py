"""What is configured?"""
